"""The sections of the configuration beside `[pixeltable]`: one for each provider, and for each pool of a user's own."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from pixeltable.exceptions import InvalidConfiguration
from pixeltable.settings import Settings, config_file

RESOURCES = ("requests", "tokens", "input_tokens", "output_tokens")
"""What limits are counted in, all by the minute."""

KNOWN: Mapping[str, tuple[str, ...]] = {
    "anthropic": ("api_key", "base_url"),
    "azure": ("storage_account_name", "storage_account_key"),
    "bedrock": ("api_key", "region_name", "temp_location", "performance_config_latency", "service_tier"),
    "bfl": ("api_key",),
    "deepseek": ("api_key",),
    "fal": ("api_key",),
    "fireworks": ("api_key",),
    "gemini": ("api_key",),
    "groq": ("api_key",),
    "hf": ("token",),
    "imagen": (),
    "jina": ("api_key",),
    "mistral": ("api_key",),
    "nebius": ("api_key",),
    "openai": (
        "api_key", "base_url", "api_version", "max_connections", "max_keepalive_connections", "read_timeout",
        "write_timeout",
    ),
    "openrouter": ("api_key", "site_url", "app_name"),
    "replicate": ("api_token",),
    "runwayml": ("api_secret",),
    "together": ("api_key",),
    "twelvelabs": ("api_key",),
    "veo": (),
    "voyage": ("api_key",),
}  # fmt: skip
"""Sections whose keys are all known, so that a misspelled one is noticed. Limits may stand in each of them."""

_LIMITS = ("rate_limit", "rate_limits")
_OTHER_NAMES = {"mistralai": "mistral", "voyageai": "voyage"}  # pools that are named as the package, not as the section


@dataclass(frozen=True, slots=True)
class Sections:
    """What is configured; the environment is read at each look. Does not show its values: there are keys among them."""

    file: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    overrides: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def value(self, section: str, name: str) -> Any:
        """An override, else the environment's text, else what the file says; None where nobody says anything."""
        section = _OTHER_NAMES.get(section, section)
        found = self.overrides.get(f"{section}.{name}")
        if found is None:
            found = self.environment.get(variable(section, name)) or None
        return found if found is not None else self.file.get(section, {}).get(name)

    def text(self, section: str, name: str) -> str | None:
        """As `value`, as a text."""
        found = self.value(section, name)
        return None if found is None else str(found)

    def limits(self, section: str, model: str) -> dict[str, float]:
        """The limits a minute that the user set for a model, by resource; empty where none are set.

        Raises:
            InvalidConfiguration: the environment has something that is no number.
        """
        of_models = self.value(section, "rate_limits") or {}
        own = of_models.get(model) if isinstance(of_models, Mapping) else None
        if own is None:
            own = self.value(section, "rate_limit")
        if own is None:
            return {}
        subject = variable(section, "rate_limit")
        given = own if isinstance(own, Mapping) else {"requests": own}
        return {resource: _positive(number, subject=subject) for resource, number in given.items()}


def variable(section: str, name: str) -> str:
    """The environment variable of a setting.

    >>> variable("openai", "api_key")
    'OPENAI_API_KEY'
    """
    return re.sub(r"\W", "_", f"{_OTHER_NAMES.get(section, section)}_{name}").upper()


def load_sections(settings: Settings, overrides: Mapping[str, Any] | None = None) -> Sections:
    """The sections in force, with those of `overrides` on top that name one (`'openai.api_key': ...`).

    Raises:
        InvalidConfiguration: a provider's section has a key nobody knows, or a limit is not a positive number.
    """
    path = config_file(settings.home)
    try:
        content = tomllib.loads(path.read_text()) if path.exists() else {}
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(f"{path} is not valid TOML: {error}") from None
    found = {name: section for name, section in content.items() if name != "pixeltable"}
    for name, section in found.items():
        _check_section(name, section)
    given = {name: value for name, value in (overrides or {}).items() if _is_ours(name)}
    for name, value in given.items():
        section, _, key = name.partition(".")
        _check_section(section, {key: value})
    return Sections(found, os.environ, given)


def _is_ours(name: str) -> bool:
    return "." in name and not name.startswith("pixeltable.")


def _check_section(name: str, section: Any) -> None:
    if not isinstance(section, Mapping):
        raise InvalidConfiguration(f"`{name}` stands outside of a section", hint="Put it below [pixeltable].")
    if get_close_matches(name, ["pixeltable"], cutoff=0.8):
        raise InvalidConfiguration(f"the configuration has a section [{name}]", hint="Did you mean [pixeltable]?")
    if name in _OTHER_NAMES:
        raise InvalidConfiguration(f"the section [{name}] has another name", hint=f"It is [{_OTHER_NAMES[name]}].")
    known = (*KNOWN[name], *_LIMITS) if name in KNOWN else None
    unknown = sorted(section.keys() - set(known)) if known else []
    if known and unknown:
        near = get_close_matches(unknown[0], known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else ""
        raise InvalidConfiguration(
            f"the section [{name}] has no setting {unknown[0]!r}", hint=f"{hint} Known: {', '.join(known)}.".strip()
        )
    _check_limits(name, section)


def _check_limits(name: str, section: Mapping[str, Any]) -> None:
    if "rate_limit" in section:
        _positive(section["rate_limit"], subject=f"[{name}] rate_limit")
    of_models = section.get("rate_limits", {})
    subject = f"[{name}.rate_limits]"
    if not isinstance(of_models, Mapping):
        raise InvalidConfiguration(f"{subject} is not a table", hint='Write one line a model: "gpt-5" = 500.')
    for model, given in of_models.items():
        limits = given if isinstance(given, Mapping) else {"requests": given}
        for resource, number in limits.items():
            if resource not in RESOURCES:
                raise InvalidConfiguration(
                    f"{subject} {model!r} limits {resource!r}", hint=f"Known: {', '.join(RESOURCES)}."
                )
            _positive(number, subject=f"{subject} {model!r}")


def _positive(number: Any, *, subject: str) -> float:
    try:
        found = 0.0 if isinstance(number, bool) else float(number)
    except (TypeError, ValueError):
        found = 0.0
    if not 0 < found < float("inf"):
        raise InvalidConfiguration(f"{subject} is {number!r}", hint="Limits are positive numbers a minute.")
    return found
