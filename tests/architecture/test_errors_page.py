"""The table in `docs/errors.md` is the one that `pixeltable.exceptions` gives; a failure prints what it should be."""

from collections.abc import Iterator

from pixeltable import exceptions
from pixeltable.exceptions import CellFailure, Error, ErrorCode
from tests.architecture.source_tree import REPOSITORY

HEADER = "| code | name | class | HTTP | retry | raised as |\n|---|---|---|---|---|---|\n"


def subclasses(kind: type[Error]) -> Iterator[type[Error]]:
    for found in kind.__subclasses__():
        if found.__module__ == exceptions.__name__:
            yield found
            yield from subclasses(found)


def leaves_by_code() -> dict[ErrorCode, list[str]]:
    """The names of the classes that always have a code, by that code."""
    found: dict[ErrorCode, list[str]] = {}
    for leaf in dict.fromkeys(subclasses(Error)):
        code = getattr(leaf, "code", None)
        if code is not None:
            found.setdefault(code, []).append(leaf.__name__)
    failure = CellFailure("a", row=0, error_type="ValueError", message="", inputs="")
    found.setdefault(failure.error_code, []).append(CellFailure.__name__)
    return found


def table() -> str:
    """The table, as Markdown."""
    raised = leaves_by_code()
    lines = []
    for code in ErrorCode:
        error = Error.from_dict({"error_code": code.name, "message": ""})
        retry = "yes" if error.is_retryable else ""
        names = ", ".join(sorted(raised.get(code, ())))
        lines.append(
            f"| {code.value} | {code.name} | {type(error).__name__} | {error.http_status} | {retry} | {names} |\n"
        )
    return HEADER + "".join(lines)


def test_page_has_the_table_of_the_code() -> None:
    page = (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")
    assert table() in page, f"docs/errors.md should hold:\n\n{table()}"


def test_every_class_has_one_code() -> None:
    named = [name for names in leaves_by_code().values() for name in names]
    assert len(named) == len(set(named))
