"""`update_all()`: what is changed in place, and what is refused."""

import threading

import pytest

import pixeltable as pxt
from pixeltable.session.current import current_session
from tests.api.model_library import BODY, docs_with, plan, several

Code = pxt.ErrorCode


@pytest.fixture
def docs(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/docs", {"id": pxt.Int, "text": pxt.String, "n": pxt.Int | None}, primary_key="id")
    t.insert([{"id": 1, "text": "a b", "n": 6}, {"id": 2, "text": "c", "n": 7}])
    return t


def test_a_table_as_its_model_says_has_nothing_to_do(ns: str, docs: pxt.Table, capsys) -> None:
    base, _ = several(docs_with())
    base.diff_all(ns)
    assert capsys.readouterr().out == f"{ns}/docs: up to date\n"
    assert base.update_all(ns)["docs"].ops == ()
    assert len(docs.get_versions()) == 2


def test_what_goes_needs_consent(ns: str, docs: pxt.Table) -> None:
    base, model = several(
        "class Docs(M, name='docs'):\n  id: pxt.Int = pxt.Column(primary_key=True)\n  more: pxt.Int|None"
    )
    assert plan(base, ns) == [
        "docs: add column more Int | None",
        "docs: drop column n [destructive]",
        "docs: drop column text [destructive]",
    ]
    with pytest.raises(pxt.RequestError, match="allow_destructive=True") as caught:
        base.update_all(ns)
    assert caught.value.error_code is Code.DESTRUCTIVE_SCHEMA_CHANGE
    assert f"{ns}/docs: drop column text [destructive]" in caught.value.detail["plan"]
    assert docs.columns() == ["id", "text", "n"]
    assert not model.is_bound
    diff = base.update_all(ns, allow_destructive=True)["docs"]
    assert (diff.resolution, diff.destructive) == ("update_destructive", True)
    assert [(op.target, op.op, op.severity, op.name) for op in diff.ops] == [
        ("column", "add", "additive", "more"),
        ("column", "drop", "destructive", "n"),
        ("column", "drop", "destructive", "text"),
    ]
    assert model.columns() == ["id", "more"]


@pytest.mark.usefixtures("docs")
def test_indexes_come_go_and_are_made_anew(ns: str) -> None:
    first = "  __indexes__ = [pxt.EmbeddingIndex(text, embedding=letters, name='near'), pxt.BtreeIndex(n)]"
    base, model = several(docs_with(first))
    assert plan(base, ns) == ["docs: add embedding index near on text", "docs: add b-tree index on n"]
    base.update_all(ns)
    assert base.get_model_diff(ns)["docs"].ops == ()
    second = (
        "  __indexes__ = [pxt.EmbeddingIndex(text, embedding=vowels, name='near'), pxt.BtreeIndex([n, id], 'both')]"
    )
    base, model = several(docs_with(second))
    assert plan(base, ns) == [
        "docs: drop embedding index near on text, and make it anew [destructive]",
        "docs: drop b-tree index idx0 on n [destructive]",
        "docs: add embedding index near on text",
        "docs: add b-tree index both on n, id",
    ]
    base.update_all(ns, allow_destructive=True)
    assert base.get_model_diff(ns)["docs"].ops == ()
    indexes = model.get_metadata()["indexes"]
    assert indexes["near"]["parameters"]["embedding"] == "vowels(text)"
    assert indexes["both"]["columns"] == ["n", "id"]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("  id: pxt.Int\n  text: pxt.String\n  n: pxt.Int | None", "column id would have to have primary_key False"),
        (BODY + "  must: pxt.Int", "add column must Int, but there are rows, it rejects null and has no default"),
        (BODY.replace("n: pxt.Int", "n: pxt.Date"), "alter column n from Int | None to Date | None, but column 'n'"),
        (BODY.replace("n: pxt.Int | None", "n = text.len()"), "column n would have to be computed as len(text)"),
        (
            BODY.replace("n: pxt.Int | None", "N: pxt.Int | None"),
            "add column N Int | None, but column n differs from it",
        ),
        (BODY.replace("n: pxt.Int | None", "n: pxt.Int|None = pxt.Column(comment='x')"), "have comment 'x'"),
    ],
)
def test_what_cannot_be_done_in_place_is_refused_before_anything_is(
    ns: str, docs: pxt.Table, body: str, line: str
) -> None:
    base, _ = several(
        f"class New(M, name='new'):\n  id: pxt.Int\nclass Docs(M, name='docs'):\n{body}\n  also: pxt.Int|None"
    )
    with pytest.raises(pxt.RequestError) as caught:
        base.update_all(ns, allow_destructive=True)
    assert caught.value.error_code is Code.SCHEMA_MISMATCH
    assert line in caught.value.message
    assert base.get_model_diff(ns)["docs"].resolution == "unsupported"
    assert pxt.list_tables(ns) == [f"{ns}/docs"]
    assert docs.columns() == ["id", "text", "n"]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("comment='x'", "would have to have comment 'x', in place of None"),
        ("custom_metadata={'a': 1}", "custom_metadata"),
        ("media_validation='on_read'", "media_validation"),
        ("has_default_idxs=True", "has_default_idxs"),
    ],
)
@pytest.mark.usefixtures("docs")
def test_properties_of_tables_are_fixed(ns: str, options: str, line: str) -> None:
    base, _ = several(f"class Docs(M, name='docs', {options}):\n{BODY}")
    (op,) = base.get_model_diff(ns)["docs"].ops
    assert (op.target, op.op, op.severity) == ("table", "alter", "unsupported")
    assert line in op.description


@pytest.mark.usefixtures("docs")
def test_a_column_with_a_default_is_added_to_rows(ns: str) -> None:
    base, model = several(docs_with("  stars: pxt.Int = pxt.Column(default=3)\n  more = stars + n"))
    base.update_all(ns)
    assert model.order_by(model.id).collect()["more"] == [9, 10]
    assert base.get_model_diff(ns)["docs"].ops == ()


def test_definitions_and_types_change_in_place(ns: str, docs: pxt.Table) -> None:
    docs.add_columns({"other": pxt.Int | None, "double": docs.n * 2, "ephemeral": {"value": docs.n, "stored": False}})
    docs.add_computed_column(twice=docs.double + 1)
    body = """  other: pxt.Json | None
  double = n * 3
  ephemeral = pxt.Column(value=n + 1, stored=False)
  twice = double + 1
"""
    base, model = several(docs_with(body))
    assert plan(base, ns) == [
        "docs: alter column other from Int | None to Json | None",
        "docs: alter column double from n * 2 to n * 3, and compute it again",
        "docs: alter column ephemeral from n to n + 1",
    ]
    assert base.update_all(ns)["docs"].resolution == "update_additive"
    rows = model.order_by(model.id).select(model.double, model.twice, model.ephemeral).collect()
    assert rows["twice"] == [19, 22]
    assert rows["ephemeral"] == [7, 8]
    assert base.get_model_diff(ns)["docs"].ops == ()


VIEWS = """
class Some(M, name='some', base=Docs.where(Docs.n > 6).select(Docs.text, m=Docs.n + 1)):
  note: pxt.String | None
  shout = loud(text)
class Words(M, name='words', base=Docs, iterator=words(Docs.text)):
  upper = word.upper()
"""
WORDS = "base=Docs, iterator=words(Docs.text)):\n  upper = word.upper()"


@pytest.mark.usefixtures("docs")
def test_views_change_in_what_they_add(ns: str) -> None:
    base, _ = several(docs_with() + VIEWS)
    assert plan(base, ns)[1:] == [
        "some: create view of model Some",
        "some: add column text = text",
        "some: add column m = n + 1",
        "some: add column note String | None",
        "some: add column shout = loud(text)",
        "words: create view of model Words",
        "words: add column upper = upper(word)",
    ]
    base.create_all(ns)
    assert base.get_model_diff(ns).keys() == {"docs", "some", "words"}
    assert plan(base, ns) == ["docs: up to date", "some: up to date", "words: up to date"]
    changed = VIEWS.replace("m=Docs.n + 1", "k=Docs.n * 2, id=Docs.id").replace("note", "remark")
    changed = changed.replace("upper = word.upper()", "lower = word.lower()\n  place = pos + Docs.n")
    base, words_model = several(docs_with() + changed)
    assert plan(base, ns)[1:] == [
        "some: add column k = n * 2",
        "some: add column id = id",
        "some: add column remark String | None",
        "some: drop column note [destructive]",
        "some: drop column m [destructive]",
        "words: add column lower = lower(word)",
        "words: add column place = pos + n",
        "words: drop column upper [destructive]",
    ]
    base.update_all(ns, allow_destructive=True)
    assert plan(base, ns) == ["docs: up to date", "some: up to date", "words: up to date"]
    some = pxt.get_table(f"{ns}/some")
    assert some.select(some.text, some.shout, some.k, some.id, some.remark).collect()[0] == {
        "text": "c", "shout": "c!", "k": 14, "id": 2, "remark": None,
    }  # fmt: skip
    assert words_model.order_by(words_model.id, words_model.pos).collect()["place"] == [6, 7, 7]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (".select(Docs.text, m=Docs.n + 1)", "", "some: would have to have all columns of its base"),
        (WORDS, "base=Docs):\n  upper = Docs.text", "words: would have to be made by the iterator None"),
        (WORDS, "base=Some, iterator=words(Some.text)):\n  upper = word.upper()", "words: would have to be a view of"),
        (WORDS, "has_default_idxs=False):\n  upper: pxt.Int", "words: would have to be a table, in place of 'view'"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("docs")
def test_what_a_view_is_of_is_fixed(ns: str, old: str, new: str, line: str) -> None:
    base, _ = several(docs_with() + VIEWS)
    base.create_all(ns)
    base, _ = several(docs_with() + VIEWS.replace(old, new))
    assert line in "\n".join(plan(base, ns))
    with pytest.raises(pxt.RequestError) as caught:
        base.update_all(ns, allow_destructive=True)
    assert caught.value.error_code is Code.SCHEMA_MISMATCH


def test_what_views_are_made_of_stays_unless_they_change_too(ns: str, docs: pxt.Table) -> None:
    view = "class V(M, name='v', base=Docs):\n  loudly = loud(Docs.text)\n"
    several(docs_with() + view)[0].create_all(ns)
    without = docs_with().replace("  text: pxt.String\n", "")
    alone, _ = several(without)
    assert plan(alone, ns) == [f"docs: drop column text, but view {ns}/v depends on it [unsupported]"]
    wider, _ = several(docs_with().replace("text: pxt.String", "text: pxt.Json"))
    assert plan(wider, ns) == [
        f"docs: alter column text from String to Json, but view {ns}/v depends on it [unsupported]"
    ]
    both, _ = several(without + "class V(M, name='v', base=Docs):\n  loudly = Docs.n + 1\n  other = 1\n")
    assert "but column 'loudly' has type" in plan(both, ns)[1]
    both, model = several(without + "class V(M, name='v', base=Docs):\n  other = Docs.n + 1\n")
    both.update_all(ns, allow_destructive=True)
    assert model.order_by(model.id).collect()["other"] == [7, 8]
    assert docs.columns() == ["id", "n"]


def test_new_tables_and_views_over_them_are_made_in_one_transaction(ns: str) -> None:
    lock = threading.Lock()

    @pxt.udf
    def locked(n: int) -> int:
        with lock:
            return n

    M = pxt.model_base()

    class Docs(M, name="docs"):
        id: pxt.Int
        double = id * 2

        __indexes__ = [pxt.BtreeIndex(double, name="doubles")]

    class Over(M, name="over", base=Docs.where(Docs.double > 2)):
        same = Docs.id

        __indexes__ = [pxt.BtreeIndex(same)]

    class Last(M, name="last", base=Over):
        cannot_be_stored = locked(Over.same)

    epoch = current_session().refresh().epoch
    with pytest.raises(pxt.RequestError, match="locked") as caught:
        M.create_all(ns)
    assert "taken back" not in caught.value.message
    assert current_session().refresh().epoch == epoch
    assert pxt.list_tables(ns) == []


def test_what_is_made_in_one_transaction_is_used_as_if_it_had_been_made_step_by_step(ns: str) -> None:
    index = "  __indexes__ = [pxt.EmbeddingIndex(text, embedding=letters), pxt.BtreeIndex(n, 'once', unique=True)]\n"
    base, words_model = several(docs_with(index) + VIEWS)
    base.create_all(ns)
    docs, some = pxt.get_table(f"{ns}/docs"), pxt.get_table(f"{ns}/some")
    assert [len(t.get_versions()) for t in (docs, some, words_model.table)] == [1, 1, 1]
    docs.insert([{"id": 1, "text": "a b", "n": 7}, {"id": 2, "text": "c", "n": 1}])
    assert docs.order_by(docs.text.similarity(string="ccc"), asc=False).limit(1).collect()["text"] == ["c"]
    assert some.select(some.m, some.shout).collect()[0] == {"m": 8, "shout": "a b!"}
    assert words_model.count() == 3
    docs.drop_index(idx_name="once")
    docs.revert()
    docs.revert()
    assert (docs.count(), some.count(), words_model.count()) == (0, 0, 0)
    with pytest.raises(pxt.RequestError, match="is unique"):
        docs.insert([{"id": 1, "text": "a", "n": 1}, {"id": 2, "text": "b", "n": 1}])


def test_a_snapshot_is_no_view(ns: str, docs: pxt.Table) -> None:
    snapshot = pxt.create_snapshot(f"{ns}/fixed", docs)
    base, _ = several(docs_with() + "class Fixed(M, name='fixed', base=Docs):\n  more: pxt.Int | None\n")
    assert plan(base, ns)[1] == "fixed: would have to be a view, in place of 'snapshot' [unsupported]"
    with pytest.raises(pxt.RequestError) as caught:
        base.update_all(ns, allow_destructive=True)
    assert caught.value.error_code is Code.SCHEMA_MISMATCH
    assert (snapshot.count(), snapshot.columns()) == (2, ["id", "text", "n"])


@pytest.mark.parametrize(
    ("declared", "line"),
    [
        ("pxt.Float = pxt.Column(default=3)", "docs: alter column n from Int to Float"),
        ("pxt.Float = pxt.Column(default=4)", "docs: column n would have to have default 4.0, in place of"),
        ("pxt.Float", "docs: column n would have to have default None, in place of"),
    ],
)
def test_a_default_is_compared_whatever_becomes_of_the_type(ns: str, declared: str, line: str) -> None:
    pxt.create_table(f"{ns}/docs", {"id": pxt.Int, "n": {"type": pxt.Int, "default": 3}})
    base, _ = several(f"class Docs(M, name='docs'):\n  id: pxt.Int\n  n: {declared}\n")
    assert plan(base, ns)[0].startswith(line)


def test_a_default_that_is_no_number_is_what_it_was(ns: str) -> None:
    base, _ = several("class Docs(M, name='docs'):\n  n: pxt.Float = pxt.Column(default=float('nan'))\n")
    base.create_all(ns)
    assert plan(base, ns) == ["docs: up to date"]


def test_what_goes_does_not_stand_in_the_way_of_a_type(ns: str, docs: pxt.Table) -> None:
    docs.add_computed_column(twice=docs.n * 2)
    docs.add_btree_index(["n", "text"])
    docs.add_btree_index("twice")
    view = pxt.create_view(f"{ns}/v", docs)
    view.add_columns({"more": view.n + 1, "stays": pxt.Int | None})
    wider = (
        docs_with().replace("n: pxt.Int", "n: pxt.Float") + "class V(M, name='v', base=Docs):\n  stays: pxt.Int|None"
    )
    base, model = several(wider)
    assert plan(base, ns) == [
        "docs: alter column n from Int | None to Float | None",
        "docs: drop column twice [destructive]",
        "docs: drop b-tree index idx0 on n, text [destructive]",
        "docs: drop b-tree index idx1 on twice [destructive]",
        "v: drop column more [destructive]",
    ]
    base.update_all(ns, allow_destructive=True)
    assert model.order_by(model.id).collect()["n"] == [6.0, 7.0]
    assert plan(base, ns) == ["docs: up to date", "v: up to date"]


def test_an_index_that_stays_stands_in_the_way_of_a_type(ns: str, docs: pxt.Table) -> None:
    docs.add_btree_index(["n", "text"], idx_name="both")
    index = "  __indexes__ = [pxt.BtreeIndex([n, text], 'both')]\n"
    base, _ = several(docs_with(index).replace("n: pxt.Int", "n: pxt.Float"))
    assert "index 'both' is over it" in plan(base, ns)[0]
    assert base.get_model_diff(ns)["docs"].resolution == "unsupported"


@pytest.mark.usefixtures("docs")
def test_an_index_without_a_name_leaves_the_others_theirs(ns: str) -> None:
    base, model = several(docs_with("  __indexes__ = [pxt.BtreeIndex(n, 'named')]\n"))
    base.update_all(ns)
    base, model = several(docs_with("  __indexes__ = [pxt.BtreeIndex(n), pxt.BtreeIndex([n, id], 'named')]\n"))
    assert plan(base, ns) == [
        "docs: drop b-tree index named on n, and make it anew [destructive]",
        "docs: add b-tree index named on n, id",
        "docs: add b-tree index on n",
    ]
    base.update_all(ns, allow_destructive=True)
    assert {name: found["columns"] for name, found in model.get_metadata()["indexes"].items()} == {
        "named": ["n", "id"], "idx0": ["n"],
    }  # fmt: skip
    assert plan(base, ns) == ["docs: up to date"]


@pytest.mark.parametrize("method", ["create_all", "update_all"])
def test_an_index_without_a_name_gets_one_that_is_free(ns: str, method: str) -> None:
    index = "  __indexes__ = [pxt.BtreeIndex(n), pxt.BtreeIndex(id, 'idx0')]\n"
    if method == "update_all":
        several(docs_with())[0].create_all(ns)
    base, model = several(docs_with(index))
    getattr(base, method)(ns)
    assert {name: found["columns"] for name, found in model.get_metadata()["indexes"].items()} == {
        "idx0": ["id"], "idx1": ["n"],
    }  # fmt: skip


def test_an_index_cannot_have_the_name_of_a_default_one(ns: str) -> None:
    plain = "class Docs(M, name='docs', has_default_idxs=True):\n  id: pxt.Int\n  text: pxt.String\n"
    statements = f"{plain}  __indexes__ = [pxt.EmbeddingIndex(text, embedding=letters, name='idx0')]\n"
    with pytest.raises(pxt.AlreadyExistsError, match="already has an index 'idx0'"):
        several(statements)[0].create_all(ns)
    several(plain)[0].create_all(ns)
    assert "but one of the default indexes has that name [unsupported]" in plan(several(statements)[0], ns)[0]
