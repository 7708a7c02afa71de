"""What the database lets nobody do who comes as this user, or on this server."""

from collections.abc import Iterator

import pytest

import pixeltable as pxt
from pixeltable.session.current import current_session


@pytest.fixture
def t(ns: str) -> pxt.Table:
    return pxt.create_table(f"{ns}/t", {"n": pxt.Int})


@pytest.fixture
def setting(request: pytest.FixtureRequest) -> Iterator[None]:
    """A setting of all connections of this process that are idle: those that the test uses."""
    database = current_session().database
    database.close_idle()
    with database.connection() as connection:
        connection.execute(f"SET {request.param}")
    yield
    database.close_idle()


@pytest.mark.parametrize("setting", ["ROLE pg_monitor"], indirect=True)
@pytest.mark.parametrize("call", [pxt.jobs, pxt.list_tables, lambda: pxt.job(1)], ids=["jobs", "tables", "job"])
def test_a_user_without_rights_is_told(t: pxt.Table, setting: None, call) -> None:  # noqa: ARG001
    with pytest.raises(pxt.AuthorizationError, match="permission denied"):
        call()


@pytest.mark.parametrize("setting", ["default_transaction_read_only = on"], indirect=True)
def test_a_server_that_only_reads_says_so(t: pxt.Table, setting: None) -> None:  # noqa: ARG001
    assert t.count() == 0
    with pytest.raises(pxt.AuthorizationError, match="read-only transaction"):
        t.insert(n=1)
