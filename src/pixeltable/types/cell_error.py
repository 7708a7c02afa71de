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
