"""The limits of models are settings of the session."""

from collections.abc import Iterator

import pytest

from pixeltable.exceptions import InvalidConfiguration
from pixeltable.models.cache import MODELS, ModelLimits
from pixeltable.session.query_calls import run_query_call
from pixeltable.session.session import Session
from pixeltable.settings import Settings, load_settings


@pytest.fixture
def restored() -> Iterator[None]:
    before = MODELS.limits
    yield
    MODELS.limit(before)


@pytest.mark.usefixtures("restored", "session_settings")
def test_a_session_sets_the_limits() -> None:
    settings = load_settings({"model_idle_s": 5, "model_free_memory": 0.5, "model_device": "cpu"})
    Session(settings, run_query_call).close()
    assert MODELS.limits == ModelLimits(idle_s=5, free_memory=0.5, device="cpu")


def test_defaults_are_those_of_the_settings() -> None:
    stated = [getattr(Settings(), name) for name in ("model_idle_s", "model_free_memory", "model_device")]
    assert ModelLimits(*stated) == ModelLimits()


@pytest.mark.parametrize(
    "wrong", [{"model_idle_s": -1}, {"model_free_memory": 2}, {"model_device": "gpu"}, {"model_device": "cuda:"}]
)
def test_what_is_no_limit_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidConfiguration):
        load_settings(wrong)
