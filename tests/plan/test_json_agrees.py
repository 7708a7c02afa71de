"""Paths into Json, and comparisons of what they lead to, mean the same in SQL and in Python."""

import operator
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import strategies as st

import pixeltable as pxt
from pixeltable.exec.batch import Batch
from pixeltable.exec.order import ordered, sort_keys
from pixeltable.exprs.expr import Expr
from pixeltable.plan.planner import QueryPlan, plan_query
from pixeltable.plan.query import OrderItem, QuerySpec
from pixeltable.plan.scope import Pushdown
from pixeltable.session.current import current_session
from pixeltable.session.query import finished, scanned
from pixeltable.storage.collation import orders_by_code_point
from pixeltable.storage.fetching import fetch_columns
from pixeltable.types.column_type import BoolType, FloatType, IntType, JsonType, StringType
from pixeltable.types.json_structure import JsonFields, JsonKey
from tests.engines import OUT_OF_RANGE, RAISED, StoredRows, examples, run_in_python
from tests.exec.columns import column

J, N = column("j", JsonType(True)), column("row_number", IntType())

atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60) | st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False, width=64).filter(lambda x: abs(x) < 1e15),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4) | st.text("ab0", max_size=2),
)
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0", "é", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)
EDGES: list[Any] = [
    None, 0, 1, 1.0, True, False, "", "a", "1", "true", "null", [], {}, [None], {"a": None}, {"a": 1}, {"a": 1.0},
    {"a": True}, {"a": "b"}, {"a": [1, 2, 3]}, {"a": {"b": [0, {"c": 2}]}}, {"0": "zero"}, [[1], [2]], ["x"], "xyz",
    {"a": 2**53}, {"a": 2**53 + 1}, {"a": -0.0}, {"a": 1e-300}, {"a": "\U0001f600"}, {"a": "\uffff"}, 5,
]  # fmt: skip


COMPARISONS = (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)


def differences(exprs: Sequence[Expr], found: Sequence[Any], path: str) -> list[str]:
    rows = [{"j": value} for value in found]
    stored = StoredRows(path, {"j": JsonType(True)}, rows)
    told = []
    for expr in exprs:
        for row, mine, theirs in zip(rows, stored.run(expr), run_in_python(expr, rows), strict=True):
            same = (mine is OUT_OF_RANGE and theirs is RAISED) or (type(mine) is type(theirs) and mine == theirs)
            if not same:
                told.append(f"{expr} of {row['j']!r}: {mine!r} in SQL, {theirs!r} in Python")
    return told


def rows() -> list[Any]:
    return EDGES + examples(values, 150)


def test_paths(ns: str) -> None:
    exprs = [J.a, J["a"]["b"], J[0], J[-1], J.a[1], J.a[-3], J["0"], J["é"], J[""], J.a[0][0], J.a.b[1].c, J[5], J[0].a]
    assert not differences(exprs, rows(), f"{ns}/t")


def test_null_tests_of_paths(ns: str) -> None:
    assert not differences([J.a == None, J[0] != None], rows(), f"{ns}/t")  # noqa: E711


@pytest.mark.parametrize(
    "constant", [0, 1, -1.5, 1.0, 2**53 - 1, 2**60, 2.0**60, "", "a", "1", "b", True, False], ids=repr
)
def test_comparisons_with_a_constant(ns: str, constant: Any) -> None:
    exprs: list[Expr] = []
    for value in (J, J.a, J[0]):
        exprs += [value == constant, value != constant, value < constant, value <= constant, value > constant]
        exprs += [value >= constant]
    assert not differences(exprs, rows(), f"{ns}/t")


def paired_rows() -> list[dict[str, Any]]:
    """Two Json values, each of some kinds beside each, and a value of every type that Json may equal."""
    few = [*EDGES[:16], [1], [True], [1.0, "b"], [[]], {"aa": 0}, {"b": 0}, 2**60, 2.0**60, 0.1, "\uffff", "\U0001f600"]
    pairs = [(left, right) for left in few for right in few] + examples(st.tuples(values, values), 100)
    pairs += [(value, value) for value in examples(values, 50)]
    columns = [(1, "a", True), (0, "1", False), (2**60, "\uffff", None), (None, None, True), (5, "", False)]
    return [
        {"j": left, "k": right, **dict(zip("isb", columns[number % len(columns)], strict=True))}
        for number, (left, right) in enumerate(pairs)
    ]


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
def test_json_beside_json(ns: str, compare: Any) -> None:
    types = {"j": JsonType(True), "k": JsonType(True), "i": IntType(True), "s": StringType(True), "b": BoolType(True)}
    k, i, s, b = (column(name, types[name]) for name in "kisb")
    found = paired_rows()
    stored = StoredRows(f"{ns}/t", types, found)
    exprs = [compare(J, k), compare(J.a, k), compare(J[0], k[-1]), compare(J["*"], k[1:]), ~compare(J, k.a)]
    exprs += [compare(J, i), compare(i, J.a), compare(J, s), compare(s, J[0]), compare(J, b), compare(J, i + 1)]
    for expr in exprs:
        assert stored.run(expr) == run_in_python(expr, found), str(expr)


CONTAINERS: list[Any] = [
    [], {}, [None], [1, 2.0], [True], ["é", '"', "\\"], {"a": 1}, {"a": [1, {"b": None}]}, [2.0**60], [1e300],
    [0.1, -0.0],
]  # fmt: skip


@pytest.mark.parametrize("constant", CONTAINERS, ids=repr)
def test_json_beside_a_list_or_an_object(ns: str, constant: Any) -> None:
    found = [
        *rows(),
        *CONTAINERS,
        {"a": constant},
        [constant],
        [2**60],
        {"a": 1.0},
        [1.0, 2],
        {"a": [1.0, {"b": None}]},
    ]
    exprs = [compare(value, constant) for compare in COMPARISONS for value in (J, J.a, J[0])]
    assert not differences([*exprs, constant == J, J.isin([constant, 1]), J.a.isin(CONTAINERS)], found, f"{ns}/t")


@pytest.mark.parametrize("constant", [["\0"], {"a": float("nan")}, ["\ud800"]], ids=ascii)
def test_what_no_json_in_sql_can_hold_is_compared_in_python(ns: str, constant: Any) -> None:
    t = pxt.create_table(f"{ns}/t", {"j": pxt.Json})
    t.insert([{"j": ["a"]}, {"j": {"a": 1}}])
    assert t.where(t.j == constant).count() == 0
    assert t.where(t.j != constant).count() == 2


def test_a_database_with_another_order_of_texts_compares_for_equality_alone(ns: str) -> None:
    record = StoredRows(f"{ns}/t", {"j": JsonType(True)}, [{"j": 1}]).record
    j = record.ref(record.column("j"))
    for predicate, in_sql in ((j.a == j.b, True), (j.a < j.b, False), (j.a < "b", True), (j.a < ["b"], False)):
        plan = plan_query(QuerySpec(record.id, where=predicate), record, pushdown=Pushdown(texts_agree=lambda: False))
        assert (plan.where is None) == in_sql


def test_membership(ns: str) -> None:
    exprs = [J.a.isin([1, "b", True]), J.isin(["a", 5]), J[0].isin([0.0])]
    assert not differences(exprs, rows(), f"{ns}/t")


def test_members_of_other_types_equal_nothing(ns: str) -> None:
    members = [1, "a", True, 2.5, None, "1", "true", False, 0]
    exprs = [J.isin(members), J.a.isin(members), J[0].isin(members), J.a.isin([]), ~J.a.isin([1.0])]
    assert not differences(exprs, rows(), f"{ns}/t")
    few = [{"j": value} for value in (1, 1.0, True, "1", [1], {}, None)]
    assert run_in_python(J.isin([1, True, "1"]), few) == [True, True, True, True, False, False, None]


def test_membership_in_a_json_list(ns: str) -> None:
    exprs = [J[0].isin(J), J.a.isin(J), J.isin(J["*"]["*"]), J.a.isin(J.a), J[1].isin(J[0])]
    found = [*rows(), *nested_lists(), [[1], 1], [[True], 1], [[[1, {"a": 1}]], [1.0, {"a": 1.0}]], [[], 1], {"a": "a"}]
    exprs += [J[0].isin(J[1:]), J[0].isin(J[1]), ~J[0].isin(J[1])]
    assert not differences(exprs, found, f"{ns}/t")


def test_membership_of_columns_in_a_json_list(ns: str) -> None:
    columns = {"i": IntType(True), "s": StringType(True), "b": BoolType(True), "j": JsonType(True)}
    i, s, b = (column(name, columns[name]) for name in "isb")
    lists = [None, [], [1, 2.0, 2.5], ["é", "1", None], [True, "true"], {"a": 1}, "é", [2**62, 2**53 + 1], [2.0**62]]
    kept = [(1, "é", True), (2, "1", False), (2**62, "a", None), (2**53, "", True), (None, None, None)]
    found = [{"i": v[0], "s": v[1], "b": v[2], "j": j} for v in kept for j in lists]
    stored = StoredRows(f"{ns}/t", columns, found)
    for expr in (i.isin(J), s.isin(J), b.isin(J), (i + 1).isin(J), ~s.isin(J[1:])):
        assert run_in_python(expr, found) == stored.run(expr)
    assert run_in_python(i.isin(J.map(lambda x: x)), found) == run_in_python(i.isin(J), found)


def test_floats_are_looked_up_in_python(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"x": pxt.Float, "j": pxt.Json})
    t.insert({"x": x, "j": [0.1 + 0.2, 1, 2.0**60]} for x in (0.3, 0.1 + 0.2, 1.0, 2.0**60))
    assert t.where(t.x.isin(t.j)).count() == 3
    assert t.where(t.x.isin(t.j.map(lambda y: y))).count() == 3


@pytest.mark.parametrize(
    ("item", "found"),
    [
        (IntType(), [1, -5, 2**62, 0]),
        (FloatType(), [1, 0.1, -1e-300, 2.0**60]),
        (StringType(), ["", "ß", '"', "\\"]),
        (BoolType(), [True, False]),
    ],
    ids=str,
)
def test_paths_into_typed_json(ns: str, item: Any, found: list[Any]) -> None:
    schema = JsonType(schema=JsonFields((JsonKey("k", item.with_nullable(True)),)))
    typed = column("j", schema)
    values = [{"k": value} for value in found] + [{"k": None}]
    stored = StoredRows(f"{ns}/t", {"j": schema}, [{"j": value} for value in values])
    for expr in (typed.k, typed.k == found[0], typed.k != found[0]):
        assert stored.run(expr) == run_in_python(expr, [{"j": value} for value in values])


def test_large_numbers_are_compared_exactly(ns: str) -> None:
    found = [
        {"a": value} for value in (2.0**60, 2**60 + 14, 2**60, -(2.0**70), 1e300, 10**16, 1e16, 2**53 + 1, 2.0**53)
    ]
    exprs = [J.a > constant for constant in (2**60, 2**60 + 13, 2.0**60, 1e16, 2**53, -(2.0**70), 1e300)] + [
        J.a == constant for constant in (2**60, 2.0**60, 10**16, 1e16, 2.0**53, 1e300)
    ]
    assert not differences(exprs, found, f"{ns}/t")


def test_wildcards(ns: str) -> None:
    exprs = [J["*"], J["*"].a, J.a["*"], J.a["*"].b["*"], J["*"]["*"], J["*"]["*"]["*"].a, J["*"][0], J["*"]["é"][-1]]
    exprs += [J["*"].a == None, J["*"].a == 1, J["*"].a.isin([1, "a"]), J.a["*"][1:], J["*"].a[0], J.a["*"][0].b]  # noqa: E711
    assert not differences(exprs, [*rows(), *nested_lists()], f"{ns}/t")


BOUNDS = [None, 0, 1, 2, 5, -1, -2, -5, 2**70, -(2**70)]
STEPS = [None, 1, 2, 3, 2**70, -1, -2, -(2**70)]


@pytest.mark.parametrize("step", STEPS)
def test_slices(ns: str, step: int | None) -> None:
    exprs = [J[start:stop:step] for start in BOUNDS for stop in BOUNDS]
    found = [None, 5, "abc", {"a": [1]}, [], [None], [1, "é", None, [], {}], [[1], [2]], [1, 2, 3, 4, 5, 6]]
    assert not differences(exprs, found, f"{ns}/t")


def test_slices_within_paths(ns: str) -> None:
    exprs = [J[1:].a, J.a[:2][-1], J[::-1]["*"].a, J[0:2][1:], J["*"][::2], J[1:]["*"][:1].a, J[0][1:], J[1:][0][::-1]]
    assert not differences(exprs, [*rows(), *nested_lists()], f"{ns}/t")


def nested_lists() -> list[Any]:
    return examples(st.lists(st.lists(values, max_size=4), max_size=4), 60)


def test_very_many_steps_into_lists_are_left_to_python(ns: str) -> None:
    deep: Expr = J
    for _ in range(7):
        deep = deep["*"]
    with pytest.raises(AssertionError, match="not all of"):
        differences([deep], [[1]], f"{ns}/t")


@pytest.mark.parametrize("pushdown", [Pushdown(), None], ids=["sql", "python"])
@pytest.mark.parametrize("ascending", [True, False])
def test_the_order_of_json_is_the_same_in_both(ns: str, ascending: bool, pushdown: Pushdown | None) -> None:
    found = [*rows(), *nested_lists(), *LIKE_BUT_FOR_ORDER]
    stored = StoredRows(f"{ns}/t", {"j": JsonType(True)}, [{"j": value} for value in found])
    record = stored.record
    query = QuerySpec(record.id, (("n", stored.bound(N)),), order_by=(OrderItem(stored.bound(J), ascending),))
    plan = plan_query(query, record, pushdown=pushdown)
    assert bool(plan.order_by) == (pushdown is None)
    in_order = finished(current_session(), plan, fetched(plan)).columns["n"]
    assert in_order == ordered(range(len(found)), [(sort_keys(found), ascending)])


LIKE_BUT_FOR_ORDER: list[Any] = [
    {"b": 1, "aa": 2}, {"aa": 2, "b": 1}, {"é": 0}, {"z": 0}, {"zz": 0}, {"a": [], "b": 0}, {"a": [None], "b": 0},
    [1, 2], [1.0, 2], [2], [None, 1], ["B"], ["a"], ["é"], [{}], [[]], [[[]]], [True], [False], "B", "a", "é", "aB",
    "\U0001f600", "\uffff", True, False, 0.5, 0, -0.0, -1, 2**60, 2.0**60, 2**60 + 1, 1e300, -1e300, [0.1], [0.2],
]  # fmt: skip


def fetched(plan: QueryPlan) -> Batch:
    columns = current_session().database.read(
        lambda c: fetch_columns(c, plan.scan.sql, plan.scan.parameters, width=len(plan.scan.slots))
    )
    return scanned(plan.scan, columns, len(columns[0]))


def test_a_database_with_another_order_of_texts_leaves_that_of_json_to_python(ns: str) -> None:
    stored = StoredRows(f"{ns}/t", {"j": JsonType(True)}, [{"j": 1}])
    query = QuerySpec(stored.record.id, order_by=(OrderItem(stored.bound(J.a), True),))
    assert plan_query(query, stored.record, pushdown=Pushdown(texts_agree=lambda: False)).order_by
    assert not plan_query(query, stored.record, pushdown=Pushdown()).order_by
    assert current_session().database.read(orders_by_code_point)


@pytest.mark.usefixtures("session_settings")
def test_slices_and_wildcards() -> None:
    found = run_in_python(J["*"].a, [{"j": [{"a": 1}, {"b": 2}, 5]}, {"j": {"a": 1}}, {"j": None}])
    assert found == [[1, None, None], None, None]
    lists = [{"j": {"l": [10, 20, 30, 40]}}, {"j": {"l": 5}}, {"j": {}}]
    assert run_in_python(J.l[1:3], lists) == [[20, 30], None, None]
    assert run_in_python(J.l[::-2], lists) == [[40, 20], None, None]
    assert run_in_python(J.l[:2][-1], lists) == [20, None, None]
    nested = [{"j": [{"a": {"b": 1}}, {"a": 2}]}]
    assert run_in_python(J[0:2].a.b, nested) == [[1, None]]
    assert [str(J.l[1:3]), str(J["*"].a), str(J[::2]["x y"])] == ["j.l[1:3]", "j[*].a", "j[::2][*]['x y']"]
