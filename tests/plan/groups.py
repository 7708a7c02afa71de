"""Grouped queries over rows of values, in SQL and in Python."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pixeltable as pxt
from pixeltable.catalog.records import TableRecord
from pixeltable.plan.grouping import plan_select
from pixeltable.plan.query import QuerySpec
from pixeltable.plan.scope import Pushdown
from pixeltable.session.current import current_session


@contextmanager
def pushdown(on: bool) -> Iterator[None]:
    """Whether queries run in SQL what they can."""
    session = current_session()
    before = session.settings
    session.settings = replace(before, sql_pushdown=on)
    try:
        yield
    finally:
        session.settings = before


def in_python(query: pxt.Query) -> list[dict[str, Any]]:
    """The rows, grouped in Python."""
    with pushdown(False):
        return list(map(dict, query.collect()))


def in_sql(query: pxt.Query) -> list[dict[str, Any]]:
    """The rows, grouped by one statement; it fails if they are not."""
    assert groups_in_sql(query)
    with pushdown(True):
        return list(map(dict, query.collect()))


def groups_in_sql(query: pxt.Query) -> bool:
    """Whether one statement groups the rows."""
    return plan_select(spec_of(query), record_of(query), pushdown=Pushdown()).grouping is None


def spec_of(query: pxt.Query) -> QuerySpec:
    return query._spec  # noqa: SLF001  # what plans are made from


def record_of(query: pxt.Query) -> TableRecord:
    return query._table  # noqa: SLF001  # what plans are made from


def table_of(path: str, types: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> pxt.Table:
    """A table with these rows."""
    table = pxt.create_table(path, dict(types))
    if rows:
        table.insert(rows)
    return table


def shown(rows: list[dict[str, Any]]) -> list[str]:
    """Rows as texts that are equal where values are: NaN too, and 0.0 is not -0.0, nor 1."""
    return [repr(row) for row in rows]
