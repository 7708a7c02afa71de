"""Homes for tests of the embedded server, from nothing at all to one that runs."""

import subprocess
from collections.abc import Iterator

import pytest

from pixeltable.storage import server_user
from tests.storage.server_places import Place, account_name, new_place


@pytest.fixture(autouse=True, scope="module")
def account() -> Iterator[None]:
    """The server account as tests have it, who create none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_user, "SERVICE_NAME", account_name())
        yield


@pytest.fixture
def bare() -> Iterator[Place]:
    """A place without a home."""
    with new_place() as place:
        yield place


@pytest.fixture(scope="module")
def initialized() -> Iterator[Place]:
    """A place with a database that does not run: faster than creating one for each test."""
    with new_place() as place:
        server = place.server()
        server.join()
        server.leave()
        yield place


@pytest.fixture
def place(initialized: Place) -> Iterator[Place]:
    """A place with a database, the same one for all tests, which does not run before and after a test."""
    place = Place(initialized.folder)
    yield place
    place.end()


@pytest.fixture
def copied(bare: Place, initialized: Place) -> Place:
    """A place with a database of its own, to do damage to."""
    subprocess.run(["cp", "-Rp", initialized.home, bare.home], check=True)
    return bare


@pytest.fixture(scope="module")
def shared(initialized: Place) -> Iterator[Place]:
    """A place whose server runs, for tests that leave it as it is."""
    with new_place() as place:
        subprocess.run(["cp", "-Rp", initialized.home, place.home], check=True)
        place.server().join()
        yield place
