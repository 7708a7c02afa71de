"""Cells that other code computed than would compute them now: which they are, and computing just those again."""

import time
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import ForeignPickle, InvalidColumn, PixeltableWarning, SchemaChanged, UnknownFunction
from pixeltable.exec.tally import Tally
from pixeltable.lazy import psycopg
from pixeltable.session.codes import DEFINITION, CodeTarget, code_targets
from pixeltable.session.receipts import receipt
from pixeltable.session.recompute import Selection, check_selection, recompute
from pixeltable.session.session import Session
from pixeltable.session.successors import adopt_successors, live_codes, refusal
from pixeltable.storage.database import Connection
from pixeltable.storage.stamps import Codes, Origin, count_by_stamp, read_stamps, rows_by_stamp
from pixeltable.types.status import RowCountStats, UpdateStatus
from pixeltable.udfs.paths import stem

Result = TypeVar("Result")

_UNKNOWN = 0
"""Stands for the stamp of a cell whose origin is not on record any more."""


@dataclass(frozen=True, slots=True)
class Stale:
    """What is out of date of a column, or of an index over it: `cells` of `total`, because of these functions.

    `problem` says why they cannot be computed again; without any function to compare with, `cells` is None.
    """

    column: str
    index: str | None
    functions: tuple[str, ...]
    cells: int | None
    total: int | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class _Outdated:
    """Where a target's cells are, and the stamps of code it does not have any more; None: cells without a stamp."""

    origin: Origin
    codes: Mapping[int | None, Codes]

    @property
    def stamps(self) -> Collection[int | None]:
        return (*self.codes, _UNKNOWN)


def stale_targets(session: Session, table_id: int, name: str) -> list[Stale]:
    """Columns, then indexes, with cells that other code computed; also those whose functions are not to be had."""
    return _on_present_schema(session, table_id, name, lambda table: _stale_targets(session, table))


def _on_present_schema(session: Session, table_id: int, name: str, work: Callable[[TableRecord], Result]) -> Result:
    for _ in range(session.settings.write_attempts):
        try:
            return work(session.refresh().table(table_id, name=name))
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            continue  # dropped since: the next look at the schema says so
    raise SchemaChanged(name)


def _stale_targets(session: Session, table: TableRecord) -> list[Stale]:
    found = (_stale(session, table, target) for target in code_targets(table) if target.status == "ready")
    return [stale for stale in found if stale is not None]


def _stale(session: Session, table: TableRecord, target: CodeTarget) -> Stale | None:
    index = None if target.index is None else target.index.name
    try:
        live = live_codes(session, target)
    except (UnknownFunction, ForeignPickle) as error:
        names = sorted({stem(spec.path) for spec in target.functions})
        return Stale(target.column.name, index, tuple(names), None, None, error.message)

    def counts(connection: Connection) -> tuple[_Outdated, dict[int | None, int]]:
        outdated = _outdated(connection, table, target, live)
        return outdated, count_by_stamp(connection, outdated.origin) if outdated.codes else {}

    outdated, by_stamp = session.database.read(counts)
    cells = {stamp: by_stamp[stamp] for stamp in outdated.stamps if stamp in by_stamp}
    if not cells:
        return None
    before = [outdated.codes.get(stamp, {}) for stamp in cells]
    functions = {_shown(path) for codes in before for path in _changed(codes, live)}
    return Stale(
        target.column.name, index, tuple(sorted(functions)), sum(cells.values()), sum(by_stamp.values()),
        refusal(session, target),
    )  # fmt: skip


def _changed(before: Codes, now: Codes) -> list[str]:
    return [path for path, code in now.items() if before.get(path) != code]


def _shown(path: str) -> str:
    return "its definition" if path.startswith(DEFINITION) else stem(path)


def _outdated(connection: Connection, table: TableRecord, target: CodeTarget, live: Codes) -> _Outdated:
    stamps = read_stamps(connection, table.id)
    codes: dict[int | None, Codes] = {
        stamp: found[target.id] for stamp, found in stamps.items() if found.get(target.id, live) != live
    }
    if target.recorded != live:
        codes[None] = target.recorded
    shared = len(target.heap.columns) > 1  # an entry of one cell is never written without computing that
    without = [stamp for stamp, found in stamps.items() if target.id not in found]
    carrying = without if shared else []
    if target.definitions and not shared:  # it was computed while no function did that, so no stamp tells of it
        codes |= {stamp: {} for stamp in without}
    return _Outdated(Origin(table.id, target.heap, carrying), codes)


def recompute_stale(session: Session, table_id: int, name: str, selection: Selection, *, tally: Tally) -> UpdateStatus:
    """As `recompute`, for the stale cells of the columns named, or of all; others are neither touched nor computed.

    Raises:
        InvalidColumn: the functions of a column that is named are not to be had.
        InvalidState: a function declared anew does not fit the column it was stored with.
    """
    start = time.perf_counter()
    table = session.refresh().table(table_id, name=name)
    check_selection(table, selection)
    names = selection.columns or _stale_names(session, table_id, name)
    rows, done = RowCountStats(), list[UpdateStatus]()
    for target in code_targets(table):
        if target.index is None and target.column.name in names:
            done.append(_recompute_column(session, table, target, selection, tally))
            rows += done[-1].row_count_stats
    return receipt(
        tally, start, rows,
        updated_cols=list(dict.fromkeys(column for status in done for column in status.updated_cols)),
        cols_with_excs=list(dict.fromkeys(column for status in done for column in status.cols_with_excs)),
    )  # fmt: skip


def _stale_names(session: Session, table_id: int, name: str) -> tuple[str, ...]:
    found = [stale for stale in stale_targets(session, table_id, name) if stale.index is None]
    for stale in found:
        if stale.problem is not None:
            warnings.warn(f"column {stale.column!r} is left out: {stale.problem}", PixeltableWarning, stacklevel=2)
    return tuple(stale.column for stale in found if stale.problem is None)


def _recompute_column(
    session: Session, table: TableRecord, target: CodeTarget, selection: Selection, tally: Tally
) -> UpdateStatus:
    live = _with_present_functions(session, table, target)

    def stale_rows(connection: Connection) -> list[int]:
        outdated = _outdated(connection, table, target, live)
        return rows_by_stamp(connection, outdated.origin, outdated.stamps) if outdated.codes else []

    rows = session.database.read(stale_rows)
    if not rows:
        return UpdateStatus()
    part = replace(selection, columns=(target.column.name,), rows=rows)
    return recompute(session, table.id, table.path, part, tally=tally)


def _with_present_functions(session: Session, table: TableRecord, target: CodeTarget) -> Codes:
    """Have a target use the functions there are now; their code."""
    try:
        live = live_codes(session, target)
    except (UnknownFunction, ForeignPickle) as error:
        raise InvalidColumn(f"column {target.column.name!r}", table=table.path, reason=error.message) from error
    adopt_successors(session, table.id, table.path, target.id)
    return live


def count_by_other_definitions(session: Session, table_id: int, name: str) -> dict[str, int]:
    """The columns, by name, with cells that another definition than the present one computed, and how many."""

    def count(connection: Connection, table: TableRecord, target: CodeTarget) -> int:
        others = _by_other_definitions(connection, table, target)
        counts = count_by_stamp(connection, others.origin) if others.codes else {}
        return sum(counts.get(stamp, 0) for stamp in others.stamps)

    def counts(table: TableRecord) -> dict[str, int]:
        targets = _defined_anew(table)
        found = session.database.read(lambda connection: [count(connection, table, target) for target in targets])
        return {target.column.name: cells for target, cells in zip(targets, found, strict=True) if cells}

    return _on_present_schema(session, table_id, name, counts)


def _defined_anew(table: TableRecord) -> list[CodeTarget]:
    """The columns with a definition that is not their first, or that read one that is not stored and has such."""
    return [target for target in code_targets(table) if target.definitions and target.status == "ready"]


def _by_other_definitions(connection: Connection, table: TableRecord, target: CodeTarget) -> _Outdated:
    """What another definition computed; the code of functions is not looked at."""
    outdated = _outdated(connection, table, target, {**target.recorded, **target.definitions})
    present = target.definitions.items()
    return replace(outdated, codes={s: codes for s, codes in outdated.codes.items() if not codes.items() >= present})


def recompute_by_present_definitions(
    session: Session, table_id: int, name: str, *, abort: bool, tally: Tally
) -> UpdateStatus:
    """Compute the cells that `count_by_other_definitions` counts, and what depends on them; each row once.

    Raises:
        CellFailure: a cell failed, and `abort` is set; the parts committed until then stay.
        InvalidColumn, InvalidState: see `recompute_stale`.
    """
    start = time.perf_counter()

    def lacking(table: TableRecord) -> dict[tuple[str, ...], list[int]]:
        columns: dict[int, tuple[str, ...]] = {}
        for target in _defined_anew(table):
            found = session.database.read(partial(_rows_by_other_definitions, table=table, target=target))
            if found:
                _with_present_functions(session, table, target)
            for row in found:
                columns[row] = (*columns.get(row, ()), target.column.name)
        rows: dict[tuple[str, ...], list[int]] = {}
        for row, names in sorted(columns.items()):
            rows.setdefault(names, []).append(row)
        return rows

    stats = RowCountStats()
    for names, rows in _on_present_schema(session, table_id, name, lacking).items():
        done = recompute(session, table_id, name, Selection(names, rows=rows, abort=abort), tally=tally)
        stats += done.row_count_stats
    return receipt(tally, start, stats)


def _rows_by_other_definitions(connection: Connection, table: TableRecord, target: CodeTarget) -> list[int]:
    others = _by_other_definitions(connection, table, target)
    return rows_by_stamp(connection, others.origin, others.stamps) if others.codes else []
