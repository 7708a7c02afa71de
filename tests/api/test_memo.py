"""What users see of the memo, and how they empty it."""

from collections.abc import Iterator

import pytest

import pixeltable as pxt
from pixeltable.session.current import current_session
from pixeltable.storage.memo import FunctionMemo, MemoEntry
from tests.udfs import library


@pytest.fixture(autouse=True)
def filled(session_settings: dict[str, str]) -> Iterator[None]:  # noqa: ARG001  # what it sets up is needed
    """Results of two functions, as calls would leave them."""
    pxt.clear_memo()
    memo = current_session().memo
    memo.put([MemoEntry(bytes([n]) * 32, library.double.spec.path, "1") for n in (1, 2)])
    memo.put([MemoEntry(bytes([3]) * 32, "other.f", None)])
    yield
    pxt.clear_memo()


def test_stats_name_the_functions() -> None:
    stats = pxt.memo_stats()
    assert stats.functions == {library.double.spec.path: FunctionMemo(2, 322), "other.f": FunctionMemo(1, 160)}
    assert (stats.entries, stats.size_bytes, stats.limit_bytes) == (3, 482, 1 << 30)


@pytest.mark.parametrize(
    "function",
    [library.double, library.double.using(), library.double.spec.path, f"{library.double.spec.path}#1"],
    ids=["function", "with arguments fixed", "path", "path of an overload"],
)
def test_one_function_is_cleared(function: object) -> None:
    assert pxt.clear_memo(function) == 2  # type: ignore[arg-type]  # one of those it takes
    assert list(pxt.memo_stats().functions) == ["other.f"]


def test_all_is_cleared() -> None:
    assert pxt.clear_memo() == 3
    assert pxt.memo_stats().entries == 0


def test_clearing_an_unknown_path_forgets_nothing() -> None:
    assert pxt.clear_memo("no.such.function") == 0


def test_clearing_something_else_is_refused() -> None:
    with pytest.raises(pxt.RequestError, match="function or its path"):
        pxt.clear_memo(7)  # type: ignore[arg-type]  # on purpose
