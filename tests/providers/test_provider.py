"""Clients of a provider: made once, of what is configured, and closed; exceptions turned into failures."""

import asyncio
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest

from pixeltable.exceptions import MissingCredentials, MissingPackage, ProviderRejected
from pixeltable.providers.clients import Clients, use_clients
from pixeltable.providers.provider import Provider
from pixeltable.providers.sections import Sections

ACME = Provider("acme", package="json", extra="acme", options=("base_url",))


class Client:
    """As clients of SDKs are."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values, self.closed = values, False

    async def close(self) -> None:
        self.closed = True


def make(sdk: ModuleType, values: Mapping[str, Any]) -> Client:
    assert sdk.__name__ == "json"
    return Client(values)


async def get(clients: Clients) -> Client:
    """The client that a call gets, in a task of its own as calls have it."""

    async def call() -> Client:
        use_clients(clients)
        return ACME.client(make)

    return await asyncio.create_task(call())


def clients_with(**values: str) -> Clients:
    return Clients(Sections({"acme": values}))


def test_client_is_made_of_what_is_configured() -> None:
    client = asyncio.run(get(clients_with(api_key="k", base_url="http://localhost", other="x")))
    assert client.values == {"api_key": "k", "base_url": "http://localhost"}


def test_calls_on_one_loop_share_a_client() -> None:
    async def main() -> bool:
        clients = clients_with(api_key="k")
        return await get(clients) is await get(clients)

    assert asyncio.run(main())


def test_another_loop_has_a_client_of_its_own() -> None:
    clients = clients_with(api_key="k")
    assert asyncio.run(get(clients)) is not asyncio.run(get(clients))


def test_another_key_has_a_client_of_its_own() -> None:
    async def main() -> bool:
        values = {"api_key": "k"}
        clients = Clients(Sections({"acme": values}))
        first = await get(clients)
        values["api_key"] = "l"
        return await get(clients) is first

    assert not asyncio.run(main())


def test_closing_closes_all_clients_of_the_loop() -> None:
    async def main() -> Client:
        clients = clients_with(api_key="k")
        client = await get(clients)
        await clients.close()
        return client

    assert asyncio.run(main()).closed


def test_no_credentials_no_client() -> None:
    with pytest.raises(MissingCredentials, match="ACME_API_KEY"):
        asyncio.run(get(Clients(Sections())))


def test_body_that_is_run_by_hand_reads_the_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("PIXELTABLE_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("ACME_API_KEY", "of the environment")

    async def main() -> tuple[str, bool]:
        return ACME.client(make).values["api_key"], ACME.client(make) is ACME.client(make)

    assert asyncio.run(main()) == ("of the environment", True)


def test_missing_sdk_says_how_to_install_it() -> None:
    with pytest.raises(MissingPackage, match=r"pip install 'pixeltable\[acme\]'"):
        Provider("acme", package="no_such_sdk_of_acme", extra="acme").load()


class Rejected(Exception):
    status_code = 400


def test_failures_of_the_sdk_become_the_providers_with_their_cause() -> None:
    with pytest.raises(ProviderRejected, match="acme") as caught, ACME.failures():
        raise Rejected("bad")
    assert isinstance(caught.value.__cause__, Rejected)


def test_cause_that_names_a_key_is_left_out() -> None:
    with pytest.raises(ProviderRejected, match="redacted") as caught, ACME.failures():
        raise Rejected("bad key sk-1234567890abcdef")
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)


def test_other_exceptions_pass() -> None:
    with pytest.raises(KeyError), ACME.failures():
        raise KeyError("a")


def test_names_of_pools() -> None:
    assert (ACME.pool("m"), ACME.request_pool("m")) == ("rate-limits:acme:m", "request-rate:acme:m")
