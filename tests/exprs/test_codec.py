"""Expressions survive storage, and their fingerprint is the same in every process."""

import datetime
import json
import math
import os
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixeltable.functions as pxtf
from pixeltable.exceptions import InvalidState
from pixeltable.exprs.codec import FORMAT, decode, encode, fingerprint
from pixeltable.exprs.expr import Expr, nodes_in, rebuild, structure
from pixeltable.exprs.leaves import ColumnRef, Literal, as_expr
from pixeltable.exprs.queries import QueryCall
from pixeltable.plan.query import QuerySpec
from tests.exprs.examples import COLUMNS, EXAMPLES

I, S = COLUMNS["i"], COLUMNS["s"]  # noqa: E741  # the names of the columns
each_example = pytest.mark.parametrize("expr", EXAMPLES.values(), ids=[node.__name__ for node in EXAMPLES])

VALUES: list[Any] = [
    True, 1, -(2**70), 1.0, -0.0, math.inf, math.nan, 0.1, "", "\0\ud800é", b"\0\xff",
    [], [1, [2.5, None]], {}, {"k": [True]},
    datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=5.5))), datetime.date(1, 1, 1),
    datetime.datetime(2024, 1, 1, 12), uuid.UUID(int=5),  # noqa: DTZ001  # a literal may leave the zone open
]  # fmt: skip
ARRAYS = [
    np.arange(6, dtype="int16").reshape(2, 3), np.zeros((0, 3)), np.array(1.5), np.array(["a", "bcd"]),
    np.array([True]), np.arange(8, dtype=">f4")[::2],
]  # fmt: skip


@each_example
def test_round_trip(expr: Expr) -> None:
    restored = decode(json.loads(json.dumps(encode(expr))))
    assert structure(restored) == structure(expr)
    assert str(restored) == str(expr)
    assert restored.col_type == expr.col_type


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_round_trip_of_a_literal(value: Any) -> None:
    literal = as_expr(value)
    restored = decode(json.loads(json.dumps(encode(literal))))
    assert repr(restored) == repr(literal)
    assert structure(restored) == structure(literal)


@pytest.mark.parametrize("array", ARRAYS, ids=str)
def test_round_trip_of_an_array(array: np.ndarray) -> None:
    restored = decode(json.loads(json.dumps(encode(as_expr(array)))))
    assert isinstance(restored, Literal)
    assert restored.value.dtype == array.dtype
    assert restored.value.shape == array.shape
    assert restored.value.tolist() == array.tolist()


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(InvalidState, match="Upgrade"):
        decode({**encode(I), "format": FORMAT + 1})


FINGERPRINTS = """
import json, sys
from pixeltable.exprs.codec import fingerprint
from pixeltable.plan.query import QuerySpec
from tests.exprs.examples import COLUMNS, EXAMPLES
sys.stdout.write(json.dumps([*map(fingerprint, [*EXAMPLES.values(), COLUMNS["s"].isin({"a", "b", "c", "d"})])]))
"""


def fingerprints(seed: str) -> list[str]:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}
    command = [sys.executable, "-c", FINGERPRINTS]
    run = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(run.stdout)
    return found


def test_fingerprints_are_the_same_in_every_process() -> None:
    here = [fingerprint(expr) for expr in [*EXAMPLES.values(), S.isin({"d", "c", "b", "a"})]]
    assert fingerprints("1") == fingerprints("2") == here


def test_fingerprints_differ() -> None:
    assert len({fingerprint(expr) for expr in EXAMPLES.values()}) == len(EXAMPLES)


ALIKE = [
    (1, 1), (1.5, 1.5), (math.nan, -math.nan * -1), ([1, 2], (1, 2)),
    ({"a": 1}, {"a": 1}), (np.arange(3), np.arange(3)),
]  # fmt: skip
UNLIKE = [
    (1, 1.0), (1, True), (0.0, -0.0), ("a", b"a"), ([1], [1.0]), ([1], [[1]]), ({"a": 1}, {"a": True}), (None, "None"),
    (np.zeros(2000), np.where(np.arange(2000) == 1000, 1.0, 0.0)), (np.array([0.1]), np.array([np.nextafter(0.1, 1)])),
    (np.zeros(2), np.zeros(2, "float32")), (np.zeros((2, 3)), np.zeros((3, 2))), ([np.zeros(2000)], [np.ones(2000)]),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), ALIKE, ids=str)
def test_literals_built_alike(one: Any, other: Any) -> None:
    assert structure(as_expr(one)) == structure(as_expr(other))
    assert hash(structure(as_expr(one))) == hash(structure(as_expr(other)))


@pytest.mark.parametrize(("one", "other"), UNLIKE, ids=[f"{type(a).__name__}-{n}" for n, (a, _) in enumerate(UNLIKE)])
def test_literals_that_only_look_alike(one: Any, other: Any) -> None:
    assert structure(as_expr(one)) != structure(as_expr(other))


@each_example
def test_rebuild_without_a_change_is_the_same_node(expr: Expr) -> None:
    assert rebuild(expr, lambda _: None) is expr


@each_example
def test_rebuild_replaces_every_column(expr: Expr) -> None:
    def moved(node: Expr) -> Expr | None:
        return ColumnRef(node.ref_column, 2, node.ref_name, node.col_type) if isinstance(node, ColumnRef) else None

    assert {node.ref_table for node in nodes_in(rebuild(expr, moved)) if isinstance(node, ColumnRef)} <= {2}
    assert {node.ref_table for node in nodes_in(expr) if isinstance(node, ColumnRef)} <= {1}


def test_walk_goes_from_parents_to_children_in_order() -> None:
    assert [str(node) for node in nodes_in(COLUMNS["x"] < I + 1)] == ["x < i + 1", "x", "i + 1", "i", "1"]


AGGREGATES = [
    pxtf.sum(I, order_by=S), pxtf.sum(I, order_by=S, asc=False), pxtf.sum(I, frame="all"),
    pxtf.sum(I, order_by=S, asc=False, frame="all"), pxtf.percentile(I, 0.5), pxtf.lag(S, 2, "a"),
]  # fmt: skip


@pytest.mark.parametrize("expr", AGGREGATES, ids=str)
def test_round_trip_of_aggregates(expr: Expr) -> None:
    restored = decode(json.loads(json.dumps(encode(expr))))
    assert structure(restored) == structure(expr)
    assert str(restored) == str(expr)


def test_fields_added_later_are_not_written_where_they_have_their_default() -> None:
    """So what was stored before there was such a field reads, and has the same fingerprint, as now."""
    sizes = [len(encode(expr)["expr"]) for expr in AGGREGATES[:4]]
    assert sizes == [sizes[0], sizes[0] + 1, sizes[0] + 2, sizes[0] + 2]
    for having in (None, pxtf.count(I) > 1):
        call = replace(EXAMPLES[QueryCall], call_query=QuerySpec(1, group_by=(I,), having=having))
        assert ('"having"' in json.dumps(encode(call))) == (having is not None)
        assert structure(decode(encode(call))) == structure(call)
