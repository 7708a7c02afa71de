"""Quotas in a real database: what one process takes, no other one gets."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pixeltable.exceptions import DatabaseUnavailable
from pixeltable.providers.quota import Ask, Quota
from tests.providers.calls import most
from tests.providers.conftest import open_database

REPOSITORY = Path(__file__).parents[2]


def test_spans_follow_one_another_without_overlap(quota: Quota) -> None:
    spans = [quota.reserve("p", [Ask("requests", 0.5)], lead_s=0.0).grants["requests"] for _ in range(3)]
    starts = [span.start_s for span in spans]
    assert starts == pytest.approx([spans[0].start_s, spans[0].end_s, spans[1].end_s], abs=0.01)


def test_first_span_begins_now_on_the_clock_of_this_process(quota: Quota) -> None:
    before = time.monotonic()
    found = quota.reserve("p", [Ask("requests", 0.5)], lead_s=0.25)
    assert before <= found.at_s <= time.monotonic()
    assert found.grants["requests"].start_s == pytest.approx(found.at_s + 0.25, abs=0.001)


def test_resources_of_a_pool_are_reserved_in_one_trip_and_apart(quota: Quota) -> None:
    asks = [Ask("tokens", 5.0), Ask("requests", 1.0)]
    quota.reserve("p", asks, lead_s=0.0)
    found = quota.reserve("p", asks, lead_s=0.0)
    ahead = {name: round(grant.start_s - found.at_s) for name, grant in found.grants.items()}
    assert ahead == {"requests": 1, "tokens": 5}


def test_pools_do_not_share(quota: Quota) -> None:
    quota.reserve("p", [Ask("requests", 60.0)], lead_s=0.0)
    other = quota.reserve("q", [Ask("requests", 60.0)], lead_s=0.0)
    assert other.grants["requests"].start_s == pytest.approx(other.at_s, abs=0.001)


def test_pause_moves_the_next_span(quota: Quota) -> None:
    quota.reserve("p", [Ask("requests", 0.1)], lead_s=0.0)
    quota.pause("p", 30.0)
    found = quota.reserve("p", [Ask("requests", 0.1)], lead_s=0.0)
    assert found.grants["requests"].start_s - found.at_s == pytest.approx(30.0, abs=5.0)


def test_learnt_limits_are_kept_and_come_with_each_reservation(quota: Quota) -> None:
    quota.learn("p", {"requests": 500.0, "tokens": 9000.0})
    quota.learn("p", {"requests": 600.0})
    found = quota.reserve("p", [Ask("requests", 0.1)], lead_s=0.0)
    assert quota.learnt("p") == {"requests": 600.0, "tokens": 9000.0}
    assert found.grants["requests"].per_minute == 600.0


def test_span_is_never_farther_away_than_ten_minutes(quota: Quota) -> None:
    quota.reserve("p", [Ask("requests", 1e9)], lead_s=0.0)
    found = quota.reserve("p", [Ask("requests", 1.0)], lead_s=0.0)
    assert found.grants["requests"].start_s - found.at_s == pytest.approx(600.0, abs=1.0)


def test_database_that_is_gone_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    database = open_database("postgresql://localhost:1/none", recovery_s=0.0)
    quota = Quota(database)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable) as caught:
            quota.learnt("p")
        quota.lost(caught.value)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def admissions_in_processes(url: str, *, number: int, limit: float, duration_s: float) -> list[list[float]]:
    """When each of several processes was admitted, on the clock of the machine."""
    command = [sys.executable, "-m", "tests.providers.admitting", url, str(limit), str(duration_s)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    running = [
        subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(number)
    ]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * number
    return [[float(line) for line in output.split()] for output in outputs]


@pytest.mark.slow
@pytest.mark.parametrize("limit", [3000, 20_000])
def test_processes_together_never_exceed_the_limit(quota_url: str, limit: int) -> None:
    found = admissions_in_processes(quota_url, number=2, limit=limit, duration_s=2.0)
    assert all(found)
    assert most(found[0] + found[1], 1.0) <= limit / 60 * 1.1 + 2
