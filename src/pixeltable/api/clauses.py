"""Clauses of queries, checked: how a join and a sample become records."""

import random
from collections.abc import Sequence
from typing import Any, get_args

from pixeltable.exceptions import AmbiguousColumn, InvalidArgument, JoinedWithItself
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef, shown
from pixeltable.exprs.operators import And, Comparison
from pixeltable.plan.joins import Source
from pixeltable.plan.query import Branch, How, Join, QuerySpec, Sample
from pixeltable.session.relations import Relation

_HOWS = get_args(How)
_ON = "Write on=t.id == u.id, or on=t.id for columns of the same name."


def join_of(relation: Relation, other: Any, on: Any, how: Any) -> Join:
    """The join of a relation with another table.

    Raises:
        InvalidArgument, UnknownColumn, AmbiguousColumn: see `Query.join`.
    """
    source = getattr(other, "_source", None)
    if not isinstance(source, Source):
        raise InvalidArgument(f"join() takes a table, got {shown(other)}", hint="Or an alias: t.alias('a').")
    if how not in _HOWS:
        raise InvalidArgument(f"join(): how must be one of {', '.join(map(repr, _HOWS))}, got {how!r}")
    if how == "cross" and on is not None:
        raise InvalidArgument("a cross join takes no `on`", hint="To choose among all pairs: .where(...).")
    if how != "cross" and on is None:
        raise InvalidArgument(f"a join with how={how!r} needs `on`", hint=_ON)
    for known in relation.sources:
        if (known.record.id, known.alias) == (source.record.id, source.alias):
            raise JoinedWithItself(source.record.path)
    condition = None if on is None else _condition(relation, source, on)
    return Join(source.record.id, how, condition, source.alias, _present_path(source), source.moment)


def _present_path(source: Source) -> str:
    return source.record.path.partition(":")[0]


def branch_of(query: Any) -> Branch:
    """A query, or a table, as part of a union.

    Raises:
        InvalidArgument: it is neither.
    """
    is_table = isinstance(getattr(query, "_source", None), Source)
    clauses = query._query() if is_table else query  # noqa: SLF001  # a friend
    name, spec = getattr(clauses, "_name", None), getattr(clauses, "_spec", None)
    if not isinstance(spec, QuerySpec) or name is None:
        raise InvalidArgument(f"union() takes queries and tables, got {type(query).__name__}")
    return Branch(name, spec)


def _condition(relation: Relation, other: Source, on: Any) -> Expr:
    if isinstance(on, ColumnRef) or (isinstance(on, list | tuple) and on):
        refs = [on] if isinstance(on, ColumnRef) else on
        parts = tuple(_equal_namesakes(relation, other, ref) for ref in refs)
        return parts[0] if len(parts) == 1 else And(parts)
    if not isinstance(on, Expr):
        raise InvalidArgument(f"join(): `on` is a Bool expression or columns, got {shown(on)}", hint=_ON)
    return on


def _equal_namesakes(relation: Relation, other: Source, ref: Any) -> Expr:
    """That a column of the relation equals the one of the same name in the other table; `ref` may be either."""
    if not isinstance(ref, ColumnRef):
        raise InvalidArgument(f"join(): `on` is a Bool expression or columns, got {shown(ref)}", hint=_ON)
    theirs = _ref(other, ref.ref_name)
    if (ref.ref_table, ref.ref_alias) != (other.record.id, other.alias):
        return Comparison("==", ref, theirs)
    own = [
        _ref(source, ref.ref_name)
        for source in relation.sources
        if any(column.name == ref.ref_name for column in source.record.ready_columns)
    ]
    if len(own) > 1:
        raise AmbiguousColumn(ref.ref_name, table=relation.record.path)
    return Comparison("==", own[0] if own else _ref(relation.sources[0], ref.ref_name), theirs)


def _ref(source: Source, name: str) -> ColumnRef:
    column = source.record.column(name)
    return ColumnRef(column.id, source.record.id, column.name, column.type, source.alias)


def sample_of(n: Any, n_per_stratum: Any, fraction: Any, seed: Any, strata: Sequence[Expr]) -> Sample:
    """A sample, with a seed of its own where none is given.

    Raises:
        InvalidArgument: see `Query.sample`.
    """
    given = {name: value for name, value in zip(_SIZES, (n, n_per_stratum, fraction), strict=True) if value is not None}
    if len(given) != 1:
        raise InvalidArgument(
            f"sample() takes just one of {', '.join(_SIZES)}, got {', '.join(given) or 'none'}", hint=_SIZE
        )
    for name in given.keys() - {"fraction"}:
        if type(given[name]) is not int or given[name] < 0:
            raise InvalidArgument(f"sample(): {name} must be a non-negative int, got {given[name]!r}", hint=_SIZE)
    if fraction is not None and not (type(fraction) in (int, float) and 0 <= fraction <= 1):
        raise InvalidArgument(f"sample(): fraction must be a number from 0 to 1, got {fraction!r}", hint=_SIZE)
    if n_per_stratum is not None and not strata:
        raise InvalidArgument(
            "sample(): n_per_stratum needs stratify_by, which says what a stratum is",
            hint="Such as stratify_by=t.name.",
        )
    if seed is not None and type(seed) is not int:
        raise InvalidArgument(f"sample(): seed must be an int, got {seed!r}", hint="Such as seed=1.")
    share = None if fraction is None else float(fraction)
    number = random.getrandbits(32) if seed is None else seed
    return Sample(number, n, n_per_stratum, share, tuple(strata), drawn=seed is None)


_SIZES = ("n", "n_per_stratum", "fraction")
_SIZE = "Such as sample(n=10) or sample(fraction=0.1)."


def sample_text(sample: Sample) -> str:
    """A sample as a query shows it."""
    sizes = zip(_SIZES, (sample.n, sample.n_per_stratum, sample.fraction), strict=True)
    shown = [f"{name}={value}" for name, value in sizes if value is not None]
    shown += [f"stratify_by={', '.join(map(str, sample.stratify_by))}"] if sample.stratify_by else []
    return ", ".join(shown)
