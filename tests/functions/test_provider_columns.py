"""Columns that providers compute: through the engine, with its receipts, its memory and its further tries."""

import pytest

import pixeltable as pxt
from pixeltable.functions import anthropic, openai
from tests.functions.conftest import OPENAI_KEY
from tests.providers.loopback import Loopback, json_answer, too_many

pytest.importorskip("openai")
pytest.importorskip("anthropic")
TEXTS = [{"text": f"question {number}"} for number in range(6)]


def questions(ns: str) -> pxt.Table:
    return pxt.create_table(f"{ns}/questions", {"text": pxt.String})


def test_answers_of_several_providers_are_columns(ns: str, openai_server: Loopback, anthropic_server: Loopback) -> None:
    table = questions(ns)
    messages = [{"role": "user", "content": table.text}]
    table.add_computed_column(chat=openai.chat_completions(messages, model=ns).choices[0].message.content)
    table.add_computed_column(message=anthropic.messages(messages, model=ns, max_tokens=9).content[0].text)
    table.add_computed_column(vector=openai.embeddings(table.text, model=ns, model_kwargs={"dimensions": 3}))
    status = table.insert(TEXTS)
    row = table.select(table.chat, table.message, table.vector).limit(1).collect()[0]
    assert (row["chat"], row["message"], row["vector"].shape) == ("answer to 1", "answer to 1", (3,))
    chats = [request for request in openai_server.journal if request.path == "/v1/chat/completions"]
    assert (status.num_excs, len(chats), len(anthropic_server.journal)) == (0, 6, 6)
    assert status.input_tokens == 6 * 9 + 6 * (25 + 3 + 7) + 6 * 2


def test_equal_questions_are_asked_once(ns: str, openai_server: Loopback) -> None:
    table = questions(ns)
    table.add_computed_column(flagged=openai.moderations(table.text, model=ns).results[0].flagged)
    table.insert(TEXTS * 2)
    table.insert(TEXTS)
    assert len(openai_server.journal) == len(TEXTS)
    assert list(table.select(table.flagged).collect()["flagged"]) == [True] * 3 * len(TEXTS)


def test_refused_call_is_made_again(ns: str, openai_server: Loopback) -> None:
    table = questions(ns)
    table.add_computed_column(flagged=openai.moderations(table.text, model=ns).results[0].flagged)
    openai_server.fail_next(too_many(retry_after="0"))
    status = table.insert(TEXTS[:1])
    assert (status.num_excs, status.num_retries, len(openai_server.journal)) == (0, 1, 2)


def test_cell_that_failed_shows_no_key(ns: str, openai_server: Loopback) -> None:
    table = questions(ns)
    table.add_computed_column(answer=openai.moderations(table.text, model=ns))
    openai_server.fail_next(json_answer({"error": {"message": f"bad key {OPENAI_KEY}"}}, status=401))
    table.insert(TEXTS[:1], on_error="ignore")
    row = table.select(table.answer.errortype, table.answer.errormsg).collect()[0]
    assert row["answer_errortype"] == "ProviderRefused"
    assert OPENAI_KEY not in row["answer_errormsg"]
