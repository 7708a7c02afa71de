"""Servers that speak for providers, and the credentials to ask them with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.providers import anthropic_api, openai_api
from tests.providers.loopback import Loopback, running

OPENAI_KEY = "sk-proj-0123456789abcdefABCDEF"
ANTHROPIC_KEY = "sk-ant-api03-0123456789abcdefABCDEF"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a configuration file, and an environment that says nothing of providers."""
    for name in ("OPENAI_API_VERSION", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "PIXELTABLE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIXELTABLE_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


@pytest.fixture
def openai_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:  # noqa: ARG001  # it sets up
    with running(openai_api.routes(), openai_api.LIMITS) as server:
        monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        yield server


@pytest.fixture
def anthropic_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:  # noqa: ARG001  # it sets up
    with running(anthropic_api.routes(), anthropic_api.LIMITS) as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", ANTHROPIC_KEY)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        yield server
