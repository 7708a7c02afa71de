"""Steps of random programs that change columns, indexes, views, versions; see `mirror_steps`."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

import pixeltable as pxt
from tests.api.mirror import Column, Definition, Effect, Relation, RowId, State
from tests.api.mirror_steps import NAMES, Program, direction, words

VIEWS = ["v", "w", "x", "y"]
TYPES: dict[str, Any] = {"int": pxt.Int | None, "text": pxt.String | None}


class FullProgram(Program):
    """A program that can also change what its tables look like, and go back."""

    # Columns

    def add_plain(self, place: int, kind: int, default: int) -> None:
        relation = self.relation(place)
        name = self.free_name(relation)
        if name is None:
            return
        value = [None, 7, 8][default % 3]
        column = Column(next(self.mirror.ids), name, ["int", "text"][kind % 2], default=value)
        if column.kind == "text":
            column = replace(column, default=None if value is None else "dd")
        spec = TYPES[column.kind]
        if column.default is not None:
            spec = {"type": spec, "default": column.default}
        self._put(relation, column)
        for cells in relation.state.rows.values():
            cells[column.id] = column.default
        self.mirror.record([relation])
        self.handle(relation).add_column(**{name: spec})

    def add_computed(self, place: int, function: int, number: int, stored: bool) -> None:
        relation = self.relation(place)
        name, definition = self.free_name(relation), self.definition(relation, function, number)
        if name is None or definition is None:
            return
        stored = stored or definition.function == "even"
        self.handle(relation).add_computed_column(
            **{name: self.expression(relation, definition)}, stored=stored, on_error="ignore"
        )
        column = Column(next(self.mirror.ids), name, self._kind(definition), definition, stored)
        self._put(relation, column)
        for row in relation.state.rows:
            relation.compute(row, {column.id})
        self.mirror.record([relation])

    def _users(self, relation: Relation, column: Column) -> list[str]:
        """What depends on a column, here and in views."""
        own = relation.state.columns.values()
        found = [c.name for c in own if c.definition is not None and c.definition.column == column.id]
        return found + [view.name for view in self.mirror.views_of(relation) if column.id in view.needs()]

    def drop_column(self, place: int, column: int) -> None:
        relation = self.relation(place)
        chosen = list(relation.state.columns.values())[column % len(relation.state.columns)]
        drop = lambda: self.handle(relation).drop_column(chosen.name)  # noqa: E731  # named for what it does
        if chosen.role or self._users(relation, chosen):
            self._refused(drop, r"depends? on it|part of the primary key|made by the iterator")
            return
        if len(relation.state.columns) == 1 and (relation.base is None or not relation.inherits):
            self._refused(drop, "is the last one")
            return
        drop()
        state = relation.state
        del state.columns[chosen.id]
        state.indexes = {name: index for name, index in state.indexes.items() if index[1] != chosen.id}
        for cells in state.rows.values():
            cells.pop(chosen.id, None)
        self.mirror.record([relation])

    def rename(self, place: int, column: int) -> None:
        relation = self.relation(place)
        own, name = list(relation.state.columns.values()), self.free_name(relation)
        if name is None or not own:
            return
        chosen = own[column % len(own)]
        self.handle(relation).rename_column(chosen.name, name)
        self._put(relation, replace(chosen, name=name))
        self.mirror.record([relation])

    def alter_computed(self, place: int, column: int, function: int, number: int) -> None:
        relation = self.relation(place)
        own = [c for c in relation.state.columns.values() if c.definition and c.definition.function != "same"]
        if not own:
            return
        chosen = own[column % len(own)]
        definition = self.definition(relation, function, number, chosen.kind)
        if definition is None or (definition.function == "even" and not chosen.stored):
            return
        expression = self.expression(relation, definition)
        alter = lambda: self.handle(relation).alter_computed_column(**{chosen.name: expression})  # noqa: E731
        if definition.column in relation.reached({chosen.id}):
            self._refused(alter, "cannot be computed from")
        elif definition != chosen.definition and not chosen.stored and self._is_read_by_views(relation, chosen):
            self._refused(alter, "depends on it")
        else:
            alter()
            self._redefine(relation, replace(chosen, definition=definition))

    def _is_read_by_views(self, relation: Relation, column: Column) -> bool:
        """Whether what a view is made of reads a column that is not stored."""
        views = self.mirror.views_of(relation)
        return any(column.id in view.inputs(needed) for view in views for needed in view.needs())

    def _redefine(self, relation: Relation, column: Column) -> None:
        """The definition is a version, computing cells by it is the next."""
        if relation.state.columns[column.id] != column:
            self._put(relation, column)
            relation.state.columns = _in_order(relation.state.columns)
            self.mirror.record([relation])
        state = relation.state
        named = [column] if column.stored else [c for c in relation.computed() if _reads(relation, c, column)]
        for target in named:
            definition = relation.full_definition(target)
            rows = [row for row in state.rows if state.origins[row, target.id] != definition]
            self._touch(relation, rows, {target.id})

    # Indexes

    def add_index(self, place: int, column: int, near: bool) -> None:
        relation = self.relation(place)
        own = [c for c in relation.state.columns.values() if c.stored and (c.kind == "text" or not near)]
        name = next(f"i{number}" for number in count() if f"i{number}" not in relation.state.indexes)
        if not own:
            return
        chosen, kind = own[column % len(own)], "near" if near else "btree"
        if (kind, chosen.id) in relation.state.indexes.values():
            return
        if near:
            self.handle(relation).add_embedding_index(chosen.name, embedding=direction, idx_name=name)
        else:
            self.handle(relation).add_btree_index(chosen.name, idx_name=name)
        relation.state.indexes[name] = (kind, chosen.id)
        self.mirror.record([relation])

    def drop_index(self, place: int, index: int) -> None:
        relation = self.relation(place)
        names = list(relation.state.indexes)
        if names:
            name = names[index % len(names)]
            self.handle(relation).drop_index(idx_name=name)
            del relation.state.indexes[name]
            self.mirror.record([relation])

    # Views

    def create_view(self, place: int, kind: int, filtered: int, function: int, number: int) -> None:
        base = self.relation(place)
        name = next((name for name in VIEWS if name not in self.mirror.relations), None)
        texts = [column for column in base.visible() if column.kind == "text"]
        if name is None:
            return
        where = self.predicate(base, filtered, number)
        view = Relation(name, base, inherits=kind % 3 != 1, state=State(where))
        handle = self.handle(base)
        source: Any = handle if where is None else handle.where(self.expression(base, where))
        arguments: dict[str, Any] = {}
        names = (name for name in NAMES if name not in {column.name for column in base.visible()})
        if kind % 3 == 1:
            source = source.select(**self._items(view, base, function, number))
        elif kind % 3 == 2 and texts and "pos" not in {column.name for column in base.visible()}:
            chosen = texts[function % len(texts)]
            view.explode, arguments["iterator"] = chosen.id, words(handle[chosen.name])
            for made, type_ in (("pos", "int"), ("word", "text"), ("size", "int")):
                self._put(view, Column(next(self.mirror.ids), made, type_, role="made", required=made == "pos"))
        arguments["additional_columns"] = self._additional(view, base, function, number, names)
        self.handles[name] = pxt.create_view(f"{self.folder}/{name}", source, **arguments)
        self.mirror.relations[name] = view
        self.mirror.fill(view)
        self.mirror.record([view])

    def _items(self, view: Relation, base: Relation, function: int, number: int) -> dict[str, Any]:
        """Two columns as they are, and a computed one."""
        columns, items = base.visible(), dict[str, Any]()
        for label, column in (("p", columns[0]), ("q", columns[number % len(columns)])):
            same = Definition("same", column.id)
            alias = Column(next(self.mirror.ids), label, column.kind, same, stored=False, required=column.required)
            self._put(view, alias)
            items[label] = self.expression(base, same)
        definition = self.definition(base, function, number)
        if definition is not None:
            self._put(view, Column(next(self.mirror.ids), "r", self._kind(definition), definition))
            items["r"] = self.expression(base, definition)
        return items

    def _additional(self, view: Relation, base: Relation, function: int, number: int, names: Any) -> dict[str, Any]:
        """Columns that are set, and one that is computed from the base."""
        found: dict[str, Any] = {}
        for kind in ("int", "text"):
            for name in [next(names, None)]:
                if name is not None:
                    default = 3 if kind == "int" and number % 2 else None
                    self._put(view, Column(next(self.mirror.ids), name, kind, default=default))
                    found[name] = TYPES[kind] if default is None else {"type": TYPES[kind], "default": default}
        name, definition = next(names, None), self.definition(base, function + 1, number)
        if name is not None and definition is not None:
            self._put(view, Column(next(self.mirror.ids), name, self._kind(definition), definition))
            found[name] = self.expression(base, definition)
        return found

    def alter_view(self, place: int, filtered: int, number: int) -> None:
        views = [relation for relation in self.relations if relation.base is not None]
        if not views:
            return
        chosen = views[place % len(views)]
        assert chosen.base is not None
        where = self.predicate(chosen.base, filtered, number)
        before = len(chosen.versions)
        self.handle(chosen).alter_view(where=self.expression(chosen.base, where))
        if len(self.handle(chosen).get_versions()) > before:
            self.mirror.alter(chosen, where)

    def drop_view(self, place: int, force: bool) -> None:
        views = [relation for relation in self.relations if relation.base is not None]
        if not views:
            return
        chosen = views[place % len(views)]
        over, path = self.mirror.views_of(chosen), f"{self.folder}/{chosen.name}"
        if over and not force:
            self._refused(lambda: pxt.drop_table(path), "depend on it")
            return
        pxt.drop_table(path, force=force)
        for gone in [chosen, *over]:
            del self.mirror.relations[gone.name], self.handles[gone.name]

    # Versions

    def revert(self, place: int) -> None:
        relation = self.relation(place)
        refusal = self.mirror.refusal_of_revert(relation)
        if refusal is not None:
            self._refused(self.handle(relation).revert, refusal)
            return
        self.handle(relation).revert()
        self.mirror.revert(relation)

    def restore(self, place: int, version: int) -> None:
        relation = self.table(place)
        number = version % len(relation.versions)
        now, old = relation.state, deepcopy(relation.versions[number][1])
        handle, inputs = self.handle(relation), self._inputs_of_views(relation)
        if any(column in old.columns and relation.may_fail(column) for column in inputs):
            return  # whether cells failed alike, the mirror does not know
        if any(_differs(now.columns[column], old.columns.get(column)) for column in inputs):
            self._refused(lambda: handle.restore(number), "cannot be restored")
            return
        before = len(handle.get_versions())
        handle.restore(number)
        if len(handle.get_versions()) > before:
            relation.state = old
            self.mirror.data_op(relation, *_way_back(now, old, inputs))
            relation.notes[relation.newest] = f"restored from version {number}"
        else:
            assert old.columns == now.columns
            assert old.rows == now.rows

    def _inputs_of_views(self, relation: Relation) -> set[int]:
        """The columns of a table that its views are made of, also by way of columns that are not stored."""
        views = self.mirror.views_of(relation)
        used = {column for view in views for needed in view.needs() for column in view.inputs(needed)}
        return used & relation.state.columns.keys()

    def tag(self, place: int, version: int) -> None:
        relation, name = self.relation(place), "abc"[version % 3]
        number = relation.newest if relation.base is not None else version % len(relation.versions)
        call: Callable[[], None] = lambda: self.handle(relation).tag(name, version=number)  # noqa: E731
        if relation.base is not None:
            call = lambda: self.handle(relation).tag(name)  # noqa: E731
        if relation.tags.get(name, number) != number:
            with pytest.raises(pxt.AlreadyExistsError):
                call()
        else:
            call()
            relation.tags[name] = number

    def drop_tag(self, place: int, tag: int) -> None:
        relation, name = self.relation(place), "abc"[tag % 3]
        if name in relation.tags:
            self.handle(relation).drop_tag(name)
            del relation.tags[name]
        else:
            with pytest.raises(pxt.NotFoundError):
                self.handle(relation).drop_tag(name)

    def annotate(self, place: int, number: int) -> None:
        relation = self.relation(place)
        self.handle(relation).annotate(f"note {number}")
        relation.notes[relation.newest] = f"note {number}"


def _differs(now: Column, then: Column | None) -> bool:
    """Whether a view that is made of a column cannot be made of what it was."""
    return then is None or (not now.stored and now.definition != then.definition)


def _way_back(now: State, old: State, inputs: set[int]) -> list[Effect]:
    """What going back does to rows, as views see it."""
    stored = [column for column in inputs if old.columns[column].stored]
    alike: dict[frozenset[int], list[RowId]] = {}
    for row, cells in old.rows.items():
        if row in now.rows:
            touched = frozenset(column for column in stored if cells[column] != now.rows[row][column])
            alike.setdefault(touched, []).append(row)
    effects = [Effect(stayed=rows, touched=set(touched)) for touched, rows in alike.items() if touched]
    came = [row for row in old.rows if row not in now.rows]
    left = [row for row in now.rows if row not in old.rows]
    return [*effects, Effect(came=came, left=left)]


def _reads(relation: Relation, column: Column, unstored: Column) -> bool:
    assert column.definition is not None
    return unstored.id in relation.inputs(column.definition.column)


def _in_order(columns: dict[int, Column]) -> dict[int, Column]:
    """The columns in their order, but that each comes after those it is computed from."""
    waiting, placed = list(columns.values()), dict[int, Column]()
    while waiting:
        ids = {column.id for column in waiting}
        column = next(c for c in waiting if c.definition is None or c.definition.column not in ids)
        waiting.remove(column)
        placed[column.id] = column
    return placed
