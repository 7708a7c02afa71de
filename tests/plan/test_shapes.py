"""Queries that differ in constants alone share a plan, and answer as if each had been planned by itself."""

import datetime
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixeltable as pxt
from pixeltable.catalog.records import BtreeRecord, ColumnRecord, TableRecord
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.plan.planner import QueryPlan, plan_query
from pixeltable.plan.query import OrderItem, QuerySpec
from pixeltable.plan.scope import Pushdown
from pixeltable.plan.shapes import KnownPlans
from pixeltable.storage.heaps import Heap, HeapColumn
from pixeltable.types.column_type import FloatType, IntType, JsonType, StringType, TimestampType

TYPES = {"n": IntType(), "s": StringType(nullable=True), "x": FloatType(), "j": JsonType(), "at": TimestampType()}
COLUMNS = tuple(ColumnRecord(place, name, kind, heap=9) for place, (name, kind) in enumerate(TYPES.items(), start=1))
HEAP = Heap(9, tuple(HeapColumn(column.db_name, "text") for column in COLUMNS))
T = TableRecord(1, None, "t", "t", COLUMNS, (HEAP,))


@pxt.udf
def passes(n: int, least: int) -> bool:
    return n >= least


def col(name: str) -> ColumnRef:
    return T.ref(T.column(name))


def query(where: Expr, select: Expr | None = None) -> QuerySpec:
    return QuerySpec(T.id, (("found", col("n") if select is None else select),), where)


def plan_of(known: KnownPlans, spec: QuerySpec, table: TableRecord = T) -> QueryPlan | None:
    return known.plan(spec, table, pushdown=Pushdown())


def statement(plan: QueryPlan) -> tuple[str, list[object]]:
    """The text of a plan's statement with its parameters numbered, and their values."""
    names = re.findall(r"%\((\w+)\)s", plan.scan.sql)
    text = re.sub(r"%\(\w+\)s", "%s", plan.scan.sql)
    return text, [plan.scan.parameters[name] for name in names]


def is_text(value: str) -> bool:
    """Whether the database has the string."""
    return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


PREDICATES = [
    lambda n, _: col("n") == n,
    lambda n, s: (col("n") >= n) & (col("s") == s),
    lambda n, s: (col("s") != s) | ~(col("n") < n),
    lambda n, _: (col("n") + 1 > n) & (col("x") > n),
    lambda n, s: (col("j").k == n) & (col("s") > s),
]


@pytest.mark.parametrize("predicate", PREDICATES)
@given(
    numbers=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=2), texts=st.tuples(st.text(), st.text())
)
def test_a_plan_known_is_the_plan_made(predicate, numbers, texts) -> None:
    known = KnownPlans()
    for n, s in zip(numbers, texts, strict=True):
        spec = query(predicate(n, s))
        plan, made = plan_of(known, spec), plan_query(spec, T, pushdown=Pushdown())
        if plan is None:
            assert not is_text(s)
        else:
            assert statement(plan) == statement(made)
            assert str(plan.where) == str(made.where)


def test_constants_go_into_the_statement_that_is_known() -> None:
    known = KnownPlans()
    first, second = (plan_of(known, query(col("n") == n)) for n in (3, 4))
    assert first is not None
    assert second is not None
    assert first.scan.sql is second.scan.sql
    assert [statement(plan)[1] for plan in (first, second)] == [[3], [4]]


@pytest.mark.parametrize(
    "other",
    [
        query(col("n") > 3),
        query(col("n") == 3, col("s")),
        replace(query(col("n") == 3), limit=1),
        replace(query(col("n") == 3), order_by=(OrderItem(col("s")),)),
        replace(query(col("n") == 3), row_order="newest"),
        query(col("x") == 3),
    ],
)
def test_what_differs_in_more_has_a_plan_of_its_own(other: QuerySpec) -> None:
    known = KnownPlans()
    first, second = plan_of(known, query(col("n") == 3)), plan_of(known, other)
    assert first is not None
    assert second is not None
    assert statement(second) != statement(first)
    assert statement(second) == statement(plan_query(other, T, pushdown=Pushdown()))


def test_another_schema_has_plans_of_its_own() -> None:
    known, spec = KnownPlans(), query(col("n") == 3)
    moved = replace(T, schema_version=T.schema_version + 1, heaps=(replace(HEAP, id=10),))
    moved = replace(moved, columns=tuple(replace(column, heap=10) for column in COLUMNS))
    first, second = plan_of(known, spec), plan_of(known, spec, moved)
    assert first is not None
    assert second is not None
    assert "h10" in second.scan.sql
    assert "h10" not in first.scan.sql


def test_constants_that_the_plan_depends_on_stay_in_it() -> None:
    known = KnownPlans()
    too_large, udf = query(col("n") == 2**63), query(passes(col("n"), 3) & (col("n") > 1))
    for spec in (too_large, udf, query(passes(col("n"), 4) & (col("n") > 2))):
        plan, made = plan_of(known, spec), plan_query(spec, T, pushdown=Pushdown())
        assert plan is not None
        assert str(plan.where) == str(made.where) != "None"


def test_conditions_for_an_index_follow_the_constant() -> None:
    index = BtreeRecord(7, "idx", (col("s"),), 9)
    indexed, known = replace(T, btrees=(replace(index, status="ready"),)), KnownPlans()
    for text in ("a" * 5000, "b"):
        spec = query(col("s") == text)
        plan = plan_of(known, spec, indexed)
        assert plan is not None
        assert statement(plan) == statement(plan_query(spec, indexed, pushdown=Pushdown()))


def test_times_are_planned_by_themselves() -> None:
    at = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    assert plan_of(KnownPlans(), query(col("at") > at)) is None


@pxt.udf(is_deterministic=False)
def chance(n: int) -> int:
    return n


def test_calls_that_are_told_apart_are_planned_by_themselves() -> None:
    assert plan_of(KnownPlans(), query(col("n") == 3, chance(col("n")))) is None


def test_without_push_down_nothing_is_known() -> None:
    assert KnownPlans().plan(query(col("n") == 3), T, pushdown=None) is None
