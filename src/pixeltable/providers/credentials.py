"""Keys of providers: where they come from, and a short mark by which one is told from another."""

import hashlib

from pixeltable.exceptions import MissingCredentials
from pixeltable.providers.sections import Sections, variable

_KEYS = ("api_key", "api_token", "api_secret", "token")


def credential(sections: Sections, section: str, name: str = "api_key") -> str:
    """The credential `name` of a provider.

    Raises:
        MissingCredentials: it is configured nowhere; says in which variable and which section it is looked for.
    """
    found = sections.text(section, name)
    if not found:
        raise MissingCredentials(
            f"{section} needs a credential, {name}",
            hint=f"Set the environment variable {variable(section, name)}, or `{name}` in [{section}] of config.toml.",
        )
    return found


def fingerprint(sections: Sections, section: str) -> str | None:
    """Eight hexadecimal digits that tell a provider's key from others and do not give it away; None without a key."""
    found = next((key for name in _KEYS if (key := sections.text(section, name))), None)
    return None if found is None else hashlib.sha256(found.encode()).hexdigest()[:8]
