import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from tests.api.library import even_only, first_letters, letters, or_zero, twice
from tests.api.refusals import refused

calls: list[int] = []


@pxt.udf
def thrice(n: int) -> int:
    calls.append(n)
    return 3 * n


@pxt.udf
def counted(n: int) -> int:
    calls.append(n)
    return n


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """`b` = 2 n and `other` are in the first heap, `c` = b + 1 in a second one, `late` in a third."""
    calls.clear()
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String})
    t.add_computed_column(b=twice(t.n))
    t.add_computed_column(other=counted(t.n))
    t.insert([{"n": n, "s": "abc"[n % 3]} for n in range(4)])
    t.add_computed_column(c=t.b + 1)
    t.add_computed_column(late=t.n * 100)
    calls.clear()
    return t


def stale(t: pxt.Table) -> dict[str, int]:
    return dict(zip(t.stale()["column"], t.stale()["cells"], strict=True))


def test_the_column_and_what_depends_on_it_are_computed_by_the_new_definition(t: pxt.Table) -> None:
    status = t.alter_computed_column(b=thrice(t.n))
    assert t.collect()[2] == {"n": 2, "s": "c", "b": 6, "other": 2, "c": 7, "late": 200}
    assert calls == [0, 1, 2, 3], "other columns are not computed"
    assert status.updated_cols == ["t.b", "t.c"]
    assert (status.num_rows, status.num_computed_values) == (4, 8)
    assert t.get_metadata()["columns"]["b"]["computed_with"] == "thrice(n)"
    assert stale(t) == {}


def test_rows_that_come_later_have_the_new_definition(t: pxt.Table) -> None:
    t.alter_computed_column(b=thrice(t.n))
    t.insert(n=5, s="a")
    t.update({"n": 6}, where=t.n == 0)
    assert t.select(t.b, t.c).collect()[4] == {"b": 15, "c": 16}
    assert t.collect()["b"][0] == 18
    assert stale(t) == {}


def test_without_cascade_dependents_stay(t: pxt.Table) -> None:
    t.alter_computed_column(b=thrice(t.n), cascade=False)
    assert t.collect()["b"] == [0, 3, 6, 9]
    assert t.collect()["c"] == [1, 3, 5, 7]


@pytest.mark.parametrize("name", ["b", "c", "late"])
def test_without_recompute_cells_stay_and_are_stale(t: pxt.Table, name: str) -> None:
    before = list(t.collect())
    t.alter_computed_column(**{name: t.n + 1000}, recompute=False)
    assert list(t.collect()) == before
    t.insert(n=9, s="a")
    assert stale(t) == {name: 4}
    assert t.stale()["functions"] == [["its definition"]]
    t.recompute_columns(stale_only=True)
    assert t.collect()[name] == [1000, 1001, 1002, 1003, 1009]
    assert stale(t) == {}


def test_another_argument_is_another_definition(t: pxt.Table) -> None:
    t.alter_computed_column(b=twice(t.n + 1), recompute=False)
    assert stale(t) == {"b": 4}
    assert t.alter_computed_column(b=twice(t.n + 1)).num_rows == 4
    assert t.collect()["b"] == [2, 4, 6, 8]


def test_the_same_call_again_computes_only_what_is_missing(t: pxt.Table) -> None:
    t.alter_computed_column(b=thrice(t.n), recompute=False)
    t.recompute_columns("b", where=t.n < 2)
    calls.clear()
    t.alter_computed_column(b=thrice(t.n))
    assert calls == [2, 3]
    versions = t.get_versions()
    assert t.alter_computed_column(b=thrice(t.n)).num_rows == 0
    assert t.get_versions() == versions


def test_revert_takes_back_the_cells_and_then_the_definition(t: pxt.Table) -> None:
    before = list(t.collect()), t.get_versions(), t.get_metadata()["columns"]
    t.alter_computed_column(b=thrice(t.n))
    t.revert()
    assert stale(t) == {"b": 4}
    t.revert()
    assert (list(t.collect()), t.get_versions(), t.get_metadata()["columns"]) == before
    assert stale(t) == {}


def test_a_cell_that_fails_is_null_with_an_error(t: pxt.Table) -> None:
    status = t.alter_computed_column(b=even_only(t.n))
    assert t.collect()["b"] == [0, None, 2, None]
    assert "t.b" in status.cols_with_excs
    assert t.where(t.b.errortype == "ValueError").collect()["n"] == [1, 3]


def test_a_definition_may_refer_to_later_columns(t: pxt.Table) -> None:
    t.alter_computed_column(b=t.late + 1)
    assert t.columns() == ["n", "s", "other", "late", "b", "c"]
    assert t.collect()["c"] == [2, 102, 202, 302]
    t.insert(n=5, s="a")
    t.update({"n": 7}, where=t.n == 0)
    assert t.collect()["c"] == [702, 102, 202, 302, 502]


def test_an_index_over_the_column_follows(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"s": pxt.String, "u": pxt.String})
    t.add_computed_column(v=t.s + "")
    t.insert([{"s": "a", "u": "b"}, {"s": "b", "u": "a"}])
    t.add_embedding_index("v", embedding=letters)
    t.add_btree_index("v")
    t.alter_computed_column(v=t.u + "")
    assert t.order_by(t.v.similarity(string="b"), asc=False).limit(1).collect()["v"] == ["b"]
    assert t.where(t.v == "b").collect()["s"] == ["a"]


def test_a_column_that_is_not_stored(t: pxt.Table) -> None:
    t.add_computed_column(u=t.n + 1, stored=False)
    t.add_computed_column(d=t.u * 2)
    t.alter_computed_column(u=t.n + 10, recompute=False)
    assert t.collect()["u"] == [10, 11, 12, 13]
    assert stale(t) == {"d": 4}
    t.alter_computed_column(u=t.n + 10)
    assert t.collect()["d"] == [20, 22, 24, 26]


def test_what_an_aborted_column_had_computed_from_an_unstored_one_is_forgotten(t: pxt.Table) -> None:
    t.add_computed_column(u=t.n * 1, stored=False)
    refused(t, lambda: t.add_computed_column(e=even_only(t.u)), RequestError, "INVALID_EXPRESSION")
    t.alter_computed_column(u=t.n * 2)
    t.add_computed_column(e=even_only(t.u))
    assert t.collect()["e"] == [0, 2, 4, 6]


def test_null_spreads_to_the_types_of_dependents(t: pxt.Table) -> None:
    t.add_column(k=pxt.Int | None)
    t.alter_computed_column(b=t.k + 1)
    types = {name: column["type_"] for name, column in t.get_metadata()["columns"].items()}
    assert (types["b"], types["c"]) == ("Int | None", "Int | None")
    assert t.collect()["c"] == [None] * 4
    t.alter_computed_column(b=or_zero(t.k))
    assert t.collect()["c"] == [1] * 4


def test_ints_go_into_a_float_column(t: pxt.Table) -> None:
    t.add_computed_column(f=t.n / 2)
    t.alter_computed_column(f=t.n * 2)
    assert [type(cell) for cell in t.collect()["f"]] == [float] * 4


def test_another_type_is_refused(t: pxt.Table) -> None:
    message = refused(t, lambda: t.alter_computed_column(b=t.s + "x"), RequestError, "TYPE_MISMATCH")
    assert "drop_column('b')" in message
    t.add_computed_column(v=letters(t.s))
    refused(t, lambda: t.alter_computed_column(v=first_letters(t.s)), RequestError, "TYPE_MISMATCH")


def test_a_cycle_is_refused(t: pxt.Table) -> None:
    refused(t, lambda: t.alter_computed_column(b=t.b + 1), RequestError, "INVALID_EXPRESSION")
    message = refused(t, lambda: t.alter_computed_column(b=t.c + 1), RequestError, "INVALID_EXPRESSION")
    assert "c, which depend on it" in message


def test_bad_calls_are_refused(t: pxt.Table, ns: str) -> None:
    other = pxt.create_table(f"{ns}/u", {"n": pxt.Int})
    refused(t, lambda: t.alter_computed_column(n=t.b), RequestError, "UNSUPPORTED_OPERATION")
    refused(t, lambda: t.alter_computed_column(x=t.b), NotFoundError, "COLUMN_NOT_FOUND")
    refused(t, lambda: t.alter_computed_column(b=other.n), RequestError, "INVALID_EXPRESSION")
    refused(t, t.alter_computed_column, RequestError, "INVALID_ARGUMENT")
    refused(t, lambda: t.alter_computed_column(b=pxt.functions.sum(t.n)), RequestError, "INVALID_EXPRESSION")
