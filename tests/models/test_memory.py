"""The memory that counts is the smaller one of machine and container."""

from pathlib import Path

import pytest

from pixeltable.models.memory import free_share


def cgroup(folder: Path, limit: str) -> Path:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text("950\n")
    (folder / "memory.stat").write_text("anon 700\ninactive_file 50\n")
    return folder


def test_a_container_has_less(tmp_path: Path) -> None:
    assert free_share(cgroup(tmp_path, "1000")) == pytest.approx(0.1)


def test_a_container_without_limit_has_what_the_machine_has(tmp_path: Path) -> None:
    assert 0.0 < free_share(cgroup(tmp_path, "max")) <= 1.0


def test_a_machine_without_control_groups(tmp_path: Path) -> None:
    assert 0.0 < free_share(tmp_path / "none") <= 1.0
