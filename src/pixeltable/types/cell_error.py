"""What is known of a cell that could not be computed; raising and storing it are done elsewhere."""

import datetime
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CellError:
    """Why a cell is null: the name of the exception's class, its message, how often it was tried, and when last."""

    type: str
    message: str
    attempts: int = 1
    at: datetime.datetime | None = None


def message_of(exception: BaseException) -> str:
    """What an exception says of itself; a class of a user's may fail at that."""
    try:
        return str(exception)
    except Exception as error:  # noqa: BLE001  # it runs the user's code
        return f"(its message cannot be had: {type(error).__name__})"


def storable_text(text: str) -> str:
    """A message without what a database cannot store: NUL, and surrogates that are no character."""
    return text.replace("\0", " ").encode(errors="replace").decode()
