from collections.abc import Iterator

import pydantic
import pytest

import pixeltable as pxt
from pixeltable import RequestError
from tests.api.library import even_only, twice
from tests.api.refusals import refused


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Required `a`, optional `s`, and `b` = 2 a."""
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int, "s": pxt.String | None})
    t.add_computed_column(b=twice(t.a))
    return t


def test_a_list_of_dicts(t: pxt.Table) -> None:
    t.insert([{"a": 1, "s": "x"}, {"a": 2, "s": None}])
    assert list(t.collect()) == [{"a": 1, "s": "x", "b": 2}, {"a": 2, "s": None, "b": 4}]


def test_one_row_as_keywords(t: pxt.Table) -> None:
    t.insert(a=1, s="x")
    assert list(t.collect()) == [{"a": 1, "s": "x", "b": 2}]


def test_a_generator(t: pxt.Table) -> None:
    t.insert({"a": n} for n in range(3))
    assert t.collect()["a"] == [0, 1, 2]


def test_a_tuple_of_rows(t: pxt.Table) -> None:
    t.insert(({"a": 1}, {"a": 2}))
    assert t.count() == 2


class Model(pydantic.BaseModel):
    a: int
    s: str | None = None


def test_pydantic_models(t: pxt.Table) -> None:
    t.insert([Model(a=1, s="x"), Model(a=2)])
    assert list(t.collect()) == [{"a": 1, "s": "x", "b": 2}, {"a": 2, "s": None, "b": 4}]


def test_a_pydantic_model_goes_into_a_json_cell(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"j": pxt.Json})
    t.insert([{"j": {"inner": Model(a=1)}}])
    assert t.collect()["j"] == [{"inner": {"a": 1, "s": None}}]


def test_rows_may_have_different_keys(t: pxt.Table) -> None:
    t.insert([{"a": 1}, {"s": "x", "a": 2}])
    assert t.collect()["s"] == [None, "x"]


def test_rows_keep_the_order_of_insertion(t: pxt.Table) -> None:
    t.insert([{"a": n} for n in (5, 3, 4)])
    t.insert(a=1)
    assert t.collect()["a"] == [5, 3, 4, 1]


def test_the_callers_rows_are_left_alone(t: pxt.Table) -> None:
    row = {"a": 1}
    t.insert([row], return_rows=True)
    assert row == {"a": 1}


def test_one_insert_is_one_version(t: pxt.Table) -> None:
    before = t.get_metadata()["version"]
    t.insert([{"a": n} for n in range(5000)])
    assert t.get_metadata()["version"] == before + 1


def test_the_status_counts_rows_and_computed_cells(t: pxt.Table) -> None:
    status = t.insert([{"a": 1}, {"a": 2}])
    assert (status.num_rows, status.row_count_stats.ins_rows, status.num_computed_values) == (2, 2, 2)
    assert (status.num_excs, status.cols_with_excs, status.rows) == (0, [], None)


def test_return_rows_answers_the_rows_as_stored(t: pxt.Table) -> None:
    assert t.insert([{"a": 1}], return_rows=True).rows == [{"a": 1, "s": None, "b": 2}]


def test_return_rows_converts_as_the_table_does(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"f": pxt.Float, "j": pxt.Json})
    rows = t.insert([{"f": 1, "j": (1, 2)}], return_rows=True).rows
    assert rows == list(t.collect()) == [{"f": 1.0, "j": [1, 2]}]
    assert type(rows[0]["f"]) is float


def test_a_failing_iterator_inserts_nothing(t: pxt.Table) -> None:
    def rows() -> Iterator[dict[str, int]]:
        yield {"a": 1}
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        t.insert(rows())
    assert t.count() == 0


def test_a_table_without_plain_columns_takes_empty_rows(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"z": twice(3)})
    t.insert([{}, {}])
    assert t.collect()["z"] == [6, 6]


def test_print_stats_prints_the_receipt(t: pxt.Table, capsys: pytest.CaptureFixture[str]) -> None:
    t.insert([{"a": 1}], print_stats=True)
    assert "1 row" in capsys.readouterr().out


# A function that raises


@pytest.fixture
def failing(ns: str) -> pxt.Table:
    """`e` fails for odd `n`, `f` depends on it, `g` does not."""
    t = pxt.create_table(f"{ns}/f", {"n": pxt.Int})
    t.add_computed_column(e=even_only(t.n))
    t.add_computed_column(f=t.e + 1)
    t.add_computed_column(g=t.n + 1)
    return t


def test_abort_inserts_nothing_and_names_row_and_column(failing: pxt.Table) -> None:
    message = refused(failing, lambda: failing.insert([{"n": 2}, {"n": 3}]), RequestError, "INVALID_EXPRESSION")
    assert "'e'" in message
    assert "row 1" in message
    assert "3 is odd" in message


def test_abort_carries_the_users_exception_as_cause(failing: pxt.Table) -> None:
    with pytest.raises(RequestError) as caught:
        failing.insert([{"n": 3}])
    assert isinstance(caught.value.__cause__, ValueError)


def test_ignore_keeps_the_row_with_a_null_cell(failing: pxt.Table) -> None:
    status = failing.insert([{"n": 2}, {"n": 3}], on_error="ignore")
    assert list(failing.collect()) == [{"n": 2, "e": 2, "f": 3, "g": 3}, {"n": 3, "e": None, "f": None, "g": 4}]
    assert (status.num_rows, status.num_excs, status.cols_with_excs) == (2, 2, ["f.e", "f.f"])


def test_ignore_says_why_the_cell_failed(failing: pxt.Table) -> None:
    failing.insert([{"n": 2}, {"n": 3}], on_error="ignore")
    found = failing.select(failing.e.errortype, failing.e.errormsg).collect()
    assert found["e_errortype"] == [None, "ValueError"]
    assert found["e_errormsg"] == [None, "3 is odd"]


def test_dependents_have_the_same_error(failing: pxt.Table) -> None:
    failing.insert([{"n": 3}], on_error="ignore")
    found = failing.select(type=failing.f.errortype, text=failing.f.errormsg).collect()
    assert found[0] == {"type": "ValueError", "text": "3 is odd"}


def test_cells_that_do_not_depend_on_it_have_no_error(failing: pxt.Table) -> None:
    failing.insert([{"n": 3}], on_error="ignore")
    assert failing.select(x=failing.g.errortype).collect()["x"] == [None]


def test_failed_cells_can_be_searched_for(failing: pxt.Table) -> None:
    failing.insert([{"n": n} for n in range(4)], on_error="ignore")
    assert failing.where(failing.e.errortype != None).collect()["n"] == [1, 3]  # noqa: E711  # null test


def test_the_history_counts_failed_cells(failing: pxt.Table) -> None:
    failing.insert([{"n": n} for n in range(4)], on_error="ignore")
    assert failing.get_versions(1)[0]["errors"] == 4


def test_return_rows_shows_failed_cells_as_null(failing: pxt.Table) -> None:
    status = failing.insert([{"n": 3}], on_error="ignore", return_rows=True)
    assert status.rows == [{"n": 3, "e": None, "f": None, "g": 4}]


def test_a_null_argument_is_no_error(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int | None})
    t.add_computed_column(e=even_only(t.n))
    t.insert(n=None)
    assert t.select(t.e, t.e.errortype).collect()[0] == {"e": None, "e_errortype": None}
