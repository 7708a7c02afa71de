"""Two copies of the time zone database are compared by what clocks show."""

from zoneinfo import ZoneInfo

import pytest

from pixeltable.session.current import current_session
from pixeltable.storage.clocks import clocks_agree


@pytest.mark.parametrize(
    ("database", "python", "agree"),
    [
        ("Europe/Berlin", "Europe/Berlin", True),
        ("America/New_York", "America/New_York", True),
        ("UTC", "Etc/UTC", True),
        ("Europe/Berlin", "Europe/Vienna", False),  # the same since 1980
        ("America/New_York", "America/Toronto", False),
        ("UTC", "Africa/Abidjan", False),  # since 1912
    ],
)
@pytest.mark.usefixtures("session_settings")
def test_clocks_of_two_zones(database: str, python: str, agree: bool) -> None:
    with current_session().database.connection() as connection, connection.transaction():
        connection.execute(f"SET LOCAL TimeZone = '{database}'")  # type: ignore[arg-type]  # one of the zones above
        assert clocks_agree(connection, ZoneInfo(python)) is agree
