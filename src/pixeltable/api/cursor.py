"""`ResultCursor`: the rows of a query one after the other, however many there are."""

from collections.abc import Generator, Iterator
from types import TracebackType
from typing import Any

from pixeltable.api.row import Row
from pixeltable.exceptions import InvalidState
from pixeltable.session.streams import RowStream


class ResultCursor:
    """Iterates over the rows of a query, of one moment, in a bounded amount of memory.

    `with query.cursor() as rows: ...`, or `open()` and `close()`. Rows are read in the background, at first into
    memory, further ones into a temporary file: a program that takes its time over them holds nothing of the database.
    """

    def __init__(self, stream: RowStream, schema: dict[str, Any]) -> None:
        self._stream = stream
        self._schema = schema
        self._rows: Generator[Row] | None = None
        self._closed = False

    @property
    def schema(self) -> dict[str, str]:
        """Type names by column."""
        return {name: str(found) for name, found in self._schema.items()}

    def open(self) -> "ResultCursor":
        """Start to read.

        Raises:
            InvalidState: it is open, or was closed.
        """
        if self._closed or self._rows is not None:
            raise InvalidState(
                f"the cursor is {'closed' if self._closed else 'open already'}", hint="Make another one."
            )
        self._rows = _rows(self._stream)
        return self

    def close(self) -> None:
        """End reading; what was read and not taken is forgotten."""
        self._closed = True
        if self._rows is not None:
            self._rows.close()

    def __enter__(self) -> "ResultCursor":
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Row]:
        if self._rows is None or self._closed:
            raise InvalidState(
                f"the cursor is {'closed' if self._closed else 'not open'}", hint="with query.cursor() as rows: ..."
            )
        return self._rows

    def __repr__(self) -> str:
        state = "closed" if self._closed else "pending" if self._rows is None else "open"
        columns = ", ".join(f"{name}: {found}" for name, found in self.schema.items())
        return f"ResultCursor({state}, columns=[{columns}])"


def _rows(stream: RowStream) -> Generator[Row]:
    pages = stream.pages()
    try:
        for page in pages:
            for values in zip(*page.columns.values(), strict=True):
                yield Row(dict(zip(page.columns, values, strict=True)))
    finally:
        if isinstance(pages, Generator):
            pages.close()
