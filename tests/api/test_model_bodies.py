"""What the body of a model may say, and what is said about the rest."""

from collections.abc import Callable

import pytest

import pixeltable as pxt
from pixeltable.exprs.expr import structure
from tests.api.model_library import letters, loud, words

Code = pxt.ErrorCode


def declare(base: type, statement: str) -> type:
    """The last class of a program over a base class called M."""
    known = {"M": base, "pxt": pxt, "letters": letters, "loud": loud, "words": words}
    exec(statement, known)
    return known[statement.rpartition("class ")[2].partition("(")[0]]


DOCS = "class Docs(M, name='docs'):\n  id: pxt.Int\n  text: pxt.String\n"


@pytest.mark.parametrize(
    ("statement", "code", "message"),
    [
        ("class A(M):\n  id: pxt.Int", Code.INVALID_ARGUMENT, "model `A`: it needs a name"),
        ("class A(M, name='a', bogus=1):\n  id: pxt.Int", Code.INVALID_ARGUMENT, "unknown bogus"),
        ("class A(M, name='a/b'):\n  id: pxt.Int", Code.INVALID_ARGUMENT, "is a path"),
        ("class A(M, name='1a'):\n  id: pxt.Int", Code.INVALID_PATH, "no valid name"),
        ("class A(M, name='a'):\n  pass", Code.INVALID_SCHEMA, "declares no column"),
        ("class A(M, name='a'):\n  id: int", Code.INVALID_TYPE, "column 'id': standard Python type `int`"),
        ("class A(M, name='a'):\n  id = pxt.Column()", Code.INVALID_SCHEMA, "needs either a 'type' or a 'value'"),
        ("class A(M, name='a'):\n  id = pxt.Int", Code.INVALID_SCHEMA, "declared by an annotation, `id"),
        ("class A(M, name='a'):\n  def f(self): return 1", Code.INVALID_SCHEMA, "column 'f'"),
        ("class A(M, name='a'):\n  select: pxt.Int", Code.INVALID_COLUMN_NAME, "'select'"),
        ("class A(M, name='a'):\n  _x: pxt.Int", Code.INVALID_COLUMN_NAME, "'_x'"),
        ("class A(M, name='a'):\n  n: pxt.Int\n  n = 3", Code.INVALID_SCHEMA, "column 'n' is declared twice"),
        ("class A(M, name='a'):\n  n: pxt.Int\n  N: pxt.Int", Code.INVALID_SCHEMA, "differ in case alone"),
        ("class A(M, name='a'):\n  n: pxt.Int\n  m: pxt.String = n + 1", Code.INVALID_SCHEMA, "is annotated as"),
        ("class A(M, name='a'):\n  n: pxt.Int | None\n  m: pxt.Int = n + 1", Code.INVALID_SCHEMA, "is annotated as"),
        ("class A(M, name='a'):\n  n: pxt.Int | None = pxt.Column(primary_key=True)", Code.INVALID_SCHEMA, "nullable"),
        (DOCS + "class B(M, name='docs'):\n  id: pxt.Int", Code.INVALID_SCHEMA, "model `Docs` has already"),
        (DOCS + "class B(Docs, name='b'):\n  k: pxt.Int", Code.INVALID_SCHEMA, "derived from what pxt.model_base"),
        (DOCS + "class B(M, name='b'):\n  k = Docs.id + 1", Code.INVALID_EXPRESSION, "of another table than 'b'"),
        (DOCS + "class B(M, name='b', base=3):\n  k = 1", Code.INVALID_ARGUMENT, "base is a model"),
        (DOCS + "class B(M, name='b', base=Docs):\n  k: pxt.Int", Code.INVALID_SCHEMA, "it has to be nullable"),
        (DOCS + "class B(M, name='b', base=Docs):\n  id: pxt.Int | None", Code.INVALID_SCHEMA, "is there already"),
        (DOCS + "class B(M, name='b', base=Docs.limit(3)):\n  k = 1", Code.UNSUPPORTED_OPERATION, r"limit\(\)"),
        (DOCS + "class B(M, name='b', iterator=words('x')):\n  k = 1", Code.INVALID_ARGUMENT, "but no base"),
        (DOCS + "class B(M, name='b', base=Docs, iterator=3):\n  k = 1", Code.INVALID_ARGUMENT, "@pxt.iterator"),
        ("class A(M, name='a'):\n  n: pxt.Int\n  __indexes__ = [3]", Code.INVALID_SCHEMA, "`__indexes__` is a list"),
        (
            "class A(M, name='a'):\n  n: pxt.Int\n  __indexes__ = [pxt.EmbeddingIndex(n, embedding=letters)]",
            Code.INVALID_ARGUMENT, "no embedding function takes",
        ),
        (
            "class A(M, name='a'):\n  n: pxt.Json\n  __indexes__ = [pxt.BtreeIndex(n)]",
            Code.TYPE_MISMATCH, "cannot hold",
        ),
        (
            "class A(M, name='a', has_default_idxs=True):\n  n: pxt.Int\n  __indexes__ = [pxt.BtreeIndex(n)]",
            Code.INVALID_SCHEMA, "beside has_default_idxs",
        ),
        (
            "class A(M, name='a'):\n  n: pxt.Int\n  __indexes__ = [pxt.BtreeIndex(n), pxt.BtreeIndex(n, 'x')]",
            Code.INVALID_SCHEMA, "two b-tree indexes are over n",
        ),
        (
            "class A(M, name='a'):\n  s: pxt.String\n  __indexes__ = [pxt.EmbeddingIndex(s, embedding=letters)] * 2",
            Code.INVALID_SCHEMA, "several embedding indexes",
        ),
        (
            DOCS + "class B(M, name='b', base=Docs):\n  __indexes__ = [pxt.BtreeIndex(Docs.id)]",
            Code.INVALID_SCHEMA, "over a column of the base",
        ),
    ],
)  # fmt: skip
def test_what_a_model_cannot_say(statement: str, code: pxt.ErrorCode, message: str) -> None:
    with pytest.raises(pxt.RequestError, match=message) as caught:
        declare(pxt.model_base(), statement)
    assert caught.value.error_code is code


def test_an_unknown_name_is_a_name_error() -> None:
    with pytest.raises(NameError, match="nowhere"):
        declare(pxt.model_base(), "class A(M, name='a'):\n  n: pxt.Int\n  m = nowhere + 1")


def test_names_of_the_base_and_constants_may_be_used(ns: str) -> None:
    base = pxt.model_base("Other")
    assert base.__name__ == "Other"
    view = declare(
        base, DOCS + "class B(M, name='b', base=Docs):\n  longer = loud(text)\n  three = 3\n  again = longer"
    )
    base.create_all(ns)
    pxt.get_table(f"{ns}/docs").insert(id=1, text="a")
    assert view.collect()[0] == {"longer": "a!", "three": 3, "again": "a!", "id": 1, "text": "a"}


Use = Callable[[type], object]


@pytest.mark.parametrize(
    "use",
    [
        lambda docs: docs.insert(id=1), lambda docs: docs.table, lambda docs: docs.table_path(),
        lambda docs: docs.count(), lambda docs: docs.columns(), lambda docs: docs.where(docs.id > 1).collect(),
        lambda docs: docs.select(docs.id).count(), lambda docs: docs.add_column(x=pxt.Int),
        lambda docs: docs.select().join(docs, on=docs.id),
    ],
)  # fmt: skip
def test_what_needs_rows_needs_a_table(use: Use) -> None:
    docs = declare(pxt.model_base(), DOCS)
    with pytest.raises(pxt.RequestError, match="`Docs` is not bound") as caught:
        use(docs)
    assert caught.value.error_code is Code.NOT_BOUND


def test_an_unbound_model_is_looked_at() -> None:
    docs = declare(pxt.model_base(), DOCS)
    assert not hasattr(docs, "insert")
    assert str(docs.id + 1) == "id + 1"
    assert structure(docs["text"]) == structure(docs.text)
    assert {"id", "text", "insert", "create_all"} <= set(dir(docs))
    with pytest.raises(pxt.NotFoundError, match=r"no column 'txt'\. Did you mean 'text'"):
        _ = docs.txt
    with pytest.raises(AttributeError):
        _ = docs.txt
    query = docs.where(docs.id > 1).order_by(docs.text).select(docs.text, n=docs.id + 1).limit(3)
    assert query.schema.keys() == {"text", "n"}
    assert "id > 1" in repr(query)
    with pytest.raises(pxt.RequestError, match="has no instances"):
        docs()
