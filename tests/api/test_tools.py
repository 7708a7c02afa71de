"""Functions as tools: what a model is told of them, and what becomes of the calls it asks for."""

from typing import Any, Literal
from uuid import UUID

import pytest

import pixeltable as pxt
from pixeltable import RequestError
from pixeltable.exprs.leaves import as_expr
from tests.api.query_library import add, described, letters, shout, weather
from tests.api.refusals import refusal


@pxt.udf
def picture(image: pxt.Image, size: int = 3) -> int:  # noqa: ARG001  # never called
    return size


@pxt.udf
def undocumented(key: UUID, limit: int | None = None) -> str:
    return f"{key} {limit}"


def test_a_tool_is_described_in_json_schema() -> None:
    (found,) = as_expr(pxt.tools(weather)).value
    assert found == {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["C", "F"], "default": "C"},
            },
            "required": ["city"],
            "additionalProperties": False,
        },
    }


def test_annotations_say_more_than_types() -> None:
    schema = pxt.tool(described).schema["parameters"]
    assert schema["properties"] == {
        "place": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "zip": {"type": ["integer", "null"]}},
            "required": ["city", "zip"],
            "additionalProperties": False,
        },
        "tags": {"type": "array", "items": {"type": "string"}},
        "unit": {"type": ["string", "null"], "enum": ["C", "F", None]},
        "weight": {"type": "number", "default": 1.0},
    }
    assert schema["required"] == ["place", "tags"]


def test_a_uuid_is_a_string_and_a_description_may_be_missing() -> None:
    schema = pxt.tool(undocumented).schema
    assert schema["description"] is None
    assert schema["parameters"]["properties"]["key"] == {"type": "string", "format": "uuid"}
    assert schema["parameters"]["properties"]["limit"] == {"type": ["integer", "null"]}
    assert schema["parameters"]["required"] == ["key"]


def test_name_and_description_can_be_given() -> None:
    tool = pxt.tool(weather, name="get-weather", description="Now.")
    assert (tool.name, tool.description) == ("get-weather", "Now.")
    assert isinstance(tool, pxt.Tool)
    assert [each.name for each in pxt.tools(tool, weather).tools] == ["get-weather", "weather"]


def test_fixed_arguments_are_not_offered() -> None:
    assert list(pxt.tool(weather.using(unit="F")).schema["parameters"]["properties"]) == ["city"]


def test_what_no_model_can_call_is_refused() -> None:
    assert "'weather'" in refusal(lambda: pxt.tools(weather, weather), RequestError, "INVALID_ARGUMENT")
    assert "'image'" in refusal(lambda: pxt.tool(picture), RequestError, "UNSUPPORTED_OPERATION")
    refusal(lambda: pxt.tool(print), RequestError, "INVALID_ARGUMENT")  # type: ignore[arg-type]
    refusal(lambda: pxt.tool(weather, name="get weather"), RequestError, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"auto": True}, {"auto": True, "required": False, "tool": None, "parallel_tool_calls": True}),
        ({"required": True}, {"auto": False, "required": True, "tool": None, "parallel_tool_calls": True}),
        (
            {"tool": "add", "parallel_tool_calls": False},
            {"auto": False, "required": False, "tool": "add", "parallel_tool_calls": False},
        ),
        ({"tool": weather}, {"auto": False, "required": False, "tool": "weather", "parallel_tool_calls": True}),
    ],
)
def test_a_choice_is_a_dict_in_an_expression(arguments: dict[str, Any], expected: dict[str, Any]) -> None:
    choice = pxt.tools(weather, add).choice(**arguments)
    assert isinstance(choice, pxt.ToolChoice)
    assert as_expr(choice).value == expected


@pytest.mark.parametrize("arguments", [{}, {"auto": True, "required": True}, {"tool": "other"}, {"tool": shout}])
def test_a_choice_is_exactly_one(arguments: dict[str, Any]) -> None:
    refusal(lambda: pxt.tools(weather).choice(**arguments), RequestError, "INVALID_ARGUMENT")


@pytest.fixture
def t(ns: str) -> pxt.Table:
    return pxt.create_table(f"{ns}/t", {"calls": pxt.Json | None})


def results(t: pxt.Table, tools: pxt.Tools, *calls: Any) -> list[Any]:
    t.insert([{"calls": cell} for cell in calls])
    return t.select(r=tools.invoke(t.calls)).collect()["r"]


def test_all_calls_of_a_row_are_made(t: pxt.Table) -> None:
    found = results(
        t,
        pxt.tools(weather, add, shout),
        {"weather": [{"city": "Rome"}, {"unit": "F", "city": "Oslo"}], "add": [{"a": 1, "b": 2}], "shout": None},
        {"add": [{"a": 3.0, "b": 4}]},
        {"shout": []},
        {},
        None,
    )
    assert found == [
        {"weather": ["Rome: 20 C", "Oslo: 20 F"], "add": [3], "shout": None},
        {"weather": None, "add": [7], "shout": None},
        {"weather": None, "add": None, "shout": []},
        {"weather": None, "add": None, "shout": None},
        None,
    ]


def test_arguments_of_every_type(t: pxt.Table) -> None:
    key = UUID(int=7)
    found = results(
        t,
        pxt.tools(described, undocumented),
        {
            "described": [{"place": {"city": "Rome", "zip": None}, "tags": ["a"], "unit": "F", "weight": 2}],
            "undocumented": [{"key": str(key)}, {"key": str(key), "limit": None}, {"key": str(key), "limit": 3}],
        },
    )
    assert found[0]["described"] == [{"place": {"city": "Rome", "zip": None}, "tags": ["a"], "unit": "F", "weight": 2}]
    assert found[0]["undocumented"] == [f"{key} None", f"{key} None", f"{key} 3"]


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ({"weather": [{"city": "Atlantis"}]}, "tool 'weather': LookupError: no such city"),
        ({"weather": [{"city": "Rome"}, {}]}, "tool 'weather': the argument 'city' is missing"),
        ({"weather": [{"city": None}]}, "tool 'weather': the argument 'city' is missing"),
        ({"weather": [{"city": 3}]}, "tool 'weather', argument 'city': expected a string, got int 3"),
        ({"weather": [{"city": "Rome", "day": 1}]}, "tool 'weather' has no parameter 'day'"),
        ({"weather": ["Rome"]}, "tool 'weather': the arguments of a call are no object: 'Rome'"),
        ({"climate": []}, "the model called 'climate', which is none of the tools weather"),
        ({"weather": "Rome"}, "the calls of tools are not of the form {tool: [{parameter: value}, ...]}"),
        ([], "the calls of tools are not of the form {tool: [{parameter: value}, ...]}"),
    ],
)
def test_a_call_that_cannot_be_made_or_fails_fails_its_cell(t: pxt.Table, calls: Any, message: str) -> None:
    t.insert([{"calls": {"weather": [{"city": "Oslo"}]}}, {"calls": calls}])
    t.add_computed_column(r=pxt.tools(weather).invoke(t.calls), on_error="ignore")
    found = t.select(t.r, t.r.errormsg).collect()
    assert found["r"] == [{"weather": ["Oslo: 20 C"]}, None]
    assert found["r_errormsg"][1] == message


def test_a_literal_that_is_none_of_its_choices_is_an_argument_like_any_other() -> None:
    @pxt.udf
    def chosen(unit: Literal["C"]) -> str:
        return unit

    assert pxt.tool(chosen).schema["parameters"]["properties"] == {"unit": {"type": "string", "enum": ["C"]}}


def test_functions_of_every_kind_are_tools(ns: str, t: pxt.Table) -> None:
    orders = pxt.create_table(f"{ns}/orders", {"customer": pxt.String, "n": pxt.Int | None})
    orders.add_computed_column(loud=shout(orders.customer))
    orders.insert([{"customer": "ann", "n": 1}, {"customer": "bob", "n": 2}, {"customer": "ann", "n": 3}])

    @pxt.query
    def newest(customer: str, top: int = 1):
        return orders.where(orders.customer == customer).order_by(orders.n, asc=False).limit(top).select(orders.n)

    @pxt.expr_udf
    def twice(text: str):
        return text + text

    tools = pxt.tools(
        newest, twice, pxt.retrieval_udf(orders, name="find", parameters=["customer"]), letters,
        pxt.tool(pxt.udf(orders, return_value=orders.loud), name="loud"), shout,
    )  # fmt: skip
    t.insert([
        {"calls": {
            "newest": [{"customer": "ann"}, {"customer": "ann", "top": 2}, {"customer": "cy"}],
            "twice": [{"text": "ab"}],
            "find": [{"customer": "bob"}],
            "letters": [{"texts": "aab"}, {"texts": "c"}],
            "loud": [{"customer": "x"}],
        }},
        {"calls": {"newest": [{"customer": "bob"}]}},
    ])  # fmt: skip
    found = t.select(r=tools.invoke(t.calls)).collect()["r"]
    assert found[1] == dict.fromkeys(["newest", "twice", "find", "letters", "loud", "shout"]) | {"newest": [[{"n": 2}]]}
    assert found[0] == {
        "newest": [[{"n": 3}], [{"n": 3}, {"n": 1}], []],
        "twice": ["abab"],
        "find": [[{"customer": "bob", "n": 2, "loud": "BOB!"}]],
        "letters": [[2, 1, 0], [0, 0, 1]],
        "loud": ["X!"],
        "shout": None,
    }
