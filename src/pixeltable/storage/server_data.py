"""Where the database server keeps its data: finding, checking and creating that folder; not the server itself."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixeltable.exceptions import DatabaseUnavailable, InvalidConfiguration
from pixeltable.storage.server_binaries import programs
from pixeltable.storage.server_settings import ROLE
from pixeltable.storage.server_user import (
    Account,
    account_by_id,
    can_enter,
    hand_over,
    is_root,
    own_account,
    prepare_state_dir,
    server_account,
    spawn_options,
    take_folder,
)

DATABASE = "pixeltable"
_PRODUCT = "pixeltable"
_FORMAT = 1
_MARKER_NAME = "pixeltable.json"
_LOCATION_NAME = "postgres.location"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A complete data folder of ours and the account it belongs to."""

    path: Path
    owner: Account


def home_digest(home: Path) -> str:
    """A short name for a home, for folders that cannot lie in it."""
    return hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]


def open_data(home: Path, *, state_dir: Path, lock: int) -> DataFolder:
    """The data folder of `home`, created if there is none.

    Args:
        lock: descriptor of the start lock; children get it, so that nobody starts over while one of them still writes.

    Raises:
        InvalidConfiguration: what lies there is not ours, is gone, or cannot be used by this account.
    """
    location = _read_location(home / _LOCATION_NAME)
    path = Path(location["data"]) if location else (home / "postgres").resolve()
    if _is_absent(path):
        if location and location["complete"]:
            raise InvalidConfiguration(
                f"the database of {str(home)!r} was in {str(path)!r}, and that folder is gone",
                hint=f"Bring it back, or delete {str(home / _LOCATION_NAME)!r} to start with an empty database.",
            )
        return _create(home, state_dir=state_dir, lock=lock)
    _check_marker(path)
    if location and not location["complete"]:
        _write_location(home / _LOCATION_NAME, path, complete=True)
    return DataFolder(path, _owner(path))


def adopt(data: DataFolder) -> None:
    """Make everything in the folder belong to its account; only while no server runs."""
    if data.path.stat().st_uid != data.owner.uid:
        hand_over(data.path, data.owner)


def sync_method(system: str, release: str) -> str:
    """How to bring new files to the disk: all at once where that reports errors, not each of a thousand by itself.

    Args:
        system: as `sys.platform`.
        release: as `platform.release()`.

    Source:
        syncfs(2): "since Linux 5.8, syncfs() will report an error if one or more inodes failed to be written back".
    """
    number = tuple(int(part) for part in re.findall(r"\d+", release)[:2])
    return "syncfs" if system == "linux" and number >= (5, 8) else "fsync"


def _is_absent(path: Path) -> bool:
    try:
        return not path.exists() or (path.is_dir() and not any(path.iterdir()))
    except PermissionError:
        return False


def _check_marker(path: Path) -> None:
    try:
        marker = _read_json(path / _MARKER_NAME)
    except PermissionError:
        owner = account_by_id(path.stat().st_uid)
        raise InvalidConfiguration(
            f"the database folder {str(path)!r} belongs to user {owner.name if owner else path.stat().st_uid!r}",
            hint="Run as that user, or set PIXELTABLE_HOME to a folder of your own.",
        ) from None
    if marker.get("product") != _PRODUCT:
        raise InvalidConfiguration(
            f"the folder {str(path)!r} is not empty and was not created by this program, so it is left alone",
            hint="Move it away, or set PIXELTABLE_HOME to another folder.",
        )
    if marker.get("format", 0) > _FORMAT:
        raise InvalidConfiguration(
            f"the database in {str(path)!r} has format {marker['format']}; this version knows {_FORMAT}",
            hint="Upgrade pixeltable.",
        )


def _owner(path: Path) -> Account:
    """The account to run as for existing data."""
    if not is_root():
        return own_account()
    owner = account_by_id(path.stat().st_uid)
    if owner is None or owner.uid == 0:
        owner = server_account()
    if not can_enter(path.parent, owner):
        raise InvalidConfiguration(
            f"the database in {str(path)!r} runs as user {owner.name!r}, who may not enter {str(path.parent)!r}",
            hint=f"Move the home elsewhere, or let that user pass (chmod o+x) through {str(path.parent)!r}.",
        )
    return owner


def _create(home: Path, *, state_dir: Path, lock: int) -> DataFolder:
    account = server_account()
    natural = (home / "postgres").resolve()
    location = home / _LOCATION_NAME
    if can_enter(natural.parent, account):
        location.unlink(missing_ok=True)  # of an attempt that did not complete
        data = DataFolder(natural, account)
        _initialize(data, state_dir=state_dir, lock=lock)
        return data
    data = DataFolder(_folder_elsewhere(home, state_dir, account), account)
    # Before the data: if we die in between, the next start knows that what it finds there is for this home.
    _write_location(location, data.path, complete=False)
    _initialize(data, state_dir=state_dir, lock=lock)
    _write_location(location, data.path, complete=True)
    return data


def _folder_elsewhere(home: Path, state_dir: Path, account: Account) -> Path:
    prepare_state_dir(state_dir, account, needed_for=f"the database of {str(home)!r}")
    recorded = _read_location(home / _LOCATION_NAME)
    if recorded and Path(recorded["data"]).parent == state_dir.resolve():
        return Path(recorded["data"])
    # A folder of that name is of a home that was deleted and made again: an empty home gets an empty database.
    number = 0
    while (path := state_dir.resolve() / f"{home_digest(home)}{f'-{number}' if number else ''}").exists():
        number += 1
    return path


def _initialize(data: DataFolder, *, state_dir: Path, lock: int) -> None:
    """Create the database files in a sibling folder; the rename comes last, so a half-finished one is never used."""
    binaries = programs(data.owner, state_dir=state_dir)
    unfinished = data.path.with_name(data.path.name + ".unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    take_folder(unfinished, data.owner)
    _run_initdb(binaries, unfinished, data.owner, lock)
    # Of a database that is there only the name is written; a further one is a thousand files more.
    _run(
        [str(binaries / "postgres"), "--single", "-F", "-D", str(unfinished), "template1"],
        account=data.owner,
        lock=lock,
        text=f"ALTER DATABASE postgres RENAME TO {DATABASE}\n",
    )
    marker = unfinished / _MARKER_NAME
    marker.write_text(json.dumps({"product": _PRODUCT, "format": _FORMAT}))
    os.chown(marker, data.owner.uid, data.owner.gid)
    # Nothing was synced up to here; once at the end is faster.
    method = sync_method(sys.platform, platform.release())
    sync = [str(binaries / "initdb"), "--sync-only", f"--sync-method={method}", "-D", str(unfinished)]
    _run(sync, account=data.owner, lock=lock)
    unfinished.rename(data.path)
    _sync_folder(data.path.parent)


def _run_initdb(binaries: Path, folder: Path, account: Account, lock: int) -> None:
    # The builtin provider sorts by code point, as Python does, and does not depend on the system's C library.
    # The C library's own locale still classifies letters (pg_trgm, text search), so UTF-8 is tried first.
    command = [
        *(str(binaries / "initdb"), "-D", str(folder), "--no-sync", "--no-instructions", "--encoding=UTF8"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth=peer", f"--username={ROLE}"),
    ]
    try:
        _run([*command, "--locale=C.UTF-8"], account=account, lock=lock)
    except DatabaseUnavailable as error:
        if "invalid locale name" not in error.message:
            raise
        _run([*command, "--locale=C"], account=account, lock=lock)


def _run(command: list[str], *, account: Account, lock: int, text: str = "") -> None:
    options = {key: value for key, value in spawn_options(account).items() if key != "stdin"}
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, cwd="/", pass_fds=(lock,), check=False, **options
    )
    # The stand-alone server reports a failed statement in its output only.
    if done.returncode or "ERROR:" in done.stderr:
        raise DatabaseUnavailable(
            f"creating the database failed in {Path(command[0]).name}: {(done.stderr or done.stdout).strip()[-2000:]}",
            hint="Remove the cause and try again; the next start begins anew.",
        )


def _read_json(path: Path) -> dict[str, Any]:
    """The record, or an empty one if the file is absent or no record."""
    try:
        record = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _read_location(path: Path) -> dict[str, Any]:
    location = _read_json(path)
    if path.exists() and location.keys() != {"data", "complete"}:
        raise InvalidConfiguration(
            f"{str(path)!r}, which says where the database is, cannot be read",
            hint='Restore it; its content is {"data": FOLDER, "complete": true}.',
        )
    return location


def _write_location(path: Path, data: Path, *, complete: bool) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps({"data": str(data), "complete": complete}))
    fresh.replace(path)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
