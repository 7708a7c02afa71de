"""Tools that a model asked for are called, whichever provider it is of."""

import json
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable.functions import anthropic, openai
from tests.providers import anthropic_api, openai_api
from tests.providers.loopback import Received

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
