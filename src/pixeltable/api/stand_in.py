"""What is taken where a table is: the class of a model, once it is bound."""

from typing import Any


class StandIn:
    """What stands for its `table`."""

    __slots__ = ()

    @property
    def table(self) -> Any:
        """The table.

        Raises:
            RequestError: there is none yet.
        """
        raise NotImplementedError


def table_of(value: Any) -> Any:
    """The table that something stands for; all else is answered as it is."""
    return value.table if isinstance(value, StandIn) else value
