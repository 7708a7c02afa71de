"""`mcp_udfs`: tools of an MCP server as functions, over the loopback interface."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable.exceptions import CellFailure, InvalidArgument, MissingPackage, ToolServerLost, Unsupported
from pixeltable.udfs.function import LIVE

pytest.importorskip("mcp")

from mcp_types import AudioContent, EmbeddedResource, ImageContent, TextContent, TextResourceContents

from tests.providers.mcp_api import INTEGER, TEXT, McpApi, Offer, failed, running, structured

ECHO = Offer(lambda given: str(given), {"a": INTEGER, "b": TEXT}, ["a"], "Says what it was given.")
TOTAL = Offer(lambda given: structured({"total": sum(given["numbers"])}), {"numbers": {"type": "array"}}, ["numbers"])
TOTAL = replace(TOTAL, output={"type": "object", "properties": {"total": INTEGER}})


@pytest.fixture(params=[True, False], ids=["sessions", "no sessions"])
def api(request: pytest.FixtureRequest) -> Iterator[McpApi]:
    """A server as they were before 2026 and as they are since."""
    with running({"echo": ECHO, "total": TOTAL}, sessions=request.param) as api:
        yield api


@pytest.fixture
def old_api() -> Iterator[McpApi]:
    """A server that has sessions, and so can lose them."""
    with running({"echo": ECHO}) as api:
        yield api


def answering(api: McpApi, answer: Any, **described: Any) -> pxt.Function:
    """The function of a tool that answers like this."""
    api.offers["tool"] = Offer(lambda _: answer, **described)
    return next(function for function in pxt.mcp_udfs(api.url) if function.name == "tool")


def column(ns: str, function: pxt.Function, *, rows: int = 1) -> pxt.Table:
    """A table with the results of a function that takes an Int, or nothing."""
    table = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    table.add_computed_column(result=function(table.a) if function.parameters else function())
    table.insert([{"a": number} for number in range(rows)], on_error="ignore")
    return table


def error_of(table: pxt.Table) -> tuple[str, str]:
    """Type and message of the error in the last row."""
    found = table.select(table.result.errortype, table.result.errormsg).order_by(table.a).collect()
    row = found[len(found) - 1]
    return row["result_errortype"], row["result_errormsg"]


def test_each_tool_is_a_function_with_its_types_and_description(ns: str, api: McpApi) -> None:  # noqa: ARG001
    echo, total = pxt.mcp_udfs(api.url)
    assert repr(echo) == "<udf echo(a: Int, b: String | None = None) -> String>"
    assert repr(total) == "<udf total(numbers: Json) -> Json | None>"
    assert echo.help_str() == "echo(a: Int, b: String | None = None) -> String\n\nSays what it was given."


def test_all_pages_of_the_list_are_read(ns: str, api: McpApi) -> None:  # noqa: ARG001
    api.page_size = 1
    assert [function.name for function in pxt.mcp_udfs(api.url)] == ["echo", "total"]


def test_columns_hold_what_tools_return(ns: str, api: McpApi) -> None:
    echo, total = pxt.mcp_udfs(api.url)
    table = pxt.create_table(f"{ns}/t", {"a": pxt.Int | None, "b": pxt.String | None})
    table.add_computed_column(echo=echo(table.a, b=table.b))
    table.add_computed_column(total=total([1, 2]).total)
    table.insert([{"a": 1, "b": "x"}, {"a": 2}])
    rows = table.collect()
    assert (rows["echo"], rows["total"]) == (["{'a': 1, 'b': 'x'}", "{'a': 2}"], [3, 3])


def test_null_for_a_required_parameter_makes_no_call(ns: str, api: McpApi) -> None:
    table = pxt.create_table(f"{ns}/t", {"a": pxt.Int | None})
    table.add_computed_column(echo=pxt.mcp_udfs(api.url)[0](table.a))
    table.insert([{"a": None}])
    assert (table.collect()["echo"], api.calls) == ([None], [])


def test_one_session_serves_all_calls(ns: str, old_api: McpApi) -> None:
    [echo] = pxt.mcp_udfs(old_api.url)
    table = column(ns, echo, rows=40)
    pxt.mcp_udfs(old_api.url)
    assert table.count() == len(old_api.calls) == 40
    assert len(old_api.received("initialize")) == 1
    assert len({message.session for message in old_api.received("tools/call")}) == 1


def test_lost_session_is_opened_anew_and_the_call_made_again(ns: str, old_api: McpApi) -> None:
    table = column(ns, pxt.mcp_udfs(old_api.url)[0])
    old_api.restart()
    assert table.insert([{"a": number} for number in range(20)]).num_excs == 0
    assert len(old_api.received("initialize")) == 2
    assert [function.name for function in pxt.mcp_udfs(old_api.url)] == ["echo"]


def test_list_is_asked_for_in_a_new_session_after_one_was_lost(ns: str, old_api: McpApi) -> None:  # noqa: ARG001
    pxt.mcp_udfs(old_api.url)
    old_api.restart()
    assert [function.name for function in pxt.mcp_udfs(old_api.url)] == ["echo"]


@pytest.mark.parametrize("fault", [pytest.param(503, id="status"), pytest.param(None, id="broken answer")])
def test_call_without_an_answer_fails_alone_and_is_not_made_again(ns: str, api: McpApi, fault: int | None) -> None:
    table = column(ns, pxt.mcp_udfs(api.url)[0])
    api.faults.append(fault)
    status = table.insert([{"a": number} for number in range(8)], on_error="ignore")
    assert (status.num_excs, len(api.calls)) == (1, 9)
    assert table.where(table.result.errortype == "ToolServerLost").count() == 1


def test_call_that_is_refused_fails_for_good(ns: str, api: McpApi) -> None:
    table = column(ns, pxt.mcp_udfs(api.url)[0])
    api.faults.append(403)
    table.insert([{"a": 1}], on_error="ignore")
    name, message = error_of(table)
    assert (name, "HTTP 403" in message) == ("ToolFailed", True)


def test_call_without_an_answer_may_be_tried_again_on_demand(ns: str, api: McpApi) -> None:
    [echo, _] = pxt.mcp_udfs(api.url)
    table = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    table.add_computed_column(result=echo(table.a), retry=pxt.Retry(on=(ToolServerLost,), wait_s=0.001))
    api.faults += [503, None]
    status = table.insert(a=1)
    assert (status.num_excs, status.num_retries) == (0, 2)


def test_server_that_is_gone_fails_cells_until_it_is_back(ns: str, api: McpApi) -> None:
    table = column(ns, pxt.mcp_udfs(api.url)[0])
    api.stop()
    table.insert([{"a": 7}], on_error="ignore")
    name, message = error_of(table)
    assert (name, "cannot be reached" in message) == ("ToolServerLost", True)
    api.start()
    table.recompute_columns("result", errors_only=True)
    assert table.collect()["result"] == ["{'a': 0}", "{'a': 7}"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param("one", "one", id="text"),
        pytest.param([], "", id="nothing"),
        pytest.param([TextContent(type="text", text=text) for text in "ab"], "a\nb", id="texts"),
        pytest.param(
            [EmbeddedResource(type="resource", resource=TextResourceContents(uri="file:///a", text="of a file"))],
            "of a file",
            id="resource",
        ),
    ],
)
def test_texts_are_joined(ns: str, old_api: McpApi, answer: Any, expected: str) -> None:
    assert column(ns, answering(old_api, answer)).collect()["result"] == [expected]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ([ImageContent(type="image", data="AAAA", mime_type="image/png")], "image"),
        ([TextContent(type="text", text="x"), AudioContent(type="audio", data="AAAA", mime_type="audio/wav")], "audio"),
    ],
)
def test_images_and_audio_fail_the_cell(ns: str, old_api: McpApi, answer: Any, kind: str) -> None:
    name, message = error_of(column(ns, answering(old_api, answer)))
    assert (name, f"content of type '{kind}'" in message) == ("Unsupported", True)


def test_error_of_a_tool_is_the_error_of_the_cell(ns: str, api: McpApi) -> None:
    tool = answering(api, failed("no such city"))
    name, message = error_of(column(ns, tool))
    assert (name, message) == ("ToolFailed", f"tool 'tool' of the MCP server {api.url}: no such city")


def test_structured_result_that_breaks_its_schema_fails_the_cell(ns: str, old_api: McpApi) -> None:
    output = {"type": "object", "properties": {"n": INTEGER}, "required": ["n"]}
    name, message = error_of(column(ns, answering(old_api, structured({"n": "three"}), output=output)))
    assert (name, "'three' is not of type 'integer'" in message) == ("ToolFailed", True)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        pytest.param({}, "the server does not offer it", id="gone"),
        pytest.param({"echo": replace(ECHO, properties={"c": INTEGER})}, "parameter `a` is gone", id="renamed"),
        pytest.param({"echo": replace(ECHO, properties={"a": TEXT})}, "takes `String` where it took `Int`", id="type"),
        pytest.param({"echo": replace(ECHO, output={"type": "object"})}, "it returns `Json | None`", id="result"),
    ],
)
def test_tool_that_changed_fails_the_cell_and_says_how(
    ns: str, old_api: McpApi, now: dict[str, Offer], reason: str
) -> None:
    table = column(ns, pxt.mcp_udfs(old_api.url)[0])
    old_api.offers = now
    old_api.restart()
    table.insert([{"a": 1}], on_error="ignore")
    name, message = error_of(table)
    assert (name, reason in message) == ("ToolChanged", True), message
    assert len(old_api.calls) == 2  # the second one in the session that is lost


def test_call_that_failed_for_a_change_says_so(ns: str) -> None:
    with running({"echo": ECHO}, sessions=False) as api:
        table = column(ns, pxt.mcp_udfs(api.url)[0])
        api.offers = {"echo": Offer(lambda _: failed("what is a?"), {"c": INTEGER}, ["c"])}
        table.insert([{"a": 1}], on_error="ignore")
        assert error_of(table)[0] == "ToolChanged"


def test_tool_that_takes_more_still_fits(ns: str, old_api: McpApi) -> None:
    table = column(ns, pxt.mcp_udfs(old_api.url)[0])
    old_api.offers = {"echo": replace(ECHO, properties={"z": TEXT, **ECHO.properties})}
    old_api.restart()
    assert table.insert(a=3).num_excs == 0
    assert old_api.calls[-1] == {"a": 3}


def test_columns_are_stale_when_the_interface_has_changed(ns: str, old_api: McpApi) -> None:
    table = column(ns, pxt.mcp_udfs(old_api.url)[0])
    assert len(table.stale()) == 0
    old_api.offers = {"echo": replace(ECHO, properties={**ECHO.properties, "c": TEXT})}
    pxt.mcp_udfs(old_api.url)
    assert list(table.stale()["column"]) == ["result"]


PROGRAM = """
import pixeltable as pxt
table = pxt.get_table("{ns}/t")
table.insert([{{"a": 5}}])
assert len(table.stale()) == 0
"""


@pytest.mark.slow
def test_another_process_finds_the_tool_by_what_is_stored(ns: str, old_api: McpApi) -> None:
    table = column(ns, pxt.mcp_udfs(old_api.url)[0])
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(ns=ns)], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert table.collect()["result"] == ["{'a': 0}", "{'a': 5}"]


def test_stored_calls_of_two_interfaces_are_each_found_as_recorded(ns: str, old_api: McpApi) -> None:
    old = pxt.mcp_udfs(old_api.url)[0]
    table = column(ns, old)
    old_api.offers = {"echo": replace(ECHO, properties={"a": TEXT}, required=["a"])}
    [new] = pxt.mcp_udfs(old_api.url)
    table.add_computed_column(again=new("x"))
    LIVE.pop(new.spec.path)  # as in a process that has not asked the server
    table.insert([{"a": 1}], on_error="ignore")
    assert table.where(table.a == 1).collect()["again"] == ["{'a': 'x'}"]
    assert error_of(table)[0] == "ToolChanged"


def test_a_model_is_told_the_schema_of_the_server_and_its_calls_are_made(ns: str, api: McpApi) -> None:
    unit = {"type": "string", "enum": ["C", "F"], "description": "Celsius or Fahrenheit"}
    api.offers["weather"] = Offer(lambda given: f"{given}", {"unit": unit, "from": TEXT}, ["from"], "The weather.")
    functions = {function.name: function for function in pxt.mcp_udfs(api.url)}
    tools = pxt.tools(functions["weather"], functions["echo"])
    assert tools.tools[0].schema == {
        "name": "weather",
        "description": "The weather.",
        "parameters": {
            "type": "object",
            "properties": {"from_": TEXT, "unit": unit},
            "required": ["from_"],
            "additionalProperties": False,
        },
    }
    table = pxt.create_table(f"{ns}/t", {"calls": pxt.Json})
    table.add_computed_column(results=tools.invoke(table.calls))
    table.insert(calls={"weather": [{"from_": "Rome"}, {"from_": "Oslo", "unit": "F"}]})
    assert table.collect()["results"] == [
        {"weather": ["{'from': 'Rome'}", "{'from': 'Oslo', 'unit': 'F'}"], "echo": None}
    ]


def test_failed_cell_aborts_by_default(ns: str, old_api: McpApi) -> None:
    tool = answering(old_api, failed("no"))
    table = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    table.add_computed_column(result=tool())
    with pytest.raises(CellFailure, match=r"ToolFailed.*no"):
        table.insert(a=1)
    assert table.count() == 0


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (3, "takes the URL of a server, got int 3"),
        ("example.org/mcp", "is no URL"),
        ("ftp://example.org", "is no URL"),
        ("http://", "is no URL"),
        ("http://host:x/", "is no URL"),
        ("http://host/#part", "is no URL"),
        ("https://me:secret@host/mcp", "must not have a user or a password"),
    ],
)
def test_what_is_no_address_of_a_server_is_refused(url: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as refused:
        pxt.mcp_udfs(url)
    assert "secret" not in refused.value.message


def test_server_that_is_not_there_is_told(ns: str, old_api: McpApi) -> None:  # noqa: ARG001
    old_api.stop()
    with pytest.raises(ToolServerLost, match="cannot be reached"):
        pxt.mcp_udfs(f"{old_api.url}?token=secret")


def test_message_does_not_show_the_query_of_the_address(ns: str, old_api: McpApi) -> None:  # noqa: ARG001
    old_api.stop()
    with pytest.raises(ToolServerLost) as lost:
        pxt.mcp_udfs(f"{old_api.url}?token=secret")
    assert "secret" not in lost.value.message


def test_server_of_something_else_is_told(ns: str, old_api: McpApi) -> None:  # noqa: ARG001
    with pytest.raises(ToolServerLost, match="HTTP 404"):
        pxt.mcp_udfs(old_api.url.replace("/mcp", "/other"))


def test_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(MissingPackage, match=r"pip install 'pixeltable\[mcp\]'"):
        pxt.mcp_udfs("http://127.0.0.1:9/mcp")


def test_async_function_cannot_wait_for_the_list(ns: str, old_api: McpApi) -> None:
    @pxt.udf
    async def listing(url: str) -> int:
        return len(pxt.mcp_udfs(url))

    table = pxt.create_table(f"{ns}/t", {"url": pxt.String})
    table.add_computed_column(number=listing(table.url))
    with pytest.raises(CellFailure) as failure:
        table.insert(url=old_api.url)
    assert isinstance(failure.value.__cause__, Unsupported)
