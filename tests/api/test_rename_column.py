import pytest

import pixeltable as pxt
from pixeltable import AlreadyExistsError, NotFoundError, RequestError
from tests.api.library import even_only, letters, twice
from tests.api.refusals import refusal, refused


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String | None})
    t.add_computed_column(double=twice(t.n))
    t.insert([{"n": n, "s": "abc"[n % 3]} for n in range(4)])
    t.add_computed_column(more=t.n + t.double)
    return t


def test_a_column_is_called_by_its_new_name(t: pxt.Table) -> None:
    t.rename_column("n", "number")
    assert t.columns() == ["number", "s", "double", "more"]
    assert t.collect()[1] == {"number": 1, "s": "b", "double": 2, "more": 3}
    t.insert(number=9)
    assert t.where(t.number == 9).collect()["more"] == [27]


def test_what_is_computed_from_it_shows_the_new_name(t: pxt.Table) -> None:
    t.rename_column("n", "number")
    t.rename_column(t.double, "pair")
    columns = t.get_metadata()["columns"]
    assert columns["more"]["computed_with"] == "number + pair"
    assert columns["pair"]["computed_with"] == "twice(number)"
    assert columns["more"]["depends_on"] == [[t.get_metadata()["path"], "number"], [t.get_metadata()["path"], "pair"]]


def test_expressions_made_before_go_on(t: pxt.Table) -> None:
    n, condition, query = t.n, t.n > 1, t.where(t.n == 2).select(t.double)
    t.rename_column("n", "number")
    t.rename_column("double", "pair")
    assert t.where(condition).select(n, n + 1).collect()["number"] == [2, 3]
    assert query.collect()["double"] == [4]  # the query was built with that name
    t.update({"s": "x"}, where=condition)
    assert t.order_by(n, asc=False).select(n, t.s).limit(1).collect()[0] == {"number": 3, "s": "x"}
    counted = t.group_by(n % 2).select(t.number % 2, total=pxt.functions.sum(n)).order_by(t.number % 2).collect()
    assert counted["total"] == [2, 4]
    u = t.alias("u")
    assert t.join(u, on=n == u.number).select(n, t.pair).collect()["pair"] == [0, 2, 4, 6]


def test_the_old_name_is_gone(t: pxt.Table) -> None:
    t.rename_column("n", "number")
    with pytest.raises(AttributeError):
        t.n  # noqa: B018  # looking it up is the test
    refusal(lambda: t["n"], NotFoundError, "COLUMN_NOT_FOUND")
    refused(t, lambda: t.insert(n=1), NotFoundError, "COLUMN_NOT_FOUND")
    assert "number" in refused(t, lambda: t.insert([{"s": "x"}]), RequestError, "MISSING_REQUIRED")
    t.add_column(n=pxt.Int | None)
    assert t.collect()["n"] == [None] * 4


def test_errors_name_the_new_column(t: pxt.Table) -> None:
    n = t.n
    t.rename_column("n", "number")
    assert "'number'" in refused(t, lambda: t.drop_column(n), RequestError, "CONSTRAINT_VIOLATION")
    t.add_computed_column(bad=even_only(n), on_error="ignore")
    t.rename_column("bad", "odd")
    assert set(t.errors()["column"]) == {"odd"}
    assert t.where(t.odd.errortype != None).count() == 2  # noqa: E711  # builds a node


def test_indexes_follow(t: pxt.Table) -> None:
    t.add_embedding_index("s", embedding=letters)
    t.add_btree_index("n")
    t.rename_column("s", "text")
    t.rename_column("n", "number")
    t.insert(number=10, text="bbb")
    assert t.order_by(t.text.similarity(string="b"), asc=False).limit(1).collect()["number"] == [1]
    assert {index["columns"][0] for index in t.get_metadata()["indexes"].values()} == {"text", "number"}
    assert t.where(t.number == 10).collect()["text"] == ["bbb"]


def test_a_name_may_change_its_case(t: pxt.Table) -> None:
    t.rename_column("n", "N")
    assert t.columns()[0] == "N"


def test_revert_brings_the_old_name_back(t: pxt.Table) -> None:
    before = list(t.collect()), t.columns(), t.get_versions(), t.get_metadata()["columns"]
    t.rename_column("n", "number")
    versions = t.get_versions()
    assert versions[0]["change_type"] == "schema"
    t.insert(number=7)
    t.revert()
    assert t.get_versions() == versions
    t.revert()
    assert (list(t.collect()), t.columns(), t.get_versions(), t.get_metadata()["columns"]) == before


def test_a_key_can_be_renamed(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"id": pxt.Int}, primary_key="id")
    t.rename_column("id", "key")
    t.insert(key=1)
    assert "key=1" in refused(t, lambda: t.insert([{"key": 1}]), RequestError, "CONSTRAINT_VIOLATION").replace(
        "(key)=(1)", "key=1"
    )
    assert t.get_metadata()["primary_key"] == ["key"]


def test_work_of_an_aborted_column_is_kept_over_a_rename(t: pxt.Table) -> None:
    refused(t, lambda: t.add_computed_column(e=even_only(t.n)), RequestError, "INVALID_EXPRESSION")
    t.rename_column("n", "number")
    t.delete(where=t.number % 2 == 1)
    status = t.add_computed_column(e=even_only(t.number))
    assert t.collect()["e"] == [0, 2]
    assert status.num_computed_values <= 1


@pytest.mark.parametrize(
    ("old", "new", "kind", "code"),
    [
        ("x", "y", NotFoundError, "COLUMN_NOT_FOUND"),
        ("n", "s", AlreadyExistsError, "COLUMN_ALREADY_EXISTS"),
        ("n", "S", AlreadyExistsError, "COLUMN_ALREADY_EXISTS"),
        ("n", "n", AlreadyExistsError, "COLUMN_ALREADY_EXISTS"),
        ("n", "_n", RequestError, "INVALID_COLUMN_NAME"),
        ("n", "select", RequestError, "INVALID_COLUMN_NAME"),
        ("n", "class", RequestError, "INVALID_COLUMN_NAME"),
        ("n", None, RequestError, "INVALID_COLUMN_NAME"),
        (1, "m", RequestError, "INVALID_ARGUMENT"),
    ],
)
def test_bad_names_are_refused(t: pxt.Table, old: str, new: str, kind: type[pxt.Error], code: str) -> None:
    refused(t, lambda: t.rename_column(old, new), kind, code)


def test_a_column_of_another_table_is_refused(t: pxt.Table, ns: str) -> None:
    other = pxt.create_table(f"{ns}/u", {"n": pxt.Int})
    refused(t, lambda: t.rename_column(other.n, "m"), RequestError, "INVALID_EXPRESSION")
