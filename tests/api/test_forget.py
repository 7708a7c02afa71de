"""Rows are erased from wherever they are, or were."""

from collections.abc import Iterator
from typing import TypedDict

import pytest

import pixeltable as pxt
from pixeltable.session.current import current_session


class Word(TypedDict):
    word: str


@pxt.iterator
def words(text: str) -> Iterator[Word]:
    for word in text.split():
        yield {"word": word}


@pxt.udf
def loud(text: str) -> str:
    return text.upper()


@pxt.udf
def is_ann(name: str) -> bool:
    return name.startswith("Ann")


@pxt.udf
def embed(text: str) -> pxt.Array[(2,), pxt.Float]:
    return [float(len(text)), 1.0]


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"name": pxt.String, "text": pxt.String})
    t.insert([{"name": name, "text": f"{name} says hi"} for name in ("Ann", "Bob", "Cid")])
    t.add_computed_column(loud=loud(t.text))
    return t


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def found_in_database(text: str, t: pxt.Table) -> list[str]:
    """The tables of the database, made with `t` or later, whose cells hold a text."""
    first = t._record.heaps[0].id  # noqa: SLF001  # ids ascend

    def search(connection) -> list[str]:
        heaps = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'pixeltable' AND tablename ~ '^[hv][0-9]+' "
            "AND substring(tablename from '[0-9]+')::bigint >= %s",
            (first,),
        ).fetchall()
        return [
            name
            for (name,) in heaps
            if connection.execute(
                f"SELECT 1 FROM pixeltable.{name} x WHERE lower(x::text) LIKE %s LIMIT 1", (f"%{text.lower()}%",)
            ).fetchone()
        ]

    return current_session().database.read(search)


def test_rows_are_gone_from_all_versions(t: pxt.Table) -> None:
    t.update({"text": "Ann was here"}, where=t.name == "Ann")
    t.add_column(note=pxt.String | None)
    t.update({"note": "on Ann"}, where=t.name == "Ann")
    t.drop_column("note")
    t.tag("v1", version=1)
    assert t.forget(where=t.name == "Ann").num_rows == 1
    assert [row["name"] for row in t.collect()] == ["Bob", "Cid"]
    assert [row["name"] for row in t.at(version="v1").collect()] == ["Bob", "Cid"]
    assert found_in_database("Ann", t) == []
    assert t.select(t.loud).collect()["loud"] == ["BOB SAYS HI", "CID SAYS HI"]


def test_rows_that_matched_once_are_gone_whatever_they_are_now(t: pxt.Table) -> None:
    t.update({"name": "Zoe", "text": "Zoe"}, where=t.name == "Ann")
    t.delete(where=t.name == "Bob")
    assert t.forget(where=is_ann(t.name) | (t.name == "Bob")).num_rows == 2
    assert rows(t.select(t.name)) == [("Cid",)]
    assert rows(t.at(version=1).select(t.at(version=1).name)) == [("Cid",)]
    assert found_in_database("Ann", t) == found_in_database("Zoe", t) == []


def test_rows_are_gone_from_views_and_snapshots(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, additional_columns={"mine": pxt.String | None})
    exploded = pxt.create_view(f"{ns}/e", t, iterator=words(t.text), additional_columns={"l": loud(t.text)})
    over = pxt.create_view(f"{ns}/o", exploded.where(exploded.pos == 0), additional_columns={"ll": loud(exploded.word)})
    v.update({"mine": "of Ann"}, where=v.name == "Ann")
    kept = pxt.create_snapshot(f"{ns}/s", v)
    own = pxt.create_snapshot(f"{ns}/own", t.where(t.name != "Cid"), additional_columns={"l": loud(t.text)})
    t.add_embedding_index("text", string_embed=embed)
    t.forget(where=t.name == "Ann")
    assert [view.select(view.name).distinct().collect()["name"] for view in (v, exploded, over, kept, own)] == [
        ["Bob", "Cid"], ["Bob", "Cid"], ["Bob", "Cid"], ["Bob", "Cid"], ["Bob"],
    ]  # fmt: skip
    assert found_in_database("Ann", t) == []
    near = t.text.similarity(string="Bob says hi")
    assert t.order_by(near, asc=False).limit(3).select(t.name).count() == 2


def test_a_column_that_versions_did_not_have_yet(t: pxt.Table) -> None:
    t.add_column(email=pxt.String | None)
    t.update({"email": "ann@example.org"}, where=t.name == "Ann")
    t.update({"email": None})
    assert t.forget(where=t.email == "ann@example.org").num_rows == 1
    assert t.count() == 2
    assert t.forget(where=t.email == "ann@example.org").num_rows == 0


def test_what_cannot_be_forgotten_is_refused(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t)
    with pytest.raises(pxt.RequestError, match="is a view"):
        v.forget(where=v.name == "Ann")
    with pytest.raises(pxt.RequestError, match="needs a filter"):
        t.forget(where=None)
    with pytest.raises(pxt.RequestError, match="snapshot"):
        pxt.create_snapshot(f"{ns}/s", t).forget(where=t.name == "Ann")
    assert t.count() == 3
