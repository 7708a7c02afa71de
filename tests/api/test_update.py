import datetime
import uuid

import numpy as np
import pytest

import pixeltable as pxt
from pixeltable import RequestError
from tests.api.library import even_only, letters, twice
from tests.api.refusals import refused


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Rows 0 to 4; `b` = 2 a is in the first heap, `c` = b + 1 in a second one."""
    t = pxt.create_table(f"{ns}/t", {"id": pxt.Int, "a": pxt.Int | None, "s": pxt.String | None})
    t.add_computed_column(b=twice(t.a))
    t.insert([{"id": n, "a": n, "s": f"s{n}"} for n in range(5)])
    t.add_computed_column(c=t.b + 1)
    return t


def test_all_rows_without_where(t: pxt.Table) -> None:
    status = t.update({"a": 7})
    assert t.collect()["a"] == [7] * 5
    assert (status.num_rows, status.pxt_rows_updated) == (5, 5)


def test_where_chooses_the_rows(t: pxt.Table) -> None:
    t.update({"s": "x"}, where=t.a > 2)
    assert t.collect()["s"] == ["s0", "s1", "s2", "x", "x"]


def test_a_query_updates_what_it_keeps(t: pxt.Table) -> None:
    assert t.where(t.id == 1).update({"s": None}).num_rows == 1
    assert t.collect()["s"] == ["s0", None, "s2", "s3", "s4"]


def test_dependents_are_recomputed_along_the_chain(t: pxt.Table) -> None:
    status = t.update({"a": 10}, where=t.id == 1)
    assert t.where(t.id == 1).collect()[0] == {"id": 1, "a": 10, "s": "s1", "b": 20, "c": 21}
    assert status.updated_cols == ["t.a", "t.b", "t.c"]
    assert status.num_computed_values == 2


def test_without_cascade_dependents_stay(t: pxt.Table) -> None:
    t.update({"a": 10}, where=t.id == 1, cascade=False)
    assert t.where(t.id == 1).select(t.a, t.b, t.c).collect()[0] == {"a": 10, "b": 2, "c": 3}


def test_values_may_be_expressions_over_the_row(t: pxt.Table) -> None:
    t.update({"a": t.a + t.c, "s": t.s + "!"}, where=t.id < 2)
    assert t.select(t.a, t.s).limit(2).collect()["a"] == [1, 4]
    assert t.collect()["s"][:2] == ["s0!", "s1!"]


def test_values_may_be_functions(t: pxt.Table) -> None:
    t.update({"a": twice(t.id)})
    assert t.collect()["a"] == [0, 2, 4, 6, 8]


def test_columns_are_set_at_once(t: pxt.Table) -> None:
    t.update({"id": t.a + 100, "a": t.id}, where=t.id == 3)
    assert t.where(t.id == 103).collect()["a"] == [3]


def test_updated_rows_keep_their_place(t: pxt.Table) -> None:
    t.update({"a": 0}, where=t.id == 2)
    assert t.collect()["id"] == [0, 1, 2, 3, 4]


def test_where_may_run_in_python(t: pxt.Table) -> None:
    t.update({"s": "x"}, where=(twice(t.id) > 4) & (t.id < 4))
    assert t.where(t.s == "x").collect()["id"] == [3]


def test_null_in_where_counts_as_false(t: pxt.Table) -> None:
    t.update({"a": None}, where=t.id == 0)
    assert t.update({"s": "x"}, where=t.a >= 0).num_rows == 4


def test_where_may_use_an_unstored_column(t: pxt.Table) -> None:
    t.add_computed_column(u=t.id % 2, stored=False)
    t.update({"s": "odd"}, where=t.u == 1)
    assert t.where(t.s == "odd").collect()["id"] == [1, 3]


def test_an_update_of_no_row_makes_no_version(t: pxt.Table) -> None:
    before = t.get_metadata()["version"]
    assert t.update({"a": 1}, where=t.id == 99).num_rows == 0
    assert t.get_metadata()["version"] == before


def test_return_rows_answers_the_new_rows(t: pxt.Table) -> None:
    status = t.update({"a": 10}, where=t.id == 1, return_rows=True)
    assert status.rows == [{"id": 1, "a": 10, "s": "s1", "b": 20, "c": 21}]


VALUES = [
    (pxt.String, "ä"),
    (pxt.Int, -3),
    (pxt.Float, 1.5),
    (pxt.Bool, True),
    (pxt.Date, datetime.date(2024, 2, 29)),
    (pxt.Timestamp, datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)),
    (pxt.UUID, uuid.UUID(int=7)),
    (pxt.Json, {"k": [1, None, "x"]}),
    (pxt.Json, [1, 2]),
    (pxt.Json, "text"),
    (pxt.Binary, b"\0\xff"),
    (pxt.Array[(2,), pxt.Float], np.array([1, 2], dtype=np.float32)),
]


@pytest.mark.parametrize(("form", "value"), VALUES)
def test_a_cell_of_every_type_can_be_set_and_nulled(ns: str, form: object, value: object) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "v": form | None})
    t.insert([{"n": 1}])
    t.update({"v": value})
    np.testing.assert_equal(t.collect()["v"], [value])
    t.update({"v": None})
    assert t.collect()["v"] == [None]


@pytest.mark.parametrize(("form", "value"), VALUES)
def test_a_cell_of_every_type_can_be_copied(ns: str, form: object, value: object) -> None:
    t = pxt.create_table(f"{ns}/t", {"v": form, "w": form | None})
    t.insert([{"v": value}])
    t.update({"w": t.v})
    np.testing.assert_equal(t.collect()["w"], [value])


def test_a_list_converts_to_an_array(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"v": pxt.Array[(2,), pxt.Float]})
    t.insert([{"v": [0, 0]}])
    t.update({"v": [1, 2]})
    np.testing.assert_equal(t.collect()["v"][0], np.array([1, 2], dtype=np.float32))


def test_json_may_be_built_from_expressions(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "j": pxt.Json | None})
    t.insert(n=3)
    t.update({"j": {"n": t.n, "list": [t.n + 1, "x"]}})
    assert t.collect()["j"] == [{"n": 3, "list": [4, "x"]}]


def test_a_failing_value_changes_nothing(t: pxt.Table) -> None:
    message = refused(t, lambda: t.update({"a": even_only(t.id)}), RequestError, "INVALID_EXPRESSION")
    assert "1 is odd" in message


def test_a_failing_dependent_becomes_an_error_cell(t: pxt.Table) -> None:
    t.add_computed_column(e=even_only(t.id + t.id))
    status = t.update({"id": 1}, where=t.id == 2)
    assert status.num_excs == 0
    t.add_computed_column(f=even_only(t.a), on_error="ignore")
    assert t.update({"a": 5}, where=t.a == 4).cols_with_excs == ["t.f"]
    assert t.where(t.a == 5).select(t.f, t.f.errormsg).collect()[0] == {"f": None, "f_errormsg": "5 is odd"}


def test_an_update_that_mends_the_input_clears_the_error(t: pxt.Table) -> None:
    t.add_computed_column(f=even_only(t.a), on_error="ignore")
    t.update({"a": 6}, where=t.a == 3)
    assert t.where(t.a == 6).select(t.f, t.f.errortype).collect()[0] == {"f": 6, "f_errortype": None}


def test_an_unrelated_update_keeps_the_error(t: pxt.Table) -> None:
    t.add_computed_column(f=even_only(t.a), on_error="ignore")
    t.update({"s": "x"}, where=t.a == 3)
    assert t.where(t.a == 3).select(t.f.errormsg).collect()["f_errormsg"] == ["3 is odd"]


def test_where_may_ask_for_failed_cells(t: pxt.Table) -> None:
    t.add_computed_column(f=even_only(t.a), on_error="ignore")
    t.update({"s": "failed"}, where=(t.f.errortype == "ValueError") & (twice(t.id) > 2))
    assert t.where(t.s == "failed").collect()["id"] == [3]


def test_update_moves_the_row_in_the_embedding_index(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"s": pxt.String, "n": pxt.Int})
    t.insert([{"s": "a", "n": 1}, {"s": "b", "n": 2}])
    t.add_embedding_index("s", embedding=letters)
    t.update({"s": "c"}, where=t.n == 1)
    sim = t.s.similarity(string="c")
    assert t.order_by(sim, asc=False).limit(1).collect()["n"] == [1]
