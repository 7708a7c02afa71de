"""Queries made by chance answer what SQLite answers: filters, joins, groups, windows, orders, limits, with nulls."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st

import pixeltable as pxt
import pixeltable.functions as pxtf
from tests.engines import examples

COLUMNS = {"a": pxt.Int | None, "b": pxt.Int, "s": pxt.String | None, "x": pxt.Float | None}
NUMBERS, ALL = ("a", "b", "x"), tuple(COLUMNS)
AGGREGATES = {"count": "count", "sum": "sum", "min": "min", "max": "max", "mean": "avg"}
WINDOWS = {"row_number": "row_number()", "rank": "rank()", "dense_rank": "dense_rank()"}
QUERIES = 120

cells = {
    "a": st.none() | st.integers(-3, 3),
    "b": st.integers(0, 4),
    "s": st.none() | st.sampled_from(["", "a", "B", "b", "ä", "\U0001f600"]),
    "x": st.none() | st.integers(-8, 8).map(lambda n: n / 4),  # sums of these are exact
}
constants = {"a": st.integers(-3, 3), "b": st.integers(0, 4), "s": st.sampled_from(["", "a", "b"]), "x": cells["x"]}


@dataclass(frozen=True)
class Term:
    """An expression in both languages."""

    build: Callable[[pxt.Table], Any]
    sql: str


@dataclass(frozen=True)
class Asked:
    """A query in both languages; whether the order of its rows is fixed, and not only their number."""

    build: Callable[[pxt.Table, pxt.Table], pxt.Query]
    sql: str
    ordered: bool = True


def column(name: str) -> Term:
    return Term(lambda t: t[name], name)


@st.composite
def comparisons(draw: st.DrawFn) -> Term:
    name, op = draw(st.sampled_from(ALL)), draw(st.sampled_from(["<", "<=", "==", "!=", ">", ">="]))
    value = draw(constants[name].filter(lambda found: found is not None))
    written = f"'{value}'" if isinstance(value, str) else repr(value)
    return Term(lambda t: eval(f"t[{name!r}] {op} {value!r}", {"t": t}), f"{name} {op} {written}")


@st.composite
def atoms(draw: st.DrawFn) -> Term:
    kind = draw(st.sampled_from(["compare", "null", "in", "columns"]))
    if kind == "compare":
        return draw(comparisons())
    if kind == "null":
        name = draw(st.sampled_from(ALL))
        return Term(lambda t: t[name] == None, f"{name} IS NULL")  # noqa: E711  # builds an expression
    if kind == "in":
        chosen = draw(st.lists(st.integers(-3, 3), min_size=1, max_size=3))
        return Term(lambda t: t.a.isin(chosen), f"a IN ({', '.join(map(str, chosen))})")
    return Term(lambda t: t.a + t.b > t.x * 2, "a + b > x * 2")


def both(pair: tuple[Term, Term]) -> Term:
    left, right = pair
    return Term(lambda t: left.build(t) & right.build(t), f"({left.sql} AND {right.sql})")


def either(pair: tuple[Term, Term]) -> Term:
    left, right = pair
    return Term(lambda t: left.build(t) | right.build(t), f"({left.sql} OR {right.sql})")


def negated(term: Term) -> Term:
    return Term(lambda t: ~term.build(t), f"(NOT {term.sql})")


predicates = st.recursive(
    atoms(),
    lambda inner: st.tuples(inner, inner).map(both) | st.tuples(inner, inner).map(either) | inner.map(negated),
    max_leaves=4,
)
orders = st.lists(st.tuples(st.sampled_from(ALL), st.booleans()), max_size=3)
limits = st.none() | st.tuples(st.integers(0, 12), st.integers(0, 5))


def order_sql(keys: list[tuple[str, bool]], *last: str) -> str:
    """Null is greater than all; the order of insertion decides between equal rows."""
    parts = [f"{name} {'ASC NULLS LAST' if ascending else 'DESC NULLS FIRST'}" for name, ascending in keys]
    return ", ".join([*parts, *last])


def ordered(query: pxt.Query, terms: Callable[[str], Any], keys: list[tuple[str, bool]]) -> pxt.Query:
    for name, ascending in keys:
        query = query.order_by(terms(name), asc=ascending)
    return query


def cut(query: pxt.Query, limit: tuple[int, int] | None) -> pxt.Query:
    return query if limit is None else query.limit(limit[0], offset=limit[1])


def limit_sql(limit: tuple[int, int] | None) -> str:
    return "" if limit is None else f" LIMIT {limit[0]} OFFSET {limit[1]}"


@st.composite
def selections(draw: st.DrawFn) -> Asked:
    where, keys, limit = draw(predicates), draw(orders), draw(limits)
    return Asked(
        lambda t, _: cut(
            ordered(t.where(where.build(t)).select(t.b, t.a, t.s, y=t.a * 2 + t.b), lambda name: t[name], keys), limit
        ),
        f"SELECT b, a, s, a * 2 + b FROM t WHERE {where.sql} ORDER BY {order_sql(keys, 'row')}{limit_sql(limit)}",
    )


@st.composite
def groupings(draw: st.DrawFn) -> Asked:
    where, keys = draw(predicates), draw(st.lists(st.sampled_from(ALL), min_size=1, max_size=2, unique=True))
    chosen = draw(st.lists(st.tuples(st.sampled_from([*AGGREGATES]), st.sampled_from(NUMBERS)), min_size=1, max_size=3))
    least, limit = draw(st.integers(0, 3)), draw(limits)

    def build(t: pxt.Table, _: pxt.Table) -> pxt.Query:
        named = {f"v{n}": getattr(pxtf, function)(t[name]) for n, (function, name) in enumerate(chosen)}
        query = t.where(where.build(t)).group_by(*(t[key] for key in keys)).having(pxtf.count(t.b) > least)
        return cut(query.select(*(t[key] for key in keys), **named), limit)

    values = ", ".join(f"{AGGREGATES[function]}({name})" for function, name in chosen)
    listed = ", ".join(keys)
    return Asked(
        build,
        f"SELECT {listed}, {values} FROM t WHERE {where.sql} GROUP BY {listed} HAVING count(b) > {least} "
        f"ORDER BY min(row){limit_sql(limit)}",
    )


@st.composite
def joins(draw: st.DrawFn) -> Asked:
    how, key = draw(st.sampled_from(["inner", "left", "right", "full_outer"])), draw(st.sampled_from(["a", "b", "s"]))
    where = draw(predicates)
    sql = {"inner": "JOIN", "left": "LEFT JOIN", "right": "RIGHT JOIN", "full_outer": "FULL JOIN"}[how]
    return Asked(
        lambda t, u: t.join(u, on=t[key] == u[key], how=how).where(where.build(t)).select(t.a, t.b, u.x, u.s),
        f"SELECT t.a, t.b, u.x, u.s FROM t {sql} u ON t.{key} = u.{key} WHERE {qualified(where.sql)}",
        ordered=False,
    )


def qualified(sql: str) -> str:
    """Columns as those of `t`, which both tables have."""
    words = sql.replace("(", "( ").replace(")", " )").split(" ")
    return " ".join(f"t.{word}" if word in ALL else word for word in words)


@st.composite
def windows(draw: st.DrawFn) -> Asked:
    where, group, order = draw(predicates), draw(st.sampled_from(ALL)), draw(st.sampled_from(ALL))
    ascending, name = draw(st.booleans()), draw(st.sampled_from([*WINDOWS]))
    over = f"PARTITION BY {group} ORDER BY {order_sql([(order, ascending)])}"
    numbered = f"{over}, row" if name == "row_number" else over

    def build(t: pxt.Table, _: pxt.Table) -> pxt.Query:
        place = getattr(pxtf, name)(group_by=t[group], order_by=t[order], asc=ascending)
        total = pxtf.sum(t.b, group_by=t[group], order_by=t[order], asc=ascending)
        return t.where(where.build(t)).select(t.b, place=place, total=total)

    return Asked(
        build,
        f"SELECT b, {WINDOWS[name]} OVER ({numbered}), sum(b) OVER ({over}, row ROWS UNBOUNDED PRECEDING) "
        f"FROM t WHERE {where.sql} ORDER BY row",
    )


@st.composite
def distincts(draw: st.DrawFn) -> Asked:
    where, names = draw(predicates), draw(st.lists(st.sampled_from(ALL), min_size=1, max_size=3, unique=True))
    listed = ", ".join(names)
    return Asked(
        lambda t, _: t.where(where.build(t)).select(*(t[name] for name in names)).distinct(),
        f"SELECT {listed} FROM t WHERE {where.sql} GROUP BY {listed} ORDER BY min(row)",
    )


KINDS = {
    "selections": selections(), "groupings": groupings(), "joins": joins(), "windows": windows(),
    "distincts": distincts(),
}  # fmt: skip


@dataclass(frozen=True)
class Both:
    """The same rows in pixeltable and in SQLite."""

    t: pxt.Table
    u: pxt.Table
    oracle: sqlite3.Connection


@pytest.fixture
def rows(ns: str) -> Iterator[Both]:
    oracle = sqlite3.connect(":memory:")
    made = []
    for name, count in (("t", 40), ("u", 25)):
        table = pxt.create_table(f"{ns}/{name}", COLUMNS)
        found = examples(st.fixed_dictionaries(cells), count)
        table.insert(found)
        oracle.execute(f"CREATE TABLE {name} (row INTEGER PRIMARY KEY, a INTEGER, b INTEGER, s TEXT, x REAL)")
        oracle.executemany(f"INSERT INTO {name} (a, b, s, x) VALUES (:a, :b, :s, :x)", found)
        made.append(table)
    yield Both(*made, oracle)
    oracle.close()


def sortable(row: tuple[Any, ...]) -> list[tuple[bool, str]]:
    return [(value is None, repr(value)) for value in row]


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_that_of_sqlite(kind: str, rows: Both) -> None:
    told = []
    for asked in examples(KINDS[kind], QUERIES):
        query = asked.build(rows.t, rows.u)
        result = query.collect()
        found = list(zip(*(result[name] for name in result.schema), strict=True))
        expected = rows.oracle.execute(asked.sql).fetchall()
        if not asked.ordered:
            found, expected = sorted(found, key=sortable), sorted(expected, key=sortable)
        if found != expected or query.count() != len(expected):
            told.append((asked.sql, found[:5], expected[:5], query.count(), len(expected)))
    assert not told[:3]
