"""What is known of a resource pool before any call: what the user configured, else what is assumed."""

from dataclasses import dataclass

from pixeltable.exceptions import InvalidArgument
from pixeltable.providers.credentials import fingerprint
from pixeltable.providers.sections import Sections

DEFAULT_REQUESTS_PER_MINUTE = 600.0
"""Of a `request-rate:` pool for which nothing is configured."""

REQUEST_RATE = "request-rate"
RATE_LIMITS = "rate-limits"


@dataclass(frozen=True, slots=True)
class PoolName:
    """A pool's name in parts: `request-rate:<section>[:<model>]` or `rate-limits:<section>[:<model>]`.

    >>> read_pool_name("rate-limits:openai:ft:gpt-5:mine")
    PoolName(kind='rate-limits', section='openai', model='ft:gpt-5:mine')
    """

    kind: str
    section: str
    model: str


def read_pool_name(name: str) -> PoolName:
    """The parts of a pool's name.

    Raises:
        InvalidArgument: it is not a name of a pool.
    """
    kind, _, rest = str(name).partition(":")
    section, _, model = rest.partition(":")
    if kind not in (REQUEST_RATE, RATE_LIMITS) or not section:
        raise InvalidArgument(
            f"{name!r} is not the name of a resource pool",
            hint="Names are 'request-rate:<name>[:<model>]' and 'rate-limits:<provider>[:<model>]'.",
        )
    return PoolName(kind, section, model)


@dataclass(frozen=True, slots=True)
class Rates:
    """The limits that are configured, or assumed where nothing is."""

    sections: Sections

    def configured(self, pool: str) -> dict[str, float]:
        """Limits a minute by resource, as the user set them: never exceeded, whatever a provider says."""
        parts = read_pool_name(pool)
        return self.sections.limits(parts.section, parts.model)

    def assumed(self, pool: str) -> dict[str, float]:
        """Limits a minute by resource that hold until a provider says something else."""
        return {"requests": DEFAULT_REQUESTS_PER_MINUTE} if read_pool_name(pool).kind == REQUEST_RATE else {}

    def shared_name(self, pool: str) -> str:
        """The name under which processes share the pool: those with another key have limits of their own."""
        mark = fingerprint(self.sections, read_pool_name(pool).section)
        return pool if mark is None else f"{pool}:{mark}"
