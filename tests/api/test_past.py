"""Tables as they were: `at(version=)`, `at(time=)`, `get_table('t:3')`."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from pixeltable.api.fixed import CHANGING
from tests.api.library import even_only, letters, twice
from tests.api.refusals import refusal, refused


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Version 1: rows; 2: `c`; 3: an index on `s`; 4: `n` += 5 from 2 on; 5: no 0; 6: no `c`; 7: a row."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String | None}, comment="all there is")
    t.insert([{"n": n, "s": "abca"[n]} for n in range(4)])
    t.add_computed_column(c=twice(t.n))
    t.add_embedding_index("s", embedding=letters)
    t.update({"n": t.n + 5}, where=t.n > 1)
    t.delete(where=t.n == 0)
    t.drop_column("c")
    t.insert(n=20, s="b")
    return t


def rows(table: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.collect()]


CONTENTS = {
    0: [],
    1: [(0, "a"), (1, "b"), (2, "c"), (3, "a")],
    2: [(0, "a", 0), (1, "b", 2), (2, "c", 4), (3, "a", 6)],
    3: [(0, "a", 0), (1, "b", 2), (2, "c", 4), (3, "a", 6)],
    4: [(0, "a", 0), (1, "b", 2), (7, "c", 14), (8, "a", 16)],
    5: [(1, "b", 2), (7, "c", 14), (8, "a", 16)],
    6: [(1, "b"), (7, "c"), (8, "a")],
    7: [(1, "b"), (7, "c"), (8, "a"), (20, "b")],
}


@pytest.mark.parametrize("version", CONTENTS)
def test_a_version_has_the_rows_and_columns_of_then(t: pxt.Table, version: int) -> None:
    old = t.at(version=version)
    assert rows(old) == CONTENTS[version]
    assert old.columns() == (["n", "s", "c"] if 2 <= version <= 5 else ["n", "s"])
    assert old.count() == len(CONTENTS[version])


def test_a_version_stays_as_it_is_whatever_follows(t: pxt.Table) -> None:
    old = t.at(version=7)
    t.update({"s": "c"})
    t.delete()
    t.drop_column("s")
    assert rows(old) == CONTENTS[7]


def test_a_path_names_a_version(t: pxt.Table) -> None:
    path = t.get_metadata()["path"]
    old = pxt.get_table(f"{path}:4")
    assert rows(old) == CONTENTS[4]
    assert old == t.at(version=4) != t


def test_a_time_names_the_version_there_was(t: pxt.Table) -> None:
    times = {version["version"]: version["created_at"] for version in t.get_versions()}
    assert rows(t.at(time=times[4])) == CONTENTS[4]
    assert rows(t.at(time=times[5] - datetime.timedelta(microseconds=1))) == CONTENTS[4]
    assert rows(t.at(time=datetime.datetime.now() + datetime.timedelta(days=1))) == CONTENTS[7]  # noqa: DTZ005


def test_clauses_are_about_the_rows_of_then(t: pxt.Table) -> None:
    old = t.at(version=4)
    found = old.where(old.c > 2).order_by(old.s, old.n, asc=False).select(old.s, half=old.c / 4).collect()
    assert [tuple(row.values()) for row in found] == [("c", 3.5), ("a", 4.0)]
    grouped = old.group_by(old.s).select(old.s, total=pxt.functions.sum(old.n)).order_by(old.s).collect()
    assert [tuple(row.values()) for row in grouped] == [("a", 8), ("b", 1), ("c", 7)]
    assert old.head(1)["n"] == [0]
    assert old.tail(1)["n"] == [8]
    assert sorted(old.select(old.s).distinct().collect()["s"]) == ["a", "b", "c"]
    assert len(old.sample(n=2, seed=1).collect()) == 2


def test_a_cursor_reads_a_version(t: pxt.Table) -> None:
    with t.at(version=4).cursor() as cursor:
        assert [row["c"] for row in cursor] == [0, 2, 14, 16]


def test_columns_of_the_table_name_those_of_a_version(t: pxt.Table) -> None:
    assert rows(t.at(version=1).where(t.n == 3)) == [(3, "a")]


def test_a_version_is_joined_with_the_present(t: pxt.Table) -> None:
    old = t.at(version=1)
    found = t.join(old, on=t.s == old.s, how="left").where(old.n != t.n).select(now=t.n, then=old.n).collect()
    assert [tuple(row.values()) for row in found] == [(7, 2), (8, 0), (8, 3), (20, 1)]


def test_versions_are_joined_with_one_another(t: pxt.Table) -> None:
    one, four = t.at(version=1), t.at(version=4)
    found = four.join(one, on=one.s == four.s).where(one.n != four.n).select(four.c, one.n).collect()
    assert [tuple(row.values()) for row in found] == [(0, 3), (14, 2), (16, 0), (16, 3)]


def test_a_version_can_be_read_twice_under_an_alias(t: pxt.Table) -> None:
    old = t.at(version=4)
    other = old.alias("other")
    found = old.join(other, on=(old.n + 1) == other.n).select(old.n, other.c).collect()
    assert [tuple(row.values()) for row in found] == [(0, 2), (7, 16)]


def test_versions_are_united(t: pxt.Table) -> None:
    assert [row[0] for row in rows(t.at(version=1).union(t))] == [0, 1, 2, 3, 1, 7, 8, 20]


def test_the_values_of_a_version_are_looked_up_in(t: pxt.Table) -> None:
    old = t.at(version=1)
    assert rows(t.where(t.n.isin(old.select(old.n)))) == [(1, "b")]


def test_the_past_is_searched_by_similarity(t: pxt.Table) -> None:
    old = t.at(version=4)
    near = old.s.similarity(string="a")
    found = old.order_by(near, asc=False).limit(3).select(old.n, near=near).collect()
    assert (set(found["n"][:2]), found["n"][2]) == ({0, 8}, 1)
    assert found["near"] == pytest.approx([1, 1, 0])


def test_a_dropped_index_still_searches_the_versions_that_had_it(t: pxt.Table) -> None:
    t.drop_embedding_index(column="s")
    t.update({"s": "c"})
    old = t.at(version=7)
    assert set(old.order_by(old.s.similarity(string="b"), asc=False).limit(2).collect()["n"]) == {1, 20}
    before = t.at(version=2)
    refusal(
        lambda: before.order_by(before.s.similarity(string="b"), asc=False).collect(), NotFoundError, "INDEX_NOT_FOUND"
    )


def test_metadata_is_that_of_then(t: pxt.Table) -> None:
    old = t.at(version=4)
    metadata = old.get_metadata()
    assert (metadata["version"], list(metadata["columns"]), list(metadata["indexes"])) == (4, ["n", "s", "c"], ["idx0"])
    assert metadata["version_created"] == t.get_versions()[3]["created_at"]
    assert [version["version"] for version in old.get_versions()] == [4, 3, 2, 1, 0]
    assert "twice(n)" in repr(old)
    assert ":4'" in repr(old)
    assert "c" in dir(old)


def test_errors_are_those_of_then(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int})
    t.insert([{"n": n} for n in range(4)])
    t.add_computed_column(e=even_only(t.n), on_error="ignore")
    t.update({"n": 0})
    old = t.at(version=2)
    assert old.errors()["errormsg"] == ["1 is odd", "3 is odd"]
    assert old.where(old.e.errortype == "ValueError").collect()["n"] == [1, 3]
    assert len(t.errors()) == 0


def test_a_column_that_is_not_stored_is_computed_from_what_there_was(t: pxt.Table) -> None:
    t.add_computed_column(u=t.n + 100, stored=False)
    t.update({"n": 0})
    old = t.at(version=8)
    assert old.where(old.u > 101).collect()["u"] == [107, 108, 120]


def test_a_version_from_before_an_update_of_a_heap_that_had_none(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int})
    t.insert([{"n": n} for n in range(3)])
    t.add_computed_column(c=t.n + 1)
    old = t.at(version=2)
    assert old.collect()["c"] == [1, 2, 3]
    t.update({"n": 7})
    assert old.collect()["c"] == [1, 2, 3]


def test_a_column_called_as_the_method_is_reached(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"at": pxt.Int})
    t.insert(at=3)
    assert t.where(t.at == 3).count() == 1
    assert pxt.Table.at(t, version=1).collect()["at"] == [3]


@pytest.mark.parametrize("version", [8, 99, -1])
def test_a_version_there_is_not_is_refused_with_those_there_are(t: pxt.Table, version: int) -> None:
    message = refused(t, lambda: t.at(version=version), NotFoundError, "PATH_NOT_FOUND")
    assert "versions 0 to 7" in message


def test_a_time_before_the_table_is_refused(t: pxt.Table) -> None:
    refused(t, lambda: t.at(time=datetime.datetime(2001, 1, 1)), NotFoundError, "PATH_NOT_FOUND")  # noqa: DTZ001


def test_a_path_of_no_version_is_refused_or_ignored(t: pxt.Table) -> None:
    path = t.get_metadata()["path"]
    refusal(lambda: pxt.get_table(f"{path}:8"), NotFoundError, "PATH_NOT_FOUND")
    assert pxt.get_table(f"{path}:8", if_not_exists="ignore") is None
    refusal(lambda: pxt.get_table(f"{path}:"), RequestError, "INVALID_PATH")


NO_VERSIONS = [{}, {"version": 1, "time": 2}, {"version": 1.5}, {"version": True}, {"time": "x"}]


@pytest.mark.parametrize("arguments", NO_VERSIONS)
def test_at_takes_one_number_or_time(t: pxt.Table, arguments: dict[str, Any]) -> None:
    refused(t, lambda: t.at(**arguments), RequestError, "INVALID_ARGUMENT")


CALLS: dict[str, Callable[[Any], Any]] = {
    "insert": lambda old: old.insert(n=1),
    "update": lambda old: old.update({"n": 1}),
    "update of a query": lambda old: old.where(old.n > 1).update({"n": 1}),
    "delete": lambda old: old.delete(),
    "delete of a query": lambda old: old.where(old.n > 1).delete(),
    "recompute": lambda old: old.recompute_columns("c"),
    "recompute of a column": lambda old: old.c.recompute(),
    "add": lambda old: old.add_computed_column(x=old.n),
    "drop": lambda old: old.drop_column("c"),
    "index": lambda old: old.add_embedding_index("s", embedding=letters),
    "revert": lambda old: old.revert(),
    "drop table": pxt.drop_table,
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_version_is_not_changed(t: pxt.Table, call: Callable[[Any], Any]) -> None:
    message = refused(t, lambda: call(t.at(version=4)), RequestError, "UNSUPPORTED_OPERATION")
    assert "stays as it is" in message


def test_columns_of_the_past_say_nothing_of_the_present(t: pxt.Table) -> None:
    old = t.at(version=4)
    refused(t, lambda: t.update({"s": "x"}, where=old.n == 0), RequestError, "INVALID_EXPRESSION")
    refused(t, lambda: t.update({"s": old.s}), RequestError, "INVALID_EXPRESSION")
    refused(t, lambda: t.where(old.n == 0).collect(), RequestError, "INVALID_EXPRESSION")
    refused(t, lambda: t.add_computed_column(x=old.n + 1), RequestError, "INVALID_EXPRESSION")
    refused(t, lambda: t.update({"s": old.alias("a").s}), RequestError, "INVALID_EXPRESSION")


READING = {
    "alias", "at", "branch", "collect", "columns", "count", "cursor", "describe", "diff", "distinct", "drop_tag",
    "errors", "explain", "get_base_table", "get_metadata", "get_versions", "group_by", "head", "history", "join",
    "limit", "list_views", "order_by", "sample", "select", "show", "tag", "tags", "tail", "union", "where",
}  # fmt: skip


"""Of the table, that is; to tag a version is to say something of it."""


def test_each_method_of_a_table_is_known_to_read_or_to_change() -> None:
    public = {name for kind in pxt.View.__mro__ for name in vars(kind) if not name.startswith("_")}
    assert public == READING | set(CHANGING)


def test_a_version_that_was_taken_back_is_not_mistaken_for_its_successor(t: pxt.Table) -> None:
    old = t.at(version=7)
    assert old.count() == 4
    t.revert()
    t.insert(n=30)
    refusal(old.collect, NotFoundError, "PATH_NOT_FOUND")
    assert t.at(version=7).collect()["n"] == [1, 7, 8, 30]


def test_versions_before_a_revert_stay(t: pxt.Table) -> None:
    old = t.at(version=5)
    t.revert()
    t.revert()
    t.insert(n=30)
    assert rows(old) == CONTENTS[5]


def test_a_column_in_the_heap_of_an_empty_table_is_not_in_versions_before(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int})
    t.add_computed_column(c=t.n + 1)
    t.insert(n=1)
    assert [t.at(version=v).columns() for v in range(3)] == [["n"], ["n", "c"], ["n", "c"]]
    assert rows(t.at(version=2)) == [(1, 2)]


def test_recomputed_cells_are_those_of_the_version(t: pxt.Table) -> None:
    t.add_computed_column(d=t.n * 2)
    t.recompute_columns("d", where=t.n > 1)
    t.update({"n": 0}, cascade=False)
    assert [rows(t.at(version=v))[-1] for v in (8, 9, 10)] == [(20, "b", 40), (20, "b", 40), (0, "b", 40)]


def test_a_query_of_a_version_says_how_it_is_run(t: pxt.Table) -> None:
    old = t.at(version=4)
    assert "history" in old.where(old.c > 3).explain()


def test_a_query_of_a_version_is_shown_as_one(t: pxt.Table) -> None:
    old = t.at(version=4)
    path = t.get_metadata()["path"]
    assert f"From  {path}:4\n" in f"{old.select(old.n)!r}\n"
    other = old.alias("other")
    assert f"{path}:4 as other:4 on" in repr(t.join(other, on=t.n == other.n))


def test_queries_of_functions_read_versions(t: pxt.Table) -> None:
    old = t.at(version=4)

    @pxt.query
    def named(s: str) -> Any:
        return old.where(old.s == s).select(old.n)

    found = t.select(t.n, then=named(t.s)).collect()["then"]
    assert [[row["n"] for row in cell] for cell in found] == [[1], [7], [0, 8], [1]]
