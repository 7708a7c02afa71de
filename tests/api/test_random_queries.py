"""Queries made by chance answer what SQLite answers: filters, joins, groups, windows, orders, limits, with nulls.

Some columns are paths into Json, and some conditions run in Python, so that both engines have a part in an answer.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st

import pixeltable as pxt
import pixeltable.functions as pxtf
from tests.engines import examples

COLUMNS = {"a": pxt.Int | None, "b": pxt.Int, "s": pxt.String | None, "x": pxt.Float | None, "j": pxt.Json | None}
PATHS = {
    "k": lambda t: t.j.k,
    "w": lambda t: t.j["a key"].w,
    "l": lambda t: t.j.list[0],
    "m": lambda t: t.j.list[-1],
}
"""Columns of the oracle that are paths here."""
VIEW = """
CREATE VIEW {name} AS SELECT row, a, b, s, x, json_extract(j, '$.k') AS k, json_extract(j, '$."a key".w') AS w,
json_extract(j, '$.list[0]') AS l, json_extract(j, '$.list[#-1]') AS m FROM stored_{name}
"""
NUMBERS, TEXTS = ("a", "b", "x", "k", "l", "m"), ("s", "w")
ALL = (*NUMBERS, *TEXTS)
AGGREGATES = {"sum": "sum", "mean": "avg"}
OF_ANY = {"count": "count({})", "min": "min({})", "max": "max({})", "count_distinct": "count(DISTINCT {})"}
PLACES = {"row_number": "row_number()", "rank": "rank()", "dense_rank": "dense_rank()"}
QUERIES = 120

texts = st.sampled_from(["", "a", "B", "b", "ä", "\U0001f600"])
quarters = st.integers(-8, 8).map(lambda n: n / 4)  # sums of these are exact
json_values = st.fixed_dictionaries(
    {},
    optional={
        "k": st.none() | st.integers(-3, 3) | quarters,
        "a key": st.none() | st.fixed_dictionaries({}, optional={"w": st.none() | texts}),
        "list": st.none() | st.lists(st.none() | st.integers(-3, 3), max_size=2),
    },
)
cells = {
    "a": st.none() | st.integers(-3, 3),
    "b": st.integers(0, 4),
    "s": st.none() | texts,
    "x": st.none() | quarters,
    "j": st.none() | json_values,
}
constants = {name: st.integers(-3, 3) for name in "ablm"} | {"x": quarters, "k": quarters, "s": texts, "w": texts}


@pxt.udf
def same(n: int | None) -> int | None:
    """What no database can see through."""
    return n


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


def value(t: pxt.Table, name: str) -> Any:
    return PATHS[name](t) if name in PATHS else t[name]


@st.composite
def comparisons(draw: st.DrawFn) -> Term:
    name, op = draw(st.sampled_from(ALL)), draw(st.sampled_from(["<", "<=", "==", "!=", ">", ">="]))
    constant = draw(constants[name])
    written = f"'{constant}'" if isinstance(constant, str) else repr(constant)
    return Term(lambda t: eval(f"cell {op} {constant!r}", {"cell": value(t, name)}), f"{name} {op} {written}")


@st.composite
def memberships(draw: st.DrawFn) -> Term:
    name, chosen = draw(st.sampled_from(["a", "k", "l"])), draw(st.lists(st.integers(-3, 3), min_size=1, max_size=3))
    return Term(lambda t: value(t, name).isin(chosen), f"{name} IN ({', '.join(map(str, chosen))})")


def is_null(name: str) -> Term:
    return Term(lambda t: value(t, name) == None, f"{name} IS NULL")  # noqa: E711  # builds an expression


def in_python(bound: int) -> Term:
    return Term(lambda t: same(t.a) >= bound, f"a >= {bound}")


atoms = st.one_of(
    comparisons(),
    memberships(),
    st.sampled_from(ALL).map(is_null),
    st.integers(-3, 3).map(in_python),
    st.just(Term(lambda t: t.a + t.b > t.x * 2, "a + b > x * 2")),
    st.just(Term(lambda t: t.j.k + t.b > 1, "k + b > 1")),
)


def both(pair: tuple[Term, Term]) -> Term:
    left, right = pair
    return Term(lambda t: left.build(t) & right.build(t), f"({left.sql} AND {right.sql})")


def either(pair: tuple[Term, Term]) -> Term:
    left, right = pair
    return Term(lambda t: left.build(t) | right.build(t), f"({left.sql} OR {right.sql})")


def negated(term: Term) -> Term:
    return Term(lambda t: ~term.build(t), f"(NOT {term.sql})")


predicates = st.recursive(
    atoms,
    lambda inner: st.tuples(inner, inner).map(both) | st.tuples(inner, inner).map(either) | inner.map(negated),
    max_leaves=4,
)
orders = st.lists(st.tuples(st.sampled_from(ALL), st.booleans()), max_size=3)
limits = st.none() | st.tuples(st.integers(0, 12), st.integers(0, 5))


def order_sql(keys: list[tuple[str, bool]], *last: str) -> str:
    """Null is greater than all; the order of insertion decides between equal rows."""
    parts = [f"{name} {'ASC NULLS LAST' if ascending else 'DESC NULLS FIRST'}" for name, ascending in keys]
    return ", ".join([*parts, *last])


def ordered(query: pxt.Query, t: pxt.Table, keys: list[tuple[str, bool]]) -> pxt.Query:
    for name, ascending in keys:
        query = query.order_by(value(t, name), asc=ascending)
    return query


def cut(query: pxt.Query, limit: tuple[int, int] | None) -> pxt.Query:
    return query if limit is None else query.limit(limit[0], offset=limit[1])


def limit_sql(limit: tuple[int, int] | None) -> str:
    return "" if limit is None else f" LIMIT {limit[0]} OFFSET {limit[1]}"


@st.composite
def selections(draw: st.DrawFn) -> Asked:
    where, keys, limit = draw(predicates), draw(orders), draw(limits)

    def build(t: pxt.Table, _: pxt.Table) -> pxt.Query:
        query = t.where(where.build(t)).select(t.b, t.a, t.s, k=t.j.k, w=PATHS["w"](t), y=t.a * 2 + t.b)
        return cut(ordered(query, t, keys), limit)

    return Asked(
        build,
        f"SELECT b, a, s, k, w, a * 2 + b FROM t WHERE {where.sql} ORDER BY {order_sql(keys, 'row')}{limit_sql(limit)}",
    )


@st.composite
def aggregates(draw: st.DrawFn) -> Term:
    if draw(st.booleans()):
        function, name = draw(st.sampled_from([*OF_ANY])), draw(st.sampled_from(ALL))
        return Term(lambda t: getattr(pxtf, function)(value(t, name)), OF_ANY[function].format(name))
    function, name = draw(st.sampled_from([*AGGREGATES])), draw(st.sampled_from(NUMBERS))
    return Term(lambda t: getattr(pxtf, function)(value(t, name)), f"{AGGREGATES[function]}({name})")


def named(chosen: list[Term], t: pxt.Table) -> dict[str, Any]:
    return {f"v{number}": aggregate.build(t) for number, aggregate in enumerate(chosen)}


@st.composite
def groupings(draw: st.DrawFn) -> Asked:
    where, keys = draw(predicates), draw(st.lists(st.sampled_from(ALL), min_size=1, max_size=2, unique=True))
    chosen = draw(st.lists(aggregates(), min_size=1, max_size=3))
    by_first, asc = draw(st.booleans()), draw(st.booleans())
    least, limit = draw(st.integers(0, 3)), draw(limits)

    def build(t: pxt.Table, _: pxt.Table) -> pxt.Query:
        query = t.where(where.build(t)).group_by(*(value(t, key) for key in keys)).having(pxtf.count(t.b) > least)
        query = query.select(**{key: value(t, key) for key in keys}, **named(chosen, t))
        return cut(query if by_first else query.order_by(chosen[0].build(t), asc=asc), limit)

    listed, values = ", ".join(keys), ", ".join(aggregate.sql for aggregate in chosen)
    order = order_sql([] if by_first else [(chosen[0].sql, asc)], "min(row)")
    return Asked(
        build,
        f"SELECT {listed}, {values} FROM t WHERE {where.sql} GROUP BY {listed} HAVING count(b) > {least} "
        f"ORDER BY {order}{limit_sql(limit)}",
    )


@st.composite
def totals(draw: st.DrawFn) -> Asked:
    """Aggregates of all rows, there being any or not."""
    where, chosen = draw(predicates), draw(st.lists(aggregates(), min_size=1, max_size=3))
    return Asked(
        lambda t, _: t.where(where.build(t)).select(**named(chosen, t)),
        f"SELECT {', '.join(aggregate.sql for aggregate in chosen)} FROM t WHERE {where.sql}",
    )


@st.composite
def joins(draw: st.DrawFn) -> Asked:
    how, where = draw(st.sampled_from([*JOINS])), draw(predicates)
    key = draw(st.sampled_from(["a", "b", "s", "k"] if how == "inner" else ["a", "b", "s"]))

    def build(t: pxt.Table, u: pxt.Table) -> pxt.Query:
        on = None if how == "cross" else value(t, key) == value(u, key)
        return t.join(u, on=on, how=how).where(where.build(t)).select(t.a, t.b, u.x, u.s, k=u.j.k)

    on = "" if how == "cross" else f" ON t.{key} = u.{key}"
    sql = f"SELECT t.a, t.b, u.x, u.s, u.k FROM t {JOINS[how]} u{on} WHERE {qualified(where.sql)}"
    return Asked(build, sql, ordered=False)


@st.composite
def joined_groups(draw: st.DrawFn) -> Asked:
    """Aggregates of joined rows, which a condition on the other table keeps."""
    how, key, bound = draw(st.sampled_from(["inner", "left"])), draw(st.sampled_from("bs")), draw(st.integers(-3, 3))

    def build(t: pxt.Table, u: pxt.Table) -> pxt.Query:
        rows = t.join(u, on=(t.a == u.a) & (t.b <= u.b), how=how).where((u.a >= bound) | (u.b == None))  # noqa: E711
        return rows.group_by(t[key]).select(t[key], n=pxtf.count(u.b), total=pxtf.sum(u.b), least=pxtf.min(u.s))

    sql = (
        f"SELECT t.{key}, count(u.b), sum(u.b), min(u.s) FROM t {JOINS[how]} u ON t.a = u.a AND t.b <= u.b "
        f"WHERE u.a >= {bound} OR u.b IS NULL GROUP BY t.{key}"
    )
    return Asked(build, sql, ordered=False)


JOINS = {"inner": "JOIN", "left": "LEFT JOIN", "right": "RIGHT JOIN", "full_outer": "FULL JOIN", "cross": "CROSS JOIN"}


def qualified(sql: str) -> str:
    """Columns as those of `t`, which both tables have."""
    words = sql.replace("(", "( ").replace(")", " )").split(" ")
    return " ".join(f"t.{word}" if word in ALL else word for word in words)


@st.composite
def windows(draw: st.DrawFn) -> Asked:
    where, group, order = draw(predicates), draw(st.sampled_from(ALL)), draw(st.sampled_from(ALL))
    asc, name, neighbour = draw(st.booleans()), draw(st.sampled_from([*PLACES])), draw(st.sampled_from(["lag", "lead"]))
    of, distance = draw(st.sampled_from(ALL)), draw(st.integers(0, 3))
    over = f"PARTITION BY {group} ORDER BY {order_sql([(order, asc)])}"
    place = f"{over}, row" if name == "row_number" else over

    def build(t: pxt.Table, _: pxt.Table) -> pxt.Query:
        words = {"group_by": value(t, group), "order_by": value(t, order), "asc": asc}
        return t.where(where.build(t)).select(
            t.b,
            place=getattr(pxtf, name)(**words),
            near=getattr(pxtf, neighbour)(value(t, of), distance, **words),
            running=pxtf.sum(t.b, **words),
            whole=pxtf.max(t.x, **words, frame="all"),
        )

    sql = (
        f"SELECT b, {PLACES[name]} OVER ({place}), {neighbour}({of}, {distance}) OVER ({over}, row), "
        f"sum(b) OVER ({over}, row ROWS UNBOUNDED PRECEDING), max(x) OVER (PARTITION BY {group}) "
        f"FROM t WHERE {where.sql} ORDER BY row"
    )
    return Asked(build, sql)


@st.composite
def distincts(draw: st.DrawFn) -> Asked:
    where, names = draw(predicates), draw(st.lists(st.sampled_from(ALL), min_size=1, max_size=3, unique=True))
    keys, limit = draw(st.lists(st.tuples(st.sampled_from(names), st.booleans()), max_size=2)), draw(limits)

    def build(t: pxt.Table, _: pxt.Table) -> pxt.Query:
        query = t.where(where.build(t)).select(**{name: value(t, name) for name in names}).distinct()
        return cut(ordered(query, t, keys), limit)

    listed = ", ".join(names)
    order = order_sql(keys, "min(row)")
    return Asked(
        build, f"SELECT {listed} FROM t WHERE {where.sql} GROUP BY {listed} ORDER BY {order}{limit_sql(limit)}"
    )


KINDS = {
    "selections": selections(), "groupings": groupings(), "totals": totals(), "joins": joins(),
    "joined groups": joined_groups(), "windows": windows(), "distincts": distincts(),
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
        oracle.execute(f"CREATE TABLE stored_{name} (row INTEGER PRIMARY KEY, a INTEGER, b INTEGER, s TEXT, x REAL, j)")
        written = [row | {"j": json.dumps(row["j"])} for row in found]
        oracle.executemany(f"INSERT INTO stored_{name} (a, b, s, x, j) VALUES (:a, :b, :s, :x, :j)", written)
        oracle.execute(VIEW.format(name=name))
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
