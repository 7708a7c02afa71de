"""Sections of providers and pools in the configuration."""

from pathlib import Path
from typing import Any

import pytest

from pixeltable.exceptions import InvalidConfiguration, MissingCredentials
from pixeltable.providers.credentials import credential, fingerprint
from pixeltable.providers.rates import Rates
from pixeltable.providers.sections import Sections, load_sections
from pixeltable.settings import load_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a configuration, in an environment that says nothing of providers."""
    for name in ("PIXELTABLE_CONFIG", "PIXELTABLE_DB_URL", "OPENAI_API_KEY", "ACME_RATE_LIMIT", "ACME_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIXELTABLE_HOME", str(tmp_path))
    return tmp_path


def load(home: Path, text: str = "", overrides: dict[str, Any] | None = None) -> Sections:
    (home / "config.toml").write_text(text)
    return load_sections(load_settings(overrides), overrides)


def test_no_file_is_no_error(home: Path) -> None:
    assert load_sections(load_settings({"home": home})).text("openai", "api_key") is None


def test_credential_comes_from_the_file(home: Path) -> None:
    assert credential(load(home, '[openai]\napi_key = "of the file"'), "openai") == "of the file"


def test_environment_goes_over_the_file_also_when_it_is_set_later(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sections = load(home, '[openai]\napi_key = "of the file"')
    monkeypatch.setenv("OPENAI_API_KEY", "of the environment")
    assert credential(sections, "openai") == "of the environment"


def test_override_goes_over_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of the environment")
    assert credential(load(home, overrides={"openai.api_key": "given"}), "openai") == "given"


def test_missing_credential_names_the_variable_and_the_section(home: Path) -> None:
    with pytest.raises(MissingCredentials, match=r"OPENAI_API_KEY.*`api_key` in \[openai\]"):
        credential(load(home), "openai")


def test_pool_named_as_the_package_finds_its_section(home: Path) -> None:
    rates = Rates(load(home, "[voyage]\nrate_limit = 70"))
    assert rates.configured("request-rate:voyageai:m") == {"requests": 70.0}


def test_one_limit_holds_for_all_models_but_those_that_have_their_own(home: Path) -> None:
    text = '[acme]\nrate_limit = 70\n[acme.rate_limits]\n"big-1" = 7\n"big-2" = {requests = 8, tokens = 900}'
    rates = Rates(load(home, text))
    found = [rates.configured(f"request-rate:acme:{model}") for model in ("small", "big-1", "big-2")]
    assert found == [{"requests": 70}, {"requests": 7}, {"requests": 8, "tokens": 900}]


def test_limit_comes_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_RATE_LIMIT", "12.5")
    assert Rates(load(home)).configured("request-rate:acme") == {"requests": 12.5}


def test_limit_of_the_environment_has_to_be_a_number(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_RATE_LIMIT", "many")
    with pytest.raises(InvalidConfiguration, match="ACME_RATE_LIMIT is 'many'"):
        Rates(load(home)).configured("request-rate:acme")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[openai]\napi_kye = "x"', "Did you mean 'api_key'"),
        ("[openai]\nwhatever = 1", "Known: api_key, base_url"),
        ("[acme]\nrate_limit = 0", "rate_limit is 0"),
        ("[acme]\nrate_limit = true", "rate_limit is True"),
        ("[acme]\nrate_limits = 5", "not a table"),
        ('[acme.rate_limits]\nm = "x"', "'m' is 'x'"),
        ("[acme.rate_limits]\nm = {words = 5}", "limits 'words'"),
        ("[pixletable]\nbatch_size = 1", r"\[pixeltable\]"),
        ("[voyageai]\nrate_limit = 1", r"\[voyage\]"),
        ("rate_limit = 1", "outside of a section"),
        ("[acme", "config"),
    ],
)
def test_mistakes_are_named(home: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidConfiguration, match=said):
        load(home, text)


def test_mistakes_in_overrides_are_named(home: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="api_key"):
        load(home, overrides={"openai.api_kye": "x"})


def test_sections_show_no_values(home: Path) -> None:
    assert "secret" not in repr(load(home, '[openai]\napi_key = "secret"'))


def test_keys_have_pools_of_their_own(home: Path) -> None:
    names = {
        Rates(load(home, f'[acme]\napi_key = "{key}"')).shared_name("rate-limits:acme:m") for key in ("one", "two")
    }
    assert len(names) == 2
    assert not [name for name in names if "one" in name or "two" in name]


def test_no_key_no_fingerprint(home: Path) -> None:
    assert fingerprint(load(home), "acme") is None
