"""A change of a plan: what is said of it, and what it is made with."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from pixeltable.api.model_diff import SchemaChangeOp
from pixeltable.catalog.records import ColumnRecord
from pixeltable.session.btrees import NewBtree
from pixeltable.session.indexes import NewIndex
from pixeltable.session.tables import ColumnSpec


@dataclass(frozen=True, slots=True)
class Change:
    """One change; its subject is over columns of models, `column` is the one of the table that changes or goes.

    It `is_felt` by those who use the column: values of another type, or none.
    """

    op: SchemaChangeOp
    subject: ColumnSpec | NewIndex | NewBtree | None = None
    column: ColumnRecord | None = None
    is_felt: bool = True

    def refused(self, reason: str) -> "Change":
        """The change as one that cannot be made."""
        op = replace(self.op, severity="unsupported", description=f"{self.op.description}, but {reason}")
        return replace(self, op=op)


def unsupported(target: Literal["column", "table"], name: str, wanted: str, model: Any, existing: Any) -> Change:
    """A change that no call makes: what the model wants the table to be, or the column."""
    subject = "" if target == "table" else f"column {name} "
    description = f"{subject}would have to {wanted}, in place of {existing!r}"
    return Change(SchemaChangeOp(target, "alter", "unsupported", name, description, model, existing))
