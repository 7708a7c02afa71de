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


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("BATCH_SIZE", "8", 8, id="whole number"),
        pytest.param("RECOVERY_S", "1.5", 1.5, id="number"),
        pytest.param("SQL_PUSHDOWN", "Off", False, id="truth"),
        pytest.param("PROGRESS", "on", "on", id="choice"),
        pytest.param("STATE_DIR", "/srv/x", Path("/srv/x"), id="path"),
    ],
)
def test_a_text_of_the_environment_gets_the_type_of_its_setting(
    name: str, text: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PIXELTABLE_{name}", text)
    assert getattr(load_settings(), name.lower()) == expected


@pytest.mark.parametrize(
    ("overrides", "fact"),
    [
        pytest.param({"batch_size": "many"}, "batch_size is a whole number, not 'many'", id="no number"),
        pytest.param({"batch_size": 1.5}, "batch_size is a whole number, not 1.5", id="a fraction"),
        pytest.param({"batch_size": True}, "batch_size is a whole number, not True", id="a truth"),
        pytest.param({"recovery_s": -1}, "recovery_s is at least 0, not -1.0", id="too small"),
        pytest.param({"sql_pushdown": "maybe"}, "sql_pushdown is true or false, not 'maybe'", id="no truth"),
        pytest.param({"progress": "never"}, "progress is one of 'auto', 'on', 'off', not 'never'", id="no choice"),
        pytest.param({"db_url": 7}, "db_url is a text, not 7", id="no text"),
        pytest.param({"colour": "red"}, "'colour' is not a setting", id="unknown"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_would(overrides: dict[str, object], fact: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        load_settings(overrides)
    assert fact in caught.value.message


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    write_file(tmp_path, "batch_size")
    with pytest.raises(InvalidConfiguration, match="not valid"):
        load_settings()


def test_a_variable_that_is_no_setting_is_not_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELTABLE_OF_ANOTHER_PROGRAM", "1")
    load_settings()


def test_a_setting_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        load_settings().batch_size = 3  # type: ignore[misc]
