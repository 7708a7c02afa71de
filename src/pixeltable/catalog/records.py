"""What the catalog knows, as frozen records; change is a new record."""

import datetime
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pixeltable.exceptions import InvalidState, UnknownColumn, UnknownIndex, Unsupported
from pixeltable.exprs.call import Call
from pixeltable.exprs.expr import Expr, nodes_in
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.exprs.leaves import Literal as LiteralExpr
from pixeltable.exprs.operators import And
from pixeltable.exprs.properties import InShare
from pixeltable.storage.heaps import Heap, column_name
from pixeltable.storage.writes import Target
from pixeltable.types.column_type import ColumnType
from pixeltable.udfs.retry import Policy

Status = Literal["ready", "backfilling"]


@dataclass(frozen=True, slots=True)
class DirRecord:
    """A directory; `parent` is None below the root."""

    id: int
    parent: int | None
    name: str


@dataclass(frozen=True, slots=True)
class ColumnRecord:
    """A column. `heap` is where it is stored, None for a computed column that is evaluated on every read."""

    id: int
    name: str
    type: ColumnType
    heap: int | None
    expr: Expr | None = None
    primary_key: bool = False
    status: Status = "ready"
    version_added: int = 0
    comment: str | None = None
    custom_metadata: Any = None
    policy: Policy | None = None
    default: LiteralExpr | None = None
    """What a plain column is in rows that are given no value for it; None: null."""

    redefined: int = 0
    """The operation that gave a computed column its present definition, if it had another before."""

    @property
    def is_computed(self) -> bool:
        return self.expr is not None

    @property
    def db_name(self) -> str:
        return column_name(self.id)


@dataclass(frozen=True, slots=True)
class IndexRecord:
    """An embedding index. Its vectors are in the heap of the same id.

    `embeddings` maps a modality to the expression that embeds the column, over a reference to it; it is empty for an
    index straight over an Array column.
    """

    id: int
    name: str
    column: int
    metric: str
    precision: str
    dimensions: int
    embeddings: tuple[tuple[str, Expr], ...]
    status: Status = "ready"


@dataclass(frozen=True, slots=True)
class BtreeRecord:
    """A b-tree index over `keys`, bound expressions over columns of one heap. It is `building` until it is full."""

    id: int
    name: str
    keys: tuple[Expr, ...]
    heap: int
    unique: bool = False
    status: Literal["ready", "building"] = "ready"

    @property
    def db_name(self) -> str:
        """The name in the database, without its schema."""
        return f"i{self.id}"


@dataclass(frozen=True, slots=True)
class ViewRecord:
    """What makes a table a view: the table it is `base`d on, and which of its rows it has.

    Without `explode` a row of the view is a row of the base for which `where` holds, and has its id. With it, a row is
    an item of the list that this expression is in a row of the base; the heap of the rows then says which row that is.
    All columns of the base are seen through the view if it `inherits` them. It is `filling` until its rows are there.
    """

    base: int
    where: Expr | None = None
    inherits: bool = True
    explode: Expr | None = None
    outputs: tuple[tuple[int, str], ...] = ()
    """The columns that come from the items of the list, and what these call them: first that for their place in it."""

    status: Literal["ready", "filling"] = "ready"
    snapshot: bool = False
    """Whether it is over its base as that was when it was made, and never changes."""
    sample: str | None = None
    """How its rows are chosen by chance among those that the filter keeps, as it is shown."""
    failures: int | None = None
    """The heap that says for which rows of the base `explode` failed, and why; by their ids, under the first output."""
    share: InShare | None = None
    """Of a live view of a sample, which rows are chosen."""

    @property
    def exprs(self) -> tuple[Expr, ...]:
        """What decides which rows there are."""
        return tuple(expr for expr in (self.where, self.explode) if expr is not None)

    @property
    def condition(self) -> Expr | None:
        """What is true of rows of the base that the view is about: chance first, which costs nothing."""
        if self.share is None:
            return self.where
        parts = self.where.parts if isinstance(self.where, And) else () if self.where is None else (self.where,)
        return And((self.share, *parts)) if parts else self.share

    def makes(self, column_id: int) -> bool:
        """Whether a column comes from the items of the list."""
        return any(column_id == output for output, _ in self.outputs)


@dataclass(frozen=True, slots=True)
class Fork:
    """A version of a branch that its base has had merged into a version of its own; with the operations of both.

    Where the branch began it is that of the base that it was made of.
    """

    own_version: int
    own_op: int
    base_version: int
    base_op: int


@dataclass(frozen=True, slots=True)
class BranchRecord:
    """What makes a table a branch: the table it is a branch of, and which column of that each of its columns is.

    `forks` has where it began, and then one for each merge.
    """

    base: int
    columns: tuple[tuple[int, int], ...]
    forks: tuple[Fork, ...]


@dataclass(frozen=True, slots=True)
class TableRecord:
    """A table, at one version of its schema; of a view, `base` is the table it is over, which is not stored with it.

    Of a snapshot it is: as it was then, with heaps that are read as of a version. One that has neither rows nor cells
    of its own has no heap.

    `columns` and `heaps` are its own. Columns and heaps by their ids are found among those of the base as well.
    """

    id: int
    dir: int | None
    name: str
    path: str
    columns: tuple[ColumnRecord, ...]
    heaps: tuple[Heap, ...]
    indexes: tuple[IndexRecord, ...] = ()
    btrees: tuple[BtreeRecord, ...] = ()
    default_indexes: bool = False
    comment: str | None = None
    custom_metadata: Any = None
    media_validation: str = "on_write"
    schema_version: int = 0
    created_at: datetime.datetime | None = None
    view: ViewRecord | None = None
    branch: BranchRecord | None = None
    base: "TableRecord | None" = field(default=None, compare=False, repr=False)

    @property
    def lineage(self) -> tuple["TableRecord", ...]:
        """The table, and if it is a view, its base, and the base of that, and so on."""
        return (self,) if self.base is None else (self, *self.base.lineage)

    @property
    def live_lineage(self) -> tuple["TableRecord", ...]:
        """Those of the lineage whose changes change this table: none beyond a snapshot."""
        return (self,) if self.base is None or self.is_snapshot else (self, *self.base.live_lineage)

    @property
    def is_snapshot(self) -> bool:
        """Whether it never changes."""
        return self.view is not None and self.view.snapshot

    @property
    def known_columns(self) -> tuple[ColumnRecord, ...]:
        """All columns its expressions can be over, whatever their status: its own, and those of its base."""
        return tuple(column for table in self.lineage for column in table.columns)

    @property
    def is_exploded(self) -> bool:
        """Whether its rows are items of lists in the rows of its base; its first column is their place in these."""
        return self.view is not None and self.view.explode is not None

    @property
    def row_owner(self) -> "TableRecord":
        """The table that gave its rows their ids: itself, or the one whose rows they are."""
        return self if self.base is None or self.is_exploded else self.base.row_owner

    @property
    def failures_heap(self) -> Heap | None:
        """Of an exploded view: where it is kept for which rows of its base, by their ids, its iterator failed."""
        if not self.heaps and self.base is not None:
            return self.base.failures_heap  # of a snapshot that has no rows of its own
        failures = None if self.view is None else self.view.failures
        return next((heap for heap in self.heaps if heap.id == failures), None)

    @property
    def fallible_columns(self) -> tuple[ColumnRecord, ...]:
        """The columns users see whose cells can have errors; the place in a list stands for a list that failed.

        Those of a base whose rows are exploded have them there, once.
        """
        near: set[int] = set()
        place = None
        for table in self.lineage:
            near |= {column.id for column in table.columns}
            if table.is_exploded:
                place = table.columns[0].id if self.failures_heap is not None else None
                break
        return tuple(
            c for c in self.ready_columns if c.id == place or (c.id in near and c.is_computed and c.heap is not None)
        )

    @property
    def unstored_outputs(self) -> dict[str, ColumnRecord]:
        """Of an exploded view, the columns that its iterator yields again when they are read, by the keys of items."""
        explode = None if self.view is None else self.view.explode
        if not isinstance(explode, Call):
            return {}
        calls = ((column.expr, column) for column in self.columns if column.heap is None)
        return {
            call.call_function.name.rpartition(".")[2]: column
            for call, column in calls
            if isinstance(call, Call) and call.call_function.path.rpartition("#")[0] == explode.call_function.path
        }

    @property
    def used_heaps(self) -> set[int]:
        """The ids of the heaps of its own that hold something: rows, cells, vectors, failed lists."""
        found = {column.heap for column in self.columns} | {index.id for index in self.indexes}
        found |= {heap.id for heap in self.heaps[:1]} | {None if self.view is None else self.view.failures}
        return {heap for heap in found if heap is not None}

    def check_complete(self) -> None:
        """Check that it can be read.

        Raises:
            InvalidState: it is a view that is being made, or was left unfinished.
        """
        if self.view is not None and self.view.status == "filling":
            raise InvalidState(
                f"view {self.path!r} is not complete",
                hint="Wait until the process that makes it is done; if that died, call create_view() again.",
            )

    @property
    def target(self) -> Target:
        """What a write of this schema goes to."""
        return Target(self.id, self.schema_version, self.path)

    @property
    def ready_columns(self) -> tuple[ColumnRecord, ...]:
        """The columns users see: those whose backfill is done; of a view, its own come before those of the base."""
        own = tuple(column for column in self.columns if column.status == "ready")
        if self.base is None or self.view is None or not self.view.inherits:
            return own
        names = {column.name for column in own}
        return (*own, *(column for column in self.base.ready_columns if column.name not in names))

    def column(self, name: str) -> ColumnRecord:
        """The column users call `name`.

        Raises:
            UnknownColumn: there is none.
        """
        for column in self.ready_columns:
            if column.name == name:
                return column
        raise UnknownColumn(name, table=self.path, known=[column.name for column in self.ready_columns])

    def column_or_pending(self, name: str) -> ColumnRecord:
        """As `column`; also one that is still being computed, whose type is nullable for that."""
        known = {column.name for column in self.ready_columns}
        for table in self.lineage:
            for column in table.columns:
                if column.name == name and column.status != "ready" and name not in known:
                    return replace(column, type=column.type.with_nullable(True))
        return self.column(name)

    def own_column(self, name: str) -> ColumnRecord:
        """The column users call `name`, if it is one of this very table, which can change it.

        Raises:
            UnknownColumn: there is none.
            Unsupported: it is one of the base of the view.
        """
        column = self.column(name)
        self.check_own(column)
        return column

    def check_own(self, column: ColumnRecord) -> None:
        """Check that a column is one of this very table.

        Raises:
            Unsupported: it is one of the base of the view.
        """
        if all(own.id != column.id for own in self.columns):
            owner = next(table for table in self.lineage if any(own.id == column.id for own in table.columns))
            raise Unsupported(
                f"column {column.name!r} of view {self.path!r} comes from its base", hint=f"Use {owner.path!r}."
            )

    @property
    def definitions(self) -> tuple[Expr, ...]:
        """All expressions that its rows and cells are made by."""
        made_by = () if self.view is None else self.view.exprs
        return (*made_by, *(column.expr for column in self.columns if column.expr is not None))

    def column_by_id(self, column_id: int) -> ColumnRecord | None:
        """The column of that id, whatever its status."""
        found = next((column for column in self.columns if column.id == column_id), None)
        return found if found is not None or self.base is None else self.base.column_by_id(column_id)

    def heap(self, heap_id: int) -> Heap:
        """The heap of that id."""
        return next(heap for table in self.lineage for heap in table.heaps if heap.id == heap_id)

    def ref(self, column: ColumnRecord) -> ColumnRef:
        """An expression for the value of a column, the same through a view as through its base."""
        if self.base is not None and all(own.id != column.id for own in self.columns):
            return self.base.ref(column)
        return ColumnRef(column.id, self.id, column.name, column.type)

    @property
    def known_indexes(self) -> tuple[IndexRecord, ...]:
        """All its embedding indexes and those of its base, which find its rows too."""
        return tuple(index for table in self.lineage for index in table.indexes)

    @property
    def row_heap(self) -> Heap:
        """Heap 0: it has an entry for every row."""
        return self.heaps[0] if self.heaps or self.base is None else self.base.row_heap

    @property
    def primary_key(self) -> tuple[ColumnRecord, ...]:
        return tuple(column for column in self.columns if column.primary_key)

    def index(self, name: str) -> IndexRecord:
        """The index of that name.

        Raises:
            UnknownIndex: there is none.
        """
        found = next((index for index in self.indexes if index.name == name), None)
        if found is None:
            known = [index.name for index in self.indexes]
            raise UnknownIndex(f"table {self.path!r} has no index {name!r}", known=known)
        return found

    def with_column(self, column: ColumnRecord) -> "TableRecord":
        """The table with a column added, or replaced where its id is there already."""
        if self.column_by_id(column.id) is None:
            return replace(self, columns=(*self.columns, column))
        return replace(self, columns=tuple(column if old.id == column.id else old for old in self.columns))

    def dependents(self, column_ids: frozenset[int]) -> tuple[ColumnRecord, ...]:
        """The computed columns whose value depends on one of these columns, directly or not; in order of definition."""
        reached = set(column_ids)
        found = []
        for column in self.columns:  # a column's definition refers only to columns before it
            if column.expr is not None and column.id not in column_ids and referred_columns(column.expr) & reached:
                reached.add(column.id)
                found.append(column)
        return tuple(found)


def kind_of(table: TableRecord) -> Literal["table", "view", "snapshot"]:
    """What a table is, for people."""
    return "table" if table.view is None else "snapshot" if table.is_snapshot else "view"


def referred_columns(expr: Expr) -> set[int]:
    """The ids of all columns an expression refers to."""
    return {node.ref_column for node in nodes_in(expr) if isinstance(node, ColumnRef)}
