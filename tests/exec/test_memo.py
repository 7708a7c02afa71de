"""Equal calls are made once: in a batch, across batches and threads, after a restart; failures are not remembered."""

import datetime
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pixeltable.exec.batch import Failure, failure_of
from pixeltable.exec.memo import InFlight, Remembered, RememberedBatch
from pixeltable.storage.database import Database
from pixeltable.storage.memo import Memo
from pixeltable.storage.migrate import migrate
from pixeltable.types.column_type import (
    ArrayType,
    BinaryType,
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    ImageType,
    IntType,
    JsonType,
    StringType,
    TimestampType,
    UUIDType,
)
from pixeltable.types.conform import conform
from tests.exec.memo_arguments import keys

Keys = list[bytes | None]
BERLIN = ZoneInfo("Europe/Berlin")
TEXT = StringType()


@pytest.fixture
def memo(database_url: str) -> Iterator[Memo]:
    database = Database(database_url, max_connections=4, zone_name="UTC", recovery_s=5.0, revive=lambda: None)
    database.read(migrate)
    memo = Memo(database, 1 << 24)
    memo.clear()
    yield memo
    memo.clear()
    database.close()


@pytest.fixture
def in_flight() -> InFlight:
    return InFlight()


def remembered(
    memo: Memo,
    in_flight: InFlight,
    *,
    result: ColumnType = TEXT,
    operation: object = "op",
    bypass: bool = False,
) -> Remembered:
    return Remembered(
        memo, in_flight, function="lib.f#1", result=result, zone=BERLIN, operation=operation, bypass=bypass
    )


Compute = Callable[[list[int]], Sequence[Any]]


def run(owner: Remembered, wanted: Keys, compute: Compute) -> RememberedBatch:
    return owner.run(wanted, compute)


def never(rows: list[int]) -> list[Any]:
    raise AssertionError(f"rows {rows} are known")


def texts(rows: list[int]) -> list[str]:
    return [f"result {row}" for row in rows]


def failing(rows: list[int]) -> list[Failure]:
    return [failure_of(ValueError(f"row {row}")) for row in rows]


def test_equal_rows_are_computed_once(memo: Memo, in_flight: InFlight) -> None:
    batch = run(remembered(memo, in_flight), keys("a", "b", "a", "a"), texts)
    assert batch.values == ["result 0", "result 1", "result 0", "result 0"]
    assert batch.cached == 2


def test_results_are_known_to_another_process(memo: Memo, in_flight: InFlight) -> None:
    run(remembered(memo, in_flight), keys("a", "b"), texts)
    batch = run(remembered(memo, InFlight()), keys("b", "a"), never)
    assert batch.values == ["result 1", "result 0"]
    assert batch.cached == 2


def test_overloads_are_kept_under_one_name(memo: Memo, in_flight: InFlight) -> None:
    run(remembered(memo, in_flight), keys("a"), texts)
    assert list(memo.stats().functions) == ["lib.f"]


def test_rows_without_a_key_are_all_computed(memo: Memo, in_flight: InFlight) -> None:
    wanted: Keys = [None, *keys("a"), None]
    batch = run(remembered(memo, in_flight), wanted, texts)
    assert batch.values == ["result 0", "result 1", "result 2"]
    assert memo.stats().entries == 1


def test_batch_without_rows_is_done(memo: Memo, in_flight: InFlight) -> None:
    assert run(remembered(memo, in_flight), [], never).values == []


def test_results_may_be_recorded_in_parts(memo: Memo, in_flight: InFlight) -> None:
    owner = remembered(memo, in_flight)
    with owner.batch([*keys("a", "b"), None]) as batch:
        assert batch.missing() == [0, 1, 2]
        batch.record([2, 1], ["two", "one"])
        assert batch.missing() == [0]
        batch.record([0], ["zero"])
    assert (batch.done, batch.values) == (True, ["zero", "one", "two"])


def test_recorded_results_survive_a_batch_that_breaks_off(memo: Memo, in_flight: InFlight) -> None:
    with remembered(memo, in_flight).batch(keys("a", "b")) as batch:
        batch.missing()
        batch.record([0], ["done"])
    again = run(remembered(memo, in_flight), keys("a", "b"), texts)
    assert again.values == ["done", "result 1"]


def test_failure_is_not_remembered(memo: Memo, in_flight: InFlight) -> None:
    failed = run(remembered(memo, in_flight), keys("a", "a"), failing)
    assert [value.error.message for value in failed.values] == ["row 0", "row 0"]
    assert run(remembered(memo, in_flight), keys("a"), texts).values == ["result 0"]


def test_null_result_is_remembered(memo: Memo, in_flight: InFlight) -> None:
    run(remembered(memo, in_flight, result=StringType(True)), keys("a"), lambda _: [None])
    assert run(remembered(memo, in_flight, result=StringType(True)), keys("a"), never).values == [None]


def test_bypass_computes_again_once_and_replaces(memo: Memo, in_flight: InFlight) -> None:
    run(remembered(memo, in_flight), keys("a"), texts)
    fresh = remembered(memo, in_flight, bypass=True)
    assert run(fresh, keys("a", "a"), lambda _: ["fresh"]).values == ["fresh", "fresh"]
    assert run(fresh, keys("a"), never).values == ["fresh"]
    assert run(remembered(memo, in_flight), keys("a"), never).values == ["fresh"]


def test_media_are_shared_in_a_batch_but_not_remembered(memo: Memo, in_flight: InFlight) -> None:
    image = object()
    owner = remembered(memo, in_flight, result=ImageType())
    assert run(owner, keys("a", "a"), lambda _: [image]).values == [image, image]
    assert memo.stats().entries == 0


def test_json_without_a_text_is_not_remembered_but_its_neighbour_is(memo: Memo, in_flight: InFlight) -> None:
    owner = remembered(memo, in_flight, result=JsonType())
    run(owner, keys("a", "b"), lambda _: [{"x": {1, 2}}, {"x": 1}])
    assert memo.stats().entries == 1
    assert run(owner, keys("b"), never).values == [{"x": 1}]


VALUES: list[tuple[ColumnType, Any]] = [
    (StringType(), "naïve\n☃"),
    (IntType(), -(2**63)),
    (FloatType(), 0.1),
    (FloatType(), -0.0),
    (FloatType(), float("inf")),
    (FloatType(), 5e-324),
    (BoolType(), True),
    (BoolType(), False),
    (TimestampType(), datetime.datetime(2024, 7, 1, 12, 0, 0, 5, tzinfo=datetime.UTC)),
    (DateType(), datetime.date(2024, 2, 29)),
    (UUIDType(), uuid.UUID(int=7)),
    (BinaryType(), b"\x00\xff"),
    (JsonType(), {"a": [1, 2.0, 1e300, None, True, "x"], "b": -0.0, "c": 10**30}),
    (ArrayType(), np.arange(6, dtype="float32").reshape(2, 3)),
    (ArrayType(), np.array(["a", "bcd"])),
]


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=[f"{kind} {value!r:.20}" for kind, value in VALUES])
def test_remembered_value_is_the_computed_one(memo: Memo, in_flight: InFlight, kind: ColumnType, value: Any) -> None:
    (computed,) = conform(kind, [value], zone=BERLIN)
    run(remembered(memo, in_flight, result=kind), keys("a"), lambda _: [computed])
    (found,) = run(remembered(memo, in_flight, result=kind), keys("a"), never).values
    assert type(found) is type(computed)
    assert repr(found) == repr(computed)  # tells 1 from 1.0, and shows the time zone
    assert getattr(found, "dtype", None) == getattr(computed, "dtype", None)


class Caller(threading.Thread):
    """A batch in a thread of its own, whose function waits until it is let go. `seen` says which rows it computes."""

    def __init__(self, owner: Remembered, wanted: Keys, compute: Compute = texts) -> None:
        super().__init__()
        self.entered, self.let_go = threading.Event(), threading.Event()
        self.seen: list[int] = []
        self.values: list[Any] = []
        self.raised: BaseException | None = None
        self._call = (owner, wanted, compute)

    def run(self) -> None:
        owner, wanted, compute = self._call
        try:
            self.values = run(owner, wanted, lambda rows: self._compute(rows, compute)).values
        except BaseException as error:  # noqa: BLE001  # looked at by the test
            self.raised = error

    def _compute(self, rows: list[int], compute: Compute) -> Sequence[Any]:
        self.seen += rows
        self.entered.set()
        assert self.let_go.wait(30)
        return compute(rows)


def started(caller: Caller) -> Caller:
    caller.start()
    assert caller.entered.wait(30)
    return caller


def test_second_thread_waits_for_the_first_one(memo: Memo, in_flight: InFlight) -> None:
    first = started(Caller(remembered(memo, in_flight, operation="1"), keys("a", "b")))
    with remembered(memo, in_flight, operation="2").batch(keys("b", "c")) as second:
        assert second.missing() == [1]
        second.record([1], ["own"])
        assert (second.missing(), len(second.waiting), second.done) == ([], 1, False)
        first.let_go.set()
        second.wait()
        assert second.done
    first.join()
    assert second.values == ["result 1", "own"]


def test_many_threads_make_one_call(memo: Memo, in_flight: InFlight) -> None:
    callers = [Caller(remembered(memo, in_flight, operation=number), keys("a", "b")) for number in range(8)]
    for caller in callers:
        caller.let_go.set()
        caller.start()
    for caller in callers:
        caller.join()
    assert sum(len(caller.seen) for caller in callers) == 2
    assert all(caller.values == ["result 0", "result 1"] for caller in callers)


def test_failure_is_shared_within_an_operation(memo: Memo, in_flight: InFlight) -> None:
    first = started(Caller(remembered(memo, in_flight), keys("a"), failing))
    with remembered(memo, in_flight).batch(keys("a")) as second:
        assert second.missing() == []
        first.let_go.set()
        second.wait()
    first.join()
    assert second.values == first.values
    assert second.values[0].error.message == "row 0"


def test_another_operation_tries_a_failed_call_itself(memo: Memo, in_flight: InFlight) -> None:
    first = started(Caller(remembered(memo, in_flight, operation="1"), keys("a"), failing))
    with remembered(memo, in_flight, operation="2").batch(keys("a")) as second:
        assert second.missing() == []
        first.let_go.set()
        second.wait()
        assert second.missing() == [0]
    first.join()


def test_calls_given_up_are_made_by_who_waits(memo: Memo, in_flight: InFlight) -> None:
    with remembered(memo, in_flight).batch(keys("a")) as second:
        with remembered(memo, in_flight).batch(keys("a")) as first:
            assert first.missing() == [0]
            assert second.missing() == []
        second.wait()
        assert second.missing() == [0]


def test_waiting_has_a_limit_if_asked(memo: Memo, in_flight: InFlight) -> None:
    with remembered(memo, in_flight).batch(keys("a")) as first:
        first.missing()
        with remembered(memo, in_flight).batch(keys("a")) as second:
            second.missing()
            second.wait(timeout_s=0)
            assert not second.done


def test_who_bypasses_does_not_take_what_another_operation_found(memo: Memo, in_flight: InFlight) -> None:
    first = started(Caller(remembered(memo, in_flight, operation="1"), keys("a")))
    with remembered(memo, in_flight, operation="2", bypass=True).batch(keys("a")) as second:
        assert second.missing() == []
        first.let_go.set()
        second.wait()
        assert second.missing() == [0]
    first.join()


def test_memo_that_fails_holds_nobody_up(memo: Memo, in_flight: InFlight, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(memo, "put", broken)
    with pytest.raises(OSError):  # noqa: PT011  # raised above, without a message
        run(remembered(memo, in_flight), keys("a"), texts)
    monkeypatch.undo()
    assert run(remembered(memo, in_flight), keys("a"), texts).values == ["result 0"]


def test_memo_that_is_off_still_shares_equal_calls_of_a_batch(memo: Memo, in_flight: InFlight) -> None:
    off = Memo(memo._database, 0)  # noqa: SLF001  # the same database
    assert run(remembered(off, in_flight), keys("a", "a"), texts).values == ["result 0", "result 0"]
    assert memo.stats().entries == 0
