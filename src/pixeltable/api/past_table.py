"""`PastTable`: a table as it was at a version. It answers all queries, and refuses whatever would change it."""

from pixeltable.api.extension import extension
from pixeltable.api.fixed import Fixed, fixed_version, refuse_changes
from pixeltable.api.query_start import QueryStart, TableAlias
from pixeltable.api.table import Table
from pixeltable.api.table_versions import HANDLES
from pixeltable.exceptions import FixedVersion
from pixeltable.ids import check_column_name
from pixeltable.plan.query import Moment, past_alias
from pixeltable.session.past import record_at
from pixeltable.session.session import Session


class PastTable(Fixed, Table):
    """A handle of a version, which is what it was as long as the version is there."""

    def __init__(self, session: Session, table_id: int, path: str, moment: Moment) -> None:
        QueryStart.__init__(self, session, table_id, path, past_alias(path, moment), moment)
        record_at(session, table_id, path, moment)

    def _fixed(self, method: str) -> FixedVersion:
        return fixed_version(method, str(self._alias))

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


refuse_changes(PastTable)
HANDLES.append(PastTable)
