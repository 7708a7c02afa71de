"""A plain-Python mirror of tables and views: what their rows, columns and versions have to be after any operations.

It knows nothing of the database. Definitions are records over ids of columns; `mirror_steps` makes them expressions.
"""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any

RowId = Any
"""Of a table a number; of a view the id of the row of its base, or that and a place in a list."""

INT: dict[str, Callable[[Any, int], Any]] = {
    "plus": lambda value, number: value + number,
    "twice": lambda value, _: 2 * value,
    "even": lambda value, _: None if value % 2 else value,
}
TEXT: dict[str, Callable[[Any, int], Any]] = {"shout": lambda value, number: value + "!" * number}
LENGTH: dict[str, Callable[[Any, int], Any]] = {"length": lambda value, number: len(value) + number}
SAME: dict[str, Callable[[Any, int], Any]] = {"same": lambda value, _: value}
FUNCTIONS = INT | TEXT | LENGTH | SAME
PREDICATES: dict[str, Callable[[Any, int], bool]] = {
    "less": lambda value, number: value is not None and value < number,
    "odd": lambda value, _: value is not None and value % 2 == 1,
    "missing": lambda value, _: value is None,
    "longer": lambda value, number: value is not None and len(value) > number,
}


@dataclass(frozen=True)
class Definition:
    """A function of one column and a number; null gives null."""

    function: str
    column: int
    number: int = 0


@dataclass(frozen=True)
class Column:
    """`role` is 'key' or 'made' for what nobody sets: a key, and what an iterator makes. `required`: never null."""

    id: int
    name: str
    kind: str
    definition: Definition | None = None
    stored: bool = True
    role: str = ""
    required: bool = False
    default: Any = None

    @property
    def is_plain(self) -> bool:
        return self.definition is None and not self.role


@dataclass
class State:
    """What a version holds: columns, stored cells by row, indexes by name; which definitions computed each cell."""

    where: Definition | None = None
    columns: dict[int, Column] = field(default_factory=dict)
    rows: dict[RowId, dict[int, Any]] = field(default_factory=dict)
    indexes: dict[str, tuple[str, int]] = field(default_factory=dict)
    origins: dict[tuple[RowId, int], Any] = field(default_factory=dict)


@dataclass
class Relation:
    """A table or a view; `explode` is the column whose words are its rows."""

    name: str
    base: "Relation | None" = None
    explode: int | None = None
    inherits: bool = True
    state: State = field(default_factory=State)
    versions: list[tuple[int, State]] = field(default_factory=list)
    tags: dict[str, int] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)

    @property
    def where(self) -> Definition | None:
        """What rows of its base it is about."""
        return self.state.where

    @property
    def lineage(self) -> "list[Relation]":
        return [self] if self.base is None else [self, *self.base.lineage]

    @property
    def newest(self) -> int:
        """The number of the newest version."""
        return len(self.versions) - 1

    @property
    def op(self) -> int:
        """The operation that made it."""
        return self.versions[-1][0]

    def visible(self) -> list[Column]:
        own = list(self.state.columns.values())
        if self.base is None or not self.inherits:
            return own
        names = {column.name for column in own}
        return [*own, *(column for column in self.base.visible() if column.name not in names)]

    def column(self, column_id: int) -> Column:
        return next(r.state.columns[column_id] for r in self.lineage if column_id in r.state.columns)

    def value(self, row: RowId, column_id: int) -> Any:
        column = self.state.columns.get(column_id)
        if column is None:
            assert self.base is not None
            return self.base.value(self.base_row(row), column_id)
        if column.stored:
            return self.state.rows[row][column_id]
        return self.evaluate(row, column.definition)

    def base_row(self, row: RowId) -> RowId:
        return row if self.explode is None else row[0]

    def evaluate(self, row: RowId, definition: Definition | None) -> Any:
        assert definition is not None
        value = self.value(row, definition.column)
        return None if value is None else FUNCTIONS[definition.function](value, definition.number)

    def holds(self, row: RowId, where: Definition | None) -> bool:
        return where is None or PREDICATES[where.function](self.value(row, where.column), where.number)

    def read(self) -> list[tuple[Any, ...]]:
        """The rows as a query gives them, in any order."""
        visible = [column.id for column in self.visible()]
        return [tuple(self.value(row, column) for column in visible) for row in self.state.rows]

    def needs(self) -> set[int]:
        """The columns of others that its rows and cells are made of, also by columns that are not stored."""
        used = {c.definition.column for c in self.state.columns.values() if c.definition is not None}
        used |= {self.where.column} if self.where else set()
        used |= {self.explode} if self.explode is not None else set()
        return used - self.state.columns.keys()

    def inputs(self, column_id: int) -> Iterator[int]:
        """A column, and those it is computed from, as far as they are not stored."""
        yield column_id
        column = self.column(column_id)
        if not column.stored and column.definition is not None:
            yield from self.inputs(column.definition.column)

    def may_fail(self, column_id: int) -> bool:
        """Whether cells of a column can be null for an error, or for one in what they are computed from."""
        definition = self.column(column_id).definition
        return definition is not None and (definition.function == "even" or self.may_fail(definition.column))

    def reached(self, touched: Iterable[int]) -> set[int]:
        """Columns, and all that are computed from them, here and, as far as they are not stored, in the bases."""
        found = set(touched)
        columns = [c for r in self.lineage for c in r.state.columns.values() if r is self or not c.stored]
        known = [c for c in columns if c.definition is not None]
        while more := {c.id for c in known if c.id not in found and c.definition.column in found}:  # type: ignore[union-attr]
            found |= more
        return found

    def full_definition(self, column: Column) -> Any:
        """What cells of a stored column are computed by, columns that are not stored written out."""
        assert column.definition is not None
        source = self.column(column.definition.column)
        inner = source.id if source.stored or source.definition is None else self.full_definition(source)
        return column.definition.function, column.definition.number, inner

    def computed(self, among: Iterable[int] | None = None) -> list[Column]:
        """Its stored computed columns, each after those it is computed from."""
        chosen = self.state.columns.keys() if among is None else among
        found = [c for c in self.state.columns.values() if c.definition is not None and c.stored and c.id in chosen]
        return sorted(found, key=self.depth)

    def depth(self, column: Column) -> int:
        if column.definition is None:
            return 0
        return 1 + self.depth(self.column(column.definition.column))

    def compute(self, row: RowId, among: Iterable[int] | None = None) -> None:
        for column in self.computed(among):
            self.state.rows[row][column.id] = self.evaluate(row, column.definition)
            self.state.origins[row, column.id] = self.full_definition(column)

    def enter(self, row: RowId, cells: dict[int, Any]) -> None:
        """Add a row with these cells; others have their defaults or are computed."""
        plain = {c.id: c.default for c in self.state.columns.values() if c.definition is None and c.stored}
        self.state.rows[row] = plain | cells
        self.compute(row)


@dataclass
class Effect:
    """What an operation did to a relation: rows that stayed, came and left, and columns that may be other ones.

    A row that left and came has the same id, but is another one.
    """

    stayed: list[RowId] = field(default_factory=list)
    came: list[RowId] = field(default_factory=list)
    left: list[RowId] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)


class Mirror:
    """Tables and views by name."""

    def __init__(self) -> None:
        self.relations: dict[str, Relation] = {}
        self.ids = count(1)
        self.ops = count(1)
        self.rows = count(1)

    def views_of(self, relation: Relation) -> list[Relation]:
        return [other for other in self.relations.values() if relation in other.lineage[1:]]

    def record(self, changed: Iterable[Relation]) -> None:
        """Give relations their next version, all by one operation."""
        op = next(self.ops)
        for relation in changed:
            relation.versions.append((op, deepcopy(relation.state)))

    def data_op(self, relation: Relation, *effects: Effect) -> None:
        """Record what was done to the rows of a relation, no row in two of the effects, and bring its views along."""
        changed = [view.name for effect in effects for view in self.follow(relation, effect)]
        self.record([relation, *(self.relations[name] for name in dict.fromkeys(changed))])

    def follow(self, parent: Relation, effect: Effect) -> list[Relation]:
        """Bring the views over a relation along; those that changed."""
        changed: list[Relation] = []
        for view in self.relations.values():
            if view.base is parent:
                touched = view.reached(effect.touched)
                if view.explode is None:
                    done, has_version = _follow_plain(view, effect, touched)
                else:
                    done, has_version = _follow_exploded(view, effect, touched)
                changed += [view] if has_version else []
                changed += self.follow(view, done)
        return changed

    def fill(self, view: Relation) -> None:
        """Give a view that is new its rows."""
        assert view.base is not None
        effect = Effect(came=list(view.base.state.rows))
        (_follow_plain if view.explode is None else _follow_exploded)(view, effect, set())

    def alter(self, view: Relation, where: Definition | None) -> None:
        """Give a view another filter."""
        assert view.base is not None
        view.state.where = where
        effect = Effect(stayed=list(view.base.state.rows))
        follow = _follow_plain if view.explode is None else _follow_exploded
        done, _ = follow(view, effect, set(), filtered=True)
        self.record([view, *self.follow(view, done)])

    def refusal_of_revert(self, relation: Relation) -> str | None:
        """Why the newest version cannot be taken back."""
        bases = relation.lineage[1:]
        if relation.newest == 0:
            return "is at version 0"
        if any(op == relation.op for base in bases for op, _ in base.versions):
            return "was one on its base"
        if any(view.op > relation.op for view in self.views_of(relation)):
            return "since"
        along = [relation, *(view for view in self.views_of(relation) if view.op == relation.op)]
        if any(r.newest in r.tags.values() for r in along):
            return "has the tag"
        if any(base.op > relation.op for base in bases) and _brings_back(relation):
            return "changed"
        return None

    def revert(self, relation: Relation) -> None:
        op = relation.op
        for reverted in [relation, *self.views_of(relation)]:
            if reverted.op == op:
                reverted.notes.pop(reverted.newest, None)
                reverted.versions.pop()
                reverted.state = deepcopy(reverted.versions[-1][1])


def _brings_back(relation: Relation) -> bool:
    """Whether with the version before computed columns come back whose cells the bases have gone away from."""
    before, now = relation.versions[-2][1].columns, relation.state.columns
    back = [c for c in before.values() if c.id not in now or c.definition != now[c.id].definition]
    altered = relation.versions[-2][1].where != relation.state.where
    return altered or any(column.definition is not None for column in back)


def _follow_plain(view: Relation, effect: Effect, touched: set[int], *, filtered: bool = False) -> tuple[Effect, bool]:
    """What becomes of a view whose rows are rows of its base; and whether it changed."""
    assert view.base is not None
    rows, filtered = view.state.rows, filtered or (view.where is not None and view.where.column in touched)
    left = [row for row in effect.left if row in rows]
    came = [row for row in effect.came if view.base.holds(row, view.where)]
    if filtered:
        left += [row for row in effect.stayed if row in rows and not view.base.holds(row, view.where)]
        came += [row for row in effect.stayed if row not in rows and view.base.holds(row, view.where)]
    return _moved(view, left, [(row, {}) for row in came], effect, touched)


def _follow_exploded(
    view: Relation, effect: Effect, touched: set[int], *, filtered: bool = False
) -> tuple[Effect, bool]:
    """What becomes of a view that has a row for each word of a column of its base."""
    assert view.base is not None
    assert view.explode is not None
    base, items = view.base, dict[RowId, list[RowId]]()
    place, word, size = (c.id for c in view.state.columns.values() if c.role == "made")
    for row in sorted(view.state.rows, key=lambda row: view.state.rows[row][place]):
        items.setdefault(row[0], []).append(row)
    left = [item for row in effect.left for item in items.get(row, [])]
    came: list[tuple[RowId, dict[int, Any]]] = []
    has_moved = False
    again = [*effect.came, *(row for row in effect.stayed if view.explode in touched)]
    for row in effect.stayed:
        if view.explode not in touched and (filtered or (view.where is not None and view.where.column in touched)):
            if not base.holds(row, view.where):
                left += items.get(row, [])
            elif row not in items:
                again.append(row)
    for row in again:
        found = base.value(row, view.explode) if base.holds(row, view.where) else None
        texts = list(enumerate((found or "").split()))
        free, kept = list(texts), list[RowId]()
        for same_place in (True, False):
            for item in items.get(row, []):
                cells = view.state.rows[item]
                number = next((n for n, t in free if t == cells[word] and (n == cells[place] or not same_place)), None)
                if item not in kept and number is not None:
                    free.remove((number, cells[word]))
                    kept.append(item)
                    has_moved = has_moved or cells[place] != number
                    cells[place] = number
        left += [item for item in items.get(row, []) if item not in kept]
        came += [((row, next(_items)), {place: number, word: text, size: len(text)}) for number, text in free]
    return _moved(view, left, came, effect, view.reached(touched | {place}) if has_moved else touched)


_items = count()
"""Rows of a list are known by numbers, which stay when they move."""


def _moved(
    view: Relation, left: list[RowId], came: list[tuple[RowId, dict[int, Any]]], effect: Effect, touched: set[int]
) -> tuple[Effect, bool]:
    for row in left:
        del view.state.rows[row]
    stayed_below = set(effect.stayed)
    stayed = [row for row in view.state.rows if view.base_row(row) in stayed_below]
    for row in stayed:
        view.compute(row, touched)
    for row, cells in came:
        view.enter(row, cells)
    places = {c.id for c in view.state.columns.values() if c.role == "made"}
    written = (
        view.computed(touched)
        or places & touched
        or any(c in touched for kind, c in view.state.indexes.values() if kind == "near")
    )
    changed = bool(left or came or (stayed and written))
    return Effect(stayed, [row for row, _ in came], left, touched), changed
