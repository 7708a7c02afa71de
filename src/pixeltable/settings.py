"""The settings of one session: environment over `config.toml` in the home over defaults; read once, then passed.

Read by a few functions of our own: see docs/decisions/0005-a-start-pays-for-what-it-needs.md.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo

from tzlocal import get_localzone_name

from pixeltable.exceptions import InvalidConfiguration
from pixeltable.lazy import tomllib

_PREFIX = "PIXELTABLE_"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value has to be beyond its type, and other names of its variable in the environment."""

    ge: float | None = None
    le: float | None = None
    pattern: str | None = None
    aliases: tuple[str, ...] = ()


def setting(default: Any, **rule: Any) -> Any:
    """A setting with a `Rule`."""
    return field(default=default, metadata={"rule": Rule(**rule)})


@dataclass(frozen=True)
class Settings:
    """`[pixeltable]` in the file (`PIXELTABLE_CONFIG`, else in the home), `PIXELTABLE_<NAME>` in the environment."""

    home: Path = Path("~/.pixeltable")
    """Folder of the embedded database, the signing key and the configuration file."""

    db_url: str | None = setting(None, aliases=("db_connect_str",))
    """A PostgreSQL server (16 or newer, with pgvector) to use in place of the embedded one."""

    state_dir: Path = Path("/var/lib/pixeltable")
    """Where the embedded database lies when its system user cannot reach the home; see `storage/server.py`."""

    time_zone: str | None = None
    """IANA name; timestamps without a zone are taken to be in it and all are shown in it. Default: the system's."""

    max_connections: int = setting(16, ge=1)
    """Most database connections this process holds at once; further threads wait for one."""

    recovery_s: float = setting(20.0, ge=0)
    """How long a call waits for a database that is down, or for a free connection, before it gives up."""

    write_attempts: int = setting(8, ge=1)
    """How often a write starts over when other writers got in between, before it gives up."""

    batch_size: int = setting(2048, ge=1)
    """Rows that are computed together."""

    memory_mb: int = setting(256, ge=0)
    """What an insert keeps of computed values in memory before it commits; the rest waits in a temporary file."""

    memo_size_mb: int = setting(1024, ge=0)
    """How much of what expensive functions returned is remembered, in the database; 0 remembers nothing."""

    sql_pushdown: bool = True
    """Whether expressions run in the database where they can; off, all but plain columns run in Python."""

    model_idle_s: float = setting(600.0, ge=0)
    """How long a local model that nobody calls stays in memory; `inf` for as long as the process lives."""

    model_free_memory: float = setting(0.1, ge=0, le=1)
    """The share of memory to leave free: below it, local models not in use are unloaded."""

    model_device: str = setting("auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    """Where local models run: `auto` takes a GPU if there is one; or `cpu`, `cuda`, `cuda:1`, `mps`."""

    progress: Literal["auto", "on", "off"] = "auto"
    """Whether operations show progress and print receipts: `auto` where a person looks, `on` everywhere."""

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone as an object."""
        return ZoneInfo(self.zone_name)

    @cached_property
    def zone_name(self) -> str:
        if self.time_zone:
            return self.time_zone
        return str(get_localzone_name())


def load_settings(overrides: dict[str, Any] | None = None) -> Settings:
    """The settings in force, with `overrides` (`'pixeltable.home': ...` or plain names) on top.

    Overrides of other sections (`'openai.api_key': ...`) are not for here; see `providers/sections.py`.

    Raises:
        InvalidConfiguration: an unknown name, or a value that does not fit.
    """
    own = {name.removeprefix("pixeltable."): value for name, value in (overrides or {}).items()}
    given = {name: value for name, value in own.items() if "." not in name}
    try:
        settings = Settings(**_checked({**_file_values(given), **_environment(), **given}))
        settings.zone  # noqa: B018  # an unknown zone is refused here, not in the middle of a query
    except (LookupError, ValueError) as error:
        known = ", ".join(sorted(setting.name for setting in fields(Settings)))
        raise InvalidConfiguration(
            f"the configuration is not valid: {error}", hint=f"Known settings: {known}."
        ) from None
    return replace(settings, home=settings.home.expanduser().absolute())


def config_file(home: Path) -> Path:
    """Where the configuration file is, if there is one."""
    return Path(os.environ.get("PIXELTABLE_CONFIG") or home / "config.toml").expanduser()


def _file_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """The `[pixeltable]` section of the configuration file."""
    home = Path(given.get("home") or os.environ.get("PIXELTABLE_HOME") or Settings.home)
    file = config_file(home)
    if not file.exists():
        return {}
    section: dict[str, Any] = tomllib.loads(file.read_text()).get("pixeltable", {})
    return section


def _environment() -> dict[str, str]:
    """What the environment says of our settings; variables with our prefix that are none are not for us."""
    said = {name.upper(): value for name, value in os.environ.items()}
    found = {}
    for known in fields(Settings):
        names = (known.name, *_rule(known.metadata).aliases)
        values = [said[key] for key in (f"{_PREFIX}{name.upper()}" for name in names) if key in said]
        if values:
            found[known.name] = values[0]
    return found


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values in the types of their settings.

    Raises:
        ValueError: a name is unknown, or a value does not fit; the message names it.
    """
    known = {found.name: found for found in fields(Settings)}
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{name!r} is not a setting")
        fitted = _fitted(name, value, known[name].type)
        _check(name, fitted, _rule(known[name].metadata))
        checked[name] = fitted
    return checked


def _fitted(name: str, value: Any, kind: Any) -> Any:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{name} is one of {', '.join(map(repr, get_args(kind)))}, not {value!r}")
        return value
    if isinstance(kind, UnionType):  # of a type and None, which no file and no environment can say
        return None if value is None else _fitted(name, value, get_args(kind)[0])
    convert, description = _CONVERSIONS[kind]
    try:
        return convert(value)
    except (TypeError, ValueError, LookupError, OverflowError):
        raise ValueError(f"{name} is {description}, not {value!r}") from None


def _check(name: str, value: Any, rule: Rule) -> None:
    if rule.ge is not None and not value >= rule.ge:
        raise ValueError(f"{name} is at least {rule.ge}, not {value!r}")
    if rule.le is not None and not value <= rule.le:
        raise ValueError(f"{name} is at most {rule.le}, not {value!r}")
    if rule.pattern is not None and re.search(rule.pattern, value) is None:
        raise ValueError(f"{name} matches {rule.pattern}, which {value!r} does not")


def _rule(metadata: Mapping[Any, Any]) -> Rule:
    found: Rule = metadata.get("rule", Rule())
    return found


def _whole(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise TypeError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _truth(value: Any) -> bool:
    return _TRUTHS[str(value).strip().lower()]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


_TRUTHS = dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True) | dict.fromkeys(
    ("0", "false", "f", "no", "n", "off"), False
)

_CONVERSIONS: dict[type, tuple[Callable[[Any], Any], str]] = {
    int: (_whole, "a whole number"),
    float: (_number, "a number"),
    bool: (_truth, "true or false"),
    str: (_text, "a text"),
    Path: (Path, "a path"),
}
"""From the type of a setting to what turns a text, or what TOML or Python give, into it, and how it is called."""
