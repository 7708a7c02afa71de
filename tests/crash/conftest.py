"""Programs that use the database of the test process, and ones with a server of their own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixeltable.storage import server_user
from tests.crash.programs import Programs
from tests.storage.server_places import Place, account_name, new_place


@pytest.fixture
def programs(session_settings: dict[str, str], tmp_path: Path) -> Iterator[Programs]:
    """Programs that use the database of the test process."""
    found = Programs(tmp_path, os.environ | session_settings)
    yield found
    found.end()


@pytest.fixture
def place() -> Iterator[Place]:
    """A home without a server, for one to be started in it and killed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_user, "SERVICE_NAME", account_name())
        with new_place() as found:
            yield found


@pytest.fixture
def own_programs(place: Place, tmp_path: Path) -> Iterator[Programs]:
    """Programs that use the embedded server of `place`."""
    settings = {"PIXELTABLE_HOME": str(place.home), "PIXELTABLE_STATE_DIR": str(place.state_dir)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIXELTABLE_DB")}
    found = Programs(tmp_path, environment | settings)
    yield found
    found.end()
