import asyncio
import threading

from pixeltable.udfs.report import CallReport, begin_report, call_report


def test_body_and_caller_have_the_same_report() -> None:
    report = begin_report()
    call_report().input_tokens = 7
    assert report.input_tokens == 7


def test_each_task_has_its_own_report() -> None:
    async def call(tokens: int) -> CallReport:
        report = begin_report()
        await asyncio.sleep(0)
        call_report().input_tokens += tokens
        return report

    async def main() -> list[CallReport]:
        return await asyncio.gather(*(call(tokens) for tokens in range(5)))

    assert [report.input_tokens for report in asyncio.run(main())] == [0, 1, 2, 3, 4]


def test_what_a_task_calls_has_the_report_of_the_task() -> None:
    async def inner() -> None:
        call_report().usage["requests"] = 2

    async def main() -> CallReport:
        report = begin_report()
        await asyncio.gather(inner())
        return report

    assert asyncio.run(main()).usage == {"requests": 2}


def test_report_outside_of_a_call_is_read_by_nobody() -> None:
    found = []

    def run() -> None:
        call_report().input_tokens = 7
        found.append(call_report())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [CallReport()]
