"""`Provider`: what is to be known of a provider beside how it is asked, stated once, in the module of its functions."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

from pixeltable.exceptions import MissingPackage
from pixeltable.providers.clients import current_clients
from pixeltable.providers.credentials import credential
from pixeltable.providers.failures import classify
from pixeltable.providers.rates import RATE_LIMITS, REQUEST_RATE
from pixeltable.providers.redact import redact

Client = TypeVar("Client")


@dataclass(frozen=True, slots=True)
class Provider:
    """A service behind an SDK.

    >>> Provider("acme", package="acme_sdk", extra="acme").pool("large")
    'rate-limits:acme:large'
    """

    name: str
    """Of its section in the configuration, its variables, its pools; what errors call it."""
    package: str
    """The module that is its SDK."""
    extra: str
    """The extra of this package that installs it."""
    credentials: tuple[str, ...] = ("api_key",)
    """Settings without which there is no client."""
    options: tuple[str, ...] = ()
    """Settings that a client takes where they are there."""

    def load(self) -> ModuleType:
        """The SDK.

        Raises:
            MissingPackage: it is not installed.
        """
        try:
            return importlib.import_module(self.package)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != self.package.partition(".")[0]:
                raise  # the SDK is there, and lacks something itself
            raise MissingPackage(self.package, extra=self.extra) from None

    def client(self, make: Callable[[ModuleType, Mapping[str, Any]], Client]) -> Client:
        """The session's client for the running loop, made by `make(sdk, settings)` when it is first asked for.

        Raises:
            MissingCredentials: a credential is configured nowhere.
            MissingPackage: the SDK is not installed.
        """
        clients = current_clients()
        values = {name: credential(clients.sections, self.name, name) for name in self.credentials}
        for name in self.options:
            value = clients.sections.value(self.name, name)
            if value is not None:
                values[name] = value
        key = (
            self.name,
            f"{make.__module__}.{make.__qualname__}",
            *sorted((n, str(value)) for n, value in values.items()),
        )
        return clients.get(key, lambda: make(self.load(), values))

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Within this, exceptions of the SDK become failures of this provider; others pass as they are.

        Raises:
            ProviderFailure: of the class that fits.
        """
        try:
            yield
        except Exception as error:
            failure = classify(error, self.name)
            if failure is None or failure is error:
                raise
            # The original helps whoever reads the traceback, unless there is a key in its text.
            raise failure from (error if redact(str(error)) == str(error) else None)

    def pool(self, model: str) -> str:
        """The pool of a model whose limits the provider tells with every answer."""
        return f"{RATE_LIMITS}:{self.name}:{model}"

    def request_pool(self, model: str) -> str:
        """The pool of a model whose limits are configured."""
        return f"{REQUEST_RATE}:{self.name}:{model}"
