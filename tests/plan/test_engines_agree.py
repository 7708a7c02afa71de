"""Every expression that runs in SQL means there what it means in Python.

A test stores some hundred rows, values at the edges among them, in one table and compares whole columns. A row that
the database refuses with DataError is computed in Python by the session; there Python must have no ordinary value.
"""

import datetime
import itertools
import math
import operator
import uuid
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st

import pixeltable as pxt
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.types.column_type import (
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    IntType,
    StringType,
    TimestampType,
    UUIDType,
)
from pixeltable.types.conform import INT_MAX, INT_MIN
from tests.engines import OUT_OF_RANGE, RAISED, Rows, StoredRows, columns_in, examples, run_in_python

ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
WHOLE = {"//": operator.floordiv, "%": operator.mod}
COMPARE = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip

EDGE_INTS = [None, 0, 1, -1, 3, -3, 7, 2**53 + 1, -(2**53) - 1, INT_MAX, INT_MIN]
EDGE_FLOATS = [
    None, 0.0, -0.0, -1.0, 2.5, 3.0, 2.0**53, 2.0**63, -(2.0**63), 9007199254740994.0, 1e-308, 1e308,
    math.nan, math.inf, -math.inf, 0.9999999999999999,
]  # fmt: skip
EDGE_TEXTS = [
    None, "", "a", "A", "b", "ab", "aab",
    "ß", "SS", "é", "e\u0301", "\U0001f600", "\uffff", "z\n", "\\", "%", "_", " a ",
]  # fmt: skip
ints = st.none() | st.integers(INT_MIN, INT_MAX) | st.integers(-20, 20)
floats = st.none() | st.floats() | st.integers(-20, 20).map(float) | st.integers(INT_MIN, INT_MAX).map(float)
characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.none() | st.text(characters, max_size=8) | st.text("ab", max_size=4)
zones = st.sampled_from([datetime.UTC, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")])
YEAR_1900, YEAR_2100 = datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1)  # noqa: DTZ001  # bounds take no zone
timestamps = st.none() | st.datetimes(YEAR_1900, YEAR_2100, timezones=zones)
dates = st.none() | st.dates()
uuids = st.none() | st.uuids()
bools = st.none() | st.booleans()


def column(name: str, column_type: ColumnType) -> ColumnRef:
    return ColumnRef(ord(name), 1, name, column_type)


I, J = column("i", IntType(True)), column("j", IntType(True))  # noqa: E741  # the names of the columns
X, Y = column("x", FloatType(True)), column("y", FloatType(True))
S, T = column("s", StringType(True)), column("t", StringType(True))
A, B, C = (column(name, BoolType(True)) for name in "abc")


def numbers(count: int = 120) -> Rows:
    """Rows of two ints and two floats, each value at the edges beside each."""
    edges = itertools.zip_longest(
        itertools.product(EDGE_INTS, repeat=2), itertools.product(EDGE_FLOATS, repeat=2), fillvalue=(None, None)
    )
    # Shifted, so that ints and floats at the edges meet as well.
    mixed = [(*ij, *xy) for ij, xy in edges] + [(i, i, x, x) for i in EDGE_INTS for x in EDGE_FLOATS]
    return as_rows("ijxy", [*mixed, *examples(st.tuples(ints, ints, floats, floats), count)])


def as_rows(names: str, values: Sequence[tuple[Any, ...]]) -> Rows:
    return [dict(zip(names, row, strict=True)) for row in values]


def pairs(edges: Sequence[Any], values: st.SearchStrategy[Any], count: int = 120) -> list[tuple[Any, Any]]:
    return [*itertools.product(edges, repeat=2), *examples(st.tuples(values, values), count)]


def differences(exprs: Sequence[Expr], rows: Rows, path: str) -> Iterator[str]:
    """Where the engines have different values, in words."""
    types = {name: kind for expr in exprs for name, kind in columns_in(expr).items()}
    stored = StoredRows(path, types, rows)
    for expr in exprs:
        results = zip(rows, run_in_python(expr, rows), stored.run(expr), strict=True)
        for row, in_python, in_sql in results:
            if not agree(in_python, in_sql):
                shown = {name: row[name] for name in columns_in(expr)}
                yield f"{expr} with {shown}: Python {in_python!r}, SQL {in_sql!r}"


def agree(in_python: Any, in_sql: Any) -> bool:
    """Whether both engines have the same value, or SQL refuses one that it does not have."""
    if in_sql is OUT_OF_RANGE:
        return in_python is RAISED or is_out_of_range(in_python)
    if isinstance(in_python, float) and isinstance(in_sql, float):
        return repr(in_python) == repr(in_sql)  # NaN equals itself here, and 0.0 is not -0.0
    return type(in_python) is type(in_sql) and bool(in_python == in_sql)


def is_out_of_range(value: Any) -> bool:
    """Beyond what SQL has: it raises where a float over- or underflows."""
    if isinstance(value, float):
        return math.isinf(value) or value == 0
    return isinstance(value, int) and not INT_MIN <= value <= INT_MAX


def test_what_counts_as_agreement() -> None:
    assert agree(math.nan, math.nan)
    assert agree(INT_MAX + 1, OUT_OF_RANGE)
    assert not agree(0.0, -0.0)
    assert not agree(1, 1.0)
    assert not agree(1, OUT_OF_RANGE)
    assert not agree(None, OUT_OF_RANGE)


@pytest.mark.parametrize("op", ARITHMETIC)
def test_arithmetic(op: str, ns: str) -> None:
    apply = ARITHMETIC[op]
    exprs = [apply(left, right) for left, right in [(I, J), (X, Y), (I, X), (X, I)]]
    exprs += [apply(I, 3), apply(7, I), apply(X, 0.1), apply(2, X), apply(I, 0), apply(I, 0.0), -I, -X]
    assert not list(differences(exprs, numbers(), f"{ns}/t"))


@pytest.mark.parametrize("op", WHOLE)
def test_whole_division(op: str, ns: str) -> None:
    apply = WHOLE[op]
    exprs = [apply(I, J), apply(I, 3), apply(I, -3), apply(7, I), apply(I, 0)]
    assert not list(differences(exprs, numbers(), f"{ns}/t"))


LEFT_TO_PYTHON = [
    I**J,
    X**2,
    X // Y,
    X % Y,
    I // X,
    I % 2.5,
    X > 2**63,
    I == 2**63,
    S == "\0",
    S + "\ud800",
    X.astype(pxt.Json),
    S.astype(pxt.Date),
]


@pytest.mark.parametrize("expr", LEFT_TO_PYTHON, ids=ascii)
def test_what_sql_would_round_otherwise_or_cannot_hold_is_left_to_python(expr: Expr, ns: str) -> None:
    with pytest.raises(AssertionError, match="not all of"):
        StoredRows(f"{ns}/t", columns_in(expr), as_rows("ijxys", [(1, 1, 1.0, 1.0, "")])).run(expr)


@pytest.mark.parametrize("op", COMPARE)
def test_comparison_of_numbers(op: str, ns: str) -> None:
    apply = COMPARE[op]
    exprs = [apply(left, right) for left, right in [(I, J), (X, Y), (I, X), (X, I)]]
    exprs += [apply(side, other) for side in (I, X) for other in (3, 2.5, 2**53 + 1, 2.0**53, math.inf, math.nan)]
    exprs += [apply(I, 2.5) == apply(X, 3), ~apply(I, X), ~apply(X, Y), ~apply(X, math.nan)]
    assert not list(differences(exprs, numbers(), f"{ns}/t"))


@pytest.mark.parametrize(
    ("column_type", "edges", "values"),
    [
        pytest.param(StringType(True), EDGE_TEXTS, texts, id="String"),
        pytest.param(BoolType(True), [None, True, False], bools, id="Bool"),
        pytest.param(TimestampType(True), [None], timestamps, id="Timestamp"),
        pytest.param(DateType(True), [None, datetime.date.min, datetime.date.max], dates, id="Date"),
        pytest.param(UUIDType(True), [None, uuid.UUID(int=0), uuid.UUID(int=2**127)], uuids, id="UUID"),
    ],
)
def test_comparison_within_a_type(column_type: ColumnType, edges: Any, values: Any, ns: str) -> None:
    left, right = column("l", column_type), column("r", column_type)
    rows = as_rows("lr", pairs(edges, values))
    some = next(row["l"] for row in reversed(rows) if row["l"] is not None)
    exprs = [apply(left, other) for apply in COMPARE.values() for other in (right, some)]
    assert not list(differences([*exprs, left == None, right != None], rows, f"{ns}/t"))  # noqa: E711  # builds nodes


@pytest.mark.parametrize(
    ("operand", "members"),
    [
        (I, [1, INT_MAX, None]), (I, []), (S, ["", "a", "ß", "e\u0301"]), (S, ["\\", "%"]),
        (A, [True]), (A, [True, False]),
    ],
)  # fmt: skip
def test_isin(operand: Expr, members: list[Any], ns: str) -> None:
    rows = [{"i": i, "s": s, "a": a} for i, s, a in itertools.product(EDGE_INTS, EDGE_TEXTS[:8], [None, True, False])]
    exprs = [operand.isin(members), ~operand.isin(members)]
    assert not list(differences(exprs, rows, f"{ns}/t"))


def test_boolean_logic(ns: str) -> None:
    exprs = [A & B, A | B, ~A, A & B & C, A | B | C, ~(A & B) | C, (A | B) & ~C, (A == B) & (B != C)]
    exprs += [A & True, A | False]
    rows = as_rows("abc", list(itertools.product([None, True, False], repeat=3)))
    assert not list(differences(exprs, rows, f"{ns}/t"))


def test_null_tests(ns: str) -> None:
    exprs = [I == None, ~(I == None), (X < J) != None, ((I > J) == None) & ~((X == Y) != None), S + T == None]  # noqa: E711
    rows = [{**row, "s": s, "t": s} for row, s in zip(numbers(50), itertools.cycle(EDGE_TEXTS))]
    assert not list(differences(exprs, rows, f"{ns}/t"))


def test_concat(ns: str) -> None:
    exprs = [S + T, S + "x", "" + T, S + T + S, (S + T) == "ab", "\\" + S]
    assert not list(differences(exprs, as_rows("st", pairs(EDGE_TEXTS, texts)), f"{ns}/t"))


def test_conversion(ns: str) -> None:
    exprs = [I.astype(pxt.Float), I.astype(pxt.Float | None), I.astype(pxt.Float) * 0.5, I.astype(pxt.Int) + J]
    exprs += [X.astype(pxt.Float | None), I.astype(pxt.Float) < X, -I.astype(pxt.Float)]
    assert not list(differences(exprs, numbers(), f"{ns}/t"))


def test_conversion_to_the_same_type(ns: str) -> None:
    exprs = [S.astype(pxt.String), S.astype(pxt.String | None) + T, A.astype(pxt.Bool) & B]
    rows = [{**row, "a": True, "b": None} for row in as_rows("st", pairs(EDGE_TEXTS, texts, 20))]
    assert not list(differences(exprs, rows, f"{ns}/t"))
