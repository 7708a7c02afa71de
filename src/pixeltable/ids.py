"""Names and paths: what is a valid one, and how a path is taken apart."""

import keyword
import re
from dataclasses import dataclass

from pixeltable.exceptions import InvalidName, InvalidPath

_COMPONENT = re.compile(r"[A-Za-z][A-Za-z0-9_]*(-+[A-Za-z0-9_]+)*")
_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Path:
    """The components from the root down, the root itself having none, and the version asked for, or its tag, if any."""

    parts: tuple[str, ...]
    version: int | str | None = None

    @property
    def name(self) -> str:
        """The last component."""
        return self.parts[-1]

    @property
    def parent(self) -> "Path":
        """The directory it is in."""
        return Path(self.parts[:-1])

    @property
    def is_root(self) -> bool:
        return not self.parts

    def ancestors(self) -> list["Path"]:
        """The directories above it, outermost first, without the root."""
        return [Path(self.parts[:depth]) for depth in range(1, len(self.parts))]

    def __str__(self) -> str:
        return "/".join(self.parts) + ("" if self.version is None else f":{self.version}")


def parse_path(text: object, *, allow_root: bool = False, allow_version: bool = False) -> Path:
    """A path as users write it, `dir/name` or, as in older programs, `dir.name`.

    Raises:
        InvalidPath: a component is no identifier, or the root or a version is named where it cannot be.

    >>> parse_path("demo/docs"), str(parse_path("demo.docs"))
    (Path(parts=('demo', 'docs'), version=None), 'demo/docs')
    """
    if not isinstance(text, str):
        raise InvalidPath(f"a path is a string, got {type(text).__name__}")
    body, colon, suffix = text.partition(":")
    if colon and not allow_version:
        raise InvalidPath(f"invalid path {text!r}: a version `:<number>` is not possible here")
    version = _version(text, suffix) if colon else None
    if not body:
        if allow_root and not colon:
            return Path(())
        raise InvalidPath("the root directory cannot be used here", hint="Name a path, such as 'dir/name'.")
    parts = tuple(body.split("/") if "/" in body else body.split("."))
    for part in parts:
        if not _COMPONENT.fullmatch(part):
            raise InvalidPath(
                f"invalid path {text!r}: component {part!r} is no valid name",
                hint="Names start with a letter and hold letters, digits, '_' and, inside, '-'.",
            )
    return Path(parts, version)


def _version(text: str, suffix: str) -> int | str:
    if suffix.isdecimal() and suffix.isascii():
        return int(suffix)
    if not _COMPONENT.fullmatch(suffix):
        raise InvalidPath(f"invalid path {text!r}: after the colon comes the number of a version, or a tag")
    return suffix


def check_tag(name: object) -> str:
    """`name`, if a version can be called so.

    Raises:
        InvalidPath: it cannot.
    """
    if not isinstance(name, str) or not _COMPONENT.fullmatch(name) or len(name) > 200:
        raise InvalidPath(
            f"invalid tag {name!r}", hint="Tags start with a letter and hold letters, digits, '_' and, inside, '-'."
        )
    return name


def check_column_name(name: object, *, reserved: frozenset[str], noun: str = "column name") -> str:
    """`name`, if a column can have it, or whatever `noun` says; `reserved` holds those that tables need for themselves.

    Raises:
        InvalidName: it cannot.
    """
    if not isinstance(name, str) or not _COLUMN.fullmatch(name) or len(name) > 200:
        raise InvalidName(
            f"invalid {noun} {name!r}", hint="Names start with an ASCII letter and hold letters, digits and '_'."
        )
    if keyword.iskeyword(name):
        raise InvalidName(f"invalid {noun} {name!r}: it is a Python keyword", hint="Choose another name.")
    if name in reserved:
        raise InvalidName(
            f"invalid {noun} {name!r}: `table.{name}` is a part of every table", hint="Choose another name."
        )
    return name
