"""The PostgreSQL under the floors: the one our implementation brings, reached without the rest of it."""

import atexit
import os
import sys
from pathlib import Path
from types import ModuleType

import psycopg

CREATE = "CREATE TABLE floor (a bigint {key}, b double precision, s text, j jsonb)"


def connect() -> psycopg.Connection:
    """Start the server of this run's home, or join it, until this process ends."""
    home = Path(os.environ["PIXELTABLE_HOME"])
    server = embedded_server()(home, state_dir=home / "state")
    connection = psycopg.connect(server.join())
    atexit.register(server.leave)
    atexit.register(connection.close)  # runs before the line above: last registered, first run
    return connection


def embedded_server() -> type:
    """The class that starts the server; the empty package spares the floor the import of everything else."""
    package = ModuleType("pixeltable")
    package.__path__ = [str(Path(__file__).parents[2] / "src" / "pixeltable")]
    sys.modules["pixeltable"] = package
    from pixeltable.storage.server import EmbeddedServer  # noqa: PLC0415 - needs the package above

    return EmbeddedServer
