"""`Diff`: the rows in which two versions of a table differ, and how their schemas do."""

import html
from collections.abc import Mapping
from typing import Any

from pixeltable.api.results import ResultSet
from pixeltable.types.column_type import ColumnType


class Diff(ResultSet):
    """Rows as of any result; `schema_changes` has a dict for each column and index that came, went or changed.

    Its keys are `change` ('added', 'dropped' or 'altered'), `kind` ('column' or 'index'), `name`, and `before` and
    `after`: definitions as texts, None where there is none.
    """

    __slots__ = ("schema_changes",)

    def __init__(
        self,
        columns: Mapping[str, list[Any]],
        types: Mapping[str, ColumnType],
        schema_changes: list[dict[str, Any]],
    ) -> None:
        super().__init__(columns, types)
        self.schema_changes = schema_changes

    def __repr__(self) -> str:
        return "\n".join([super().__repr__(), *self._changes()])

    def _repr_html_(self) -> str:
        listed = "".join(f"<p>{html.escape(change)}</p>" for change in self._changes())
        return super()._repr_html_() + listed

    def _changes(self) -> list[str]:
        return [f"{found['kind']} {found['name']!r} {found['change']}" for found in self.schema_changes]
