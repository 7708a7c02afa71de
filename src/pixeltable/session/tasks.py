"""What can be done in the background: calls as data, which any process can make again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pixeltable.catalog.codec import decode_policy, encode_policy
from pixeltable.exec.tally import Tally
from pixeltable.exprs.codec import decode_value, encode_value
from pixeltable.exprs.expr import Expr, record
from pixeltable.ids import parse_path
from pixeltable.plan.query import Moment
from pixeltable.session.column_additions import add_columns
from pixeltable.session.columns import NewColumn, add_computed_column
from pixeltable.session.indexes import NewIndex, add_index
from pixeltable.session.redefinition import recompute_redefined, redefine_column
from pixeltable.session.session import Session
from pixeltable.session.tables import ColumnSpec, TableOptions
from pixeltable.session.views import NewView, create_view
from pixeltable.types.column_type import ColumnType
from pixeltable.types.status import UpdateStatus


class Task(Protocol):
    """A call. Made again after it was stopped, it goes on where it was."""

    @property
    def title(self) -> str:
        """What it does, for people."""

    def run(self, session: Session, tally: Tally) -> UpdateStatus:
        """Make the call."""


@record
@dataclass(frozen=True, slots=True)
class AddComputedColumn:
    """`Table.add_computed_column`."""

    table: int
    path: str
    column: str
    expr: Expr
    stored: bool
    comment: str | None
    custom_metadata: Any
    policy: dict[str, Any] | None
    on_error: str
    if_exists: str

    @classmethod
    def of(cls, table: int, path: str, new: NewColumn, *, on_error: str, if_exists: str) -> "AddComputedColumn":
        """The call for a column."""
        policy = None if new.policy is None else encode_policy(new.policy)
        return cls(
            table, path, new.name, new.expr, new.stored, new.comment, new.custom_metadata, policy, on_error, if_exists
        )

    @property
    def title(self) -> str:
        return f"Computing {self.path}.{self.column}"

    def run(self, session: Session, tally: Tally) -> UpdateStatus:
        """Make the call."""
        policy = None if self.policy is None else decode_policy(self.policy)
        new = NewColumn(self.column, self.expr, self.stored, self.comment, self.custom_metadata, policy)
        return add_computed_column(
            session, self.table, self.path, new, on_error=self.on_error, if_exists=self.if_exists, tally=tally
        )


@record
@dataclass(frozen=True, slots=True)
class AddColumns:
    """`Table.add_columns`."""

    table: int
    path: str
    specs: tuple[ColumnSpec, ...]
    if_exists: str

    @property
    def title(self) -> str:
        return f"Adding {', '.join(spec.name for spec in self.specs)} to {self.path}"

    def run(self, session: Session, tally: Tally) -> UpdateStatus:
        """Make the call."""
        return add_columns(session, self.table, self.path, self.specs, if_exists=self.if_exists, tally=tally)


@record
@dataclass(frozen=True, slots=True)
class AlterComputedColumn:
    """`Table.alter_computed_column`."""

    table: int
    path: str
    column: str
    expr: Expr
    cascade: bool

    @property
    def title(self) -> str:
        return f"Computing {self.path}.{self.column}"

    def run(self, session: Session, tally: Tally) -> UpdateStatus:
        """Make the call."""
        redefine_column(session, self.table, self.path, self.column, self.expr)
        tally.prepared()
        return recompute_redefined(session, self.table, self.path, self.column, cascade=self.cascade, tally=tally)


@record
@dataclass(frozen=True, slots=True)
class AddEmbeddingIndex:
    """`Table.add_embedding_index`."""

    table: int
    path: str
    index: NewIndex
    if_exists: str

    @property
    def title(self) -> str:
        return f"Indexing {self.path}.{self.index.column}"

    def run(self, session: Session, tally: Tally) -> UpdateStatus:
        """Make the call."""
        return add_index(session, self.table, self.path, self.index, if_exists=self.if_exists, tally=tally)


@record
@dataclass(frozen=True, slots=True)
class CreateView:
    """`create_view`."""

    path: str
    base: int
    base_name: str
    where: Expr | None
    items: tuple[tuple[str, Expr], ...] | None
    explode: Expr | None
    outputs: dict[str, ColumnType]
    specs: tuple[ColumnSpec, ...]
    options: TableOptions
    snapshot: bool
    moment: Moment | None
    if_exists: str

    @classmethod
    def of(cls, new: NewView, *, if_exists: str) -> "CreateView":
        """The call for a view."""
        return cls(
            str(new.path), new.base, new.base_name, new.where, new.items, new.explode, dict(new.outputs),
            tuple(new.specs), new.options, new.snapshot, new.moment, if_exists,
        )  # fmt: skip

    @property
    def title(self) -> str:
        return f"Creating view {self.path}"

    def run(self, session: Session, tally: Tally) -> UpdateStatus:
        """Make the call."""
        new = NewView(
            parse_path(self.path), self.base, self.base_name, self.where, self.items, self.explode, self.outputs,
            self.specs, self.options, self.snapshot, self.moment,
        )  # fmt: skip
        return create_view(session, new, if_exists=self.if_exists, tally=tally)[1]


def encode_task(task: Task) -> Mapping[str, Any]:
    """The call as JSON-ready data."""
    return encode_value(task)


def decode_task(data: dict[str, Any]) -> Task:
    """The call that `encode_task` described."""
    found: Task = decode_value(data)
    return found
