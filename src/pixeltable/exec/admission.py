"""Letting the calls of pooled functions through, as the limits of their resource pool allow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixeltable.exec.calls import Calling
from pixeltable.providers.pools import Lease, Pools


@dataclass(frozen=True, slots=True)
class _Rule:
    """A hook of a function, with the places of the arguments it takes."""

    ask: Callable[..., Any]
    arguments: tuple[tuple[str, int], ...]

    def answer(self, given: Sequence[Any]) -> Any:
        """What the hook says of a call with these arguments."""
        return self.ask(**{name: given[place] for name, place in self.arguments})


def _rule(hook: Callable[..., Any] | None, calling: Calling) -> _Rule | None:
    if hook is None:
        return None
    wanted = hook.__code__.co_varnames[: hook.__code__.co_argcount + hook.__code__.co_kwonlyargcount]
    places = {parameter.name: place for place, parameter in enumerate(calling.parameters)}
    return _Rule(hook, tuple((name, places[name]) for name in wanted if name in places))


class Admission:
    """Finds the pool of each call of one function, and waits there."""

    def __init__(self, calling: Calling, pools: Pools, *, patient: bool) -> None:
        self._pools = pools
        self._patient = patient
        self._name = calling.function.options.resource_pool
        self._pool_rule = _rule(calling.function.pool_rule, calling)
        self._estimate_rule = _rule(calling.function.estimate_rule, calling)

    async def lease(self, given: Sequence[Any]) -> Lease:
        """Leave for a call with these arguments, when it is its turn."""
        name = self._name if self._pool_rule is None else self._pool_rule.answer(given)
        estimate: Mapping[str, int] = {} if self._estimate_rule is None else self._estimate_rule.answer(given)
        return await self._pools.pool(str(name)).admit(estimate, patient=self._patient)


def is_pooled(calling: Calling) -> bool:
    """Whether calls of a function need leave."""
    return calling.function.options.resource_pool is not None or calling.function.pool_rule is not None
