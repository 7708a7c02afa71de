"""One embedded server for a run, a database for each test process, a directory for each test.

`PIXELTABLE_TEST_CONFIG` chooses a configuration: `no-pushdown` (all expressions run in Python), `batch-1` (rows are
computed one by one), `reload` (metadata is read again at every step).
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hypothesis
import psycopg
import pytest

import pixeltable as pxt
from pixeltable.catalog.loading import refresh
from pixeltable.catalog.records import TableRecord
from pixeltable.session.current import end_session
from pixeltable.session.session import Session
from pixeltable.storage import server_user
from pixeltable.storage.server import EmbeddedServer
from tests.storage.server_places import account_name

hypothesis.settings.register_profile("no clock", deadline=None)  # no test depends on how fast the machine is
hypothesis.settings.load_profile("no clock")

# A test that wants a session asks for `ns`; one that forgets shall fail, and not find the home of whoever runs it.
os.environ["PIXELTABLE_HOME"] = os.path.join(os.devnull, "home")

CONFIGURATION = os.environ.get("PIXELTABLE_TEST_CONFIG", "")
SETTINGS = {
    "": {},
    "no-pushdown": {"PIXELTABLE_SQL_PUSHDOWN": "false"},
    "batch-1": {"PIXELTABLE_BATCH_SIZE": "1"},
    "reload": {},
}


def server_folder(basetemp: Path) -> Path:
    """Where the run's server lives: below the temporary folder itself, since its system user cannot reach pytest's."""
    name = hashlib.sha256(str(basetemp).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"pixeltable-tests-{name}"


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The temporary folder that all processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def database_url(run_folder: Path, worker_id: str) -> Iterator[str]:
    """A fresh database of this test process, in the server of the run."""
    folder = server_folder(run_folder)
    folder.mkdir(exist_ok=True, mode=0o711)
    folder.chmod(0o711)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_user, "SERVICE_NAME", account_name())
        server = EmbeddedServer(folder / "home", state_dir=folder / "state")
        (folder / "home").mkdir(exist_ok=True)
        server.join()
        url = server.create_database(f"test_{worker_id}")
        with psycopg.connect(url, autocommit=True) as connection:
            # What tests of crashes need, servers of their own have; here nobody waits for the disk.
            connection.execute(f"ALTER DATABASE test_{worker_id} SET synchronous_commit = off")
        yield url
        server.leave()
    if not server_is_used(folder):
        shutil.rmtree(folder, ignore_errors=True)


def server_is_used(folder: Path) -> bool:
    """Whether another process of the run still has the server: then the last one to leave clears up."""
    return any(folder.rglob("postmaster.pid"))


@pytest.fixture(scope="session")
def session_settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of this test process; a program that it starts gets the same database with it."""
    settings = {
        "PIXELTABLE_HOME": str(tmp_path_factory.mktemp("home")),
        "PIXELTABLE_DB_URL": database_url,
        **SETTINGS[CONFIGURATION],
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        if CONFIGURATION == "reload":
            patch.setattr(Session, "table", reloading_table)
        yield settings
        end_session()


def reloading_table(session: Session, table_id: int, name: str) -> TableRecord:
    """`Session.table` as if this process had never seen the table."""
    known = session.catalog
    row = session.database.read(
        lambda c: c.execute("SELECT changed FROM pixeltable.tables WHERE id = %s", (table_id,)).fetchone()
    )
    tables = {other: table for other, table in known.tables.items() if other != table_id}
    paths = {path: other for path, other in known.table_ids.items() if other != table_id}
    epoch = known.epoch if row is None else min(known.epoch, row[0]) - 1
    without = replace(known, epoch=epoch, tables=tables, table_ids=paths)
    anew = session.database.read(lambda connection: refresh(connection, without))
    with session._lock:  # noqa: SLF001  # other threads never see a catalog without the table
        if anew.epoch >= session.catalog.epoch:
            session._catalog = anew  # noqa: SLF001  # what it is for
    return anew.table(table_id, name=name)


_numbers = iter(range(1_000_000))


@pytest.fixture
def ns(session_settings: dict[str, str]) -> str:  # noqa: ARG001  # what it sets up is needed
    """A fresh directory for one test: paths are `f'{ns}/name'`."""
    name = f"test{next(_numbers)}"
    pxt.create_dir(name)
    return name
