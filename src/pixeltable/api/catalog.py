"""The functions of the package that work on paths: making, finding, listing and dropping directories and tables."""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from pixeltable.api import column_methods as column_methods  # for its effect: columns get their methods
from pixeltable.api.arguments import one_of
from pixeltable.api.fixed import fixed_version
from pixeltable.api.past_table import PastTable
from pixeltable.api.progress import watched
from pixeltable.api.receipts import announce
from pixeltable.api.sources import column_types, normalised, read_source
from pixeltable.api.stand_in import table_of
from pixeltable.api.table import RESERVED_NAMES, Table
from pixeltable.api.table_versions import TableVersions
from pixeltable.api.view import handle_of
from pixeltable.catalog.records import kind_of
from pixeltable.exceptions import InvalidArgument, InvalidPath, UnknownPath, UnknownVersion
from pixeltable.ids import parse_path
from pixeltable.session import directories, tables, versions
from pixeltable.session.annotations import check_comment, check_custom_metadata
from pixeltable.session.conditions import warn_of_problems
from pixeltable.session.current import current_session, start_session
from pixeltable.session.loaded_tables import FirstRows, create_loaded_table
from pixeltable.session.tree import directory_tree
from pixeltable.types.hints import type_from_form
from pixeltable.types.tree import DirContents, TreeNode

if TYPE_CHECKING:
    import pandas as pd

_REPLACING = ("error", "ignore", "replace", "replace_force")
_LENIENT = ("error", "ignore")


def init(config_overrides: dict[str, Any] | None = None) -> None:
    """Start the session: home directory, database, catalog. Every other call does so when it has to.

    Raises:
        InvalidState: it runs already, and overrides are given.
        InvalidConfiguration: a setting is unknown or does not fit.
    """
    start_session(config_overrides)


def home() -> FilePath:
    """The home directory."""
    return current_session().home


def create_table(
    path: str,
    schema: dict[str, Any] | None = None,
    *,
    source: Any = None,
    schema_overrides: Mapping[str, Any] | None = None,
    has_default_idxs: bool = False,
    on_error: str = "abort",
    primary_key: str | list[str] | None = None,
    comment: str | None = None,
    custom_metadata: Any = None,
    media_validation: str = "on_write",
    if_exists: str = "error",
) -> Table:
    """Create a table from a schema: column names to types, `pxt.Int` or `pxt.String | None`; bare types reject null.

    Or from the rows of a `source`, anything that `Table.insert` takes: the types are those that it tells, or that its
    values have, and `schema_overrides` says others, by the names of the source. Names that no column can have are
    changed: `first name` is `first_name`. The table is there with all its rows, or not at all: if they do not fit, one
    that is to be replaced stays. Of a frame or an Arrow table no more than a part is held as Python values.

    `primary_key` names one column or several. With `has_default_idxs` every column that is not computed and that a
    b-tree index can hold gets one. `if_exists` is 'error', 'ignore' (return the table that is there),
    'replace' or 'replace_force' (drop it first).

    Raises:
        AlreadyExistsError: the path is taken.
        NotFoundError: its directory does not exist.
        RequestError: the path or the schema is not valid.
    """
    if (schema is None) == (source is None):
        raise InvalidArgument("create_table() takes either `schema` or `source`")
    if schema_overrides is not None and source is None:
        raise InvalidArgument("create_table(): schema_overrides goes with a source", hint="Change the schema instead.")
    if schema_overrides is not None and not isinstance(schema_overrides, Mapping):
        raise InvalidArgument(
            f"create_table(): schema_overrides is a dict from names to types, got {schema_overrides!r}"
        )
    one_of("on_error", on_error, ("abort", "ignore"))
    one_of("media_validation", media_validation, ("on_read", "on_write"))
    parsed = parse_path(path)
    choice, session = one_of("if_exists", if_exists, _REPLACING), current_session()
    options = tables.TableOptions(
        check_comment(comment), check_custom_metadata(custom_metadata), media_validation, has_default_idxs
    )
    rows = FirstRows(0, lambda *_: ())
    if source is not None:
        existing = tables.find_existing(session.refresh(), parsed, if_exists=choice)
        if choice == "ignore" and existing is not None:
            return handle_of(session, existing)  # the source need not be read
        schema, rows, primary_key = _schema_and_rows(source, schema_overrides or {}, primary_key)
    specs = tables.column_specs(schema, primary_key=primary_key, reserved=RESERVED_NAMES)
    if not rows.count:
        record, _ = tables.create_table(session, parsed, specs, options, if_exists=choice)
        return Table(session, record)
    with watched(session, f"Inserting into {path}") as tally:
        record, status = create_loaded_table(session, parsed, specs, options, rows, if_exists=choice, tally=tally)
    announce(session, status)
    return handle_of(session, record)


def _schema_and_rows(
    source: Any, overrides: Mapping[str, Any], primary_key: str | list[str] | None
) -> tuple[dict[str, Any], FirstRows, list[str]]:
    """The schema of a table for the rows of a source, these under its names, and its key."""
    found = read_source(source, call="create_table()")
    key = [primary_key] if isinstance(primary_key, str) else primary_key or []
    given = {name: type_from_form(form, subject=f"column {name!r}") for name, form in overrides.items()}
    names = normalised(found.names)
    types = column_types(found, given, key=[name for name in found.names if name in key or names[name] in key])
    called = {new: name for name, new in names.items()}
    rows = FirstRows(found.count, lambda name, start, stop: found.cells(called[name], start, stop))
    return {names[name]: kind for name, kind in types.items()}, rows, [names.get(name, name) for name in key]


def get_table(path: str, if_not_exists: str = "error") -> Table | None:
    """A handle of the table under a path; None if there is none and `if_not_exists` is 'ignore'.

    `get_table('dir/name:3')` is the table as it was at version 3; see `Table.at`.

    Warns of columns whose function is gone, as far as that shows without importing modules.

    Raises:
        NotFoundError: there is none.
    """
    parsed = parse_path(path, allow_version=True)
    lenient = one_of("if_not_exists", if_not_exists, _LENIENT) == "ignore"
    session = current_session()
    catalog = session.refresh()
    found = catalog.find_table(parsed)
    if found is None and lenient:
        return None
    if found is None and catalog.find_dir(parsed) is not None:
        raise InvalidPath(f"path {path!r} is a directory")
    if found is None:
        raise UnknownPath(path, known=catalog.table_ids)
    found.check_complete()
    if parsed.version is not None:
        return _at_version(Table(session, found), parsed.version, lenient=lenient)
    warn_of_problems(session, found)
    return handle_of(session, found)


def _at_version(table: Table, version: int | str, *, lenient: bool) -> Table | None:
    try:
        return TableVersions.at(table, version=version)
    except UnknownVersion:
        if lenient:
            return None
        raise


def drop_table(table: str | Table, force: bool = False, if_not_exists: str = "error") -> None:
    """Drop a table, or a view, with all its versions; `force` drops the views over it too.

    Raises:
        NotFoundError: there is none, and `if_not_exists` is 'error'.
        RequestError: it has views, and `force` is not set.
    """
    one_of("if_not_exists", if_not_exists, _LENIENT)
    session, table = current_session(), table_of(table)
    if isinstance(table, PastTable):
        raise fixed_version("drop_table", str(table._alias))  # noqa: SLF001  # a friend
    if isinstance(table, Table):
        catalog, table_id = session.refresh(), table._id  # noqa: SLF001  # a friend
        if if_not_exists == "ignore" and table_id not in catalog.tables:
            return
        path = catalog.table(table_id, name=table._path).path  # noqa: SLF001  # a friend
    else:
        path = table
    tables.drop_table(session, parse_path(path), force=force, if_not_exists=if_not_exists)


class Dir:
    """A directory, as `create_dir` answers."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"Dir({self.path!r})"


def create_dir(path: str, *, if_exists: str = "error", parents: bool = False) -> Dir:
    """Create a directory; with `parents` also those above it.

    Raises:
        AlreadyExistsError: the path is taken and `if_exists` is 'error', or it is 'replace' and the directory is not
            empty ('replace_force' empties it).
        NotFoundError: the directory above does not exist.
    """
    choice = one_of("if_exists", if_exists, _REPLACING)
    directories.create_dir(current_session(), parse_path(path), if_exists=choice, parents=parents)
    return Dir(str(parse_path(path)))


def drop_dir(path: str, force: bool = False, if_not_exists: str = "error") -> None:
    """Drop a directory; with `force` also what is in it.

    Raises:
        NotFoundError: there is none, and `if_not_exists` is 'error'.
        RequestError: it is not empty.
    """
    choice = one_of("if_not_exists", if_not_exists, _LENIENT)
    directories.drop_dir(current_session(), parse_path(path), force=force, if_not_exists=choice)


def move(path: str, new_path: str, *, if_exists: str = "error", if_not_exists: str = "error") -> None:
    """Give a table or a directory another path.

    Raises:
        NotFoundError: nothing is under `path`, or the new directory does not exist.
        AlreadyExistsError: `new_path` is taken.
        RequestError: both are the same, or a directory would move into itself.
    """
    directories.move(
        current_session(), parse_path(path), parse_path(new_path),
        if_exists=one_of("if_exists", if_exists, _LENIENT),
        if_not_exists=one_of("if_not_exists", if_not_exists, _LENIENT),
    )  # fmt: skip


def get_dir_contents(dir_path: str = "", recursive: bool = True) -> DirContents:
    """The paths of the directories and tables in a directory, sorted.

    Raises:
        NotFoundError: it does not exist.
    """
    path = parse_path(dir_path, allow_root=True)
    catalog = current_session().refresh()
    catalog.dir_id(path)
    dirs, found = catalog.below(path, recursive=recursive)
    return {"dirs": dirs, "tables": found}


def get_dir_tree(path: str = "") -> list[TreeNode]:
    """What is in a directory and in those below it: nested dicts, directories first.

    A directory has `name`, `path`, `kind` and `entries`; a table has `name`, `path`, `kind`, `version`, `error_count`
    (cells that failed) and `base`.

    Raises:
        NotFoundError: it does not exist.
    """
    return directory_tree(current_session(), parse_path(path, allow_root=True))


def list_tables(dir_path: str = "", recursive: bool = True) -> list[str]:
    """The paths of the tables in a directory, sorted."""
    return get_dir_contents(dir_path, recursive)["tables"]


def list_dirs(path: str = "", recursive: bool = True) -> list[str]:
    """The paths of the directories in a directory, sorted."""
    return get_dir_contents(path, recursive)["dirs"]


def ls(path: str = "") -> "pd.DataFrame":
    """What is in a directory, one level deep, as a DataFrame: Name, Kind, Version, Base."""
    import pandas as pd

    contents = get_dir_contents(path, recursive=False)
    session = current_session()
    catalog = session.catalog
    rows = [(name.rpartition("/")[2], "dir", "", "") for name in contents["dirs"]]
    for name in contents["tables"]:
        version = versions.current_version(session, catalog.table_ids[name], name)
        record = catalog.table(catalog.table_ids[name], name=name)
        rows.append((name.rpartition("/")[2], kind_of(record), str(version), catalog.base_path(record) or ""))
    return pd.DataFrame(rows, columns=["Name", "Kind", "Version", "Base"])
