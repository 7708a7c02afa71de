"""The models this process has in memory: loaded at first use, once, and let go when idle or when memory is short."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pixeltable.exceptions import UnusableModel
from pixeltable.models.forks import abandon
from pixeltable.models.memory import free_share, give_back
from pixeltable.telemetry import log

_CHECK_S = 10.0
"""Most seconds between two looks at what is idle and at how much memory is free."""

_SHORTEST_CHECK_S = 0.1

_RETRY_S = 10.0
"""How long a failure to load is remembered, so that a column of a thousand rows does not try a thousand times."""


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """How long models stay in memory, and where they run."""

    idle_s: float = 600.0
    """Seconds without a call after which a model is unloaded."""
    free_memory: float = 0.1
    """The share of memory to leave free: below it, models not in use are unloaded, the longest unused first."""
    device: str = "auto"
    """`auto` (a GPU if there is one), `cpu`, `cuda`, `cuda:1`, `mps`."""


@dataclass(frozen=True, slots=True)
class ModelKey:
    """Which model: `kind` is the way it is used, `model_id` a folder or a name on the Hugging Face hub."""

    kind: str
    model_id: str
    device: str


@dataclass(slots=True, eq=False)
class _Entry:
    """A model from the moment somebody asked for it; `users` is the number of calls that have it now."""

    model: Future[Any] = field(default_factory=Future)
    users: int = 0
    used_at: float = 0.0

    def is_stale_failure(self, now: float) -> bool:
        return self.model.done() and self.model.exception() is not None and now - self.used_at > _RETRY_S


class ModelCache:
    """Models by key. Safe to share between threads; loading and unloading hold no lock."""

    def __init__(
        self,
        limits: ModelLimits = ModelLimits(),
        *,
        clock: Callable[[], float] = time.monotonic,
        free_share: Callable[[], float] = free_share,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._free_share = free_share
        self._lock = threading.Lock()
        self._entries: dict[ModelKey, _Entry] = {}
        self._changed = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def limits(self) -> ModelLimits:
        """The limits in force."""
        return self._limits

    def limit(self, limits: ModelLimits) -> None:
        """Set the limits from now on."""
        self._limits = limits
        self._changed.set()

    @contextmanager
    def use(self, kind: str, model_id: str, load: Callable[[str, str], Any]) -> Iterator[Any]:
        """The model while the block runs; it is not unloaded meanwhile. Keep no reference to it beyond the block.

        Args:
            load: makes the model from `model_id` and a device; called by one thread, for which the others wait.

        Raises:
            Error: what `load` raised, also for those who ask again within the next seconds.
        """
        path = os.path.abspath(model_id) if os.path.isdir(model_id) else model_id
        key = ModelKey(kind, path, self._limits.device)
        entry, is_new = self._claim(key)
        try:
            if is_new:
                self._fill(key, entry, load)
            yield entry.model.result()
        finally:
            self._release(entry)

    def loaded(self) -> list[ModelKey]:
        """The models in memory, the longest unused first."""
        with self._lock:
            found = [(key, entry) for key, entry in self._entries.items() if _is_loaded(entry)]
        return [key for key, _ in sorted(found, key=lambda item: item[1].used_at)]

    def unload(self, model_id: str | None = None) -> int:
        """Let go of a model, or of all; those in use stay. Returns the number of models let go."""
        path = os.path.abspath(model_id) if model_id and os.path.isdir(model_id) else model_id
        return self._drop(lambda key, _: path is None or key.model_id == path)

    def sweep(self) -> int:
        """Unload what is idle, and more while memory is short. Returns the number of models let go."""
        deadline = self._clock() - self._limits.idle_s
        return self._drop(lambda _, entry: entry.used_at <= deadline) + self._make_room()

    def after_fork(self) -> None:
        """In a forked child: models of the parent are neither used nor freed.

        Their threads do not exist here, nor does their GPU.
        """
        abandon(self._entries)
        self._lock = threading.Lock()
        self._entries = {}
        self._changed = threading.Event()
        self._watcher = None

    def _claim(self, key: ModelKey) -> tuple[_Entry, bool]:
        with self._lock:
            entry = self._entries.get(key)
            is_new = entry is None or entry.is_stale_failure(self._clock())
            if entry is None or is_new:
                entry = self._entries[key] = _Entry()
            entry.users += 1
            return entry, is_new

    def _fill(self, key: ModelKey, entry: _Entry, load: Callable[[str, str], Any]) -> None:
        self._make_room()
        started = self._clock()
        try:
            model = load(key.model_id, key.device)
        except Exception as error:  # becomes the failure of all who wait for the model
            entry.used_at = self._clock()
            entry.model.set_exception(error)
            raise
        except BaseException:
            # The user pressed Ctrl-C: that says nothing about the model, and does not mean the threads that wait.
            self._forget(key)
            entry.model.set_exception(UnusableModel(key.model_id, reason="loading it was interrupted"))
            raise
        log.info("loaded %s %s in %.1f s", key.kind, key.model_id, self._clock() - started)
        entry.model.set_result(model)
        self._make_room()
        self._watch()

    def _release(self, entry: _Entry) -> None:
        with self._lock:
            entry.users -= 1
            if _is_loaded(entry):
                entry.used_at = self._clock()

    def _make_room(self) -> int:
        """Unload what was not used for longest until enough memory is free, or all that is left is in use."""
        count = 0
        while self._free_share() < self._limits.free_memory and self._drop_longest_unused():
            count += 1
        return count

    def _drop_longest_unused(self) -> bool:
        with self._lock:
            unused = [(e.used_at, key) for key, e in self._entries.items() if not e.users and _is_loaded(e)]
        if not unused:
            return False
        _, oldest = min(unused, key=lambda item: item[0])
        return self._drop(lambda key, _: key == oldest) > 0

    def _forget(self, key: ModelKey) -> None:
        with self._lock:
            del self._entries[key]

    def _drop(self, rule: Callable[[ModelKey, _Entry], bool]) -> int:
        with self._lock:
            going = [key for key, entry in self._entries.items() if not entry.users and rule(key, entry)]
            dropped = [(key, self._entries.pop(key)) for key in going]
        models = [key for key, entry in dropped if _is_loaded(entry)]
        dropped.clear()
        for key in models:
            log.info("unloaded %s %s", key.kind, key.model_id)
        if models:
            give_back()
        return len(models)

    def _watch(self) -> None:
        """Have a thread look after the models as long as there are any."""
        with self._lock:
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._look_after, name="pixeltable-models", daemon=True)
                self._watcher.start()

    def _look_after(self) -> None:
        while True:
            self._changed.wait(max(_SHORTEST_CHECK_S, min(self._limits.idle_s, _CHECK_S)))
            self._changed.clear()
            self.sweep()
            with self._lock:
                if not self._entries:
                    self._watcher = None
                    return


def _is_loaded(entry: _Entry) -> bool:
    return entry.model.done() and entry.model.exception() is None


MODELS = ModelCache()
"""The models of this process.

State outside of `session/`, because the memory is the process's: two sessions, and the body of a function, which has
none, share a model. The session sets its limits.
"""

os.register_at_fork(after_in_child=MODELS.after_fork)
