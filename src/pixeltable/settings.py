"""The settings of one session: environment over `config.toml` in the home over defaults; read once, then passed."""

import os
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from tzlocal import get_localzone_name

from pixeltable.exceptions import InvalidConfiguration


class Settings(BaseSettings):
    """`[pixeltable]` in the file (`PIXELTABLE_CONFIG`, else in the home), `PIXELTABLE_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="PIXELTABLE_", extra="forbid", frozen=True)

    home: Path = Path("~/.pixeltable")
    """Folder of the embedded database, the signing key and the configuration file."""

    db_url: str | None = Field(
        None, validation_alias=AliasChoices("PIXELTABLE_DB_URL", "PIXELTABLE_DB_CONNECT_STR", "db_url")
    )
    """A PostgreSQL server (16 or newer, with pgvector) to use in place of the embedded one."""

    state_dir: Path = Path("/var/lib/pixeltable")
    """Where the embedded database lies when its system user cannot reach the home; see `storage/server.py`."""

    time_zone: str | None = None
    """IANA name; timestamps without a zone are taken to be in it and all are shown in it. Default: the system's."""

    max_connections: int = Field(16, ge=1)
    """Most database connections this process holds at once; further threads wait for one."""

    recovery_s: float = Field(20.0, ge=0)
    """How long a call waits for a database that is down, or for a free connection, before it gives up."""

    write_attempts: int = Field(8, ge=1)
    """How often a write starts over when other writers got in between, before it gives up."""

    batch_size: int = Field(2048, ge=1)
    """Rows that are computed together."""

    memory_mb: int = Field(256, ge=0)
    """What an insert keeps of computed values in memory before it commits; the rest waits in a temporary file."""

    memo_size_mb: int = Field(1024, ge=0)
    """How much of what expensive functions returned is remembered, in the database; 0 remembers nothing."""

    sql_pushdown: bool = True
    """Whether expressions run in the database where they can; off, all but plain columns run in Python."""

    model_idle_s: float = Field(600.0, ge=0)
    """How long a local model that nobody calls stays in memory; `inf` for as long as the process lives."""

    model_free_memory: float = Field(0.1, ge=0, le=1)
    """The share of memory to leave free: below it, local models not in use are unloaded."""

    model_device: str = Field("auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    """Where local models run: `auto` takes a GPU if there is one; or `cpu`, `cuda`, `cuda:1`, `mps`."""

    progress: Literal["auto", "on", "off"] = "auto"
    """Whether operations print what they did: `auto` prints on a terminal."""

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
        settings = Settings(**{**_file_values(given), **given})
        settings.zone  # noqa: B018  # an unknown zone is refused here, not in the middle of a query
    except (ValidationError, LookupError, ValueError) as error:
        known = ", ".join(sorted(Settings.model_fields))
        raise InvalidConfiguration(
            f"the configuration is not valid: {error}", hint=f"Known settings: {known}."
        ) from None
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})


def config_file(home: Path) -> Path:
    """Where the configuration file is, if there is one."""
    return Path(os.environ.get("PIXELTABLE_CONFIG") or home / "config.toml").expanduser()


def _file_values(given: dict[str, Any]) -> dict[str, Any]:
    """The `[pixeltable]` section of the configuration file, without what the environment says otherwise."""
    home = Path(given.get("home") or os.environ.get("PIXELTABLE_HOME") or Settings.model_fields["home"].default)
    file = config_file(home)
    if not file.exists():
        return {}
    section: dict[str, Any] = tomllib.loads(file.read_text()).get("pixeltable", {})
    environment = {name.removeprefix("PIXELTABLE_").lower() for name in os.environ if name.startswith("PIXELTABLE_")}
    if "db_connect_str" in environment:
        environment.add("db_url")
    return {name: value for name, value in section.items() if name not in environment}
