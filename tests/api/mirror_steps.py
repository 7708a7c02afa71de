"""Steps of random programs: each is done to the real tables and to their mirror, which also knows what is refused.

Arguments are small numbers; each chooses among what is there, so that every program can be run.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, TypedDict

import numpy as np
import pytest

import pixeltable as pxt
from tests.api.library import even_only, twice
from tests.api.mirror import INT, LENGTH, TEXT, Column, Definition, Effect, Mirror, Relation, RowId

TEXTS = [None, "a", "b c", "", "cc a ab", "bb"]
NAMES = "abcdefgh"


@pxt.udf
def shout(text: str, number: int) -> str:
    return text + "!" * number


@pxt.udf
def length(text: str, number: int) -> int:
    return len(text) + number


@pxt.udf
def is_odd(n: int) -> bool:
    return n % 2 == 1


@pxt.udf
def is_longer(text: str, number: int) -> bool:
    return len(text) > number


@pxt.udf
def direction(text: str) -> pxt.Array[(3,), pxt.Float]:
    return np.array([text.count(letter) + 1 for letter in "abc"], dtype=np.float32)


class Word(TypedDict):
    word: str | None
    size: int | None


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    yield from ({"word": word, "size": len(word)} for word in text.split())


EXPRESSIONS: dict[str, Callable[[Any, int], Any]] = {
    "plus": lambda column, number: column + number,
    "twice": lambda column, _: twice(column),
    "even": lambda column, _: even_only(column),
    "shout": lambda column, number: shout(column, number),
    "length": lambda column, number: length(column, number),
    "same": lambda column, _: column,
    "less": lambda column, number: column < number,
    "odd": lambda column, _: is_odd(column),
    "missing": lambda column, _: column == None,  # noqa: E711  # how a null test is written
    "longer": lambda column, number: is_longer(column, number),
}


class Program:
    """Tables, their views, and the mirror of both."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.mirror = Mirror()
        self.handles: dict[str, pxt.Table] = {}
        for name in ("t", "u"):
            self._create_table(name)

    def _create_table(self, name: str) -> None:
        self.handles[name] = pxt.create_table(
            f"{self.folder}/{name}", {"k": pxt.Int, "n": pxt.Int | None, "s": pxt.String | None}, primary_key="k"
        )
        relation = Relation(name)
        self._put(relation, Column(next(self.mirror.ids), "k", "int", role="key", required=True))
        self._put(relation, Column(next(self.mirror.ids), "n", "int"))
        self._put(relation, Column(next(self.mirror.ids), "s", "text"))
        self.mirror.relations[name] = relation
        self.mirror.record([relation])
        if name == "u":
            n = list(relation.state.columns)[1]
            self.handles[name].add_computed_column(m=self.handles[name].n + 1, stored=False)
            self._put(relation, Column(next(self.mirror.ids), "m", "int", Definition("plus", n, 1), stored=False))
            self.mirror.record([relation])

    # What steps choose among

    @property
    def relations(self) -> list[Relation]:
        return list(self.mirror.relations.values())

    def relation(self, place: int) -> Relation:
        return self.relations[place % len(self.relations)]

    def table(self, place: int) -> Relation:
        return self.relations[place % 2]

    def handle(self, relation: Relation) -> pxt.Table:
        return self.handles[relation.name]

    def definition(
        self, relation: Relation, place: int, number: int, kind: str = "", plain: bool = False
    ) -> Definition | None:
        """A function of a visible column, with a result of that kind."""
        functions = {"int": [*INT, *LENGTH], "text": list(TEXT), "": [*INT, *LENGTH, *TEXT]}[kind]
        columns = [c for c in relation.visible() if not c.required and (c.is_plain or not plain)]
        pairs = [(f, c) for c in columns for f in functions if (f in INT) == (c.kind == "int")]
        if plain:
            pairs = [(f, c) for f, c in pairs if f != "even"]
        if not pairs:
            return None
        function, column = pairs[place % len(pairs)]
        return Definition(function, column.id, 0 if function in ("twice", "even") else number)

    def predicate(self, relation: Relation, place: int, number: int) -> Definition | None:
        """A filter over a visible column, one that no failed cell passes; None: all rows."""
        pairs = [(f, c) for c in relation.visible() for f in _predicates(c, may_fail=relation.may_fail(c.id))]
        chosen = [None, *pairs][place % (len(pairs) + 1)]
        return None if chosen is None else Definition(chosen[0], chosen[1].id, number)

    def expression(self, relation: Relation, definition: Definition | None) -> Any:
        if definition is None:
            return None
        column = self.handle(relation)[relation.column(definition.column).name]
        return EXPRESSIONS[definition.function](column, definition.number)

    def free_name(self, relation: Relation) -> str | None:
        taken = {column.name for column in relation.visible()}
        return next((name for name in NAMES if name not in taken), None)

    def _put(self, relation: Relation, column: Column) -> None:
        relation.state.columns[column.id] = column

    def _kind(self, definition: Definition) -> str:
        return "text" if definition.function in TEXT else "int"

    def _refused(self, call: Callable[[], Any], match: str) -> None:
        with pytest.raises(pxt.RequestError, match=match):
            call()

    # Rows

    def _row(self, relation: Relation, seed: int) -> tuple[dict[int, Any], dict[str, Any]]:
        """Cells of a new row by id, and what is said of them by name; some are left out."""
        cells: dict[int, Any] = {}
        given: dict[str, Any] = {}
        for number, column in enumerate(c for c in relation.state.columns.values() if c.is_plain):
            if (seed + number) % 6 != 5:
                cells[column.id] = given[column.name] = _value(column, seed * 3 + number)
        return cells, given

    def _key(self, relation: Relation) -> Column:
        return next(column for column in relation.state.columns.values() if column.role == "key")

    def _keys(self, relation: Relation) -> dict[int, RowId]:
        key = self._key(relation).id
        return {cells[key]: row for row, cells in relation.state.rows.items()}

    def insert(self, place: int, seeds: list[int]) -> None:
        relation, given = self.table(place), []
        key, taken, came = self._key(relation), self._keys(relation), []
        free = (number for number in count() if number not in taken)
        for seed, number in zip(seeds, free, strict=False):
            cells, named = self._row(relation, seed)
            given.append({key.name: number} | named)
            came.append(next(self.mirror.rows))
            relation.enter(came[-1], cells | {key.id: number})
        self.mirror.data_op(relation, Effect(came=came))
        self.handle(relation).insert(given, on_error="ignore")

    def insert_key_again(self, place: int) -> None:
        relation = self.table(place)
        for key in list(self._keys(relation))[:1]:
            row = {self._key(relation).name: key}
            self._refused(lambda: self.handle(relation).insert([row], on_error="ignore"), "exists")  # noqa: B023  # called at once

    def update(self, place: int, column: int, value: int, filtered: int, number: int) -> None:
        relation = self.relation(place)
        settable = [c for c in relation.state.columns.values() if c.is_plain]
        if not settable:
            return
        chosen, where = settable[column % len(settable)], self.predicate(relation, filtered, number)
        definition = self.definition(relation, value // 2, number, chosen.kind, plain=True) if value % 2 else None
        constant = _value(chosen, value)
        new_value = constant if definition is None else self.expression(relation, definition)
        self.handle(relation).update({chosen.name: new_value}, where=self.expression(relation, where))
        rows = [row for row in relation.state.rows if relation.holds(row, where)]
        cells = {row: constant if definition is None else relation.evaluate(row, definition) for row in rows}
        for row in rows:
            relation.state.rows[row][chosen.id] = cells[row]
        self._touch(relation, rows, {chosen.id})

    def _touch(self, relation: Relation, rows: list[RowId], columns: set[int]) -> None:
        """Compute what depends on columns of these rows, or is one of them."""
        if rows:
            touched = relation.reached(columns)
            for row in rows:
                relation.compute(row, touched)
            self.mirror.data_op(relation, Effect(stayed=rows, touched=touched))

    def delete(self, place: int, filtered: int, number: int) -> None:
        relation = self.table(place)
        where = self.predicate(relation, filtered, number)
        self.handle(relation).delete(where=self.expression(relation, where))
        left = [row for row in relation.state.rows if relation.holds(row, where)]
        for row in left:
            del relation.state.rows[row]
        if left:
            self.mirror.data_op(relation, Effect(left=left))

    def batch_update(self, place: int, seeds: list[int], inserts: bool) -> None:
        """By keys, of which some may be new; rows of a view by those of its base."""
        relation = self.relation(place)
        choice = "insert" if inserts else "ignore"
        key, keys = self._key_of_rows(relation)
        given, came, alike = [], list[RowId](), dict[frozenset[int], list[RowId]]()
        for number, seed in {seed % 8: seed for seed in seeds}.items():
            cells, named = self._row(relation, seed)
            given.append({key or "k": number} | named)
            if number in keys and cells:
                alike.setdefault(frozenset(cells), []).append(keys[number])
                relation.state.rows[keys[number]] |= {} if self._is_refused(relation, key, inserts) else cells
            elif number not in keys and inserts and relation.base is None:
                came.append(next(self.mirror.rows))
                relation.enter(came[-1], cells | {self._key(relation).id: number})
        call = lambda: self.handle(relation).batch_update(given, if_not_exists=choice)  # noqa: E731  # named for what it does
        if self._is_refused(relation, key, inserts):
            self._refused(call, "come from its base" if inserts else "cannot tell which rows")
            return
        call()
        effects = [Effect(stayed=rows, touched=relation.reached(columns)) for columns, rows in alike.items()]
        for effect in effects:
            for row in effect.stayed:
                relation.compute(row, effect.touched)
        effects += [Effect(came=came)] if came else []
        if effects:
            self.mirror.data_op(relation, *effects)

    def _is_refused(self, relation: Relation, key: str | None, inserts: bool) -> bool:
        return key is None or (inserts and relation.base is not None)

    def _key_of_rows(self, relation: Relation) -> tuple[str | None, dict[int, RowId]]:
        """What a relation calls the key of its rows, if it tells which row is meant, and which keys it has."""
        root = relation.lineage[-1]
        key = self._key(root)
        shown = [c for c in relation.visible() if self._stands_for(relation, c) == key.id]
        shown.sort(key=lambda column: column.id != key.id)
        if not shown or any(r.explode is not None for r in relation.lineage):
            return None, {}
        return shown[0].name, {number: row for number, row in self._keys(root).items() if row in relation.state.rows}

    def _stands_for(self, relation: Relation, column: Column) -> int:
        if column.definition is None or column.definition.function != "same":
            return column.id
        return self._stands_for(relation, relation.column(column.definition.column))

    def together(self, writes: list[tuple[Any, ...]]) -> None:
        with pxt.transaction():
            for name, *arguments in writes:
                getattr(self, name)(*arguments)

    def recompute(self, place: int, column: int, filtered: int, number: int) -> None:
        relation = self.relation(place)
        computed = relation.computed()
        if computed:
            chosen, where = computed[column % len(computed)], self.predicate(relation, filtered, number)
            self.handle(relation).recompute_columns(chosen.name, where=self.expression(relation, where))
            rows = [row for row in relation.state.rows if relation.holds(row, where)]
            self._touch(relation, rows, {chosen.id})


def _predicates(column: Column, *, may_fail: bool) -> Sequence[str]:
    if column.kind == "int":
        return ("less",) if may_fail else ("missing", "less", "odd")
    return ("missing", "longer")


def _value(column: Column, seed: int) -> Any:
    if column.kind == "text":
        return TEXTS[seed % len(TEXTS)]
    return None if seed % 11 == 10 else seed % 11
