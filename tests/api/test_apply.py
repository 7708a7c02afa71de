"""`expr.apply(fn)`: a function without a declaration, in queries."""

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable import RequestError, Table
from pixeltable.exprs.expr import Expr


@pytest.fixture
def t(ns: str) -> Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int | None, "s": pxt.String, "j": pxt.Json})
    t.insert([{"n": 4, "s": "é", "j": {"a": [1, 2]}}, {"n": None, "s": "", "j": {}}])
    return t


def found(t: Table, expr: Expr) -> list[Any]:
    return t.select(x=expr).collect()["x"]


def half(number: int) -> float:
    return number / 2


def known(number: int | None) -> bool:
    return number is not None


async def slowly(number: int) -> int:
    return number + 1


def untyped(value):  # type: ignore[no-untyped-def]  # what is tested
    return value


def test_the_type_is_that_of_the_hint(t: Table) -> None:
    assert found(t, t.n.apply(half)) == [2.0, None]
    assert str(t.n.apply(half).col_type) == "Float | None"
    assert found(t, t.n.apply(slowly)) == [5, None]


def test_the_type_is_that_of_col_type(t: Table) -> None:
    assert found(t, t.s.apply(lambda s: s + "!", col_type=pxt.String)) == ["é!", "!"]
    assert found(t, t.s.apply(len, col_type=pxt.Int)) == [1, 0]
    assert found(t, t.n.apply(functools.partial(pow, 2), pxt.Int)) == [16, None]
    assert found(t, t.n.apply(math.sqrt, pxt.Float)) == [2.0, None]
    assert found(t, t.j.a.apply(lambda a: a[::-1], pxt.Json[[int]])[0]) == [2, None]


def test_null_is_passed_where_the_hint_allows_it(t: Table) -> None:
    assert found(t, t.n.apply(known)) == [True, False]


def test_it_filters_and_orders(t: Table) -> None:
    assert t.where(t.s.apply(lambda s: s == "", pxt.Bool)).count() == 1
    assert t.order_by(t.s.apply(lambda s: -len(s), pxt.Int)).collect()["s"] == ["é", ""]
    assert found(t, t.j.a.map(lambda x: x.apply(str, pxt.String))) == [["1", "2"], None]


def test_functions_that_do_different_things_are_told_apart(t: Table) -> None:
    plus = [lambda n, k=k: n + k for k in (1, 2)]
    row = t.select(*(t.n.apply(fn, pxt.Int) for fn in plus), a=t.n.apply(plus[0], pxt.Float)).collect()[0]
    assert list(row.values()) == [5, 6, 5.0]


def test_a_result_of_another_type_fails(t: Table) -> None:
    with pytest.raises(RequestError, match="does not fit its type Int"):
        found(t, t.s.apply(lambda s: s, pxt.Int))


def no_value() -> None: ...


REFUSED: list[tuple[Callable[[Table], Any], str]] = [
    (lambda t: t.s.apply(untyped), r"Give its type, apply\(fn, col_type=pxt.String\)"),
    (lambda t: t.s.apply(lambda s: s), "nothing says what the function returns"),
    (lambda t: t.s.apply(untyped, col_type=str), "Use `pxt.String` instead"),
    (lambda t: t.s.apply(no_value, pxt.Int), "called with one value"),
    (lambda t: t.s.apply(half), "takes `Int`"),
    (lambda t: t.s.apply("upper", pxt.String), "takes a function"),
    (lambda t: t.add_computed_column(c=t.n.apply(half)), "Declare it with @pxt.udf"),
    (lambda t: t.add_computed_column(c=t.n.apply(half), stored=False), "Declare it with @pxt.udf"),
    (lambda t: t.add_computed_column(c=t.j.a.map(lambda x: x.apply(half))), "Declare it with @pxt.udf"),
]


@pytest.mark.parametrize(("build", "reason"), REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_what_is_refused(t: Table, build: Callable[[Table], Any], reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        build(t)
    assert t.columns() == ["n", "s", "j"]


def test_a_new_table_is_refused_with_a_computed_column(ns: str) -> None:
    with pytest.raises(RequestError, match=r"Declare it with @pxt\.udf"):
        pxt.create_table(f"{ns}/new", {"n": pxt.Int, "c": pxt.functions.cast(1, pxt.Int).apply(half)})
    assert not pxt.list_tables(ns)
