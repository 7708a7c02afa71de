"""Comparing the indexes of a model with those of a table."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from pixeltable.api.model_changes import Change
from pixeltable.api.model_definition import ModelDefinition
from pixeltable.api.model_diff import SchemaChangeOp
from pixeltable.api.model_names import Tables, planned
from pixeltable.catalog.records import BtreeRecord, IndexRecord, TableRecord
from pixeltable.exceptions import Error
from pixeltable.exprs.expr import structure
from pixeltable.session.btrees import NewBtree, bound_keys
from pixeltable.session.indexes import NewIndex, is_same

Existing = IndexRecord | BtreeRecord


def index_changes(definition: ModelDefinition, record: TableRecord | None, tables: Tables) -> Iterator[Change]:
    """The indexes that go, or are made anew, then those that come."""
    there = [] if record is None else _existing(record)
    kept: set[int] = set()
    added: list[NewIndex | NewBtree] = []
    claimed = {new.name for new in definition.indexes} - {None}
    for new in definition.indexes:
        same = None if record is None else _same(record, there, kept, claimed, planned_index(new, tables))
        if same is None:
            added.append(new)
        else:
            kept.add(same.id)
    names = {new.name for new in added}
    for index in there:
        if index.id not in kept and record is not None:
            yield _removal(record, index, again=index.name in names)
    taken = set() if record is None or not record.default_indexes else {index.name for index in record.btrees}
    for new in sorted(added, key=lambda new: new.name is None):  # the others get names that are free then
        change = _addition(new)
        yield change.refused("one of the default indexes has that name") if new.name in taken else change


def planned_index(new: NewIndex | NewBtree, tables: Tables) -> NewIndex | NewBtree:
    """An index over columns of tables."""
    if isinstance(new, NewBtree):
        return replace(new, keys=tuple(planned(key, tables) for key in new.keys))
    return replace(new, embeddings={kind: planned(expr, tables) for kind, expr in new.embeddings.items()})


def _existing(record: TableRecord) -> list[Existing]:
    """The indexes that users made; those of all columns, which come with the table, are not theirs to drop."""
    btrees = () if record.default_indexes else record.btrees
    found: list[Existing] = [*record.indexes, *btrees]
    return [index for index in found if index.status == "ready"]


def _same(
    record: TableRecord,
    there: Sequence[Existing],
    kept: Collection[int],
    claimed: Collection[str | None],
    new: NewIndex | NewBtree,
) -> Existing | None:
    """The index that is there already; one without a name may have any that is not `claimed` by another."""
    for index in there:
        fits = index.name == new.name or (new.name is None and index.name not in claimed)
        if index.id not in kept and fits and _is_same(record, index, new):
            return index
    return None


def name_of_index(record: TableRecord, new: NewIndex | NewBtree, before: Collection[str]) -> str:
    """How an index was called that was not there `before`."""
    found = (index for index in _existing(record) if index.name not in before)
    return new.name or next(index.name for index in found if _is_same(record, index, new))


def _is_same(record: TableRecord, index: Existing, new: NewIndex | NewBtree) -> bool:
    if isinstance(index, IndexRecord) and isinstance(new, NewIndex):
        column = record.column_by_id(index.column)
        return column is not None and column.name == new.column and is_same(index, new)
    if isinstance(index, BtreeRecord) and isinstance(new, NewBtree):
        try:
            keys = bound_keys(new, record)
        except Error:
            return False  # over a column that is not there yet
        return index.unique == new.unique and list(map(structure, index.keys)) == list(map(structure, keys))
    return False


def _addition(new: NewIndex | NewBtree) -> Change:
    kind = "b-tree" if isinstance(new, NewBtree) else "embedding"
    unique = "unique " if isinstance(new, NewBtree) and new.unique else ""
    over = ", ".join(map(str, new.keys)) if isinstance(new, NewBtree) else new.column
    name = "" if new.name is None else f" {new.name}"
    text = f"add {unique}{kind} index{name} on {over}"
    return Change(SchemaChangeOp("index", "add", "additive", new.name, text, model=over), new)


def _removal(record: TableRecord, index: Existing, *, again: bool) -> Change:
    kind, over = "embedding", ""
    if isinstance(index, BtreeRecord):
        kind, over = "b-tree", ", ".join(map(str, index.keys))
    elif (column := record.column_by_id(index.column)) is not None:
        over = column.name
    text = f"drop {kind} index {index.name} on {over}{', and make it anew' if again else ''}"
    return Change(SchemaChangeOp("index", "drop", "destructive", index.name, text, existing=over))
