"""Asserting that a call was refused with the right error, and that nothing changed."""

from collections.abc import Callable
from typing import Any

import pytest

import pixeltable as pxt


def refusal(call: Callable[[], Any], kind: type[pxt.Error], code: str) -> str:
    """The message of the error that `call` has to raise."""
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.error_code.name == code
    return caught.value.message


def refused(table: pxt.Table, call: Callable[[], Any], kind: type[pxt.Error], code: str) -> str:
    """As `refusal`; the table has to have the same columns, rows, indexes and versions afterwards."""
    before = _state(table)
    message = refusal(call, kind, code)
    assert _state(table) == before
    return message


def _state(table: pxt.Table) -> tuple[Any, ...]:
    """All a user can see, but for `schema_version`, which also counts what was given up."""
    metadata = {key: value for key, value in table.get_metadata().items() if key != "schema_version"}
    return table.collect(), table.get_versions(), metadata
