"""Tags: names of versions, which stay as long as they have one."""

from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import InvalidState, TagTaken, UnknownVersion
from pixeltable.plan.query import Moment
from pixeltable.session.past import known_versions
from pixeltable.session.running import refuse_in_transaction
from pixeltable.session.session import Session
from pixeltable.storage.database import Connection


def tag(session: Session, table_id: int, name: str, tag_name: str, moment: Moment | None) -> None:
    """Name a version, the newest if none is given.

    Raises:
        TagTaken: another version has that name.
        UnknownVersion: the version was taken back.
    """

    def work(connection: Connection, catalog: Catalog) -> None:  # with no `revert()` meanwhile
        table = catalog.table(table_id, name=name)
        taken = dict(_tags(connection, table.id)).get(tag_name)
        version = _version(connection, table, moment)
        if taken is not None and taken != version:
            raise TagTaken(tag_name, table=table.path, version=taken)
        connection.execute(
            "INSERT INTO pixeltable.tags (table_id, name, version) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (table.id, tag_name, version),
        )

    session.change_schema(work)


def _version(connection: Connection, table: TableRecord, moment: Moment | None) -> int:
    found = connection.execute(
        "SELECT version FROM pixeltable.versions WHERE table_id = %s AND op = coalesce(%s::bigint, op) "
        "ORDER BY version DESC LIMIT 1",
        (table.id, None if moment is None else moment.op),
    ).fetchone()
    if found is None:
        assert moment is not None
        asked = f"version {moment.version} any more, it was taken back by revert()"
        raise UnknownVersion(asked, table=table.path, known=known_versions(connection, table.id))
    return int(found[0])


def _tags(connection: Connection, table_id: int) -> list[tuple[str, int]]:
    return connection.execute(
        "SELECT name, version FROM pixeltable.tags WHERE table_id = %s ORDER BY version, name", (table_id,)
    ).fetchall()


def list_tags(session: Session, table_id: int, name: str) -> dict[str, int]:
    """The tags of a table and their versions, oldest first."""
    session.refresh().table(table_id, name=name)
    return dict(session.database.read(lambda connection: _tags(connection, table_id)))


def drop_tag(session: Session, table_id: int, name: str, tag_name: str, *, if_not_exists: str) -> None:
    """Take a name away from its version.

    Raises:
        UnknownVersion: no version has it, and `if_not_exists` is 'error'.
    """
    refuse_in_transaction("drop_tag()")
    session.refresh().table(table_id, name=name)

    def drop(connection: Connection) -> None:
        dropped = connection.execute(
            "DELETE FROM pixeltable.tags WHERE table_id = %s AND name = %s", (table_id, tag_name)
        ).rowcount
        if not dropped and if_not_exists == "error":
            raise _unknown_tag(connection, table_id, name, tag_name)

    session.database.read(drop)


def moment_of_tag(session: Session, table_id: int, name: str, tag_name: str) -> Moment:
    """The version that a tag names.

    Raises:
        UnknownVersion: none has it.
    """
    session.refresh().table(table_id, name=name)

    def find(connection: Connection) -> Moment:
        row = connection.execute(
            "SELECT v.version, v.op FROM pixeltable.tags t JOIN pixeltable.versions v USING (table_id, version) "
            "WHERE t.table_id = %s AND t.name = %s",
            (table_id, tag_name),
        ).fetchone()
        if row is None:
            raise _unknown_tag(connection, table_id, name, tag_name)
        return Moment(*row)

    return session.database.read(find)


def _unknown_tag(connection: Connection, table_id: int, name: str, tag_name: str) -> UnknownVersion:
    known = ", ".join(f"{found!r} (version {version})" for found, version in _tags(connection, table_id))
    return UnknownVersion(
        f"version with the tag {tag_name!r}", table=name, known=f"the tags {known}" if known else "no tags"
    )


def refuse_tagged(connection: Connection, table: TableRecord, version: int) -> None:
    """Check that a version may go.

    Raises:
        InvalidState: it has a tag.
    """
    names = [name for name, tagged in _tags(connection, table.id) if tagged == version]
    if names:
        listed = ", ".join(map(repr, names))
        raise InvalidState(
            f"version {version} of table {table.path!r} has the tag {listed}, so it cannot be reverted",
            hint=f"Remove it first: drop_tag({names[0]!r}).",
        )
