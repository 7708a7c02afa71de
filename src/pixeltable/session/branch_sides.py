"""A branch beside its base: which column of the one is which of the other, and the cells of the one for the other."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pixeltable.catalog.records import BranchRecord, ColumnRecord, TableRecord
from pixeltable.exceptions import ConstraintViolation
from pixeltable.exec.batch import Column
from pixeltable.exprs.leaves import by_ids
from pixeltable.plan.bind import bind
from pixeltable.session.branching import over_columns
from pixeltable.session.found_rows import matching_rows
from pixeltable.session.rows import conform_cells
from pixeltable.session.session import Session
from pixeltable.storage.writes import RowsChanged


@dataclass(frozen=True, slots=True)
class Sides:
    """`branch` is read as of a version. `own` are its columns by those of the base that they stand for, both by ids.

    Computed columns are among them if they are defined alike.
    """

    base: TableRecord
    branch: TableRecord
    own: Mapping[int, ColumnRecord]

    def as_of(self, branch: TableRecord) -> "Sides":
        """The base beside an earlier version of the branch."""
        found = {column_id: branch.column_by_id(own.id) for column_id, own in self.own.items()}
        return Sides(self.base, branch, {column_id: own for column_id, own in found.items() if own is not None})

    @property
    def plain(self) -> list[ColumnRecord]:
        """The columns of the base that take values of the branch."""
        return [column for column in self.base.ready_columns if column.id in self.own and not column.is_computed]

    def carried(self, columns: Sequence[ColumnRecord]) -> list[ColumnRecord]:
        """Those of the computed columns whose cells are what the base would compute."""
        return [column for column in columns if column.id in self.own and column.heap is not None]

    def cells(self, session: Session, rows: Collection[int], columns: Sequence[ColumnRecord]) -> dict[int, Column]:
        """The cells that columns of the base have in the branch, by the ids of the columns, in the order of the rows'.

        Raises:
            RowsChanged: rows are not there.
        """
        own = {column.id: self.own[column.id] for column in columns}
        found = matching_rows(session, self.branch, [self.branch.ref(c) for c in own.values()], rows=sorted(rows))
        if len(found.rows) < len(rows):
            raise RowsChanged
        cells: dict[int, Column] = {}
        for column in columns:
            read = found.batch.get(self.branch.ref(own[column.id]))
            assert read is not None
            alike = column.type == own[column.id].type
            values = read.values if alike else conform_cells(session, column, read.values)
            cells[column.id] = Column(list(values), dict(read.failures))
        return cells


def sides_of(base: TableRecord, branch: TableRecord, first: TableRecord, record: BranchRecord) -> Sides:
    """The branch beside its base; `first` is what it began as.

    Raises:
        ConstraintViolation: its columns are others by now, which a merge does not bring to the base.
    """
    pairs = dict(record.columns)
    bases = {column.id: column for column in base.ready_columns}
    own: dict[int, ColumnRecord] = {}
    to_base: dict[int, int] = {}
    for column in branch.columns:
        twin = pairs.get(column.id) or next((c.id for c in bases.values() if c.name == column.name), None)
        if column.id not in pairs and (twin is None or not column.is_computed):
            raise _other_schema(branch, base, f"column {column.name!r} was added to it")
        if twin in bases:
            to_base[column.id] = bases[twin].id
    began = {column.id: column for column in first.columns}
    for column_id, column in began.items():
        now = branch.column_by_id(column_id)
        if now is None:
            raise _other_schema(branch, base, f"column {column.name!r} was dropped from it")
        if _definition(now) != _definition(column):
            raise _other_schema(branch, base, f"column {now.name!r} was altered in it")
    for column in branch.columns:
        twin = to_base.get(column.id)
        if twin is not None and _is_alike(column, bases[twin], to_base, base, branch):
            own[twin] = column
        elif column.id not in pairs:
            raise _other_schema(branch, base, f"column {column.name!r} is defined otherwise there")
    return Sides(base, branch, own)


def _is_alike(
    column: ColumnRecord, twin: ColumnRecord, to_base: Mapping[int, int], base: TableRecord, branch: TableRecord
) -> bool:
    """Whether the cells of a column can stand for those of its twin in the base."""
    if column.expr is None or twin.expr is None:
        return column.expr is None and twin.expr is None
    expr = over_columns(bind(column.expr, branch, role=column.name), to_base, table_id=base.id)
    return by_ids(expr) == by_ids(bind(twin.expr, base, role=twin.name)) and column.type == twin.type


def _definition(column: ColumnRecord) -> object:
    return column.type, column.primary_key, None if column.expr is None else by_ids(column.expr)


def _other_schema(branch: TableRecord, base: TableRecord, fact: str) -> ConstraintViolation:
    return ConstraintViolation(
        f"branch {branch.path.partition(':')[0]!r} cannot be merged: {fact}",
        hint=f"Rows are merged, not columns: have the same columns in {base.path!r} and in the branch, and merge then.",
    )
