"""What stands for the argument of a function that is made of expressions, until it is called."""

from dataclasses import dataclass

from pixeltable.exprs.expr import Expr
from pixeltable.types.column_type import ColumnType


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Variable(Expr):
    """The parameter of a query, an expression function or a tool, in the place where its argument will be.

    The names of the fields are such as no object has for keys, since `variable.key` is how users go on in Json.
    """

    variable_name: str
    variable_type: ColumnType

    @property
    def col_type(self) -> ColumnType:
        return self.variable_type

    def __str__(self) -> str:
        return self.variable_name
