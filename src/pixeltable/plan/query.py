"""A query as data: what users build step by step, before anything is resolved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal as Choice

from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.expr import ADDED_LATER, Expr, exprs_in_record, nodes_in, rebuild_record, record
from pixeltable.exprs.leaves import Literal
from pixeltable.exprs.variable import Variable
from pixeltable.types.column_type import ColumnType


@record
@dataclass(frozen=True, slots=True)
class OrderItem:
    """A sort key. Null comes last in ascending and first in descending order."""

    expr: Expr
    ascending: bool = True


@dataclass(frozen=True, slots=True)
class Grouping:
    """Rows that are equal in all `keys` become one, which has `aggregates`; without keys all rows become one."""

    keys: tuple[Expr, ...]
    aggregates: tuple[Aggregate, ...]


@record
@dataclass(frozen=True, slots=True)
class Moment:
    """A version of a table, and the operation that made it: the number may be used again after `revert()`."""

    version: int
    op: int


def past_alias(path: str, moment: Moment) -> str:
    """What references to columns of a table as it was carry; users' aliases are identifiers, so there is no other."""
    return f"{path}:{moment.version}"


def is_past(alias: str | None) -> bool:
    """Whether an alias is that of a version of the past."""
    return alias is not None and ":" in alias


How = Choice["inner", "left", "right", "full_outer", "cross"]


@record
@dataclass(frozen=True, slots=True)
class Join:
    """The rows of another table beside those before: all pairs (`cross`), or those for which `on` is true.

    Of a left join all rows before are kept, of a right one all of the other table, of a full one both; what they lack
    is null.
    """

    table: int
    how: How
    on: Expr | None
    alias: str | None = None
    name: str = ""
    """What the user knew the table by."""

    moment: Moment | None = field(default=None, metadata=ADDED_LATER)


@record
@dataclass(frozen=True, slots=True)
class Sample:
    """Rows chosen by chance: `n` in all, `n_per_stratum` of each stratum, or a `fraction`; just one of these is given.

    Strata are the rows that are equal in all of `stratify_by`. With the same `seed` the same rows are chosen.
    """

    seed: int
    n: int | None = None
    n_per_stratum: int | None = None
    fraction: float | None = None
    stratify_by: tuple[Expr, ...] = ()
    drawn: bool = field(default=False, metadata=ADDED_LATER)
    """Whether nobody gave the seed."""

    def __str__(self) -> str:
        sizes = {"n": self.n, "n_per_stratum": self.n_per_stratum, "fraction": self.fraction, "seed": self.seed}
        parts = [f"{name}={value}" for name, value in sizes.items() if value is not None]
        strata = [f"stratify_by=[{', '.join(map(str, self.stratify_by))}]"] if self.stratify_by else []
        return f"sample({', '.join([*parts, *strata])})"


@record
@dataclass(frozen=True, slots=True)
class Branch:
    """One of the queries of a union, with what the user knew its table by."""

    name: str
    query: "QuerySpec"


@record
@dataclass(frozen=True, slots=True)
class Union:
    """The rows of all branches one after the other, columns by their place; equal ones once if it is `distinct`."""

    branches: tuple[Branch, ...]
    distinct: bool = False


@record
@dataclass(frozen=True, slots=True)
class QuerySpec:
    """The clauses of a query over the table of id `table`; `select` None means all columns.

    With `union` it is over the rows of that, and `table` is the table of its first branch.

    With `group_by`, `having`, or an aggregate in `select` or `order_by`, it yields a row for each group of rows, or for
    those alone of which `having` is true.

    In the query of a function Variables stand for its parameters: in expressions, and in place of the two numbers.

    `row_order` is the order of rows that `order_by` leaves open: that of insertion, or its reverse. `alias` is the name
    that references to the columns of `table` carry. `distinct` takes rows together that are equal in all of `select`.
    With `moment` the table is read as it was at that version.
    """

    table: int
    select: tuple[tuple[str, Expr], ...] | None = None
    where: Expr | None = None
    order_by: tuple[OrderItem, ...] = ()
    limit: int | None = None
    offset: int | None = None
    group_by: tuple[Expr, ...] = ()
    row_order: Choice["inserted", "newest"] = "inserted"
    variable_limit: Variable | None = None
    variable_offset: Variable | None = None
    having: Expr | None = field(default=None, metadata=ADDED_LATER)
    alias: str | None = field(default=None, metadata=ADDED_LATER)
    joins: tuple[Join, ...] = field(default=(), metadata=ADDED_LATER)
    sample: Sample | None = field(default=None, metadata=ADDED_LATER)
    distinct: bool = field(default=False, metadata=ADDED_LATER)
    union: Union | None = field(default=None, metadata=ADDED_LATER)
    moment: Moment | None = field(default=None, metadata=ADDED_LATER)

    @property
    def variables(self) -> dict[str, ColumnType]:
        """The names and types of the parameters that are still open."""
        found = (node for expr in exprs_in_record(self) for node in nodes_in(expr))
        return {node.variable_name: node.col_type for node in found if isinstance(node, Variable)}


def with_arguments(spec: QuerySpec, arguments: Mapping[str, Literal]) -> QuerySpec:
    """The query with literals in the place of its parameters."""
    fixed = replace(
        spec,
        limit=_number(spec.limit, spec.variable_limit, arguments),
        offset=_number(spec.offset, spec.variable_offset, arguments),
        variable_limit=None,
        variable_offset=None,
    )
    return rebuild_record(fixed, lambda node: arguments.get(node.variable_name) if isinstance(node, Variable) else None)


def _number(fixed: int | None, variable: Variable | None, arguments: Mapping[str, Literal]) -> int | None:
    return fixed if variable is None else arguments[variable.variable_name].value


def distinct_names(stems: Iterable[str | None]) -> list[str]:
    """Names of outputs, as `col_<place>` where there is none; the first of equal names keeps it, others get a suffix.

    >>> distinct_names(["id", None, "id"])
    ['id', 'col_1', 'id_1']
    """
    names: list[str] = []
    for place, stem in enumerate(stems):
        first = stem or f"col_{place}"
        name, number = first, 0
        while name in names:
            number += 1
            name = f"{first}_{number}"
        names.append(name)
    return names
