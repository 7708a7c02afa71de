"""What functions make of the elements of lists: those of all rows are computed together, as one batch."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from pixeltable.exec.batch import Batch, Column, Failure
from pixeltable.exec.order import sort_keys
from pixeltable.exprs.elements import ElementFunction, JsonFilter, JsonMap, JsonSort
from pixeltable.exprs.expr import Expr

Values = list[Any]
Run = Callable[[Expr, Batch], Column]


def mapped(node: JsonMap, columns: Sequence[Values], run: Run) -> Values:
    """What the function makes of the elements, list by list."""
    return _applied(node.element_function, columns, run)


def filtered(node: JsonFilter, columns: Sequence[Values], run: Run) -> Values:
    """The elements for which the function is true, list by list."""

    def chosen(elements: Values, tests: Values) -> Values:
        return [element for element, test in zip(elements, tests, strict=True) if test is True]

    return _combined(chosen, columns[0], _applied(node.element_function, columns, run))


def in_order(node: JsonSort, columns: Sequence[Values], run: Run) -> Values:
    """The elements in the order of the function, list by list."""

    def ordered(elements: Values, found: Values) -> Values:
        keys = sort_keys(found)
        known = [place for place, key in enumerate(found) if key is not None]
        known.sort(key=keys.__getitem__, reverse=not node.is_ascending)
        return [elements[place] for place in chain(known, (p for p, key in enumerate(found) if key is None))]

    return _combined(ordered, columns[0], _applied(node.element_function, columns, run))


def _combined(combine: Callable[[Values, Values], Values], lists: Values, found: Values) -> Values:
    """Of each list and what was found for its elements a new one; where nothing was found, or it failed, just that."""
    return [
        combine(elements, values) if type(values) is list else values
        for elements, values in zip(lists, found, strict=True)
    ]


def _applied(function: ElementFunction, columns: Sequence[Values], run: Run) -> Values:
    """For each list the results for its elements; None where there is no list, the first Failure where there is one."""
    lists, *outer = columns
    owners = [row for row, value in enumerate(lists) if type(value) is list for _ in value]
    results = _results(function, lists, outer, owners, run)
    failed: dict[int, Failure] = {}
    for place in sorted(results.failures):
        failed.setdefault(owners[place], results.failures[place])
    found: Values = []
    start = 0
    for row, value in enumerate(lists):
        stop = start + (len(value) if type(value) is list else 0)
        found.append(failed.get(row, results.values[start:stop] if type(value) is list else None))
        start = stop
    return found


def _results(
    function: ElementFunction, lists: Values, outer: Sequence[Values], owners: Sequence[int], run: Run
) -> Column:
    """The results for the elements of all lists; `owners` has the row of each."""
    if not owners:
        return Column([])
    batch = Batch(len(owners))
    batch.put(function.element, Column([*chain.from_iterable(value for value in lists if type(value) is list)]))
    for variable, values in zip(function.outer, outer, strict=True):
        batch.put(variable, Column([values[row] for row in owners]))
    return run(function.body, batch)
