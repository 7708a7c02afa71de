"""The whole catalog as of one epoch, immutable; and how it is found by path."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from pixeltable.catalog.records import DirRecord, TableRecord
from pixeltable.exceptions import UnknownDirectory, UnknownPath, UnknownTable
from pixeltable.ids import Path


@dataclass(frozen=True, slots=True)
class Catalog:
    """Directories and tables by id, and the ids under every path."""

    epoch: int = 0
    dirs: dict[int, DirRecord] = field(default_factory=dict)
    tables: dict[int, TableRecord] = field(default_factory=dict)
    dir_ids: dict[str, int] = field(default_factory=dict)
    table_ids: dict[str, int] = field(default_factory=dict)
    view_ids: tuple[int, ...] = field(init=False)
    """Of views that follow their bases; ascending, so that a view comes after its base, which is older."""

    def __post_init__(self) -> None:
        views = sorted(table.id for table in self.tables.values() if table.view is not None and not table.is_snapshot)
        object.__setattr__(self, "view_ids", tuple(views))

    def with_table(self, table: TableRecord) -> "Catalog":
        """The catalog after one change, that of a table which keeps its path."""
        return replace(self, epoch=self.epoch + 1, tables={**self.tables, table.id: table})

    def table_at(self, path: Path) -> TableRecord:
        """The table under a path.

        Raises:
            UnknownPath: there is none.
        """
        found = self.find_table(path)
        if found is None:
            raise UnknownPath(str(path), known=self.table_ids)
        return found

    def find_table(self, path: Path) -> TableRecord | None:
        """The table under a path, or None."""
        table_id = self.table_ids.get("/".join(path.parts))
        return None if table_id is None else self.find(table_id)

    def find(self, table_id: int) -> TableRecord | None:
        """The table of that id, or None; a view with its base."""
        found = self.tables.get(table_id)
        if found is None or found.view is None or found.is_snapshot:
            return found
        return replace(found, base=self.find(found.view.base))

    def base_path(self, table: TableRecord) -> str | None:
        """Where what a table is a view of is now; of a snapshot with the version that it shows."""
        base = table.base
        present = None if base is None else self.find(base.id)
        if base is None or present is None:
            return None if base is None else base.path
        _, colon, version = base.path.partition(":")
        return f"{present.path}{colon}{version}"

    def branch_path(self, table: TableRecord) -> str | None:
        """Where what a table is a branch of is now; None if it is none, or that was dropped."""
        base = None if table.branch is None else self.find(table.branch.base)
        return None if base is None else base.path

    def views_of(self, table_id: int) -> list[TableRecord]:
        """The views over a table, and those over them, each after its base."""
        return self._over(table_id, self.view_ids)

    def dependents_of(self, table_id: int) -> list[TableRecord]:
        """As `views_of`, with snapshots, which need the table without following it."""
        return self._over(table_id, sorted(table.id for table in self.tables.values() if table.view is not None))

    def _over(self, table_id: int, view_ids: Iterable[int]) -> list[TableRecord]:
        reached = {table_id}
        found = []
        for view_id in view_ids:
            view = self.tables[view_id]
            if view.view is not None and view.view.base in reached:
                reached.add(view_id)
                found.append(self.table(view_id, name=view.path))
        return found

    def table(self, table_id: int, *, name: str) -> TableRecord:
        """The table of that id; `name` is what the caller knew it by.

        Raises:
            UnknownTable: it was dropped.
        """
        found = self.find(table_id)
        if found is None:
            raise UnknownTable(name)
        return found

    def find_dir(self, path: Path) -> DirRecord | None:
        """The directory under a path, or None; the root has no record."""
        dir_id = self.dir_ids.get(str(path))
        return None if dir_id is None else self.dirs[dir_id]

    def dir_id(self, path: Path) -> int | None:
        """The id under which a directory's entries are found, None for the root.

        Raises:
            UnknownDirectory: there is none.
        """
        if path.is_root:
            return None
        found = self.find_dir(path)
        if found is None:
            raise UnknownDirectory(str(path))
        return found.id

    def kind_at(self, path: Path) -> str | None:
        """What is under a path: `table`, `directory` or nothing."""
        if self.find_table(path) is not None:
            return "table"
        return "directory" if self.find_dir(path) is not None else None

    def below(self, path: Path, *, recursive: bool) -> tuple[list[str], list[str]]:
        """Paths of the directories and of the tables in a directory, sorted."""

        def inside(names: Iterator[str]) -> list[str]:
            prefix = "" if path.is_root else f"{path}/"
            found = (name for name in names if name.startswith(prefix))
            return sorted(name for name in found if recursive or "/" not in name[len(prefix) :])

        return inside(iter(self.dir_ids)), inside(iter(self.table_ids))
