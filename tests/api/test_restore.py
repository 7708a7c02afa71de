"""Going back to a version by a new one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from pixeltable.session.restoring import lost_parts
from tests.api.library import letters
from tests.api.refusals import refused

CALLS: list[int] = []


@pxt.udf
def counted(n: int) -> int:
    CALLS.append(n)
    return 2 * n


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Version 1: rows; 2: `c`; 3: an index on `s`; 4: `n` += 5 from 2 on; 5: no 0; 6: no `c`; 7: a row more."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String | None})
    t.insert([{"n": n, "s": "abca"[n]} for n in range(4)])
    t.add_computed_column(c=counted(t.n))
    t.add_embedding_index("s", embedding=letters)
    t.update({"n": t.n + 5, "s": "c"}, where=t.n > 1)
    t.delete(where=t.n == 0)
    t.drop_column("c")
    t.insert(n=20, s="b")
    return t


def state(table: Any) -> tuple[Any, ...]:
    """Rows, columns, and the ranking by the index where there is one."""
    indexes = list(table.get_metadata()["indexes"])
    near = table.select(near=table.s.similarity(string="c")).collect()["near"] if indexes else None
    return list(table.collect()), table.columns(), indexes, near


@pytest.mark.parametrize("version", range(8))
def test_a_version_is_restored_whole(t: pxt.Table, version: int) -> None:
    wanted = state(t.at(version=version))
    t.restore(version)
    assert state(t) == wanted


@pytest.mark.parametrize("version", range(7))
def test_a_restoration_is_one_version_and_can_be_reverted(t: pxt.Table, version: int) -> None:
    before, versions = state(t), t.get_versions()
    t.restore(version)
    assert t.get_versions()[1:] == versions
    assert t.get_versions(1)[0]["note"] == f"restored from version {version}"
    t.revert()
    assert (state(t), t.get_versions()) == (before, versions)


@pytest.mark.parametrize("version", range(7))
def test_all_versions_stay_as_they_were(t: pxt.Table, version: int) -> None:
    before = [state(t.at(version=old)) for old in range(8)]
    t.restore(version)
    t.insert(n=40, s="a")
    t.restore(7)
    assert [state(t.at(version=old)) for old in range(8)] == before
    assert state(t) == before[7]


def test_nothing_is_computed_again(t: pxt.Table) -> None:
    CALLS.clear()
    status = t.restore(4)
    assert (CALLS, status.num_computed_values) == ([], 0)


def test_what_changed_is_counted(t: pxt.Table) -> None:
    stats = t.restore(1).row_count_stats
    assert (stats.ins_rows, stats.upd_rows, stats.del_rows) == (1, 2, 1)
    newest = t.get_versions(1)[0]
    assert (newest["inserts"], newest["updates"], newest["deletes"]) == (1, 2, 1)
    assert (newest["change_type"], newest["schema_change"]) == ("schema", "Restored: version 1")


def test_of_data_alone_it_is_a_data_change(t: pxt.Table) -> None:
    t.restore(6)
    assert t.get_versions(1)[0]["change_type"] == "data"


def test_where_nothing_differs_there_is_no_version(t: pxt.Table) -> None:
    versions = t.get_versions()
    assert t.restore(7).row_count_stats.num_rows == 0
    assert t.get_versions() == versions


def test_the_table_goes_on_from_there(t: pxt.Table) -> None:
    t.restore(3)
    t.insert(n=30, s="a")
    t.update({"n": 31}, where=t.n == 30)
    assert t.where(t.n == 31).collect()["c"] == [62]
    assert state(t.at(version=8)) == state(t.at(version=3))


def test_a_key_is_free_again(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"k": pxt.Int, "n": pxt.Int}, primary_key="k")
    t.insert(k=1, n=1)
    t.delete()
    t.insert(k=1, n=2)
    t.restore(1)
    assert list(t.collect()) == [{"k": 1, "n": 1}]
    refused(t, lambda: t.insert(k=1, n=3), RequestError, "CONSTRAINT_VIOLATION")


def test_b_trees_are_those_of_then(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int, "m": pxt.Int})
    t.add_btree_index("n", unique=True)
    t.insert([{"n": 1, "m": 7}, {"n": 2, "m": 7}])
    t.drop_index(column="n")
    t.update({"n": 1, "m": t.n})
    t.add_btree_index("m", unique=True, idx_name="m")
    t.restore(2)
    assert list(t.get_metadata()["indexes"]) == ["idx0"]
    refused(t, lambda: t.insert(n=1, m=0), RequestError, "CONSTRAINT_VIOLATION")
    t.insert(n=3, m=7)


def test_a_restoration_is_reverted_whatever_is_unique_before_or_after(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int, "m": pxt.Int})
    t.add_btree_index("n", unique=True)
    t.insert([{"n": 1, "m": 7}, {"n": 2, "m": 7}])
    t.drop_index(column="n")
    t.update({"n": 1, "m": t.n})
    t.add_btree_index("m", unique=True, idx_name="m")
    before = list(t.collect())
    t.restore(2)
    t.revert()
    assert list(t.collect()) == before
    refused(t, lambda: t.insert(n=1, m=2), RequestError, "CONSTRAINT_VIOLATION")


def test_an_index_that_both_have_goes_on(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int}, has_default_idxs=True)
    t.insert([{"n": n} for n in range(3)])
    t.delete(where=t.n == 1)
    t.restore(1)
    assert (t.where(t.n == 1).count(), list(t.get_metadata()["indexes"])) == (1, ["idx0"])


def test_a_tag_names_what_is_restored(t: pxt.Table) -> None:
    t.tag("good", version=5)
    t.restore("good")
    assert state(t) == state(t.at(version=5))


def test_before_columns_of_an_empty_table(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int})
    t.add_computed_column(c=t.n + 1)
    t.insert(n=1)
    t.restore(0)
    assert (t.columns(), t.count()) == (["n"], 0)
    t.insert(n=5)
    t.restore(2)
    assert list(t.collect()) == [{"n": 1, "c": 2}]


def test_cells_that_are_stored_in_another_way_are_told(t: pxt.Table) -> None:
    record = t._source.record  # noqa: SLF001  # what no call of users leads to yet
    (other,) = (heap for heap in record.heaps if len(heap.columns) == 2)
    wider = replace(other, columns=(replace(other.columns[0], sql_type="text"), other.columns[1]))
    assert lost_parts(replace(record, heaps=(wider,)), record) == ["n", "idx0"]
    assert lost_parts(record, record) == []


WRONG: dict[str, tuple[Callable[[pxt.Table], Any], type[pxt.Error], str]] = {
    "no such version": (lambda t: t.restore(9), NotFoundError, "PATH_NOT_FOUND"),
    "no such tag": (lambda t: t.restore("x"), NotFoundError, "PATH_NOT_FOUND"),
    "no number": (lambda t: t.restore(None), RequestError, "INVALID_ARGUMENT"),
}


@pytest.mark.parametrize(("call", "kind", "code"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_version_is_refused(t: pxt.Table, call: Any, kind: type[pxt.Error], code: str) -> None:
    refused(t, lambda: call(t), kind, code)
