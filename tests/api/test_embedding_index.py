import numpy as np
import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from pixeltable.exceptions import AlreadyExistsError
from tests.api.library import first_letters, letters, twice, twice_in_batches
from tests.api.refusals import refused

VECTOR = pxt.Array[(3,), pxt.Float]


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"s": pxt.String | None, "v": VECTOR | None, "n": pxt.Int | None})
    t.insert([{"s": text, "v": [n, 1, 0]} for n, text in enumerate(["a", "b", "cc"])])
    return t


def index(t: pxt.Table, name: str = "idx0") -> dict[str, object]:
    return t.get_metadata()["indexes"][name]


def test_a_string_column_with_a_function(t: pxt.Table) -> None:
    t.add_embedding_index("s", embedding=letters)
    assert index(t)["columns"] == ["s"]
    assert index(t)["index_type"] == "embedding"
    assert index(t)["parameters"]["metric"] == "cosine"
    assert index(t)["parameters"]["precision"] == "fp16"


def test_string_embed_is_the_same(t: pxt.Table) -> None:
    t.add_embedding_index(t.s, string_embed=letters)
    assert t.order_by(t.s.similarity(string="c"), asc=False).limit(1).collect()["s"] == ["cc"]


def test_an_array_column_needs_no_function(t: pxt.Table) -> None:
    t.add_embedding_index("v", metric="l2", precision="fp32")
    assert index(t)["parameters"]["metric"] == "l2"
    assert index(t)["parameters"]["precision"] == "fp32"


def test_adding_an_index_is_one_version_that_changes_no_row(t: pxt.Table) -> None:
    before = t.get_metadata()["version"]
    t.add_embedding_index("s", embedding=letters)
    newest = t.get_versions(1)[0]
    assert (newest["version"], newest["updates"], newest["change_type"]) == (before + 1, 0, "schema")


def test_names_are_counted_on(t: pxt.Table) -> None:
    t.add_embedding_index("s", embedding=letters)
    t.add_embedding_index("v")
    t.add_embedding_index("v", metric="ip", idx_name="mine")
    assert list(t.get_metadata()["indexes"]) == ["idx0", "idx1", "mine"]


def test_the_same_index_is_refused(t: pxt.Table) -> None:
    t.add_embedding_index("v")
    refused(t, lambda: t.add_embedding_index("v"), AlreadyExistsError, "INDEX_ALREADY_EXISTS")


def test_a_name_that_is_taken_is_refused(t: pxt.Table) -> None:
    t.add_embedding_index("v", idx_name="x")
    add = lambda: t.add_embedding_index("v", idx_name="x", metric="ip")  # noqa: E731
    refused(t, add, AlreadyExistsError, "INDEX_ALREADY_EXISTS")


def test_if_exists_ignore_changes_nothing(t: pxt.Table) -> None:
    t.add_embedding_index("v")
    before = t.get_metadata()
    t.add_embedding_index("v", if_exists="ignore")
    assert t.get_metadata() == before


def test_if_exists_replace_builds_it_again(t: pxt.Table) -> None:
    t.add_embedding_index("v", idx_name="x")
    t.add_embedding_index("v", idx_name="x", metric="ip", if_exists="replace")
    assert index(t, "x")["parameters"]["metric"] == "ip"


def test_rows_that_cannot_be_embedded_are_left_out(t: pxt.Table) -> None:
    t.insert([{"s": "xyz"}, {"s": None}])
    status = t.add_embedding_index("s", embedding=letters)
    assert status.num_excs == 1
    assert t.select(x=t.s.similarity(string="a")).collect()["x"][3:] == [None, None]


def test_an_insert_keeps_a_row_that_cannot_be_embedded_with_ignore(t: pxt.Table) -> None:
    t.add_embedding_index("s", embedding=letters)
    t.insert([{"s": "xyz"}], on_error="ignore")
    assert t.count() == 4


def test_drop_by_name_or_by_column(t: pxt.Table) -> None:
    t.add_embedding_index("s", embedding=letters)
    t.add_embedding_index("v")
    t.drop_embedding_index(column="s")
    t.drop_embedding_index(idx_name="idx1")
    assert t.get_metadata()["indexes"] == {}


def test_drop_by_column_reference(t: pxt.Table) -> None:
    t.add_embedding_index("v")
    t.drop_embedding_index(column=t.v)
    assert t.get_metadata()["indexes"] == {}


def test_drop_refuses_to_choose_between_several(t: pxt.Table) -> None:
    t.add_embedding_index("v")
    t.add_embedding_index("v", metric="ip")
    refused(t, lambda: t.drop_embedding_index(column="v"), RequestError, "INVALID_ARGUMENT")


def test_drop_takes_exactly_one_selector(t: pxt.Table) -> None:
    t.add_embedding_index("v")
    refused(t, lambda: t.drop_embedding_index(), RequestError, "INVALID_ARGUMENT")
    refused(t, lambda: t.drop_embedding_index(column="v", idx_name="idx0"), RequestError, "INVALID_ARGUMENT")


def test_drop_of_nothing(t: pxt.Table) -> None:
    refused(t, lambda: t.drop_embedding_index(idx_name="x"), NotFoundError, "INDEX_NOT_FOUND")
    refused(t, lambda: t.drop_embedding_index(column="v"), NotFoundError, "INDEX_NOT_FOUND")
    t.drop_embedding_index(idx_name="x", if_not_exists="ignore")
    t.drop_embedding_index(column="v", if_not_exists="ignore")


def test_a_dropped_column_takes_its_index_along(t: pxt.Table) -> None:
    t.add_embedding_index("v")
    t.drop_column("v")
    assert t.get_metadata()["indexes"] == {}
    t.insert(s="a")
    assert t.count() == 4


BAD = {
    "unknown column": (("x",), {}, NotFoundError, "COLUMN_NOT_FOUND"),
    "text without function": (("s",), {}, RequestError, "INVALID_ARGUMENT"),
    "number": (("n",), {}, RequestError, "INVALID_ARGUMENT"),
    "function on numbers": (("n",), {"embedding": letters}, RequestError, "INVALID_ARGUMENT"),
    "metric": (("v",), {"metric": "manhattan"}, RequestError, "INVALID_ARGUMENT"),
    "precision": (("v",), {"precision": "fp64"}, RequestError, "INVALID_ARGUMENT"),
    "if_exists": (("v",), {"if_exists": "x"}, RequestError, "INVALID_ARGUMENT"),
    "no udf": (("s",), {"embedding": str.upper}, RequestError, "INVALID_ARGUMENT"),
    "no function": (("s",), {"embedding": "model"}, RequestError, "INVALID_ARGUMENT"),
    "a number for a column": ((3,), {}, RequestError, "INVALID_ARGUMENT"),
}


@pytest.mark.parametrize(("args", "options", "kind", "code"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_indexed_is_refused(
    t: pxt.Table, args: tuple[str], options: dict[str, object], kind: type[pxt.Error], code: str
) -> None:
    refused(t, lambda: t.add_embedding_index(*args, **options), kind, code)


def test_a_function_that_returns_no_vector_is_refused(t: pxt.Table) -> None:
    with pytest.raises(RequestError):
        t.add_embedding_index("s", embedding=twice)
    with pytest.raises(RequestError):
        t.add_embedding_index("s", embedding=twice_in_batches)
    assert t.get_metadata()["indexes"] == {}


def test_a_vector_of_open_length_is_refused(ns: str) -> None:
    t = pxt.create_table(f"{ns}/u", {"v": pxt.Array[(None,), pxt.Float]})
    refused(t, lambda: t.add_embedding_index("v"), RequestError, "INVALID_ARGUMENT")


@pytest.mark.parametrize(("precision", "limit"), [("fp16", 4000), ("fp32", 2000)])
def test_the_precision_limits_the_dimensions(ns: str, precision: str, limit: int) -> None:
    fits = pxt.create_table(f"{ns}/u", {"v": pxt.Array[(limit,), pxt.Float]})
    fits.add_embedding_index("v", precision=precision)
    over = pxt.create_table(f"{ns}/w", {"v": pxt.Array[(limit + 1,), pxt.Float]})
    with pytest.raises(RequestError, match=str(limit)):
        over.add_embedding_index("v", precision=precision)


def test_a_column_reference_of_another_table_is_refused(t: pxt.Table, ns: str) -> None:
    other = pxt.create_table(f"{ns}/other", {"v": VECTOR})
    refused(t, lambda: t.add_embedding_index(other.v), RequestError, "INVALID_EXPRESSION")
    t.add_embedding_index("v")
    refused(t, lambda: t.drop_embedding_index(column=other.v), RequestError, "INVALID_EXPRESSION")


def test_an_unstored_column_is_refused(t: pxt.Table) -> None:
    t.add_computed_column(u=t.s.upper(), stored=False)
    refused(t, lambda: t.add_embedding_index("u", embedding=letters), RequestError, "UNSUPPORTED_OPERATION")


def test_a_computed_column_can_be_indexed(t: pxt.Table) -> None:
    t.add_computed_column(u=t.s.lower())
    t.add_embedding_index("u", embedding=letters)
    t.insert(s="AB")
    assert t.order_by(t.u.similarity(string="ab"), asc=False).limit(1).collect()["s"] == ["AB"]


def test_a_computed_vector_can_be_indexed(t: pxt.Table) -> None:
    t.add_computed_column(e=first_letters(t.s), on_error="ignore")
    t.add_embedding_index("e", metric="ip")
    query = np.array([0, 1], dtype=np.float32)
    assert t.order_by(t.e.similarity(vector=query), asc=False).limit(1).collect()["s"] == ["b"]


@pytest.mark.parametrize("count", [1, 300], ids=["a few", "many"])
def test_numbers_beyond_the_precision_fail_alone(ns: str, count: int) -> None:
    t = pxt.create_table(f"{ns}/v", {"n": pxt.Int, "v": pxt.Array[(2,), pxt.Float]})
    t.add_embedding_index("v", metric="l2", idx_name="half")
    rows = [{"n": n, "v": [n, 65_519.0]} for n in range(count)]
    status = t.insert([*rows, {"n": -1, "v": [1.0, 65_520.0]}], on_error="ignore")
    assert status.num_excs == 1
    found = t.select(t.n, score=t.v.similarity(vector=[0.0, 65_504.0])).collect()
    assert [row["score"] is None for row in found] == [row["n"] < 0 for row in found]
    t.drop_embedding_index(idx_name="half")
    assert t.add_embedding_index("v", metric="l2", precision="fp32").num_excs == 0
