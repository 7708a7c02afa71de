"""The account the database server runs as, and what that account can reach; PostgreSQL refuses to run as root."""

import os
import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixeltable.exceptions import InvalidConfiguration

if sys.platform != "win32":
    import pwd

SERVICE_NAME = "pixeltable"
_FALLBACK_NAME = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """An operating system user, with its primary group; the server gets no other groups."""

    name: str
    uid: int
    gid: int


def is_root() -> bool:
    return os.geteuid() == 0


def own_account() -> Account:
    """The account of this process.

    Raises:
        InvalidConfiguration: the user id has no entry; PostgreSQL can neither start nor check a peer without a name.
    """
    account = account_by_id(os.geteuid())
    if account is None:
        raise InvalidConfiguration(
            f"user id {os.geteuid()} has no name, and PostgreSQL does not run without one",
            hint="Add an entry to /etc/passwd, or set PIXELTABLE_DB_URL to a server of your own.",
        )
    return account


def account_by_id(uid: int) -> Account | None:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def server_account() -> Account:
    """The account for new data: our own, or an unprivileged one if we are root."""
    if not is_root():
        return own_account()
    account = _account_by_name(SERVICE_NAME)
    if account is None:
        _create_account(SERVICE_NAME)
        account = _account_by_name(SERVICE_NAME) or _account_by_name(_FALLBACK_NAME)
    if account is None or account.uid == 0:
        raise InvalidConfiguration(
            f"PostgreSQL does not run as root, and there is no unprivileged user {SERVICE_NAME!r} to run it as",
            hint=f"Create one (useradd --system {SERVICE_NAME}), or set PIXELTABLE_DB_URL to a server of your own.",
        )
    return account


def spawn_options(account: Account) -> dict[str, Any]:
    """Arguments for `subprocess`: run as `account`, with a clean environment, apart from our terminal."""
    options: dict[str, Any] = {
        # Nothing of ours: PG* variables and locales would change what the server does.
        "env": {"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"},
        "stdin": subprocess.DEVNULL,
        "umask": 0o077,
        "start_new_session": True,
    }
    if account.uid != os.geteuid():
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def can_enter(folder: Path, account: Account) -> bool:
    """Whether `account` may pass through `folder` and all its ancestors, as far as mode bits tell."""
    folder = folder.resolve()
    return all(_may_pass(path.stat(), account) for path in (folder, *folder.parents))


def take_folder(folder: Path, account: Account) -> None:
    """Make `folder` private to `account`, creating it if needed.

    Raises:
        InvalidConfiguration: it is a symbolic link, no folder, or belongs to someone else.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {account.uid, os.geteuid()}:
        raise InvalidConfiguration(
            f"{str(folder)!r} is needed for the database but belongs to someone else", hint="Remove or rename it."
        )
    folder.chmod(0o700)
    if found.st_uid != account.uid:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)


def hand_over(folder: Path, account: Account) -> None:
    """Give `folder` and all in it to `account`: an account made anew, as in a new container, may have another id."""
    for parent, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            os.chown(os.path.join(parent, name), account.uid, account.gid, follow_symlinks=False)


def prepare_state_dir(state_dir: Path, account: Account, *, needed_for: str) -> None:
    """Make sure that `account` can pass through `state_dir` and nobody but root can put something there."""
    if not state_dir.exists():
        state_dir.mkdir(parents=True)
        state_dir.chmod(0o711)
    found = state_dir.stat()
    hint = "Set PIXELTABLE_HOME to a folder that every user can enter (such as /srv/pixeltable), or PIXELTABLE_DB_URL."
    if found.st_uid not in {0, os.geteuid()} or found.st_mode & 0o022:
        raise InvalidConfiguration(f"{needed_for} would lie in {str(state_dir)!r}, where others can write", hint=hint)
    if not can_enter(state_dir, account):
        raise InvalidConfiguration(
            f"{needed_for} must be reachable for user {account.name!r}, who may enter neither its folder "
            f"nor {str(state_dir)!r}",
            hint=hint,
        )


def _account_by_name(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _create_account(name: str) -> None:
    """Best effort; the caller looks whether the account is there, since another process may create it meanwhile."""
    for command in _creation_commands(name):
        if shutil.which(command[0]):
            subprocess.run(command, capture_output=True, check=False)
            return


def _creation_commands(name: str) -> tuple[tuple[str, ...], ...]:
    nologin = "/usr/sbin/nologin" if Path("/usr/sbin/nologin").exists() else "/sbin/nologin"
    return (
        (
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            nologin,
            name,
        ),
        # BusyBox, which knows short options only.
        ("adduser", "-S", "-D", "-H", "-h", "/nonexistent", "-s", nologin, name),
    )


def _may_pass(folder: os.stat_result, account: Account) -> bool:
    if folder.st_uid == account.uid:
        return bool(folder.st_mode & stat.S_IXUSR)
    if folder.st_gid == account.gid:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)
