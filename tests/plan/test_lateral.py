"""Which statement answers a query for many sets of arguments."""

from collections.abc import Callable
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable.api.query import clauses_of
from pixeltable.exprs.variable import Variable
from pixeltable.plan.lateral import Argument, LateralPlan, plan_lateral
from pixeltable.plan.scope import Pushdown
from pixeltable.session.current import current_session
from pixeltable.types.column_type import IntType, StringType
from tests.api.query_library import shout


@pytest.fixture
def plan(ns: str) -> Callable[..., LateralPlan | None]:
    """The plan of a query that a function makes of a table, a text and a number."""
    t = pxt.create_table(f"{ns}/t", {"s": pxt.String, "n": pxt.Int})

    def planned(body: Callable[..., pxt.Query], *, pushdown: bool = True) -> LateralPlan | None:
        name, spec = clauses_of(body(t, Variable("text", StringType()), Variable("k", IntType())))
        arguments = {"text": Argument(StringType(), ["a", "b", "c"]), "k": Argument(IntType(), [1, 2, 3])}
        record = current_session().table(spec.table, name)
        return plan_lateral(spec, record, arguments, [0, 2], pushdown=Pushdown() if pushdown else None)

    return planned


@pytest.mark.parametrize(
    "body",
    [
        lambda t, text, _: t.where(t.s == text).limit(3),
        lambda t, text, k: t.where((k + 1 == t.n * 2) & (t.s > text)).order_by(t.s).limit(3, 1),
        lambda t, text, _: t.where(t.s == text).select(shout(t.s)),
    ],
    ids=["look-up", "with another condition", "with a function"],
)
def test_a_look_up_is_a_join(plan: Any, body: Callable[..., pxt.Query]) -> None:
    found = plan(body)
    assert "LATERAL" not in found.scan.sql
    assert "row_number() OVER (PARTITION BY given.number" in found.scan.sql
    assert found.scan.parameters["given"] == [0, 2]


@pytest.mark.parametrize(
    "body",
    [
        lambda t, _, k: t.where(t.n > k).limit(3),
        lambda t, _, k: t.where(t.n == 3).limit(k),
        lambda t, text, k: t.where(t.s == text).limit(k),
        lambda t, text, k: t.where(t.s + text == text).order_by(t.n - k),
    ],
    ids=["range", "constant", "number of rows", "both on one side"],
)
def test_what_is_no_look_up_is_run_for_each_set(plan: Any, body: Callable[..., pxt.Query]) -> None:
    assert "LATERAL" in plan(body).scan.sql


@pytest.mark.parametrize(
    "body",
    [
        lambda t, text, _: t.where(shout(t.s) == text),
        lambda t, text, _: t.where(t.s == text).order_by(shout(t.s)),
        lambda t, text, _: t.where((t.s == text) & (shout(t.s) != "")).limit(1),
    ],
    ids=["filter", "order", "part of the filter"],
)
def test_what_python_has_to_filter_or_order_has_no_statement(plan: Any, body: Callable[..., pxt.Query]) -> None:
    assert plan(body) is None


def test_without_push_down_only_what_needs_neither_has_a_statement(plan: Any) -> None:
    assert plan(lambda t, text, _: t.where(t.s == text), pushdown=False) is None
    assert plan(lambda t, *_: t.limit(2), pushdown=False) is not None
