"""Records that nodes hold: their nodes are over other rows, and are reached only by who asks for them."""

from pixeltable.exprs.expr import Expr, all_nodes_in, exprs_in_record, nodes_in, rebuild, rebuild_record, structure
from pixeltable.exprs.leaves import ColumnRef, Literal
from pixeltable.exprs.queries import QueryCall
from pixeltable.exprs.variable import Variable
from pixeltable.plan.query import OrderItem, QuerySpec, with_arguments
from pixeltable.types.column_type import IntType

_here, _there = ColumnRef(1, 1, "here", IntType()), ColumnRef(2, 2, "there", IntType())
_k = Variable("k", IntType())
SPEC = QuerySpec(2, (("n", _there + _k),), _there > _k, (OrderItem(_there),), variable_limit=_k)
CALL = QueryCall("q", "t", SPEC, (), (_here,), False)


def names(found: Expr) -> list[str]:
    return [str(node) for node in nodes_in(found)]


def test_nodes_in_a_record_are_no_children() -> None:
    assert names(CALL) == ["q(here)", "here"]


def test_they_are_found_by_walking_the_records_too() -> None:
    assert {str(node) for node in all_nodes_in(CALL)} >= {"here", "there", "there + k", "there > k", "k"}
    assert [str(expr) for expr in exprs_in_record(SPEC)] == ["there + k", "there > k", "there", "k"]


def test_rebuilding_a_node_leaves_its_records_alone() -> None:
    changed = rebuild(CALL, lambda node: _there if node is _here else None)
    assert isinstance(changed, QueryCall)
    assert changed.call_query is SPEC
    assert rebuild(CALL, lambda _: None) is CALL


def test_rebuilding_a_record_reaches_all_its_nodes() -> None:
    doubled = rebuild_record(SPEC, lambda node: _here if node is _there else None)
    assert [str(expr) for expr in exprs_in_record(doubled)] == ["here + k", "here > k", "here", "k"]


def test_records_alike_have_one_structure() -> None:
    assert structure(SPEC) == structure(rebuild_record(SPEC, lambda _: None))
    assert structure(SPEC) != structure(QuerySpec(2))


def test_arguments_close_a_query() -> None:
    closed = with_arguments(SPEC, {"k": Literal(3, IntType())})
    assert (SPEC.variables.keys(), closed.variables) == ({"k"}, {})
    assert (closed.limit, str(closed.where)) == (3, "there > 3")
