"""Taking out of a batch the rows that a condition does not keep."""

from collections.abc import Callable

from pixeltable.exec.batch import Batch
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.operators import And


def filter_batch(
    where: Expr, batch: Batch, values: Callable[[Expr, Batch], list[bool | None]]
) -> tuple[Batch, list[int]]:
    """The rows for which `where` is true, and their numbers in `batch`.

    Conditions joined by & are tried in order, each on the rows the ones before it kept: `(t.x != 0) & f(t.x)` does not
    call f on 0. `values` evaluates one condition.
    """
    kept = list(range(batch.count))
    for condition in where.parts if isinstance(where, And) else (where,):
        places = [place for place, value in enumerate(values(condition, batch)) if value is True]
        if len(places) < batch.count:
            batch, kept = batch.take(places), [kept[place] for place in places]
    return batch, kept
