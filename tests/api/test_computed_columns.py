import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from pixeltable.exceptions import AlreadyExistsError
from tests.api.library import even_only, not_an_int, one_too_many, or_zero, twice, twice_in_batches, twice_later
from tests.api.refusals import refusal, refused


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """`n` from 0 to 4."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String | None})
    t.insert([{"n": n, "s": f"s{n}"} for n in range(5)])
    return t


def test_existing_rows_are_computed(t: pxt.Table) -> None:
    status = t.add_computed_column(m=t.n * 10)
    assert t.collect()["m"] == [0, 10, 20, 30, 40]
    assert (status.num_rows, status.num_computed_values, status.updated_cols) == (5, 5, ["t.m"])


def test_later_rows_are_computed(t: pxt.Table) -> None:
    t.add_computed_column(m=t.n * 10)
    t.insert(n=7)
    assert t.collect()["m"] == [0, 10, 20, 30, 40, 70]


@pytest.mark.parametrize("function", [twice, twice_in_batches, twice_later], ids=["plain", "batched", "async"])
def test_functions_of_every_kind(t: pxt.Table, function: pxt.Function) -> None:
    t.add_computed_column(m=function(t.n))
    t.insert([{"n": 5}, {"n": 6}, {"n": 7}])
    assert t.collect()["m"] == [0, 2, 4, 6, 8, 10, 12, 14]


def test_an_unstored_column_is_computed_when_it_is_read(t: pxt.Table) -> None:
    status = t.add_computed_column(m=twice(t.n), stored=False)
    t.insert(n=7)
    assert t.collect()["m"] == [0, 2, 4, 6, 8, 14]
    assert status.num_computed_values == 0
    assert t.get_metadata()["columns"]["m"]["is_stored"] is False


@pytest.mark.parametrize("stored", [True, False])
def test_columns_chain(t: pxt.Table, stored: bool) -> None:
    t.add_computed_column(a=twice(t.n), stored=stored)
    t.add_computed_column(b=t.a + 1)
    t.add_computed_column(c=t.b * t.a, stored=stored)
    t.insert(n=5)
    assert t.select(t.c).collect()["c"] == [0, 6, 20, 42, 72, 110]


def test_an_expression_over_json_and_text(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"j": pxt.Json})
    t.add_computed_column(x=t.j.a[1])
    t.add_computed_column(y={"found": t.x, "const": [1, None]})
    t.insert([{"j": {"a": [1, "x"]}}, {"j": 3}])
    assert t.collect()["x"] == ["x", None]
    assert t.collect()["y"] == [{"found": "x", "const": [1, None]}, {"found": None, "const": [1, None]}]


def test_a_constant(t: pxt.Table) -> None:
    t.add_computed_column(m="x")
    assert t.collect()["m"] == ["x"] * 5


def test_a_column_added_to_an_empty_table(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.add_computed_column(m=twice(t.n))
    t.insert(n=1)
    assert list(t.collect()) == [{"n": 1, "m": 2}]


def test_a_column_added_after_all_rows_were_deleted(t: pxt.Table) -> None:
    t.delete()
    t.add_computed_column(m=twice(t.n))
    t.insert(n=1)
    assert t.collect()["m"] == [2]


def test_adding_a_column_is_one_version(t: pxt.Table) -> None:
    before = t.get_metadata()["version"]
    t.add_computed_column(m=twice(t.n))
    assert t.get_metadata()["version"] == before + 1
    assert t.get_metadata()["columns"]["m"]["version_added"] == before + 1


def test_comment_and_custom_metadata_are_kept(t: pxt.Table) -> None:
    t.add_computed_column(m=t.n, comment="same", custom_metadata=[1])
    column = t.get_metadata()["columns"]["m"]
    assert (column["comment"], column["custom_metadata"]) == ("same", [1])


def test_an_existing_name_is_refused(t: pxt.Table) -> None:
    refused(t, lambda: t.add_computed_column(n=t.n), AlreadyExistsError, "COLUMN_ALREADY_EXISTS")
    refused(t, lambda: t.add_computed_column(N=t.n), AlreadyExistsError, "COLUMN_ALREADY_EXISTS")


def test_if_exists_ignore_keeps_the_column(t: pxt.Table) -> None:
    t.add_computed_column(m=t.n)
    before = t.get_metadata()["version"]
    t.add_computed_column(m=twice(t.n), if_exists="ignore")
    assert t.collect()["m"] == [0, 1, 2, 3, 4]
    assert t.get_metadata()["version"] == before


@pytest.mark.parametrize("stored", [True, False])
def test_if_exists_replace_computes_the_column_again(t: pxt.Table, stored: bool) -> None:
    t.add_computed_column(m=t.n)
    t.add_computed_column(m=twice(t.n), if_exists="replace", stored=stored)
    assert t.collect()["m"] == [0, 2, 4, 6, 8]


def test_if_exists_replace_refuses_a_column_others_depend_on(t: pxt.Table) -> None:
    t.add_computed_column(m=t.n)
    t.add_computed_column(o=t.m + 1)
    refused(t, lambda: t.add_computed_column(m=t.n, if_exists="replace"), RequestError, "CONSTRAINT_VIOLATION")


def test_if_exists_replace_by_a_failing_column_keeps_the_old_one(t: pxt.Table) -> None:
    t.add_computed_column(m=t.n)
    replace = lambda: t.add_computed_column(m=even_only(t.n), if_exists="replace")  # noqa: E731
    refused(t, replace, RequestError, "INVALID_EXPRESSION")


def test_if_exists_replace_may_use_the_column_it_replaces(t: pxt.Table) -> None:
    t.add_computed_column(m=t.n)
    replace = lambda: t.add_computed_column(m=t.m + 1, if_exists="replace")  # noqa: E731
    refused(t, replace, RequestError, "INVALID_EXPRESSION")


def test_abort_does_not_add_the_column(t: pxt.Table) -> None:
    message = refused(t, lambda: t.add_computed_column(m=even_only(t.n)), RequestError, "INVALID_EXPRESSION")
    assert "'m'" in message
    assert "1 is odd" in message


def test_an_aborted_column_can_be_added_with_another_definition(t: pxt.Table) -> None:
    refused(t, lambda: t.add_computed_column(m=even_only(t.n)), RequestError, "INVALID_EXPRESSION")
    t.add_computed_column(m=twice(t.n))
    assert t.collect()["m"] == [0, 2, 4, 6, 8]


def test_an_aborted_column_can_be_taken_up_after_the_rows_changed(t: pxt.Table) -> None:
    refused(t, lambda: t.add_computed_column(m=even_only(t.n)), RequestError, "INVALID_EXPRESSION")
    t.update({"n": t.n * 2})
    t.insert(n=100)
    t.add_computed_column(m=even_only(t.n))
    assert t.collect()["m"] == [0, 2, 4, 6, 8, 100]


def test_ignore_leaves_failed_cells_null(t: pxt.Table) -> None:
    status = t.add_computed_column(m=even_only(t.n), on_error="ignore")
    assert t.collect()["m"] == [0, None, 2, None, 4]
    assert (status.num_excs, status.cols_with_excs) == (2, ["t.m"])
    assert t.get_versions(1)[0]["errors"] == 2


def test_a_column_over_failed_cells_has_their_error(t: pxt.Table) -> None:
    t.add_computed_column(m=even_only(t.n), on_error="ignore")
    t.add_computed_column(o=or_zero(t.m), on_error="ignore")
    found = t.select(t.o, t.o.errormsg).limit(2).collect()
    assert list(found) == [{"o": 0, "o_errormsg": None}, {"o": None, "o_errormsg": "1 is odd"}]


@pytest.mark.parametrize("function", [not_an_int, one_too_many], ids=["wrong type", "wrong number"])
def test_a_function_that_breaks_its_word_fails_its_cells(t: pxt.Table, function: pxt.Function) -> None:
    refused(t, lambda: t.add_computed_column(m=function(t.n)), RequestError, "INVALID_EXPRESSION")
    t.add_computed_column(m=function(t.n), on_error="ignore")
    assert t.collect()["m"] == [None] * 5
    assert t.where(t.m.errortype != None).count() == 5  # noqa: E711  # null test


def test_an_unstored_column_that_fails_fails_the_query(t: pxt.Table) -> None:
    t.add_computed_column(m=even_only(t.n), stored=False)
    with pytest.raises(RequestError, match="1 is odd"):
        t.collect()
    assert t.where(t.n == 2).collect()["m"] == [2]


def test_an_unstored_column_has_no_error_to_ask_for(t: pxt.Table) -> None:
    t.add_computed_column(m=even_only(t.n), stored=False)
    refusal(lambda: t.select(t.m.errortype), RequestError, "UNSUPPORTED_OPERATION")
    refusal(lambda: t.delete(where=t.m.errortype == "x"), RequestError, "UNSUPPORTED_OPERATION")
    refusal(lambda: t.delete(where=t.m.similarity(vector=[1.0]) > 0), NotFoundError, "INDEX_NOT_FOUND")


def test_a_function_of_a_nullable_parameter_is_called_on_null(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int | None})
    t.add_computed_column(z=or_zero(t.n))
    t.add_computed_column(d=twice(t.n))
    t.insert([{"n": None}, {"n": 3}])
    assert list(t.collect()) == [{"n": None, "z": 0, "d": None}, {"n": 3, "z": 3, "d": 6}]


def test_drop_column_takes_a_name_or_a_reference(t: pxt.Table) -> None:
    t.add_computed_column(m=t.n)
    t.drop_column("m")
    t.drop_column(t.s)
    assert t.columns() == ["n"]
    assert t.collect()[0] == {"n": 0}


def test_drop_column_of_nothing(t: pxt.Table) -> None:
    refused(t, lambda: t.drop_column("x"), NotFoundError, "COLUMN_NOT_FOUND")
    before = t.get_versions()
    t.drop_column("x", if_not_exists="ignore")
    assert t.get_versions() == before


def test_a_dropped_name_can_be_used_again(t: pxt.Table) -> None:
    t.add_computed_column(m=t.n)
    t.drop_column("m")
    t.add_computed_column(m=t.s)
    assert t.collect()["m"] == ["s0", "s1", "s2", "s3", "s4"]


def test_rows_can_be_written_after_a_plain_required_column_was_dropped(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int, "b": pxt.Int})
    t.insert(a=1, b=1)
    t.drop_column("b")
    t.insert(a=2)
    assert list(t.collect()) == [{"a": 1}, {"a": 2}]


def test_a_key_may_be_computed(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"k": or_zero(3), "a": pxt.Int}, primary_key="k")
    t.insert(a=1)
    refused(t, lambda: t.insert(a=2), RequestError, "CONSTRAINT_VIOLATION")
    t.delete()
    refused(t, lambda: t.insert([{"a": 1}, {"a": 2}]), RequestError, "CONSTRAINT_VIOLATION")


DRAWN: list[int] = []


@pxt.udf(is_deterministic=False)
def drawn(n: int) -> int:
    DRAWN.append(n)
    return len(DRAWN)


def test_a_function_that_is_not_deterministic_is_called_as_often_as_it_is_written(ns: str) -> None:
    table = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    table.insert(n=1)
    DRAWN.clear()
    once = drawn(table.n)
    (row,) = table.select(a=once, b=drawn(table.n), c=once + 10).collect()
    assert row == {"a": 1, "b": 2, "c": 11}
