"""What it takes to make tables what their models say, as data that can be printed before anything is done."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["additive", "destructive", "unsupported"]
Resolution = Literal["up_to_date", "create", "update_additive", "update_destructive", "unsupported"]


@dataclass(frozen=True, slots=True)
class SchemaChangeOp:
    """One change of a table. `model` is what the model says, `existing` what the table has; None where that is nothing.

    Additive changes take nothing away, destructive ones do; what is unsupported cannot be done in place.
    """

    target: Literal["column", "index", "table"]
    op: Literal["add", "drop", "alter"]
    severity: Severity
    name: str | None
    description: str
    model: Any = None
    existing: Any = None

    @property
    def destructive(self) -> bool:
        return self.severity == "destructive"

    def __str__(self) -> str:
        return self.description if self.severity == "additive" else f"{self.description} [{self.severity}]"


@dataclass(frozen=True, slots=True)
class TableDiff:
    """How a table differs from its model; `ops` are in the order in which they are done to the table."""

    path: str
    model_cls: str
    kind: Literal["table", "view"]
    exists: bool
    ops: tuple[SchemaChangeOp, ...] = ()

    @property
    def resolution(self) -> Resolution:
        """What update_all() makes of it."""
        if not self.exists:
            return "create"
        severities = {op.severity for op in self.ops}
        if "unsupported" in severities:
            return "unsupported"
        if "destructive" in severities:
            return "update_destructive"
        return "update_additive" if self.ops else "up_to_date"

    @property
    def destructive(self) -> bool:
        return any(op.destructive for op in self.ops)

    def __str__(self) -> str:
        """A line for each change, each beginning with the path."""
        created = [] if self.exists else [f"create {self.kind} of model {self.model_cls}"]
        lines = [*created, *map(str, self.ops)] or ["up to date"]
        return "\n".join(f"{self.path}: {line}" for line in lines)


class ModelDiff(dict[str, TableDiff]):
    """The differences of all models of a base class, by their names; its text is a line for each change."""

    def __init__(self, diffs: Iterable[TableDiff] = ()) -> None:
        super().__init__((diff.path.rpartition("/")[2], diff) for diff in diffs)

    def __str__(self) -> str:
        return "\n".join(map(str, self.values()))
