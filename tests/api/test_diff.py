"""What differs between two versions."""

import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from tests.api.library import letters, twice
from tests.api.refusals import refused


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Version 1: rows 0 to 3; 2: `c`; 3: two of them updated; 4: one deleted; 5: one inserted."""
    t = pxt.create_table(f"{ns}/t", {"k": pxt.String, "n": pxt.Int, "s": pxt.String | None}, primary_key="k")
    t.insert([{"k": f"k{n}", "n": n, "s": "a"} for n in range(4)])
    t.add_computed_column(c=twice(t.n))
    t.update({"n": t.n + 5, "s": "a"}, where=t.n > 1)
    t.delete(where=t.k == "k0")
    t.insert(k="k9", n=9)
    return t


def rows(found: pxt.ResultSet) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in found]


def test_rows_that_came_went_and_changed(t: pxt.Table) -> None:
    found = t.diff(2)
    assert list(found.schema) == ["change", "k", "columns"]
    assert rows(found) == [
        ("deleted", "k0", []),
        ("updated", "k2", ["n", "c"]),
        ("updated", "k3", ["n", "c"]),
        ("inserted", "k9", []),
    ]
    assert found.schema_changes == []


def test_the_other_way_round(t: pxt.Table) -> None:
    assert [row[:2] for row in rows(t.diff(5, 3))] == [("inserted", "k0"), ("deleted", "k9")]


def test_versions_are_named_by_tags(t: pxt.Table) -> None:
    t.tag("before", version=2)
    t.tag("after", version=3)
    assert t.diff("before", "after") == t.diff(2, 3)


def test_a_version_is_compared_with_one_before_it(t: pxt.Table) -> None:
    assert t.at(version=3).diff(2) == t.diff(2, 3)


def test_nothing_differs_from_itself(t: pxt.Table) -> None:
    assert (len(t.diff(5)), t.diff(5).schema_changes) == (0, [])


def test_a_value_that_was_set_to_the_same_is_no_change(t: pxt.Table) -> None:
    t.update({"s": t.s})
    t.update({"n": t.n + 1}, where=t.k == "k1")
    t.update({"n": t.n - 1}, where=t.k == "k1")
    assert len(t.diff(5)) == 0


def test_null_differs_from_a_value(t: pxt.Table) -> None:
    t.update({"s": None}, where=t.k == "k1")
    assert rows(t.diff(5)) == [("updated", "k1", ["s"])]


def test_a_row_without_key_is_named_by_its_id(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int})
    t.insert([{"n": 1}, {"n": 2}])
    t.update({"n": 3}, where=t.n == 2)
    found = t.diff(1)
    assert (found["change"], found["columns"]) == (["updated"], [["n"]])
    assert list(found.schema) == ["change", "_rowid", "columns"]


def test_changes_of_the_schema_are_told(t: pxt.Table) -> None:
    t.add_embedding_index("s", embedding=letters)
    t.drop_column("c")
    found = t.diff(1)
    assert found.schema_changes == [
        {"change": "added", "kind": "index", "name": "idx0", "before": None, "after": "idx0: cosine, fp16, letters(s)"}
    ]
    (dropped, _) = t.diff(2).schema_changes
    assert (dropped["change"], dropped["name"], dropped["before"]) == ("dropped", "c", "c: Int = twice(n)")
    assert "'idx0' added" in repr(found)


def test_columns_that_one_version_lacks_are_not_compared(t: pxt.Table) -> None:
    assert rows(t.diff(1, 2)) == []
    assert [change["change"] for change in t.diff(1, 2).schema_changes] == ["added"]


def test_a_version_there_is_not_is_refused(t: pxt.Table) -> None:
    refused(t, lambda: t.diff(1, 17), NotFoundError, "PATH_NOT_FOUND")
    refused(t, lambda: t.diff("v1"), NotFoundError, "PATH_NOT_FOUND")
    refused(t, lambda: t.diff(1.5), RequestError, "INVALID_ARGUMENT")
