"""The SDK clients of a session: each made once, for the event loop on which it is used."""

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pixeltable.lazy import asyncio
from pixeltable.providers.sections import Sections, load_sections
from pixeltable.settings import load_settings
from pixeltable.telemetry import log

Client = TypeVar("Client")


class Clients:
    """Clients by what they were made of. For the thread of the loop they belong to."""

    def __init__(self, sections: Sections) -> None:
        self.sections = sections
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[object, ...], Any]] = WeakKeyDictionary()

    def get(self, key: tuple[object, ...], make: Callable[[], Client]) -> Client:
        """The client of the running loop under `key`, made at first."""
        clients = self._by_loop.setdefault(asyncio.get_running_loop(), {})
        if key not in clients:
            clients[key] = make()
        found: Client = clients[key]
        return found

    async def close(self) -> None:
        """Close the clients of the running loop, by what they have of `aclose` and `close`."""
        for client in self._by_loop.pop(asyncio.get_running_loop(), {}).values():
            end = getattr(client, "aclose", None) or getattr(client, "close", None)
            try:
                ended = end() if end is not None else None
                if inspect.isawaitable(ended):
                    await ended
            except Exception as error:  # noqa: BLE001  # one that cannot be closed must not keep the others open
                log.debug("a client could not be closed: %s", type(error).__name__)


_CURRENT: ContextVar[Clients | None] = ContextVar("pixeltable_clients", default=None)


def use_clients(clients: Clients) -> None:
    """Make these the clients of the task or thread that calls."""
    _CURRENT.set(clients)


def current_clients() -> Clients:
    """The clients of this task; where no session gave any, ones of its own, by the configuration as it is now."""
    found = _CURRENT.get()
    if found is None:
        found = Clients(load_sections(load_settings()))
        _CURRENT.set(found)
    return found
