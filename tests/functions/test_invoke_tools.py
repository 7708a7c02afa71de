"""Tools that a model asked for are called, whichever provider it is of."""

import json
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable.exprs.call import Call
from pixeltable.exprs.leaves import Literal
from pixeltable.functions import anthropic, openai
from tests.functions.asking import ask
from tests.providers import anthropic_api, openai_api
from tests.providers.loopback import Loopback, Received

pytest.importorskip("openai")
pytest.importorskip("anthropic")

REQUEST = b'{"model": "m", "messages": [], "tools": [{"name": "weather", "function": {"name": "weather"}}]}'


@pxt.udf
def weather(city: str) -> str:
    return f"sunny in {city}"


@pxt.udf
def ticket(city: str) -> str:
    return f"a ticket to {city}"


def answer_of(route: Any) -> Any:
    return json.loads(route(Received("POST", "/", "", {}, REQUEST)).body)


@pytest.mark.parametrize(
    ("provider", "route", "city"),
    [
        (openai, openai_api.chat, "Rome"),
        (openai, openai_api.responses, "Oslo"),
        (anthropic, anthropic_api.messages, "Rome"),
    ],
    ids=["chat", "responses", "messages"],
)
def test_results_stand_under_the_names_of_the_tools(ns: str, provider: Any, route: Any, city: str) -> None:
    answers = pxt.create_table(f"{ns}/answers", {"answer": pxt.Json | None})
    answers.insert([{"answer": answer_of(route)}, {"answer": None}])
    tools = pxt.tools(weather, ticket)
    found = answers.select(r=provider.invoke_tools(tools, answers.answer)).collect()
    assert list(found["r"]) == [{"weather": [f"sunny in {city}"], "ticket": None}, None]


def constants(call: Call) -> dict[str, Any]:
    """The arguments of a call without columns, as its body gets them."""
    pairs = zip(call.call_function.parameters, call.call_args, strict=True)
    return {parameter.name: argument.value for parameter, argument in pairs if isinstance(argument, Literal)}


def test_tools_reach_openai_in_its_form(openai_server: Loopback) -> None:
    tools = pxt.tools(weather)
    messages = [{"role": "user", "content": "hello"}]
    call = openai.chat_completions(messages, model="m", tools=tools, tool_choice=tools.choice(tool=weather))
    ask(lambda: openai.chat_completions.body(**constants(call)))
    [sent] = openai_server.last.json["tools"]
    assert (sent["type"], sent["function"]["name"]) == ("function", "weather")
    assert sent["function"]["parameters"]["required"] == ["city"]
    assert openai_server.last.json["tool_choice"] == {"type": "function", "function": {"name": "weather"}}


def test_tools_reach_anthropic_in_its_form(anthropic_server: Loopback) -> None:
    tools = pxt.tools(weather)
    messages = [{"role": "user", "content": "hello"}]
    choice = tools.choice(required=True)
    call = anthropic.messages(messages, model="m", max_tokens=9, tools=tools, tool_choice=choice)
    ask(lambda: anthropic.messages.body(**constants(call)))
    [sent] = anthropic_server.last.json["tools"]
    assert (sent["name"], sent["input_schema"]["required"]) == ("weather", ["city"])
    assert anthropic_server.last.json["tool_choice"] == {"type": "any"}
