import datetime
import uuid

import pytest

import pixeltable as pxt
from tests.api.library import letters, twice


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(
        f"{ns}/t",
        {"k": pxt.Int, "s": {"type": pxt.String | None, "comment": "the <text>"}},
        primary_key="k",
        comment="my table",
        custom_metadata={"x": 1},
    )
    t.add_computed_column(c=twice(t.k) + 1)
    t.add_computed_column(u=t.s.upper(), stored=False)
    t.add_embedding_index("s", idx_name="near", embedding=letters, metric="l2")
    return t


@pytest.mark.parametrize("text", ["my table", "k", "Int", "String | None", "twice(k) + 1", "the <text>", "near", "l2"])
def test_repr_shows_columns_and_indexes(t: pxt.Table, text: str) -> None:
    assert text in repr(t)


def test_describe_prints_the_repr(t: pxt.Table, capsys: pytest.CaptureFixture[str]) -> None:
    t.describe()
    assert capsys.readouterr().out.rstrip() == repr(t).rstrip()


@pytest.mark.parametrize("text", ["my table", "String | None", "twice(k) + 1", "the &lt;text&gt;", "near", "<table"])
def test_html_shows_the_same_escaped(t: pxt.Table, text: str) -> None:
    assert text in t._repr_html_()  # the notebook protocol
    assert "<text>" not in t._repr_html_()  # the notebook protocol


def test_table_metadata(t: pxt.Table) -> None:
    md = t.get_metadata()
    expected = {
        "name": "t", "kind": "table", "is_data_versioned": True, "has_default_idxs": False, "is_view": False,
        "is_snapshot": False, "version": 3, "comment": "my table", "custom_metadata": {"x": 1}, "primary_key": ["k"],
        "media_validation": "on_write", "base": None, "view_filter": None, "view_sample": None, "iterator_call": None,
    }  # fmt: skip
    assert {key: md[key] for key in expected} == expected
    assert md["path"].endswith("/t")
    assert isinstance(md["id"], uuid.UUID)
    assert isinstance(md["version_created"], datetime.datetime)


def test_column_metadata(t: pxt.Table) -> None:
    md = t.get_metadata()
    column = md["columns"]["c"]
    expected = {
        "name": "c", "type_": "Int", "version_added": 1, "is_stored": True, "is_primary_key": False,
        "is_computed": True, "computed_with": "twice(k) + 1", "depends_on": [[md["path"], "k"]],
        "comment": None, "custom_metadata": None, "is_iterator_col": False, "destination": None,
        "defined_in": md["path"],
    }  # fmt: skip
    assert {key: column[key] for key in expected} == expected
    assert list(md["columns"]) == ["k", "s", "c", "u"]
    assert md["columns"]["k"]["is_primary_key"]


def test_index_metadata(t: pxt.Table) -> None:
    index = t.get_metadata()["indexes"]["near"]
    assert (index["name"], index["columns"], index["index_type"]) == ("near", ["s"], "embedding")
    assert index["parameters"]["metric"] == "l2"
    assert "letters" in index["parameters"]["embedding"]


def test_a_query_shows_its_clauses(t: pxt.Table, capsys: pytest.CaptureFixture[str]) -> None:
    query = t.select(t.k, x=t.s + "<b>").where(t.k > 1).order_by(t.s, asc=False).limit(5, offset=2)
    for text in ("s + '<b>'", "k > 1", "s desc", "5", "2"):
        assert text in repr(query)
    assert "&lt;b&gt;" in query._repr_html_()  # the notebook protocol
    query.describe()
    assert capsys.readouterr().out.rstrip() == repr(query).rstrip()


def test_a_query_is_shown_without_running(t: pxt.Table) -> None:
    assert "similarity" in repr(t.select(t.s.similarity(string="never embedded")))


def test_the_schema_of_a_query(t: pxt.Table) -> None:
    schema = t.select(t.k, x=t.k / 2, y=t.s).schema
    assert {name: str(kind) for name, kind in schema.items()} == {"k": "Int", "x": "Float | None", "y": "String | None"}


def test_tables_complete_their_columns(t: pxt.Table) -> None:
    assert {"k", "s", "c", "u", "insert"} <= set(dir(t))


def test_handles_of_one_table_are_equal(t: pxt.Table, ns: str) -> None:
    again = pxt.get_table(f"{ns}/t")
    assert (again == t, len({again, t})) == (True, 1)
    assert t != pxt.create_table(f"{ns}/u", {"k": pxt.Int})


def test_a_table_has_no_views_and_no_base(t: pxt.Table) -> None:
    assert (t.list_views(), t.get_base_table()) == ([], None)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda t: t.k + 1 * t.k, "k + 1 * k"),
        (lambda t: (t.k + 1) * t.k, "(k + 1) * k"),
        (lambda t: -(t.k**2), "-k ** 2"),
        (lambda t: (t.k > 1) & ~(t.s == "x"), "(k > 1) & (~(s == 'x'))"),
        (lambda t: t.s.isin(["a", "b"]), "s.isin(['a', 'b'])"),
        (lambda t: t.s == None, "s == None"),  # noqa: E711  # null test
    ],
)
def test_an_expression_reads_as_it_was_written(t: pxt.Table, build: object, text: str) -> None:
    assert str(build(t)) == repr(build(t)) == text
