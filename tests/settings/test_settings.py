from pathlib import Path

import pytest

from pixeltable.exceptions import InvalidConfiguration
from pixeltable.settings import load_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DB_URL", "BATCH_SIZE", "SQL_PUSHDOWN", "CONFIG"):
        monkeypatch.delenv(f"PIXELTABLE_{name}", raising=False)
    monkeypatch.setenv("PIXELTABLE_HOME", str(tmp_path))


def write_file(folder: Path, text: str) -> None:
    (folder / "config.toml").write_text(f"[pixeltable]\n{text}\n")


def test_file_in_the_home_is_read(tmp_path: Path) -> None:
    write_file(tmp_path, 'batch_size = 7\ntime_zone = "Asia/Tokyo"')
    settings = load_settings()
    assert (settings.batch_size, settings.zone_name) == (7, "Asia/Tokyo")


def test_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path, "batch_size = 7")
    monkeypatch.setenv("PIXELTABLE_BATCH_SIZE", "8")
    assert load_settings().batch_size == 8


def test_overrides_are_on_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path, "batch_size = 7")
    monkeypatch.setenv("PIXELTABLE_BATCH_SIZE", "8")
    assert load_settings({"pixeltable.batch_size": 9}).batch_size == 9


def test_file_of_an_overridden_home_is_read(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write_file(other, "batch_size = 7")
    assert load_settings({"home": other}).batch_size == 7


def test_older_name_of_the_database_url_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELTABLE_DB_CONNECT_STR", "postgresql://host/db")
    assert load_settings().db_url == "postgresql://host/db"


@pytest.mark.parametrize("line", ["batch_sise = 7", "batch_size = 0", 'time_zone = "Nowhere"'])
def test_bad_setting_is_refused_with_the_known_names(tmp_path: Path, line: str) -> None:
    write_file(tmp_path, line)
    with pytest.raises(InvalidConfiguration, match="batch_size"):
        load_settings()
