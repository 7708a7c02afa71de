"""Where a branch and its base were the same last."""

from pixeltable.catalog.records import BranchRecord, Fork, TableRecord
from pixeltable.plan.query import Moment
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection


def last_common(session: Session, branch: TableRecord, record: BranchRecord) -> Fork | None:
    """The newest of the versions that a branch has in common with its base which are still there on both sides."""

    def find(connection: Connection) -> Fork | None:
        for fork in reversed(record.forks):
            found = connection.execute(
                "SELECT count(*) FROM pixeltable.versions v JOIN pixeltable.heads h USING (table_id) "
                "WHERE v.version >= h.oldest AND (v.table_id, v.version, v.op) IN ((%s, %s, %s), (%s, %s, %s))",
                (branch.id, fork.own_version, fork.own_op, record.base, fork.base_version, fork.base_op),
            ).fetchone()
            if found is not None and found[0] == 2:
                return fork
        return None

    return session.database.read(find)


def not_merged_since(session: Session, branch: TableRecord, record: BranchRecord) -> Moment:
    """The version of a branch since which nothing of it is in its base; its first, if that is gone."""
    fork = last_common(session, branch, record) or record.forks[0]
    return Moment(fork.own_version, fork.own_op)
