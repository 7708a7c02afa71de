"""Updating rows by their keys, each in other columns if need be, and adding those that are not there: one operation."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.catalog.records import ColumnRecord, IndexRecord, TableRecord, referred_columns
from pixeltable.exceptions import UnknownRow, Unsupported
from pixeltable.exec.batch import Batch, Column
from pixeltable.exec.schedule import evaluate_goals
from pixeltable.exec.tally import Tally
from pixeltable.plan.bind import bind
from pixeltable.session.batch_rows import BatchRows, batch_rows, checked_rows
from pixeltable.session.change import failures, retrying
from pixeltable.session.compute import Computation, plan_computation
from pixeltable.session.found_rows import matching_rows, written_heaps
from pixeltable.session.receipts import receipt
from pixeltable.session.row_ids import decide_views, put_ids, take_ids
from pixeltable.session.row_parts import RowPart, write_parts
from pixeltable.session.rows import gather
from pixeltable.session.session import Session
from pixeltable.session.sql_changes import set_in_sql
from pixeltable.session.transactions import read
from pixeltable.session.view_changes import cascaded, inputs_of_views
from pixeltable.storage.writes import Change, Counts, RowsChanged
from pixeltable.types.status import RowCountStats, UpdateStatus


def batch_update(
    session: Session,
    table_id: int,
    name: str,
    source: Iterable[Any],
    *,
    cascade: bool,
    if_not_exists: str,
    return_rows: bool,
    tally: Tally,
) -> UpdateStatus:
    """Set columns of rows that are known by their keys; rows that name the same columns are computed together.

    Raises:
        UnknownRow, InvalidArgument, MissingValue, ...: see `Table.batch_update`; nothing was written.
    """
    start = time.perf_counter()
    rows = batch_rows(source)

    def work(table: TableRecord) -> UpdateStatus:
        if table.view is not None and if_not_exists == "insert":
            raise Unsupported(
                f"batch_update() cannot insert into {table.path!r}: it is a view, whose rows come from its base",
                hint="Insert there, or use if_not_exists='ignore'.",
            )
        given = checked_rows(session, table, rows)
        count = None if return_rows else set_in_sql(session, table, given, cascade=cascade)
        if count is not None:
            names = [f"{table.name}.{column.name}" for column in table.columns if column.id in given.cells]
            return receipt(tally, start, RowCountStats(upd_rows=count), updated_cols=names)
        found = read(session, lambda connection: given.find(connection, table), table.lineage)
        absent = [place for place in range(len(rows)) if place not in found]
        if absent and if_not_exists == "error":
            raise UnknownRow(given.key_text(absent[0]), table=table.path)
        merge = _Merge(session, table, given, cascade=cascade, whole=return_rows, tally=tally)
        groups = [merge.changed(columns, places) for columns, places in _alike(given, found).items()]
        if absent and if_not_exists == "insert":
            groups.append(merge.added(absent))
        parts = [group.part for group in groups]
        done = write_parts(session, table, parts, session.context.counting(tally)).views if parts else []
        return _status(table, groups, done, tally, start, return_rows=return_rows)

    return retrying(session, table_id, name, work)


def _alike(given: BatchRows, found: Mapping[int, int]) -> dict[frozenset[int], dict[int, int]]:
    """The rows that are there, id to place, by the columns they set; without those that set none."""
    groups: dict[frozenset[int], dict[int, int]] = {}
    for place, row in found.items():
        groups.setdefault(given.columns_of(place), {})[row] = place
    groups.pop(frozenset(), None)
    return groups


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows that set the same columns, by their places among those given; `part` is what is written of them."""

    places: Sequence[int]
    batch: Batch
    computation: Computation
    part: RowPart

    @property
    def visible(self) -> list[ColumnRecord]:
        """The computed columns that users see."""
        return [column for column in self.computation.columns if column.status == "ready"]


class _Merge:
    """Makes the groups of one call."""

    def __init__(
        self, session: Session, table: TableRecord, given: BatchRows, *, cascade: bool, whole: bool, tally: Tally
    ) -> None:
        self._session = session
        self._table = table
        self._given = given
        self._cascade = cascade
        self._whole = whole
        self._context = session.context.counting(tally)

    def changed(self, columns: frozenset[int], places: Mapping[int, int]) -> _Group:
        """Rows, id to place, that set these columns."""
        table = self._table
        setting = tuple(column for column in table.columns if column.id in columns)
        dependents = [c for c in table.dependents(columns) if c.heap is not None] if self._cascade else []
        touched = columns | {column.id for column in dependents}
        indexes = [index for index in table.indexes if index.column in touched]
        written = [*written_heaps(table, [*setting, *dependents]), *(table.heap(index.id) for index in indexes)]
        found = matching_rows(
            self._session, table, [table.ref(column) for column in self._inputs(dependents, but=touched)],
            where=None, heaps=written, rows=list(places),
        )  # fmt: skip
        if len(found.rows) < len(places):
            raise RowsChanged
        order = [places[row] for row in found.rows]
        for column in setting:
            cells = self._given.cells[column.id]
            found.batch.put(table.ref(column), Column([cells[place] for place in order]))
        computation = self._computed(found.batch, dependents, indexes)
        entries = tuple(computation.entries(found.batch, setting))
        left_out = tuple(heap for heap in written if all(entry.heap != heap for entry in entries))
        change = Change(found.rows, found.seen, entries, closed=left_out)
        part = RowPart(found.rows, setting, found.batch, computation, entries, change)
        return _Group(order, found.batch, computation, part)

    def _inputs(self, dependents: Sequence[ColumnRecord], *, but: frozenset[int]) -> list[ColumnRecord]:
        """The stored columns whose present cells are needed, `but` those that get others."""
        needed = inputs_of_views(self._session.catalog, self._table)
        for column in dependents:
            assert column.expr is not None
            needed |= referred_columns(bind(column.expr, self._table, role=f"column {column.name!r}"))
        if self._whole:
            needed |= {column.id for column in self._table.ready_columns if column.heap is not None}
        return [column for column in self._table.known_columns if column.id in needed - but]

    def _computed(self, batch: Batch, columns: Sequence[ColumnRecord], indexes: Sequence[IndexRecord]) -> Computation:
        computation = plan_computation(self._table, columns, indexes, self._context, abort=False)
        evaluate_goals(batch, computation.goals)
        return computation

    def added(self, places: Sequence[int]) -> _Group:
        """Rows that are not there yet."""
        table = self._table
        if not self._given.key or any(column.is_computed for column in self._given.key):
            raise Unsupported(
                f"no row has {self._given.key_text(places[0])}, and a row with a number or key of one's own choice "
                "cannot be added",
                hint="Use insert().",
            )
        values = gather(self._session, table, [self._given.rows[place] for place in places])
        batch = Batch(len(places))
        columns = tuple(column for column in table.columns if column.id in values)
        for column in columns:
            batch.put(table.ref(column), Column(values[column.id]))
        ids = take_ids(self._session, batch.count) if decide_views(self._session.catalog, table) else None
        if ids is not None:
            put_ids(batch, table, ids)
        computation = self._computed(batch, table.columns, table.indexes)
        part = RowPart(ids or (), columns, batch, computation, tuple(computation.entries(batch, columns)))
        return _Group(places, batch, computation, part)


def _status(
    table: TableRecord,
    groups: Sequence[_Group],
    done: Sequence[Counts],
    tally: Tally,
    start: float,
    *,
    return_rows: bool,
) -> UpdateStatus:
    changed = [group for group in groups if group.part.change is not None]
    added = [group for group in groups if group.part.change is None]
    stats = RowCountStats(
        ins_rows=sum(len(group.places) for group in added),
        upd_rows=sum(len(group.places) for group in changed),
        num_excs=sum(group.part.failed for group in groups),
        computed_values=sum(len(group.places) * len(group.visible) for group in groups),
    )
    set_columns = {column.id for group in changed for column in (*group.part.given, *group.visible)}
    failing = {c.id for group in groups for c in group.visible if failures(group.batch, table, c)}
    return receipt(
        tally, start, stats, cascade=cascaded(done),
        updated_cols=[f"{table.name}.{column.name}" for column in table.columns if column.id in set_columns],
        cols_with_excs=[f"{table.name}.{column.name}" for column in table.columns if column.id in failing],
        rows=_row_dicts(table, groups) if return_rows else None,
    )  # fmt: skip


def _row_dicts(table: TableRecord, groups: Sequence[_Group]) -> list[dict[str, Any]]:
    """The rows as they are stored, in the order in which they were given."""
    found: dict[int, dict[str, Any]] = {}
    for group in groups:
        cells = {column.name: group.batch.get(table.ref(column)) for column in table.ready_columns}
        known = {name: column.values for name, column in cells.items() if column is not None}
        rows = (dict(zip(known, row, strict=True)) for row in zip(*known.values(), strict=True))
        found.update(zip(group.places, rows, strict=True))
    return [row for _, row in sorted(found.items())]
