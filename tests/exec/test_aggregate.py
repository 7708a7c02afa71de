"""How groups are formed and aggregators fed, over columns as the executor holds them."""

import dataclasses
from typing import Any

import pytest

from pixeltable.exceptions import InvalidExpression, Unsupported
from pixeltable.exec.aggregate import PART_ROWS, group_batch, rows_by_key
from pixeltable.exec.batch import Batch, Column
from pixeltable.exec.evaluate import column_of
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.func import Aggregator, uda
from pixeltable.plan.query import Grouping
from pixeltable.types.column_type import IntType, StringType
from pixeltable.udfs.aggregate import AggregateFunction
from tests.exec.columns import column, context

X, G, S = column("x", IntType(True)), column("g", IntType(True)), column("s", StringType())
NAN = float("nan")


def aggregated(node: Aggregate, function: Any, *, keys: tuple[Any, ...] = (), **columns: list[Any]) -> list[Any]:
    """The values of an aggregate in each group."""
    batch = Batch(len(next(iter(columns.values()))))
    for ref in (X, G, S):
        if ref.ref_name in columns:
            batch.put(ref, Column(columns[ref.ref_name]))
    within = context(function)
    grouped = group_batch(
        Grouping(keys, (node,)), batch, within, lambda expr, rows: column_of(expr, rows, within).values
    )
    found = grouped.get(node)
    assert found is not None
    return found.values


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([[1, 2, 1, None, None]], [[0, 2], [1], [3, 4]]),
        ([[0.0, -0.0, NAN, float("nan"), None]], [[0, 1], [2, 3], [4]]),
        ([[1, 1.0, True, False, 0]], [[0, 1], [2], [3], [4]]),
        ([[[1, {"a": 2}], [1, {"a": 2.0}], [], {}, [[]]]], [[0, 1], [2], [3], [4]]),
        ([["a", "a", "b", "b", "a"], [1, 2, 1, 1, 1]], [[0, 4], [1], [2, 3]]),
        ([], [[0, 1, 2, 3, 4]]),
    ],
)
def test_groups(keys: list[list[Any]], expected: list[list[int]]) -> None:
    assert list(map(list, rows_by_key(keys, 5))) == expected


class Kept(Aggregator):
    """Keeps what it saw in the list it was given."""

    def __init__(self, seen: list[int] = []) -> None:  # noqa: B006  # what is tested
        self.seen = seen

    def update(self, x: int, s: str = "") -> None:  # noqa: ARG002  # the order of parameters counts
        self.seen.append(x)

    def value(self) -> list[int]:
        return self.seen

    def merge(self, other: "Kept") -> None:
        self.seen += other.seen


def test_each_group_has_constants_of_its_own() -> None:
    kept = uda(Kept)
    node = kept(X, seen=[0])
    assert aggregated(node, kept, keys=(G,), x=[1, 2, 3], g=[1, 2, 1]) == [[0, 1, 3], [0, 2]]
    assert aggregated(node, kept, x=[1]) == [[0, 1]]  # nor did it change the expression


def test_nulls_are_left_out() -> None:
    kept = uda(Kept)
    assert aggregated(kept(X), kept, keys=(G,), x=[1, None, None], g=[1, 1, None]) == [[1], []]


def test_order_puts_nulls_last_and_keeps_the_order_of_equal_rows() -> None:
    kept = uda(Kept)
    assert aggregated(kept(X, order_by=G), kept, x=[1, 2, 3, 4], g=[None, 2, 1, 2]) == [[3, 2, 4, 1]]


@pytest.mark.parametrize("count", [0, 1, PART_ROWS, PART_ROWS + 1, 3 * PART_ROWS + 5])
def test_parts_are_merged_in_order(count: int) -> None:
    kept = uda(parallel="threads")(Kept)
    assert aggregated(kept(X), kept, x=list(range(count))) == [list(range(count))]


def test_arguments_are_passed_by_name_when_parameters_changed_places() -> None:
    class Before(Aggregator):
        def update(self, a: str, b: str) -> None: ...
        def value(self) -> str: ...  # type: ignore[empty-body]

    class After(Aggregator):
        def __init__(self) -> None:
            self.text = ""

        def update(self, b: str, a: str, c: str = "!") -> None:
            self.text += f"{a}{b}{c} "

        def value(self) -> str:
            return self.text

    call, live = uda(Before)(S, "1"), uda(After)
    renamed = dataclasses.replace(call, call_function=dataclasses.replace(call.call_function, path=live.spec.path))
    assert aggregated(renamed, live, s=["x", "y"]) == ["x1! y1! "]


class Broken(Aggregator):
    def __init__(self, where: str) -> None:
        self.where = where
        self.check("init")

    def check(self, where: str) -> None:
        if self.where == where:
            raise LookupError(where)

    def update(self, x: int) -> None:  # noqa: ARG002  # not looked at
        self.check("update")

    def value(self) -> int:
        self.check("value")
        return 0

    def merge(self, other: "Broken") -> None:  # noqa: ARG002  # not looked at
        self.check("merge")


@pytest.mark.parametrize("where", ["init", "update", "value", "merge"])
@pytest.mark.parametrize("parallel", [None, "threads"])
def test_an_exception_anywhere_is_one_of_the_query(where: str, parallel: Any) -> None:
    broken = uda(parallel=parallel)(Broken)
    rows = {"x": [1] * 3000, "g": [7] * 3000}
    if where == "merge" and parallel is None:
        assert aggregated(broken(X, where=where), broken, keys=(G,), **rows) == [0]
        return
    with pytest.raises(InvalidExpression) as caught:
        aggregated(broken(X, where=where), broken, keys=(G,), **rows)
    assert f"failed in the group g=7: LookupError: {where}" in caught.value.message
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_is_no_failure_of_a_group(error: type[BaseException]) -> None:
    class Ends(Aggregator):
        def update(self, x: int) -> None:  # noqa: ARG002  # not looked at
            raise error

        def value(self) -> int: ...  # type: ignore[empty-body]

    ends = uda(Ends)
    with pytest.raises(error):
        aggregated(ends(X), ends, x=[1])


def test_an_aggregate_is_no_value_of_a_row() -> None:
    kept: AggregateFunction = uda(Kept)
    batch = Batch(1)
    batch.put(X, Column([1]))
    with pytest.raises(Unsupported, match="over the rows of a query"):
        column_of(kept(X), batch, context(kept))
