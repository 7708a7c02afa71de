"""Functions made of expressions, and tables as functions."""

from typing import Any

import pytest

import pixeltable as pxt
from pixeltable import RequestError
from pixeltable.exprs.expr import METHODS, PROPERTIES
from pixeltable.functions import wordllama
from tests.api.library import letters, twice
from tests.api.query_library import shout
from tests.api.refusals import refusal


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String | None, "j": pxt.Json | None})
    t.insert([{"n": 1, "s": "ab", "j": {"x": "json"}}, {"n": 2, "s": None, "j": None}])
    return t


@pxt.expr_udf
def plus(n: int, by: int = 10) -> int:
    return twice(n) + by


def test_a_call_is_the_expression_itself(t: pxt.Table) -> None:
    assert str(plus(t.n)) == "twice(n) + 10"
    assert t.select(a=plus(t.n), b=plus(t.n * 2, by=t.n)).collect()["b"] == [5, 10]


def test_it_runs_in_sql_where_the_expression_does(t: pxt.Table) -> None:
    @pxt.expr_udf
    def is_large(n: int):
        return n > 1

    assert t.where(is_large(t.n)).count() == 1


def test_arguments_may_be_constants_and_json_paths(t: pxt.Table) -> None:
    @pxt.expr_udf
    def greeting(name: str, word: str = "hello"):
        return {"text": shout(name), "first": word}

    found = t.select(r=greeting(t.j.x), c=greeting("bo")).collect()
    assert found["r"] == [{"text": "JSON!", "first": "hello"}, {"text": None, "first": "hello"}]
    assert found["c"][0] == {"text": "BO!", "first": "hello"}


def test_param_types_stand_for_annotations(t: pxt.Table) -> None:
    @pxt.expr_udf(param_types=[pxt.Int, pxt.Int])
    def total(a, b):
        return a + b

    assert total.signature == "(a: Int, b: Int) -> Int"
    assert t.select(x=total(t.n, b=1)).collect()["x"] == [2, 3]


def test_it_can_be_a_method_or_a_property(t: pxt.Table) -> None:
    @pxt.expr_udf(is_method=True)
    def shouted_twice(text: str, between: str = " "):
        return shout(text) + between + shout(text)

    @pxt.expr_udf(is_property=True)
    def next_one(n: int):
        return n + 1

    try:
        found = t.select(a=t.s.shouted_twice("-"), b=t.n.next_one).collect()
    finally:
        del METHODS["String", "shouted_twice"], PROPERTIES["Int", "next_one"]
    assert (found["a"], found["b"]) == (["AB!-AB!", None], [2, 3])


def test_it_can_embed_for_an_index(t: pxt.Table) -> None:
    @pxt.expr_udf
    def embedding(text: str):
        return letters(text + "c")

    t.add_embedding_index("s", embedding=embedding)
    sim = t.s.similarity(string="ab")
    assert t.order_by(sim, asc=False).limit(1).select(x=sim).collect()["x"] == pytest.approx([1.0], abs=1e-3)


def test_constants_decide_the_type_of_what_is_within() -> None:
    @pxt.expr_udf
    def embedding(text: str, dim: int):
        return wordllama.embed(text, dim=dim)

    assert str(embedding("a", 64).col_type) == "Array[(64,), float32] | None"
    assert str(embedding.using(dim=128)("a").col_type) == "Array[(128,), float32] | None"


def test_a_column_holds_it_by_value(t: pxt.Table) -> None:
    @pxt.expr_udf
    def changing(n: int):
        return n * 3

    t.add_computed_column(m=changing(t.n))

    @pxt.expr_udf
    def changing(n: int):
        return n * 4

    t.insert(n=5)
    assert t.collect()["m"] == [3, 6, 15]


def test_what_is_no_expression_is_refused() -> None:
    def nothing(n: int):
        n + 1  # the mistake

    refusal(lambda: pxt.expr_udf(nothing), RequestError, "INVALID_ARGUMENT")
    refusal(lambda: pxt.expr_udf(3), RequestError, "INVALID_ARGUMENT")  # type: ignore[call-overload]
    refusal(lambda: pxt.expr_udf(lambda n: n), RequestError, "INVALID_TYPE")
    refusal(lambda: pxt.expr_udf(param_types=[])(lambda n: n), RequestError, "INVALID_ARGUMENT")


@pytest.fixture
def agent(ns: str) -> pxt.Table:
    agent = pxt.create_table(f"{ns}/agent", {"prompt": pxt.String, "lang": pxt.String | None, "n": pxt.Int | None})
    agent.add_computed_column(loud=shout(agent.prompt))
    agent.add_computed_column(words=agent.prompt.len() + 1, stored=False)
    agent.add_computed_column(answer={"loud": agent.loud, "words": agent.words, "lang": agent.lang})
    return agent


def test_a_table_computes_its_columns_without_an_insert(t: pxt.Table, agent: pxt.Table) -> None:
    function = pxt.udf(agent)
    assert function.signature == "(prompt: String, lang: String | None = None, n: Int | None = None) -> Json"
    found = t.where(t.n == 1).select(r=function(t.s, n=t.n)).collect()["r"]
    answer = {"loud": "AB!", "words": 3, "lang": None}
    assert found == [{"prompt": "ab", "lang": None, "n": 1, "loud": "AB!", "words": 3, "answer": answer}]
    assert agent.count() == 0


def test_a_table_function_can_yield_an_expression(t: pxt.Table, agent: pxt.Table) -> None:
    loud = pxt.udf(agent, return_value=agent.answer.loud, description="Says it loudly.")
    both = pxt.udf(agent, return_value={"a": agent.loud, "b": agent.words})
    assert (loud.name, loud.__doc__) == ("agent", "Says it loudly.")
    t.add_computed_column(loud=loud(t.s))
    t.add_computed_column(both=both(prompt=t.s))
    t.insert(n=3, s="c")
    assert t.collect()["loud"] == ["AB!", None, "C!"]
    assert t.collect()["both"][2] == {"a": "C!", "b": 2}


def test_parameters_without_a_default_come_first(ns: str, t: pxt.Table) -> None:
    mixed = pxt.create_table(f"{ns}/mixed", {"a": pxt.Int | None, "b": pxt.Int, "c": pxt.Int | None, "d": pxt.Int})
    function = pxt.udf(mixed)
    assert function.signature == "(b: Int, d: Int, a: Int | None = None, c: Int | None = None) -> Json"
    assert t.limit(1).select(r=function(1, 2, c=3)).collect()["r"] == [{"a": None, "b": 1, "c": 3, "d": 2}]


def test_a_table_function_stays_what_it_was(t: pxt.Table, agent: pxt.Table) -> None:
    function = pxt.udf(agent, return_value=agent.loud)
    agent.add_computed_column(more=agent.n)
    pxt.drop_table(agent)
    assert t.select(r=function(t.s)).collect()["r"] == ["AB!", None]


def test_a_table_function_is_refused_what_only_rows_have(t: pxt.Table, agent: pxt.Table) -> None:
    refusal(lambda: pxt.udf(agent, return_value=agent.loud.errormsg), RequestError, "UNSUPPORTED_OPERATION")
    refusal(lambda: pxt.udf(agent, return_value=t.n), RequestError, "INVALID_EXPRESSION")
    refusal(lambda: pxt.udf(return_value=3)(lambda: 1), RequestError, "INVALID_ARGUMENT")  # type: ignore[call-overload]


def test_the_stored_expression_and_the_table_are_independent(t: pxt.Table, agent: pxt.Table) -> None:
    agent.insert(prompt="x")
    t.add_computed_column(r=pxt.udf(agent, return_value=agent.loud)(t.s))
    pxt.drop_table(agent)
    t.insert(n=4, s="y")
    found: list[Any] = t.collect()["r"]
    assert found == ["AB!", None, "Y!"]
