"""What the server may use of this machine."""

from pathlib import Path

import pytest

from pixeltable.storage.server_settings import Machine, memory_limits_bytes, this_machine, write_settings
from pixeltable.storage.server_user import own_account

GB = 1 << 30


def settings(folder: Path, machine: Machine) -> dict[str, str]:
    write_settings(
        folder, owner=own_account(), clients=["me"], socket_folder=folder, machine=machine, compression="pglz"
    )
    lines = (folder / "pixeltable.conf").read_text().splitlines()
    return dict(line.split(" = ") for line in lines if " = " in line)


@pytest.mark.parametrize(
    ("memory_bytes", "expected"),
    [
        pytest.param(GB // 4, ["'64MB'", "'128MB'", "'64MB'"], id="small"),
        pytest.param(2 * GB, ["'256MB'", "'1024MB'", "'64MB'"], id="medium"),
        pytest.param(64 * GB, ["'512MB'", "'32768MB'", "'1024MB'"], id="large"),
    ],
)
def test_memory_settings_follow_the_machine(tmp_path: Path, memory_bytes: int, expected: list[str]) -> None:
    found = settings(tmp_path, Machine(memory_bytes, cores=2))
    assert [found[n] for n in ("shared_buffers", "effective_cache_size", "maintenance_work_mem")] == expected


@pytest.mark.parametrize(
    ("stored_mb", "memory_bytes", "expected"),
    [
        pytest.param(600, 64 * GB, "'1200MB'", id="twice the data"),
        pytest.param(4000, 64 * GB, "'2048MB'", id="at most 2 GB"),
        pytest.param(600, 8 * GB, "'1024MB'", id="at most an eighth of memory"),
    ],
)
def test_the_cache_grows_with_the_data(tmp_path: Path, stored_mb: int, memory_bytes: int, expected: str) -> None:
    database = tmp_path / "base" / "5"
    database.mkdir(parents=True)
    with database.joinpath("16384").open("wb") as file:
        file.truncate(stored_mb << 20)
    assert settings(tmp_path, Machine(memory_bytes, cores=2))["shared_buffers"] == expected


@pytest.mark.parametrize(("cores", "expected"), [(1, "'0'"), (2, "'0'"), (4, "'2'"), (32, "'4'")])
def test_parallel_workers_follow_the_cores(tmp_path: Path, cores: int, expected: str) -> None:
    assert settings(tmp_path, Machine(GB, cores))["max_parallel_workers_per_gather"] == expected


def test_only_the_clients_may_connect_and_only_by_peer(tmp_path: Path) -> None:
    settings(tmp_path, this_machine())
    assert (tmp_path / "pixeltable_hba.conf").read_text().splitlines()[1:] == [
        "local all pixeltable peer map=pixeltable"
    ]
    assert (tmp_path / "pixeltable_ident.conf").read_text().splitlines()[1:] == ['pixeltable "me" pixeltable']


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        pytest.param("0::/\n", {"memory.max": "1000\n"}, [1000], id="version 2"),
        pytest.param("0::/\n", {"memory.max": "max\n"}, [], id="version 2 without a limit"),
        pytest.param(
            "0::/a/b\n",
            {"a/b/memory.max": "max", "a/memory.max": "500", "memory.max": "900"},
            [500, 900],
            id="ancestors",
        ),
        pytest.param("0::/../../host\n", {"memory.max": "1000"}, [1000], id="outside of what is mounted"),
        pytest.param("0::/host/path\n", {"memory.max": "1000"}, [1000], id="path of the host"),
        pytest.param("5:cpu:/\n4:memory:/docker/x\n", {"memory/memory.limit_in_bytes": "700\n"}, [700], id="version 1"),
    ],
)
def test_the_limits_of_the_control_group_count(
    tmp_path: Path, groups: str, limits: dict[str, str], expected: list[int]
) -> None:
    for name, text in {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{n}": t for n, t in limits.items()}}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory_limits_bytes(tmp_path) == expected
