import pytest

import pixeltable as pxt
from pixeltable import RequestError
from tests.api.library import even_only, letters, twice
from tests.api.refusals import refused


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Cells in three heaps: `n`, `s` and `b`; then `c`; then the vectors of `s`."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String | None})
    t.add_computed_column(b=twice(t.n))
    t.insert([{"n": n, "s": "abc"[n % 3]} for n in range(4)])
    t.add_computed_column(c=t.b + 1)
    t.add_embedding_index("s", embedding=letters)
    return t


OPERATIONS = {
    "insert": lambda t: t.insert([{"n": 10, "s": "c"}, {"n": 11}]),
    "insert with failed cells": lambda t: t.insert([{"n": 10, "s": "xyz"}], on_error="ignore"),
    "update": lambda t: t.update({"n": t.n + 5, "s": "b"}, where=t.n > 1),
    "update of one heap": lambda t: t.update({"s": None}),
    "update without cascade": lambda t: t.update({"n": 9}, cascade=False),
    "delete": lambda t: t.delete(where=t.n == 2),
    "delete of all": lambda t: t.delete(),
    "add column": lambda t: t.add_computed_column(x=t.c * t.n),
    "add failing column": lambda t: t.add_computed_column(x=even_only(t.n), on_error="ignore"),
    "add unstored column": lambda t: t.add_computed_column(x=t.c * t.n, stored=False),
    "replace column": lambda t: t.add_computed_column(c=t.n * 100, if_exists="replace"),
    "drop column": lambda t: t.drop_column("c"),
    "drop indexed column": lambda t: t.drop_column("s"),
    "add index": lambda t: t.add_embedding_index("s", embedding=letters, metric="l2"),
    "replace index": lambda t: t.add_embedding_index("s", embedding=letters, if_exists="replace"),
    "add plain column": lambda t: t.add_column(x=pxt.Int | None),
    "add column with default": lambda t: t.add_column(x={"type": pxt.Int, "default": 3}),
    "add several columns": lambda t: t.add_columns({"x": pxt.Int | None, "y": twice(t.n), "z": t.n + 1}),
    "replace by plain column": lambda t: t.add_column(c=pxt.String | None, if_exists="replace"),
    "rename column": lambda t: t.rename_column("n", "number"),
    "rename indexed column": lambda t: t.rename_column("s", "text"),
    "reject null": lambda t: t.alter_column("s", type_=pxt.String),
    "redefine column": lambda t: t.alter_computed_column(c=t.n * 100, recompute=False),
    "drop index": lambda t: t.drop_embedding_index(column="s"),
}


def state(t: pxt.Table) -> tuple[object, ...]:
    """What a user sees: rows, errors, ranking by the index, columns, history."""
    near = t.select(near=t.s.similarity(string="b", idx="idx0")).collect()
    return list(t.collect()), near["near"], t.columns(), list(t.get_metadata()["indexes"]), t.get_versions()


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_revert_takes_back_an_operation(t: pxt.Table, operation: object) -> None:
    before = state(t)
    operation(t)
    t.revert()
    assert state(t) == before


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_an_operation_is_one_version(t: pxt.Table, operation: object) -> None:
    before = t.get_versions()
    operation(t)
    versions = t.get_versions()
    assert versions[1:] == before
    assert versions[0]["version"] == before[0]["version"] + 1


@pytest.mark.parametrize("second", OPERATIONS.values(), ids=OPERATIONS.keys())
@pytest.mark.parametrize(
    "first",
    ["insert", "update", "delete", "drop column", "drop index", "add column", "add several columns", "rename column"],
)
def test_two_operations_are_taken_back_one_by_one(t: pxt.Table, first: str, second: object) -> None:
    before = state(t)
    OPERATIONS[first](t)
    between = t.get_versions()
    try:
        second(t)
    except pxt.Error:  # it needs what the first one dropped
        return
    if t.get_versions() == between:  # it found no row left to change
        return
    t.revert()
    assert t.get_versions() == between
    t.revert()
    assert state(t) == before


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_a_reverted_operation_can_be_done_again(t: pxt.Table, operation: object) -> None:
    operation(t)
    rows, columns = list(t.collect()), t.columns()
    t.revert()
    operation(t)
    assert (list(t.collect()), t.columns()) == (rows, columns)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_the_table_can_be_written_after_a_revert(t: pxt.Table, operation: object) -> None:
    operation(t)
    t.revert()
    t.insert(n=20, s="c")
    t.update({"s": "a"}, where=t.n == 20)
    assert t.where(t.n == 20).collect()[0] == {"n": 20, "s": "a", "b": 40, "c": 41}


def test_revert_down_to_version_0(t: pxt.Table) -> None:
    for _ in range(t.get_metadata()["version"]):
        t.revert()
    assert (t.count(), t.columns(), t.get_metadata()["version"]) == (0, ["n", "s"], 0)
    t.insert(n=1)
    assert list(t.collect()) == [{"n": 1, "s": None}]


def test_revert_at_version_0_is_refused(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"n": pxt.Int})
    refused(t, t.revert, RequestError, "INVALID_STATE")


def test_revert_frees_the_keys_of_an_insert(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"k": pxt.Int}, primary_key="k")
    t.insert(k=1)
    t.revert()
    t.insert(k=1)
    assert t.count() == 1


def test_revert_of_a_delete_takes_the_keys_back(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"k": pxt.Int}, primary_key="k")
    t.insert(k=1)
    t.delete()
    t.revert()
    refused(t, lambda: t.insert(k=1), RequestError, "CONSTRAINT_VIOLATION")


def test_a_handle_from_before_the_revert_goes_on(t: pxt.Table) -> None:
    again = pxt.get_table(t.get_metadata()["path"])
    t.add_computed_column(x=t.n)
    assert again.x is not None
    t.revert()
    assert "x" not in again.columns()
    with pytest.raises(pxt.NotFoundError):
        again.x  # noqa: B018  # read for its error


def test_versions_are_listed_newest_first(t: pxt.Table) -> None:
    assert [version["version"] for version in t.get_versions()] == [4, 3, 2, 1, 0]
    assert [version["version"] for version in t.get_versions(2)] == [4, 3]


def test_versions_say_what_was_done(t: pxt.Table) -> None:
    t.update({"s": "a"}, where=t.n < 2)
    t.delete(where=t.n == 3)
    keys = ("change_type", "inserts", "updates", "deletes")
    assert [tuple(version[key] for key in keys) for version in t.get_versions()] == [
        ("data", 0, 0, 1),
        ("data", 0, 2, 0),
        ("schema", 0, 0, 0),
        ("schema", 0, 4, 0),
        ("data", 4, 0, 0),
        ("schema", 0, 0, 0),
        ("schema", 0, 0, 0),
    ]


def test_a_schema_change_is_named(t: pxt.Table) -> None:
    t.drop_column("c")
    changes = [version["schema_change"] for version in t.get_versions()]
    assert changes == ["Deleted: c", "Added index: idx0", "Added: c", None, "Added: b", "Initial Version"]


def test_creation_times_never_go_back(t: pxt.Table) -> None:
    times = [version["created_at"] for version in t.get_versions()]
    assert times == sorted(times, reverse=True)
    assert all(time.tzinfo is not None for time in times)


def test_history_is_the_same_as_a_data_frame(t: pxt.Table) -> None:
    assert t.history(3).to_dict("records")[0]["version"] == 4
    assert len(t.history(3)) == 3
    assert list(t.history().columns) == list(t.get_versions()[0])


@pytest.mark.parametrize("n", [0, -1, "x", 1.5])
def test_a_number_of_versions_is_a_positive_int(t: pxt.Table, n: object) -> None:
    refused(t, lambda: t.get_versions(n), RequestError, "INVALID_ARGUMENT")
