import pytest

import pixeltable as pxt
from tests.api.library import even_only, letters, twice


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"id": pxt.Int, "a": pxt.Int | None})
    t.insert([{"id": n, "a": n if n else None} for n in range(5)])
    t.add_computed_column(b=twice(t.a))
    return t


def test_all_rows_without_where(t: pxt.Table) -> None:
    status = t.delete()
    assert (status.num_rows, status.row_count_stats.del_rows) == (5, 5)
    assert t.count() == 0


def test_where_chooses_the_rows(t: pxt.Table) -> None:
    assert t.delete(where=t.id > 2).num_rows == 2
    assert t.collect()["id"] == [0, 1, 2]


def test_a_query_deletes_what_it_keeps(t: pxt.Table) -> None:
    assert t.where(t.id == 1).delete().num_rows == 1
    assert t.collect()["id"] == [0, 2, 3, 4]


def test_null_in_where_counts_as_false(t: pxt.Table) -> None:
    t.delete(where=~(t.a == 1))
    assert t.collect()["id"] == [0, 1]


def test_where_may_run_in_python(t: pxt.Table) -> None:
    t.delete(where=twice(t.id) > 4)
    assert t.collect()["id"] == [0, 1, 2]


def test_where_may_use_a_computed_column(t: pxt.Table) -> None:
    t.delete(where=t.b == 4)
    assert t.collect()["id"] == [0, 1, 3, 4]


def test_where_may_ask_for_failed_cells(t: pxt.Table) -> None:
    t.add_computed_column(f=even_only(t.id), on_error="ignore")
    t.delete(where=(t.f.errortype != None) | (twice(t.id) == 4))  # noqa: E711  # null test
    assert t.collect()["id"] == [0, 4]


def test_a_condition_guards_those_after_it(t: pxt.Table) -> None:
    t.delete(where=(twice(t.id) % 4 == 0) & (even_only(t.id) > 0))
    assert t.collect()["id"] == [0, 1, 3]


def test_a_delete_of_no_row_makes_no_version(t: pxt.Table) -> None:
    before = t.get_metadata()["version"]
    assert t.delete(where=t.id == 99).num_rows == 0
    assert t.get_metadata()["version"] == before


def test_a_deleted_key_is_free_again(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"k": pxt.String}, primary_key="k")
    t.insert(k="x")
    t.delete()
    t.insert(k="x")
    assert t.count() == 1


def test_deleted_rows_leave_the_embedding_index(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"s": pxt.String})
    t.insert([{"s": "a"}, {"s": "ab"}, {"s": "b"}])
    t.add_embedding_index("s", embedding=letters)
    t.delete(where=t.s == "a")
    sim = t.s.similarity(string="a")
    assert t.order_by(sim, asc=False).limit(3).collect()["s"] == ["ab", "b"]


def test_rows_inserted_later_come_last(t: pxt.Table) -> None:
    t.delete(where=t.id < 3)
    t.insert(id=9)
    assert t.collect()["id"] == [3, 4, 9]
