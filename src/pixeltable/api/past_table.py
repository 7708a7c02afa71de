"""`PastTable`: a table as it was at a version. It answers all queries, and refuses whatever would change it."""

from collections.abc import Callable
from typing import Any

from pixeltable.api.extension import Extension, extension
from pixeltable.api.query_start import QueryStart, TableAlias
from pixeltable.api.table import Table
from pixeltable.api.table_versions import HANDLES
from pixeltable.exceptions import FixedVersion
from pixeltable.ids import check_column_name
from pixeltable.plan.query import Moment, past_alias
from pixeltable.session.past import record_at
from pixeltable.session.session import Session

CHANGING = (
    "insert", "compute", "update", "recompute_columns", "delete", "add_computed_column", "drop_column", "revert",
    "add_embedding_index", "add_btree_index", "drop_index", "drop_embedding_index", "stale", "restore", "annotate",
    "add_column", "add_columns", "alter_column", "alter_computed_column", "batch_update", "rename_column",
)  # fmt: skip
"""The methods of a table that change it, or are about computing it."""


class PastTable(Table):
    """A handle of a version, which is what it was as long as the version is there."""

    def __init__(self, session: Session, table_id: int, path: str, moment: Moment) -> None:
        QueryStart.__init__(self, session, table_id, path, past_alias(path, moment), moment)
        record_at(session, table_id, path, moment)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PastTable) and (other._id, other._moment) == (self._id, self._moment)

    def __hash__(self) -> int:
        return hash((self._id, self._moment))

    @extension
    def alias(self, name: str) -> TableAlias:
        """As `Table.alias`; its references too say that they are of the past, so that no other query takes them."""
        check_column_name(name, reserved=frozenset())
        assert self._moment is not None
        return TableAlias(self._session, self._id, self._path, past_alias(name, self._moment), self._moment)


def _refusing(name: str) -> Callable[..., Any]:
    def refuse(self: PastTable, *_: Any, **__: Any) -> Any:
        raise FixedVersion(name, path=str(self._alias))

    refuse.__name__ = name
    refuse.__doc__ = "Not to be used on a version of the past."
    return refuse


for _name in CHANGING:
    _gives_way = any(isinstance(vars(base).get(_name), Extension) for base in Table.__mro__)
    setattr(PastTable, _name, Extension(_refusing(_name)) if _gives_way else _refusing(_name))

HANDLES.append(PastTable)
