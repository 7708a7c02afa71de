"""Names of versions, and notes on them."""

from collections.abc import Callable
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable import AlreadyExistsError, NotFoundError, RequestError
from tests.api.refusals import refusal, refused


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Version 1 has a row, version 2 another."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert(n=1)
    t.insert(n=2)
    return t


def test_a_tag_names_a_version(t: pxt.Table) -> None:
    t.tag("v1")
    t.insert(n=3)
    path = t.get_metadata()["path"]
    assert t.at(version="v1").collect()["n"] == [1, 2]
    assert pxt.get_table(f"{path}:v1") == t.at(version=2)


def test_an_older_version_is_tagged_by_number_or_handle(t: pxt.Table) -> None:
    t.tag("first", version=1)
    t.at(version=0).tag("empty")
    t.tag("begin", version="first")
    assert t.tags() == {"empty": 0, "begin": 1, "first": 1}


def test_a_tagged_version_cannot_be_reverted(t: pxt.Table) -> None:
    t.tag("v1")
    t.insert(n=3)
    t.revert()
    message = refused(t, t.revert, RequestError, "INVALID_STATE")
    assert "'v1'" in message
    t.drop_tag("v1")
    t.revert()
    assert t.collect()["n"] == [1]


def test_a_tag_is_given_once(t: pxt.Table) -> None:
    t.tag("v1")
    t.tag("v1")
    t.insert(n=3)
    refused(t, lambda: t.tag("v1"), AlreadyExistsError, "PATH_ALREADY_EXISTS")
    t.drop_tag("v1")
    t.tag("v1")
    assert t.tags() == {"v1": 3}


def test_a_table_is_dropped_with_its_tags(t: pxt.Table) -> None:
    path = t.get_metadata()["path"]
    t.tag("v1")
    pxt.drop_table(t)
    again = pxt.create_table(path, {"n": pxt.Int})
    assert again.tags() == {}


def test_a_tag_there_is_not_is_refused_with_those_there_are(t: pxt.Table) -> None:
    t.tag("v1")
    assert "'v1' (version 2)" in refused(t, lambda: t.at(version="v2"), NotFoundError, "PATH_NOT_FOUND")
    refused(t, lambda: t.drop_tag("v2"), NotFoundError, "PATH_NOT_FOUND")
    t.drop_tag("v2", if_not_exists="ignore")
    assert pxt.get_table(f"{t.get_metadata()['path']}:v2", if_not_exists="ignore") is None


@pytest.mark.parametrize("name", ["", "1", "a b", "a/b", "_a", None, 3, "ä", "x" * 201])
def test_a_tag_is_a_name(t: pxt.Table, name: Any) -> None:
    refused(t, lambda: t.tag(name), RequestError, "INVALID_PATH")


def test_a_version_there_is_not_is_not_tagged(t: pxt.Table) -> None:
    refused(t, lambda: t.tag("v1", version=9), NotFoundError, "PATH_NOT_FOUND")
    old = t.at(version=2)
    t.revert()
    refusal(lambda: old.tag("v1"), NotFoundError, "PATH_NOT_FOUND")


def test_columns_may_be_called_as_the_methods(ns: str) -> None:
    names = ("tag", "tags", "drop_tag", "diff", "restore", "annotate")
    t = pxt.create_table(f"{ns}/u", dict.fromkeys(names, pxt.Int))
    t.insert(**dict.fromkeys(names, 1))
    assert t.where((t.tag == 1) & (t.diff == 1) & (t.restore == 1)).count() == 1
    pxt.Table.tag(t, "v1")
    assert pxt.Table.tags(t) == {"v1": 1}


def test_a_note_is_left_on_the_last_version(t: pxt.Table) -> None:
    t.annotate("before the clean-up")
    t.insert(n=3)
    assert [version["note"] for version in t.get_versions()] == [None, "before the clean-up", None, None]
    assert t.history()["note"][1] == "before the clean-up"


def test_a_note_is_replaced_and_taken_away(t: pxt.Table) -> None:
    t.annotate("one")
    t.annotate("two")
    assert t.get_versions(1)[0]["note"] == "two"
    t.annotate(None)
    assert t.get_versions(1)[0]["note"] is None


@pytest.mark.parametrize("message", [3, b"x", "a\0b"])
def test_a_note_is_a_text(t: pxt.Table, message: Any) -> None:
    refused(t, lambda: t.annotate(message), RequestError, "INVALID_ARGUMENT")


@pytest.mark.parametrize("call", [lambda old: old.annotate("x"), lambda old: old.restore(1)], ids=["note", "restore"])
def test_the_past_is_not_changed(t: pxt.Table, call: Callable[[Any], Any]) -> None:
    refused(t, lambda: call(t.at(version=1)), RequestError, "UNSUPPORTED_OPERATION")
