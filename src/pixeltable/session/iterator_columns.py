"""Columns that a view has of its iterator, and that are not stored."""

from collections.abc import Iterable

from pixeltable.exprs.call import Call
from pixeltable.exprs.expr import Expr
from pixeltable.session.siblings import sibling
from pixeltable.session.tables import ColumnSpec
from pixeltable.types.column_type import IntType
from pixeltable.udfs.iterators import IteratorCall


def unstored_outputs(iterator: IteratorCall | None) -> list[ColumnSpec]:
    """The outputs of an iterator that are not stored, which are computed from the others, siblings by their names."""
    if iterator is None:
        return []
    assert isinstance(iterator.items, Call)
    place = sibling("pos", IntType())
    others = [sibling(name, kind) for name, kind in iterator.outputs.items()]
    return [
        ColumnSpec(output.key, output.returns, output.node((*iterator.items.call_args, place, *others)), stored=False)
        for output in iterator.unstored
    ]


def exprs_of(specs: Iterable[ColumnSpec]) -> dict[str, Expr]:
    """What computed columns are computed by, by their names."""
    return {spec.name: spec.expr for spec in specs if spec.expr is not None}
