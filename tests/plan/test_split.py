"""What of a query runs in SQL and what in Python: the clauses on the left, the plan on the right."""

from dataclasses import dataclass
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import ForeignColumn, TypeMismatch
from pixeltable.exprs.expr import Expr
from pixeltable.plan.planner import QueryPlan, plan_count, plan_query
from pixeltable.plan.query import OrderItem, QuerySpec
from pixeltable.plan.scope import Pushdown

SCHEMA = {
    "i": pxt.Int, "k": pxt.Int | None, "x": pxt.Float, "s": pxt.String | None, "b": pxt.Bool, "j": pxt.Json,
    "a": pxt.Array[(3,), pxt.Float], "raw": pxt.Binary, "ts": pxt.Timestamp,
}  # fmt: skip


@dataclass(frozen=True)
class Planned:
    """A table without rows, which plans are made for."""

    record: TableRecord
    names: dict[str, Any]

    def expr(self, source: str) -> Any:
        return eval(source, self.names)

    def spec(self, *, select: str = "i", where: str = "", order_by: str = "", **limits: int) -> QuerySpec:
        outputs = tuple((f"c{n}", self.expr(source)) for n, source in enumerate(select.split("; ")))
        keys = tuple(self.key(source) for source in order_by.split("; ") if source)
        return QuerySpec(self.record.id, outputs, self.expr(where) if where else None, keys, **limits)

    def key(self, source: str) -> OrderItem:
        return OrderItem(self.expr(source.removesuffix(" desc")), ascending=not source.endswith(" desc"))

    def plan(self, *, pushdown: bool = True, **clauses: Any) -> QueryPlan:
        return plan_query(self.spec(**clauses), self.record, pushdown=Pushdown() if pushdown else None)


@pytest.fixture
def planned(ns: str) -> Planned:
    t = pxt.create_table(f"{ns}/t", SCHEMA)
    return Planned(t._record, {"pxt": pxt, **{name: t[name] for name in SCHEMA}})  # noqa: SLF001  # what plans are made from


def shown(exprs: Any) -> str:
    return "; ".join(map(str, exprs))


SELECTS = """\
i                               | i
i + k * 2                       | i + k * 2
i + j.n                         | i; j.n
(i + 1) * j.n + (i + 1)         | i + 1; j.n
j[1].n; j['*'].n; j[::2]        | j[1].n; j[*].n; j[::2]
i; i + 1; i                     | i; i + 1
i ** 2                          | i
x % 2 + i % 2                   | x; i % 2
s + 'a'                         | s + 'a'
s * 2                           | s
s.upper() + s                   | s
s.len() + s.upper().len()       | len(s); s
s.replace('', 'x')              | s
a[0] + x                        | a; x
a; raw                          | a; raw
k == None                       | k == None
j == None                       | j == None
j == 'x'                        | j == 'x'
j == j.n                        | j == j.n
j == x                          | j; x
j.n.isin([1, 'a'])              | j.n.isin([1, 'a'])
i.isin([1, 2]); x.isin([1.0])   | i.isin([1, 2]); x
x > i; x > 2**70                | x > i; x
k.astype(pxt.Float)             | k.astype(Float)
ts > '2024-01-01'               | ts > datetime.datetime(2024, 1, 1, 0, 0)
"""


@pytest.mark.parametrize("line", SELECTS.splitlines())
def test_largest_parts_run_in_sql(line: str, planned: Planned) -> None:
    select, _, slots = line.partition("| ")
    assert shown(planned.plan(select=select.strip()).scan.slots) == slots


@pytest.mark.parametrize("line", SELECTS.splitlines())
def test_without_pushdown_only_cells_are_read(line: str, planned: Planned) -> None:
    slots = planned.plan(select=line.partition("| ")[0].strip(), pushdown=False).scan.slots
    assert all(str(slot) in SCHEMA for slot in slots)


WHERES = """\
i > 1                           | WHERE |
(i > 1) & (j.n > 2)             | WHERE |
(i > 1) & (i ** 2 > 2)          | WHERE | i ** 2 > 2
(i > 1) | (i ** 2 > 2)          |       | (i > 1) | (i ** 2 > 2)
(i ** 2 > 2) & b & (k ** 2 > 1) | WHERE | (i ** 2 > 2) & (k ** 2 > 1)
i ** 2 == 1                     |       | i ** 2 == 1
~b & (s.upper() == 'A')         | WHERE | upper(s) == 'A'
"""


@pytest.mark.parametrize("line", WHERES.splitlines())
def test_conjuncts_are_divided(line: str, planned: Planned) -> None:
    source, in_sql, in_python = (part.strip() for part in (line[:32], line[34:40], line[41:]))
    plan = planned.plan(where=source)
    assert ("WHERE" in plan.scan.sql) == (in_sql == "WHERE")
    assert shown([] if plan.where is None else [plan.where]) == in_python


@pytest.mark.parametrize(
    ("order_by", "in_sql"),
    [
        ("i", True),
        ("x desc; s", True),
        ("i + k", True),
        ("", True),
        ("j", True),
        ("i; j['*'].n", True),
        ("a", False),
        ("raw", False),
        ("i; j.n ** 2", False),
    ],
)
def test_one_key_for_python_leaves_all_to_python(order_by: str, in_sql: bool, planned: Planned) -> None:
    plan = planned.plan(order_by=order_by)
    kept = () if in_sql else planned.spec(order_by=order_by).order_by
    assert [(str(item.expr), item.ascending) for item in plan.order_by] == [(str(k.expr), k.ascending) for k in kept]


@pytest.mark.parametrize(
    ("where", "order_by", "in_sql"),
    [
        ("", "", True),
        ("i > 1", "i", True),
        ("j.n == 1", "", True),
        ("i ** 2 == 1", "", False),
        ("", "j.n", True),
        ("", "j.n ** 2", False),
        ("(i > 1) & (i ** 2 == 1)", "i", False),
    ],
)
def test_limit_is_in_sql_when_all_before_it_is(where: str, order_by: str, in_sql: bool, planned: Planned) -> None:
    plan = planned.plan(where=where, order_by=order_by, limit=5, offset=2)
    assert ("LIMIT" in plan.scan.sql, "OFFSET" in plan.scan.sql) == (in_sql, in_sql)
    assert (plan.limit, plan.offset) == ((None, None) if in_sql else (5, 2))


@pytest.mark.parametrize(
    ("where", "in_sql"),
    [("", True), ("i > 1", True), ("j.n == 1", True), ("i ** 2 == 1", False), ("(i > 1) & (i ** 2 == 1)", False)],
)
def test_counting(where: str, in_sql: bool, planned: Planned) -> None:
    scan = plan_count(planned.spec(where=where, limit=3, offset=1), planned.record, pushdown=Pushdown())
    assert (scan is not None) == in_sql
    assert scan is None or ("count(" in scan.sql and "LIMIT" in scan.sql)


ROWS = [{"i": n, "k": k, "x": x, "s": s} for n, (k, x, s) in enumerate(
    [(2, 0.5, "b"), (None, float("nan"), None), (1, -1.0, "a"), (2, float("inf"), "B"), (None, 0.5, "")]
)]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "ascending", "expected"),
    [
        ("k", True, [2, 0, 3, 1, 4]), ("k", False, [1, 4, 0, 3, 2]), ("x", True, [2, 0, 4, 3, 1]),
        ("x", False, [1, 3, 0, 4, 2]),
        ("s", True, [4, 3, 2, 0, 1]), ("s", False, [1, 0, 2, 3, 4]), ("kx", True, [2, 0, 3, 4, 1]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("setting", ["SQL", "Python"])
def test_order_of_nulls(keys: str, ascending: bool, expected: list[int], setting: str, ns: str) -> None:
    schema = {"i": pxt.Int, "k": pxt.Int | None, "x": pxt.Float, "s": pxt.String | None, "one": pxt.Json}
    t = pxt.create_table(f"{ns}/t", schema)
    t.insert({**row, "one": 1} for row in ROWS)
    exprs: list[Expr] = [t[key] for key in keys]
    if setting == "Python":
        exprs.append(t.one.nothing**2)
    assert t.order_by(*exprs, asc=ascending).select(t.i).collect()["i"] == expected


@pytest.mark.parametrize("where", ["i", "s", "i + 1", "1", "'a'"])
def test_a_filter_is_a_bool(where: str, planned: Planned) -> None:
    with pytest.raises(TypeMismatch, match="takes an expression of type `Bool`"):
        planned.plan(where=where)


def test_columns_of_another_table_are_refused(planned: Planned, ns: str) -> None:
    other = pxt.create_table(f"{ns}/other", {"z": pxt.Int})
    with pytest.raises(ForeignColumn, match="z"):
        plan_query(QuerySpec(planned.record.id, (("c", planned.expr("i") + other.z),)), planned.record, pushdown=None)
