"""What listings of directories are made of; plain dicts when a program runs."""

from typing import Literal, TypedDict

TableKind = Literal["table", "view", "snapshot"]


class DirContents(TypedDict):
    """The paths of the directories and of the tables in a directory, sorted."""

    dirs: list[str]
    tables: list[str]


class TableNode(TypedDict):
    """A table in a tree. `error_count` says how many cells failed; `base` is the path of what it is a view of."""

    name: str
    path: str
    kind: TableKind
    version: int | None
    error_count: int
    base: str | None


class DirectoryNode(TypedDict):
    """A directory in a tree, with what is in it."""

    name: str
    path: str
    kind: Literal["directory"]
    entries: "list[TreeNode]"


TreeNode = DirectoryNode | TableNode
