"""The statements that change heaps, each write one transaction that ends by giving the table its next version."""

import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import accumulate

from pixeltable.exceptions import SchemaChanged, TooManyConflicts
from pixeltable.lazy import psycopg
from pixeltable.storage import binary_rows
from pixeltable.storage.cells import Cells, Texts, array_text, copy_column, numbers_text, vector_texts
from pixeltable.storage.database import Connection
from pixeltable.storage.heaps import BASE_ROW, BYTES, Heap, holds_vectors, without_history
from pixeltable.storage.numbers import ROW_BLOCK_BITS, check_known, is_repeatable, new_rows, next_op, ops_now

_COPY_FROM = 200
"""From this many rows COPY is quicker than one INSERT with arrays."""

_LARGE_BYTES = 2**19
"""With cells of this size in all too: an array of them would be in memory several times."""

_COPY_CHUNK = 10_000
_PIECES_AHEAD = 1


@dataclass(frozen=True, slots=True)
class Target:
    """The table a write goes to, and the schema it was planned against."""

    table_id: int
    schema_version: int
    name: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What a version's record says it did; `stamp` says what was computed by which code."""

    inserts: int = 0
    updates: int = 0
    deletes: int = 0
    errors: int = 0
    stamp: int | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """A write that is durable: its operation, the table's version after it, and the ids of inserted rows."""

    op: int
    version: int
    rows: Sequence[int] = ()
    views: Sequence[Counts] = ()
    """What was done to each view that went along."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Cells to write into a heap: a column of them for each of `columns`, and of errors if there are any."""

    heap: Heap
    columns: tuple[str, ...]
    cells: tuple[Cells, ...]
    errors: Texts | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of an insert that were prepared together; `entries` makes, or reads, what goes into one of the heaps."""

    count: int
    entries: Callable[[Heap], Entries | None]
    failed: bool
    """Whether some of these rows have an error."""

    views: tuple["ViewPiece", ...] = ()
    """What goes into the views over the table, in the order in which these are written."""


@dataclass(frozen=True, slots=True)
class ViewPiece:
    """Rows of a view; `parents` are the places of the rows they are of, among those of the base in the same piece."""

    parents: Sequence[int]
    piece: Piece
    failures: Mapping[int, str] = field(default_factory=dict)
    """Why no list could be made of rows of the base, by their places there, as texts for the database."""
    ids: Sequence[int] | None = None
    """Of an exploded view, ids that its rows have already; None: they get some."""


@dataclass(frozen=True, slots=True)
class ViewTarget:
    """A view that is written with its base: the table if `parent` is None, else the view written as number `parent`.

    Rows of an exploded view get ids of their own, those of others have the ids of the rows they are of.
    """

    target: Target
    heaps: Sequence[Heap]
    parent: int | None
    exploded: bool
    failures: Heap | None = None
    """Where it is kept for which rows of the base no list could be made."""

    errors: int = 0
    stamp: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The entries of a heap that a change was computed from: `ops[i]` wrote that of `rows[i]`, None: there was none."""

    heap: Heap
    rows: Sequence[int]
    ops: Sequence[int | None]

    def only(self, places: Sequence[int]) -> "Seen":
        """The entries at some places."""
        return replace(self, rows=[self.rows[place] for place in places], ops=[self.ops[place] for place in places])


@dataclass(frozen=True, slots=True)
class Change:
    """New cells for rows that exist; `seen` names, for every heap that was read, the entries that were there."""

    rows: Sequence[int]
    seen: tuple[Seen, ...]
    entries: tuple[Entries, ...] = ()
    closed: tuple[Heap, ...] = field(default=())
    """Heaps whose entries of these rows are closed: the rows are deleted, or their cells are left to a backfill."""

    deletes: bool = False


def insert_rows(
    connection: Connection,
    target: Target,
    heaps: Sequence[Heap],
    pieces: Sequence[Piece],
    *,
    errors: int,
    token: uuid.UUID,
    stamp: int | None = None,
    views: Sequence[ViewTarget] = (),
    rows: Sequence[int] | None = None,
) -> Committed:
    """Append rows, also to views over the table, durable when this returns; they get ids, if `rows` are not these.

    Raises:
        SchemaChanged: plan again.
        psycopg.errors.UniqueViolation: a primary key exists.
    """
    count = sum(piece.count for piece in pieces)
    counts = Counts(inserts=count, errors=errors, stamp=stamp)
    with translated(target):
        if count < _COPY_FROM and len(pieces) == 1 and not views and rows is None and not is_repeatable():
            made = {heap: found for heap in heaps if (found := pieces[0].entries(heap)) is not None}
            if not any(map(_is_large, made.values())):
                return _insert_few(connection, target, list(made.values()), counts, token)
            pieces = [replace(pieces[0], entries=made.get)]
        with connection.transaction():
            return _insert_many(connection, target, heaps, pieces, counts, token, views, rows)


def _is_large(entry: Entries) -> bool:
    return sum(len(cell) for cells in entry.cells for cell in cells if cell is not None) > _LARGE_BYTES


def _insert_few(
    connection: Connection, target: Target, entries: Sequence[Entries], counts: Counts, token: uuid.UUID
) -> Committed:
    """One statement, hence one round trip and one implicit transaction."""
    count = counts.inserts
    steps: list[str] = []
    parameters: list[object] = []
    for number, entry in enumerate(entries):
        names, casts, arrays, values = columns_as_arrays(entry)
        if arrays:
            source = (
                f"unnest({', '.join(arrays)}) WITH ORDINALITY AS u({', '.join(f'u{i}' for i in range(len(arrays)))}, n)"
            )
        else:
            source = f"generate_series(1, {count}) AS u(n)"
        steps.append(
            f"i{number} AS (INSERT INTO {entry.heap.current} (row, op_in{names}) "
            f"SELECT op.base + u.n, op.op{casts} FROM op, {source})"
        )
        parameters += values
    statement = (
        "WITH op AS MATERIALIZED (SELECT nextval('pixeltable.op_seq') AS op, "
        f"(nextval('pixeltable.row_seq') << {ROW_BLOCK_BITS}) - 1 AS base), {', '.join(steps)} "
        "SELECT op.op, op.base + 1, pixeltable.commit_write(%s, %s, op.op, %s, %s, 0, 0, %s, %s) FROM op"
    )
    parameters += [target.table_id, target.schema_version, token, count, counts.errors, counts.stamp]
    found = connection.execute(statement, parameters).fetchone()
    assert found is not None
    op, first, version = found
    return Committed(op, version, range(first, first + count))


def columns_as_arrays(entry: Entries) -> tuple[str, str, list[str], list[object]]:
    """For an INSERT from unnest() AS u: column names, their casts, the array placeholders and the arrays."""
    columns = [(name, entry.heap.column(name).sql_type) for name in entry.columns]
    cells = list(entry.cells)
    if entry.errors is not None:
        columns.append(("errors", "jsonb"))
        cells.append(entry.errors)
    names = "".join(f", {name}" for name, _ in columns)
    casts = "".join(f", u.u{i}::{sql_type}" for i, (_, sql_type) in enumerate(columns))
    pairs = [_as_array(sql_type, column) for (_, sql_type), column in zip(columns, cells, strict=True)]
    return names, casts, [placeholder for placeholder, _ in pairs], [array for _, array in pairs]


def _as_array(sql_type: str, cells: Cells) -> tuple[str, object]:
    if holds_vectors(sql_type):
        cells = vector_texts(cells)
    elif sql_type == BYTES and any(cell is not None for cell in cells):
        return "%b::bytea[]", cells
    return "%s::text[]", array_text(cells)


def _insert_many(
    connection: Connection,
    target: Target,
    heaps: Sequence[Heap],
    pieces: Sequence[Piece],
    counts: Counts,
    token: uuid.UUID,
    views: Sequence[ViewTarget],
    rows: Sequence[int] | None,
) -> Committed:
    rows = new_rows(connection, counts.inserts) if rows is None else rows
    op = next_op(connection)
    for heap in heaps:
        _copy_pieces(connection, heap, pieces, rows, op)
    parts = [piece.views for piece in pieces]
    inserted = insert_into_views(connection, views, parts, _split(rows, [piece.count for piece in pieces]), op)
    version = commit_change(connection, target, op, counts, token)
    for number, (view, ids) in enumerate(zip(views, inserted, strict=True)):
        if ids or any(part[number].failures for part in parts):
            commit_change(
                connection, view.target, op, Counts(inserts=len(ids), errors=view.errors, stamp=view.stamp), token
            )
    return Committed(op, version, rows)


def append_rows(connection: Connection, heap: Heap, pieces: Sequence[Piece], *, op: int) -> None:
    """Append rows to the heap of a table that is still to be made, in the caller's transaction."""
    _copy_pieces(connection, heap, pieces, new_rows(connection, sum(piece.count for piece in pieces)), op)


def _split(rows: Sequence[int], counts: Sequence[int]) -> list[Sequence[int]]:
    starts = accumulate(counts, initial=0)
    return [rows[start : start + count] for start, count in zip(starts, counts, strict=False)]


def insert_into_views(
    connection: Connection,
    views: Sequence[ViewTarget],
    parts: Sequence[Sequence[ViewPiece]],
    base_rows: Sequence[Sequence[int]],
    op: int,
) -> list[list[int]]:
    """Append rows to views, of which `parts` has one piece each for the rows of the table in `base_rows`; their ids."""
    written: list[list[Sequence[int]]] = []
    for number, view in enumerate(views):
        pieces = [part[number] for part in parts]
        parents = base_rows if view.parent is None else written[view.parent]
        bases = [[rows[place] for place in p.parents] for rows, p in zip(parents, pieces, strict=True)]
        counts = [len(rows) for rows in bases]
        ids: list[Sequence[int]] = [*bases]
        if view.exploded:
            ids = _own_ids(connection, pieces, counts)
        written.append(ids)
        for piece, rows in zip(pieces, parents, strict=True):
            _add_failures(connection, view, piece, rows, op)
        flat = [row for rows in ids for row in rows]
        for place, heap in enumerate(view.heaps if flat else ()):
            copied = [part.piece for part in pieces]
            if view.exploded and place == 0:
                copied = [_with_base_rows(piece, rows) for piece, rows in zip(copied, bases, strict=True)]
            _copy_pieces(connection, heap, copied, flat, op)
    return [[row for rows in ids for row in rows] for ids in written]


def _own_ids(connection: Connection, pieces: Sequence[ViewPiece], counts: Sequence[int]) -> list[Sequence[int]]:
    known = [piece.ids for piece in pieces if piece.ids is not None]
    return known if len(known) == len(pieces) else _split(new_rows(connection, sum(counts)), counts)


def _add_failures(connection: Connection, view: ViewTarget, part: ViewPiece, rows: Sequence[int], op: int) -> None:
    if view.failures is not None and part.failures:
        entry = Entries(view.failures, (), (), list(part.failures.values()))
        copy_entries(connection, entry, [rows[place] for place in part.failures], op)


def append_to_view(connection: Connection, view: ViewTarget, part: ViewPiece, rows: Sequence[int], *, op: int) -> int:
    """Append what a view has of `rows` of its base, in the caller's transaction; how many rows of the view that is."""
    (ids,) = insert_into_views(connection, [view], [[part]], [rows], op)
    return len(ids)


def appended(connection: Connection, *, view: ViewTarget, rows: Sequence[int], op: int) -> int | None:
    """How many rows of a view `append_to_view` wrote for these of its base; None if it wrote nothing."""
    heap, key = view.heaps[0], view.heaps[0].base_key
    counts = [f"(SELECT count(*) FROM {heap.current} WHERE {key} = ANY(%(rows)s) AND op_in = %(op)s)"]
    if view.failures is not None:
        counts.append(f"(SELECT count(*) FROM {view.failures.current} WHERE row = ANY(%(rows)s) AND op_in = %(op)s)")
    found = connection.execute(f"SELECT {', '.join(counts)}", {"rows": list(rows), "op": op}).fetchone()
    return int(found[0]) if found and any(found) else None


def expect_as_seen(connection: Connection, view: ViewTarget, seen: Sequence[Seen], rows: Sequence[int]) -> None:
    """Check that what rows of a view are to be made of is still there, and that it has none of them yet.

    Raises:
        RowsChanged: it is not, or it has.
    """
    with translated(view.target):
        for entries in seen:
            expect_unchanged(connection, entries)
        expect_none_of(connection, view, rows)
        if view.failures is not None:
            expect_unchanged(connection, Seen(view.failures, rows, [None] * len(rows)))


def expect_none_of(connection: Connection, view: ViewTarget, rows: Sequence[int]) -> None:
    """Check that a view has none of these rows of its base; see `translated`."""
    heap, key = view.heaps[0], view.heaps[0].base_key
    connection.execute(
        f"SELECT pixeltable.expect((SELECT count(*) FROM {heap.current} WHERE {key} = ANY(%s::bigint[])), 0)",
        (numbers_text(rows),),
    )


def _with_base_rows(piece: Piece, rows: Sequence[int]) -> Piece:
    """A piece whose entries in the heap of rows say which rows of the base they are of."""

    def entries(heap: Heap) -> Entries | None:
        found = piece.entries(heap)
        assert found is not None
        return replace(found, columns=(BASE_ROW, *found.columns), cells=(list(map(str, rows)), *found.cells))

    return replace(piece, entries=entries)


def _copy_pieces(connection: Connection, heap: Heap, pieces: Sequence[Piece], rows: Sequence[int], op: int) -> None:
    """What all pieces have for one heap; one is made in another thread while the server takes in the one before."""
    with_errors = any(piece.failed for piece in pieces)
    starts = accumulate((piece.count for piece in pieces), initial=0)

    def make(piece: Piece, start: int) -> tuple[Entries, list[str | bytes]] | None:
        entry = piece.entries(heap)
        if entry is None:
            return None
        return entry, list(_parts(entry, rows[start : start + piece.count], op, with_errors=with_errors))

    with ThreadPoolExecutor(1, thread_name_prefix="pixeltable-copy") as maker, ExitStack() as copying:
        write = None
        upcoming: deque[Future[tuple[Entries, list[str | bytes]] | None]] = deque()
        for piece, start in zip(pieces, starts, strict=False):
            upcoming.append(maker.submit(make, piece, start))
            if len(upcoming) > _PIECES_AHEAD:
                write = _copy_made(connection, upcoming.popleft().result(), write, copying, with_errors=with_errors)
        while upcoming:
            write = _copy_made(connection, upcoming.popleft().result(), write, copying, with_errors=with_errors)


_Write = Callable[[str | bytes], None]


def _copy_made(
    connection: Connection,
    made: tuple[Entries, list[str | bytes]] | None,
    write: _Write | None,
    copying: ExitStack,
    *,
    with_errors: bool,
) -> _Write | None:
    if made is not None:
        entry, parts = made
        write = write or copying.enter_context(_copy_into(connection, entry, with_errors=with_errors))
        for part in parts:
            write(part)
    return write


def copy_entries(connection: Connection, entry: Entries, rows: Sequence[int], op: int) -> None:
    """Append entries by COPY, the quickest way in."""
    with_errors = entry.errors is not None
    with _copy_into(connection, entry, with_errors=with_errors) as write:
        for part in _parts(entry, rows, op, with_errors=with_errors):
            write(part)


@contextmanager
def _copy_into(connection: Connection, entry: Entries, *, with_errors: bool) -> Iterator[_Write]:
    """What writes the parts that `_parts` makes of such entries."""
    names = ", ".join(("row", "op_in", *entry.columns, *(("errors",) if with_errors else ())))
    in_binary = binary_rows.suits(entry.heap, entry.columns)
    how = " (FORMAT binary)" if in_binary else ""
    with connection.cursor().copy(f"COPY {entry.heap.current} ({names}) FROM STDIN{how}") as copy:
        if in_binary:
            copy.write(binary_rows.HEADER)
        yield copy.write
        if in_binary:
            copy.write(binary_rows.TRAILER)


def _parts(entry: Entries, rows: Sequence[int], op: int, *, with_errors: bool) -> Iterator[str | bytes]:
    """Entries as COPY reads them, in parts of some thousand lines, or about a megabyte."""
    columns = entry.cells
    if with_errors:
        columns = (*columns, entry.errors if entry.errors is not None else [None] * len(rows))
    if binary_rows.suits(entry.heap, entry.columns):
        types = [entry.heap.column(name).sql_type for name in entry.columns] + ["jsonb"] * with_errors
        yield from binary_rows.binary_rows(rows, op, columns, types)
        return
    for start in range(0, len(rows), _COPY_CHUNK):
        yield _copy_lines(rows, op, columns, slice(start, start + _COPY_CHUNK))


def _copy_lines(rows: Sequence[int], op: int, columns: Sequence[Texts], part: slice) -> str:
    ids = list(map(str, rows[part]))
    cells = [copy_column(column[part]) for column in columns]
    return "\n".join(map("\t".join, zip(ids, [str(op)] * len(ids), *cells, strict=True))) + "\n"


def commit_change(connection: Connection, target: Target, op: int, counts: Counts, token: uuid.UUID) -> int:
    """Give the table its next version, as the last thing before the caller's transaction commits."""
    found = connection.execute(
        "SELECT pixeltable.commit_write(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            target.table_id,
            target.schema_version,
            op,
            token,
            counts.inserts,
            counts.updates,
            counts.deletes,
            counts.errors,
            counts.stamp,
        ),
    ).fetchone()
    assert found is not None
    return int(found[0])


def apply_change(connection: Connection, change: Change, op: int) -> None:
    """Write the new cells of rows, in the caller's transaction.

    Raises:
        psycopg.Error: an entry in `seen` is not there any more; see `translated`.
    """
    written = {entry.heap: entry for entry in change.entries}
    checked: dict[Heap, Seen] = {}
    for seen in change.seen:
        if seen.heap in written and _are_all_there(seen, change.rows):
            checked[seen.heap] = seen
        else:
            expect_unchanged(connection, seen)
    for entry in change.entries:
        _replace_entries(connection, entry, change.rows, op, checked.get(entry.heap))
    for heap in change.closed:
        close_entries(connection, heap, change.rows, op)


class RowsChanged(Exception):
    """Internal signal: another writer changed a row since it was read."""


class translated:
    """Turns the SQLSTATEs of our own database functions into exceptions of ours."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        state = error.sqlstate if isinstance(error, psycopg.Error) else None
        # A heap that is gone: its table or column was dropped since the write was planned.
        if state == "PX001" or isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
            raise SchemaChanged(self._target.name) from None
        if state == "PX002":
            raise RowsChanged from None


def _are_all_there(seen: Seen, rows: Sequence[int]) -> bool:
    """Whether each of the rows had an entry when it was read, in which case the statement that replaces them checks."""
    return not seen.heap.vectors and seen.rows is rows and None not in seen.ops


def expect_unchanged(connection: Connection, seen: Seen) -> None:
    """Check that entries are still there, and others still are not; see `translated`."""
    present = [(row, op) for row, op in zip(seen.rows, seen.ops, strict=True) if op is not None]
    absent = [row for row, op in zip(seen.rows, seen.ops, strict=True) if op is None]
    if present:
        rows, ops = zip(*present, strict=True)
        check_known(seen.heap.id, rows, ops)
        connection.execute(
            "SELECT pixeltable.expect((SELECT count(*) FROM unnest(%s::bigint[], %s::bigint[]) AS u(row, op_in) "
            f"JOIN {seen.heap.current} USING (row, op_in)), %s)",
            (numbers_text(rows), numbers_text(ops_now(ops)), len(rows)),
        )
    if absent:
        connection.execute(
            f"SELECT pixeltable.expect((SELECT count(*) FROM {seen.heap.current} WHERE row = ANY(%s::bigint[])), 0)",
            (numbers_text(absent),),
        )


def _replace_entries(connection: Connection, entry: Entries, rows: Sequence[int], op: int, seen: Seen | None) -> None:
    """The cells of `rows` in some columns of a heap; cells of its other columns stay as they are.

    If all entries were `seen`, they have to be there still.
    """
    if entry.heap.vectors:
        close_entries(connection, entry.heap, rows, op)
        _insert_entries(connection, entry, rows, op)
        return
    _keep_history(connection, entry.heap, rows, op)
    _, _, arrays, values = columns_as_arrays(entry)
    names = [f"u{i}" for i in range(len(arrays))]
    keys, ids = ["row"], [numbers_text(rows)]
    if seen is not None:
        ops = [op for op in seen.ops if op is not None]  # none is
        check_known(seen.heap.id, seen.rows, ops)
        keys, ids = ["row", "op_in"], [*ids, numbers_text(ops_now(ops))]
    sets = "".join(f", {name} = u.u{i}::{entry.heap.column(name).sql_type}" for i, name in enumerate(entry.columns))
    replaced = ", ".join(f"'{name}'" for name in entry.columns)
    kept = f"(coalesce(c.errors, '{{}}') - ARRAY[{replaced}])"
    new = f" || coalesce(u.u{len(entry.columns)}::jsonb, '{{}}')" if entry.errors is not None else ""
    changed = connection.execute(
        f"UPDATE {entry.heap.current} c SET op_in = %s{sets}, errors = nullif({kept}{new}, '{{}}') "
        f"FROM unnest({', '.join((*['%s::bigint[]'] * len(keys), *arrays))}) AS u({', '.join((*keys, *names))}) "
        f"WHERE {' AND '.join(f'c.{key} = u.{key}' for key in keys)}",
        (op, *ids, *values),
    ).rowcount
    if changed == len(rows):
        return
    if seen is not None:
        raise RowsChanged
    _insert_entries(connection, entry, rows, op)  # those that a backfill has not written yet


def _insert_entries(connection: Connection, entry: Entries, rows: Sequence[int], op: int) -> None:
    """Entries for those of `rows` that have none."""
    names, casts, arrays, values = columns_as_arrays(entry)
    sources = ", ".join(("row", *(f"u{i}" for i in range(len(arrays)))))
    connection.execute(
        f"INSERT INTO {entry.heap.current} (row, op_in{names}) SELECT u.row, %s{casts} "
        f"FROM unnest({', '.join(('%s::bigint[]', *arrays))}) AS u({sources}) "
        f"WHERE NOT EXISTS (SELECT 1 FROM {entry.heap.current} c WHERE c.row = u.row)",
        (op, numbers_text(rows), *values),
    )


def _keep_history(connection: Connection, heap: Heap, rows: Sequence[int], op: int) -> None:
    names = "".join(f", {column.name}" for column in heap.columns)
    connection.execute(
        f"INSERT INTO {heap.history} (row, op_in, op_out{names}, errors) "
        f"SELECT row, op_in, %s{names}, errors FROM {heap.current} WHERE row = ANY(%s::bigint[])",
        (op, numbers_text(rows)),
    )


def close_entries(connection: Connection, heap: Heap, rows: Sequence[int], op: int) -> int:
    """Close the entries of `rows` in a heap, how many there are: they go to its history, which is there."""
    _keep_history(connection, heap, rows, op)
    statement = f"DELETE FROM {heap.current} WHERE row = ANY(%s::bigint[])"
    return connection.execute(statement, (numbers_text(rows),)).rowcount


def undo_operation(connection: Connection, heap: Heap, op: int) -> None:
    """Take back what an operation did to a heap: its entries go, those it closed are live again."""
    names = "".join(f", {column.name}" for column in heap.columns)
    connection.execute(f"DELETE FROM {heap.current} WHERE op_in = %s", (op,))
    if without_history(connection, [heap]):
        return
    connection.execute(
        f"WITH back AS (DELETE FROM {heap.history} WHERE op_out = %s RETURNING *) "
        f"INSERT INTO {heap.current} (row, op_in{names}, errors) SELECT row, op_in{names}, errors FROM back",
        (op,),
    )


def recall_write(connection: Connection, table_id: int, token: uuid.UUID) -> Committed | None:
    """What a write with that token committed, None if it did not; only recent versions are searched."""
    found = connection.execute(
        "SELECT op, version FROM "
        "(SELECT * FROM pixeltable.versions WHERE table_id = %s ORDER BY version DESC LIMIT 10000) v WHERE token = %s",
        (table_id, token),
    ).fetchone()
    return Committed(*found) if found else None


def recall_counts(connection: Connection, table_id: int, token: uuid.UUID) -> Counts | None:
    """What a write with that token did, None if it did not commit; see `recall_write`."""
    found = connection.execute(
        "SELECT inserts, updates, deletes FROM "
        "(SELECT * FROM pixeltable.versions WHERE table_id = %s ORDER BY version DESC LIMIT 10000) v WHERE token = %s",
        (table_id, token),
    ).fetchone()
    return Counts(*found) if found else None


def too_many_conflicts(target: Target, tries: int) -> TooManyConflicts:
    """The error after the bounded number of tries."""
    return TooManyConflicts(target.name, tries=tries)
