"""What can be done in the background: calls as data, which any process can make again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pixeltable.catalog.codec import decode_policy, encode_policy
from pixeltable.catalog.records import TableRecord
from pixeltable.exec.tally import Tally
from pixeltable.exprs.codec import decode_value, encode_value
from pixeltable.exprs.expr import ADDED_LATER, Expr, record
from pixeltable.ids import parse_path
from pixeltable.plan.bind import settled
from pixeltable.plan.query import Moment, QuerySpec
from pixeltable.plan.sampling import is_share_of
from pixeltable.session.column_additions import add_columns
from pixeltable.session.columns import NewColumn, add_computed_column, namesake, same_definition
from pixeltable.session.defaults import default_of
from pixeltable.session.indexes import NewIndex, add_index, is_same
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

    def is_done(self, session: Session, *, since: int) -> bool:
        """Whether what a call adds that was begun before is there, made since the id `since` was given.

        So it is if its process died when only the record of its end was left to write, or the same call was made again.

        Raises:
            UnknownTable: the table is gone.
        """


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

    def is_done(self, session: Session, *, since: int) -> bool:
        """Whether the column is there."""
        table = session.refresh().table(self.table, name=self.path)
        return _is_computed(table, self.column, self.expr, since=_since(since, self.if_exists))


@record
@dataclass(frozen=True, slots=True)
class AddColumns:
    """`Table.add_columns`."""

    table: int
    path: str
    specs: tuple[ColumnSpec, ...]
    if_exists: str

    @classmethod
    def of(
        cls, session: Session, table: int, path: str, specs: Sequence[ColumnSpec], *, if_exists: str
    ) -> "AddColumns":
        """The call for columns.

        Raises:
            InvalidSchema: a column cannot hold its default.
        """
        return cls(table, path, _fitting(session, specs), if_exists)

    @property
    def title(self) -> str:
        return f"Adding {', '.join(spec.name for spec in self.specs)} to {self.path}"

    def run(self, session: Session, tally: Tally) -> UpdateStatus:
        """Make the call."""
        return add_columns(session, self.table, self.path, self.specs, if_exists=self.if_exists, tally=tally)

    def is_done(self, session: Session, *, since: int) -> bool:
        """Whether all of the columns are there."""
        table, since = session.refresh().table(self.table, name=self.path), _since(since, self.if_exists)
        return all(
            _is_plain(table, spec.name, spec.type, since=since)
            if spec.expr is None
            else _is_computed(table, spec.name, spec.expr, since=since)
            for spec in self.specs
        )


@record
@dataclass(frozen=True, slots=True)
class AlterComputedColumn:
    """`Table.alter_computed_column`."""

    table: int
    path: str
    column: str
    column_id: int
    expr: Expr
    cascade: bool

    @property
    def title(self) -> str:
        return f"Computing {self.path}.{self.column}"

    def run(self, session: Session, tally: Tally) -> UpdateStatus:
        """Make the call."""
        name = _present_name(session.refresh().table(self.table, name=self.path), self.column, self.column_id)
        redefine_column(session, self.table, self.path, name, self.expr)
        tally.prepared()
        return recompute_redefined(session, self.table, self.path, name, cascade=self.cascade, tally=tally)

    def is_done(self, session: Session, *, since: int) -> bool:  # noqa: ARG002  # as the others have them
        """It is not asked: made again, the call computes what is left, which may be nothing."""
        return False


@record
@dataclass(frozen=True, slots=True)
class AddEmbeddingIndex:
    """`Table.add_embedding_index`."""

    table: int
    path: str
    column_id: int
    index: NewIndex
    if_exists: str

    @property
    def title(self) -> str:
        return f"Indexing {self.path}.{self.index.column}"

    def run(self, session: Session, tally: Tally) -> UpdateStatus:
        """Make the call."""
        index = self._index(session.refresh().table(self.table, name=self.path))
        return add_index(session, self.table, self.path, index, if_exists=self.if_exists, tally=tally)

    def is_done(self, session: Session, *, since: int) -> bool:
        """Whether the index is there."""
        table, since = session.refresh().table(self.table, name=self.path), _since(since, self.if_exists)
        return any(
            index.id > since and index.status == "ready" and index.column == self.column_id
            and self.index.name in (None, index.name) and is_same(index, self.index)
            for index in table.indexes
        )  # fmt: skip

    def _index(self, table: TableRecord) -> NewIndex:
        return replace(self.index, column=_present_name(table, self.index.column, self.column_id))


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
    sampled: QuerySpec | None = field(default=None, metadata=ADDED_LATER)

    @classmethod
    def of(cls, session: Session, new: NewView, *, if_exists: str) -> "CreateView":
        """The call for a view.

        Raises:
            InvalidSchema: a column cannot hold its default.
        """
        return cls(
            str(new.path), new.base, new.base_name, new.where, new.items, new.explode, dict(new.outputs),
            _fitting(session, new.specs), new.options, new.snapshot, new.moment, if_exists, new.sampled,
        )  # fmt: skip

    @property
    def title(self) -> str:
        return f"Creating view {self.path}"

    def run(self, session: Session, tally: Tally) -> UpdateStatus:
        """Make the call."""
        new = NewView(
            parse_path(self.path), self.base, self.base_name, self.where, self.items, self.explode, self.outputs,
            self.specs, self.options, self.snapshot, self.moment, self.sampled,
        )  # fmt: skip
        return create_view(session, new, if_exists=self.if_exists, tally=tally)[1]

    def is_done(self, session: Session, *, since: int) -> bool:
        """Whether the view is there."""
        found = session.refresh().find_table(parse_path(self.path))
        if found is None or found.view is None or found.base is None or found.id <= _since(since, self.if_exists):
            return False
        view = found.view
        parts = [(view.where, self.where), (view.explode, self.explode)]
        return (
            view.status == "ready"
            and (view.base, view.snapshot) == (self.base, self.snapshot)
            and (self.snapshot or is_share_of(view.share, None if self.sampled is None else self.sampled.sample))
            and {spec.name for spec in self.specs} <= {column.name for column in found.ready_columns}
            and all(_are_alike(there, wanted, base=found.base) for there, wanted in parts)
        )


def _fitting(session: Session, specs: Sequence[ColumnSpec]) -> tuple[ColumnSpec, ...]:
    """The columns, with defaults in the form of their types, which can be written down."""
    defaults = [default_of(session, spec.name, spec.type, spec.default) for spec in specs]
    return tuple(
        replace(spec, default=None if default is None else default.value)
        for spec, default in zip(specs, defaults, strict=True)
    )


def _present_name(table: TableRecord, name: str, column_id: int) -> str:
    """What a column is called by now; its old name if it is gone, of which the call makes an error."""
    found = table.column_by_id(column_id)
    return name if found is None else found.name


def _since(job_id: int, if_exists: str) -> int:
    """Ids of what was made since a job began are greater; where nothing was to be there, whatever is there was."""
    return 0 if if_exists == "error" else job_id


def _is_computed(table: TableRecord, name: str, expr: Expr, *, since: int) -> bool:
    found = namesake(table, name)
    return found is not None and found.id > since and found.expr is not None and same_definition(found.expr, expr)


def _is_plain(table: TableRecord, name: str, column_type: ColumnType, *, since: int) -> bool:
    found = namesake(table, name)
    return found is not None and found.id > since and found.expr is None and found.type == column_type


def _are_alike(there: Expr | None, wanted: Expr | None, *, base: TableRecord) -> bool:
    if there is None or wanted is None:
        return there is wanted
    return same_definition(there, settled(wanted, base))


def encode_task(task: Task) -> Mapping[str, Any]:
    """The call as JSON-ready data."""
    return encode_value(task)


def decode_task(data: dict[str, Any]) -> Task:
    """The call that `encode_task` described."""
    found: Task = decode_value(data)
    return found
