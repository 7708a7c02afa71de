"""Up to where a branch has been merged into its base."""

from pixeltable.catalog.records import BranchRecord, Fork, TableRecord
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection


def last_fork(session: Session, branch: TableRecord, record: BranchRecord) -> Fork:
    """The last merge that the base did not take back; else how the branch began, which it always knows."""

    def find(connection: Connection) -> Fork:
        for fork in reversed(record.forks[1:]):
            found = connection.execute(
                "SELECT count(*) FROM pixeltable.versions "
                "WHERE (table_id, version, op) IN ((%s, %s, %s), (%s, %s, %s))",
                (branch.id, fork.own_version, fork.own_op, record.base, fork.base_version, fork.base_op),
            ).fetchone()
            if found is not None and found[0] == 2:
                return fork
        return record.forks[0]

    return session.database.read(find)
