"""`Context`: what evaluation needs beside the values."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pixeltable.exceptions import Unsupported
from pixeltable.exec.engine import Engine
from pixeltable.exec.memo import InFlight
from pixeltable.exec.tally import Tally
from pixeltable.exprs.call import FunctionSpec
from pixeltable.exprs.queries import QueryCall
from pixeltable.providers.clients import Clients
from pixeltable.providers.pools import Pools
from pixeltable.storage.memo import Memo
from pixeltable.udfs.function import Function
from pixeltable.udfs.retry import Policy


def _without_database(node: QueryCall, *_: Any) -> list[Any]:
    raise Unsupported(f"`{node}` reads a table, and there is no database here")


@dataclass(frozen=True, slots=True)
class Context:
    """The time zone, the bodies of functions, how many rows a call takes at once, where calls run, who counts them."""

    zone: datetime.tzinfo
    find: Callable[[FunctionSpec], Function]
    batch_size: int
    engine: Engine
    tally: Tally = field(default_factory=Tally)
    policy: Policy = field(default_factory=Policy)
    memo: Memo | None = None
    in_flight: InFlight | None = None
    pools: Pools | None = None
    clients: Clients | None = None
    recall: bool = True
    """Whether results that are remembered are used in place of calls."""
    job: str | None = None
    """The job this is part of: results of functions that are not deterministic are remembered for it alone."""
    run_query: Callable[[QueryCall, Sequence[list[Any]], int], list[Any]] = _without_database
    """The results of a query for columns of its arguments, a Failure where there is none."""

    def counting(self, tally: Tally) -> "Context":
        """The context of an operation that counts with `tally`."""
        return replace(self, tally=tally)
