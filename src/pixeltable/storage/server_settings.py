"""How the database server is configured: memory, durability, who may connect. Written anew at each start."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pixeltable.storage.server_user import Account

ROLE = "pixeltable"
CONFIG_NAME = "pixeltable.conf"
_ACCESS_NAME = "pixeltable_hba.conf"
_NAMES_NAME = "pixeltable_ident.conf"
_MB = 1 << 20
_EMPTY_CACHE_MB = 512


@dataclass(frozen=True, slots=True)
class Machine:
    """What the server may use."""

    memory_bytes: int
    cores: int


def this_machine() -> Machine:
    """Physical memory or the limit of our control group, whichever is less; the cores we may run on."""
    physical_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(min([physical_bytes, *memory_limits_bytes(Path("/"))]), cores)


def memory_limits_bytes(root: Path) -> list[int]:
    """The limits of our control group and its ancestors, version 1 and 2.

    Source:
        https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.max), cgroup-v1/memory.html (memory.limit_in_bytes).
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # not Linux
        return []
    mount = root / "sys/fs/cgroup"
    found: list[int] = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            found += _limits_upwards(mount, group, "memory.max")
        elif "memory" in controllers.split(","):
            found += _limits_upwards(mount / "memory", group, "memory.limit_in_bytes")
    return found


def write_settings(
    data: Path, *, owner: Account, clients: Iterable[str], socket_folder: Path, machine: Machine, compression: str
) -> None:
    """Write the configuration into the data folder.

    Args:
        clients: names of the accounts that may connect, each as the role `pixeltable`.
        compression: "lz4" or "pglz".
    """
    settings = _settings(machine, compression, _stored_bytes(data))
    lines = [f"{name} = {_quoted(value)}" for name, value in settings.items()]
    lines += [
        # Quoted twice: once for the file, once because the value is a list of folders.
        f"unix_socket_directories = {_quoted(_listed(str(socket_folder)))}",
        f"hba_file = {_quoted(str(data / _ACCESS_NAME))}",
        f"ident_file = {_quoted(str(data / _NAMES_NAME))}",
    ]
    _write(data / CONFIG_NAME, ["include 'postgresql.conf'", *lines], owner)
    _write(data / _ACCESS_NAME, [f"local all {ROLE} peer map={ROLE}"], owner)
    _write(data / _NAMES_NAME, [f"{ROLE} {_listed(client)} {ROLE}" for client in sorted(set(clients))], owner)


def _settings(machine: Machine, compression: str, stored_bytes: int) -> dict[str, str]:
    memory, cores = machine.memory_bytes, machine.cores
    # A start takes time for every page of its cache, so it is no larger than the data give reason for.
    cache_mb = min(2048, max(_EMPTY_CACHE_MB, 2 * stored_bytes // _MB))
    return {
        # access
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "idle_session_timeout": "0",
        # memory
        "shared_buffers": _megabytes(memory // 8, at_least=64, at_most=cache_mb),
        "effective_cache_size": _megabytes(memory // 2, at_least=64),
        "maintenance_work_mem": _megabytes(memory // 32, at_least=64, at_most=1024),
        "work_mem": "32MB",
        "huge_pages": "try",
        # durability: everything a commit promises, nothing for replicas
        "fsync": "on",
        "synchronous_commit": "on",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "min_wal_size": "256MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        # pglz would take ten times as long as writing: 15 ms to commit a new table of 10,000 rows instead of 1.6 ms.
        "wal_compression": compression if compression == "lz4" else "off",
        "default_toast_compression": compression,
        # plans
        "jit": "off",
        "random_page_cost": "1.1",
        "max_parallel_workers": str(cores),
        "max_parallel_workers_per_gather": str(min(4, cores // 2) if cores > 2 else 0),
        "autovacuum": "on",
        "timezone": "UTC",
        # log: one file per weekday, each overwritten after a week
        "log_timezone": "UTC",
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "server-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_checkpoints": "off",
    }


def _stored_bytes(data: Path) -> int:
    """How much the databases in a data folder hold."""
    with suppress(OSError):
        return sum(file.stat().st_size for base in os.scandir(data / "base") for file in os.scandir(base))
    return 0


def _megabytes(size_bytes: int, *, at_least: int, at_most: int | None = None) -> str:
    size = max(size_bytes // _MB, at_least)
    return f"{size if at_most is None else min(size, at_most)}MB"


def _limits_upwards(mount: Path, group: str, name: str) -> list[int]:
    # In a container the path may be the host's and absent here; its ancestors, up to the mount, are looked at anyway.
    folder = Path(os.path.normpath(mount / group.lstrip("/")))
    if not folder.is_relative_to(mount):  # a group above the one we see as the root
        folder = mount
    found: list[int] = []
    for candidate in (folder, *folder.parents):
        if not candidate.is_relative_to(mount):
            break
        try:
            text = (candidate / name).read_text().strip()
        except OSError:
            continue
        if text.isdecimal():  # "max" is no limit
            found.append(int(text))
    return found


def _quoted(value: str) -> str:
    """A value of a configuration file."""
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _listed(value: str) -> str:
    """An item of a list, or a field of the access files."""
    escaped = value.replace('"', '""')
    return f'"{escaped}"'


def _write(path: Path, lines: list[str], owner: Account) -> None:
    # A new file renamed into place: root must not write through a link that the folder's owner may have put there.
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(["# Written at each start; use ALTER SYSTEM for settings of your own.", *lines, ""]))
        if owner.uid != os.geteuid():
            os.fchown(file.fileno(), owner.uid, owner.gid)
    fresh.rename(path)
