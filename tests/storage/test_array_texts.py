"""Arrays as text: PostgreSQL reads what was meant."""

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixeltable.storage.cells import array_text, numbers_text

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
odd = st.sampled_from(["NULL", "null", "", '"', "\\", "{}", ",", " a "])
connected = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url) as connection:
        yield connection


@connected
@given(cells=st.lists(st.none() | texts | odd))
def test_texts(connection: psycopg.Connection, cells: list[str | None]) -> None:
    assert connection.execute("SELECT %s::text[]", (array_text(cells),)).fetchone() == (cells,)


@connected
@given(numbers=st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_numbers(connection: psycopg.Connection, numbers: list[int]) -> None:
    assert connection.execute("SELECT %s::bigint[]", (numbers_text(numbers),)).fetchone() == (numbers,)
