"""Random programs over two tables and their views: after each step all is as the mirror says, versions included."""

from collections import Counter
from collections.abc import Iterable
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import pixeltable as pxt
from tests.api.mirror import Column, Relation
from tests.api.mirror_schema_steps import FullProgram
from tests.api.mirror_steps import TEXTS, direction


def contents(rows: Iterable[Iterable[Any]]) -> Counter[tuple[Any, ...]]:
    return Counter(map(tuple, rows))


def check(program: FullProgram, number: int) -> None:
    """All relations are as their mirrors; some things are looked at in one relation alone, another one each time."""
    for relation in program.relations:
        check_relation(relation, program.handle(relation))
    chosen = program.relation(number)
    path = f"{program.folder}/{chosen.name}"
    check_relation(chosen, pxt.get_table(path))
    check_definitions(program, chosen)
    check_indexes(program, chosen, number)
    check_sql(chosen, path)
    table = program.table(number)
    check_version(program, table, number % len(table.versions))


def check_relation(relation: Relation, handle: pxt.Table) -> None:
    visible = [column.name for column in relation.visible()]
    assert handle.columns() == visible
    found = handle.collect()
    assert contents(zip(*(found[name] for name in visible), strict=True)) == contents(relation.read())
    versions = handle.get_versions()
    assert [version["version"] for version in versions] == list(range(relation.newest, -1, -1))
    assert sum(version["inserts"] - version["deletes"] for version in versions) == len(relation.state.rows)
    assert {v["version"]: v["note"] for v in versions if v["note"] is not None} == relation.notes
    assert handle.tags() == relation.tags


def check_definitions(program: FullProgram, relation: Relation) -> None:
    """What is shown of definitions goes by the names that columns have now."""
    metadata = program.handle(relation).get_metadata()
    names = {column.id: column.name for r in relation.lineage for column in r.state.columns.values()}
    for column in relation.visible():
        if column.definition is not None:
            shown = metadata["columns"][column.name]["computed_with"]
            assert names[column.definition.column] in shown, column
    if relation.where is not None:  # it is over what columns of the base stand for
        assert any(names[column] in metadata["view_filter"] for column in relation.inputs(relation.where.column))


def check_indexes(program: FullProgram, relation: Relation, number: int) -> None:
    handle = program.handle(relation)
    assert sorted(handle.get_metadata()["indexes"]) == sorted(relation.state.indexes)
    for name, (kind, column_id) in relation.state.indexes.items():
        column, rows = relation.state.columns[column_id], relation.state.rows
        values = [cells[column_id] for cells in rows.values() if cells[column_id] is not None]
        if kind == "near":
            check_nearest(handle, name, column, values, 1 + number % 4)
        elif column.kind == "int":
            found = handle.where(handle[column.name] < number).count()
            assert found == sum(value < number for value in values)
        else:
            text = TEXTS[1 + number % 5]
            assert handle.where(handle[column.name] == text).count() == values.count(text)


def check_nearest(handle: pxt.Table, name: str, column: Column, values: list[str], limit: int) -> None:
    """As many rows as there are, the nearest ones."""
    likeness = handle[column.name].similarity(string="ab", idx=name)
    query = handle.where(handle[column.name] != None).order_by(likeness, asc=False).limit(limit)  # noqa: E711
    found = query.select(text=handle[column.name]).collect()["text"]
    nearest = sorted((cosine(value, "ab") for value in values), reverse=True)[:limit]
    assert [cosine(text, "ab") for text in found] == pytest.approx(nearest, abs=2e-3)


def cosine(a: str, b: str) -> float:
    x, y = direction.body(a), direction.body(b)
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


def check_sql(relation: Relation, path: str) -> None:
    stored = [column for column in relation.visible() if column.stored]
    if stored:
        names = ", ".join(f'"{column.name}"' for column in stored)
        found = pxt.sql(f'select {names} from "{path}"')
        expected = [[relation.value(row, column.id) for column in stored] for row in relation.state.rows]
        assert contents(row.values() for row in found) == contents(expected)


def check_version(program: FullProgram, table: Relation, number: int) -> None:
    old = program.handle(table).at(version=number)
    mirror = Relation(table.name, state=table.versions[number][1])
    assert old.columns() == [column.name for column in mirror.visible()]
    found = old.collect()
    assert contents(zip(*(found[name] for name in old.columns()), strict=True)) == contents(mirror.read())
    check_sql(mirror, f"{program.folder}/{table.name}:{number}")


small = st.integers(0, 11)
writes = st.one_of(
    st.tuples(st.just("insert"), small, st.lists(st.integers(0, 40), min_size=1, max_size=3)),
    st.tuples(st.just("insert"), small, st.lists(st.integers(0, 40), min_size=1, max_size=3)),
    st.tuples(st.just("insert_key_again"), small),
    st.tuples(st.just("update"), small, small, small, small, small),
    st.tuples(st.just("update"), small, small, small, small, small),
    st.tuples(st.just("delete"), small, small, small),
    st.tuples(st.just("batch_update"), small, st.lists(st.integers(0, 40), min_size=1, max_size=3), st.booleans()),
    st.tuples(st.just("recompute"), small, small, small, small),
)
steps = st.one_of(
    writes,
    writes,
    st.tuples(st.just("together"), st.lists(writes, min_size=2, max_size=4)),
    st.tuples(st.just("add_plain"), small, small, small),
    st.tuples(st.just("add_computed"), small, small, small, st.booleans()),
    st.tuples(st.just("drop_column"), small, small),
    st.tuples(st.just("rename"), small, small),
    st.tuples(st.just("alter_computed"), small, small, small, small),
    st.tuples(st.just("add_index"), small, small, st.booleans()),
    st.tuples(st.just("drop_index"), small, small),
    st.tuples(st.just("create_view"), small, small, small, small, small),
    st.tuples(st.just("create_view"), small, small, small, small, small),
    st.tuples(st.just("alter_view"), small, small, small),
    st.tuples(st.just("alter_view"), small, small, small),
    st.tuples(st.just("drop_view"), small, st.booleans()),
    st.tuples(st.just("revert"), small),
    st.tuples(st.just("revert"), small),
    st.tuples(st.just("restore"), small, small),
    st.tuples(st.just("tag"), small, small),
    st.tuples(st.just("drop_tag"), small, small),
    st.tuples(st.just("annotate"), small, small),
)
folders = count()


def run(ns: str, steps: list[tuple[Any, ...]]) -> None:
    folder = f"{ns}/p{next(folders)}"
    pxt.create_dir(folder)
    program = FullProgram(folder)
    for number, (name, *arguments) in enumerate(steps):
        getattr(program, name)(*arguments)
        check(program, number)
    pxt.drop_dir(folder, force=True)


# Shrinking would take minutes: a program that fails is shown as it was found.
UNSHRUNK = settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@settings(UNSHRUNK, max_examples=20)
@given(program=st.lists(steps, min_size=8, max_size=16))
def test_tables_and_views_are_as_their_mirror(ns: str, program: list[tuple[Any, ...]]) -> None:
    run(ns, program)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(UNSHRUNK, max_examples=60)
@given(program=st.lists(steps, min_size=15, max_size=40))
def test_tables_and_views_are_as_their_mirror_after_long_programs(ns: str, program: list[tuple[Any, ...]]) -> None:
    run(ns, program)
