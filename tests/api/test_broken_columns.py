"""Columns whose function is gone or does not fit any more: stored cells stay readable, what needs it is refused."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import pixeltable as pxt
from pixeltable import PixeltableWarning
from pixeltable.exceptions import InvalidColumn, UnknownFunction
from tests.api.changing_module import ChangingModule, changing

__all__ = ["changing"]

F = "@pxt.udf\ndef f(n: int) -> int:\n    return n + 1\n"
G = "@pxt.udf\ndef g(n: int) -> int:\n    return n * 2\n"
WAYS: list[tuple[Callable[[ChangingModule], Any], str]] = [
    (ChangingModule.remove, "there is no module"),
    (lambda module: module.put(G), "'f' is not there"),
    (lambda module: module.put("def f(n): return n\n"), "'f' is not a udf"),
    (lambda module: module.put(F.replace("(n", "(m")), "parameter `n` is gone"),
    (lambda module: module.put(F.replace("int:", "str:")), "it returns `String` where it returned `Int`"),
    (lambda module: module.put("raise RuntimeError('no way')"), "RuntimeError: no way"),
]


@pytest.fixture(params=WAYS, ids=["module", "function", "no udf", "parameter", "result", "import fails"])
def reason(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def t(ns: str, changing: ChangingModule) -> pxt.Table:
    """Columns n and a, f(n) and, not stored, g(n)."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "a": pxt.Int | None})
    module = changing.write(F + G)
    t.add_computed_column(f=module.f(t.n))
    t.add_computed_column(g=module.g(t.n), stored=False)
    t.insert([{"n": 1, "a": 0}, {"n": 2, "a": 0}])
    return t


def test_writes_that_need_the_function_are_refused(t: pxt.Table, changing: ChangingModule, reason: Any) -> None:
    breaking, text = reason
    breaking(changing)
    for write in (lambda: t.insert([{"n": 3}]), lambda: t.update({"n": 4}), lambda: t.recompute_columns("f")):
        with pytest.raises(InvalidColumn, match=f"column 'f' of table '{t.get_metadata()['path']}'.*{text}"):
            write()
    assert t.order_by(t.n).select(t.n, t.f).collect()["f"] == [2, 3]


def test_the_table_and_its_stored_cells_stay_readable(t: pxt.Table, changing: ChangingModule, reason: Any) -> None:
    breaking, _ = reason
    breaking(changing)
    assert t.where(t.f > 2).select(t.n, t.f, more=t.f + 1).collect()[0] == {"n": 2, "f": 3, "more": 4}


def test_the_table_says_so(t: pxt.Table, changing: ChangingModule, reason: Any) -> None:
    breaking, text = reason
    breaking(changing)
    assert text in repr(t)
    assert text in t._repr_html_().replace("&#x27;", "'")
    assert {row["column"]: row["cells"] for row in t.stale()} == {"f": None}
    assert text in t.stale()["problem"][0]


def test_an_insert_that_fails_is_not_committed_in_part(t: pxt.Table, changing: ChangingModule) -> None:
    versions = len(t.get_versions())
    changing.remove()
    with pytest.raises(InvalidColumn):
        t.insert([{"n": 3}], on_error="ignore")
    assert (len(t.get_versions()), t.count()) == (versions, 2)


def test_updates_of_other_columns_and_deletes_work(t: pxt.Table, changing: ChangingModule) -> None:
    changing.remove()
    t.update({"a": 5})
    t.delete(t.n == 1)
    assert t.select(t.n, t.a, t.f).collect()[0] == {"n": 2, "a": 5, "f": 3}


def test_the_column_can_be_dropped(t: pxt.Table, changing: ChangingModule) -> None:
    changing.write(G)
    t.drop_column("f")
    t.insert([{"n": 3}])
    assert t.count() == 3


def test_a_new_definition_repairs_the_column(t: pxt.Table, changing: ChangingModule) -> None:
    changing.write(G)
    t.add_computed_column(f=changing.module.g(t.n), if_exists="replace")
    t.insert([{"n": 3}])
    assert t.order_by(t.n).select(t.f).collect()["f"] == [2, 4, 6]


def test_a_function_that_comes_back_repairs_the_column(t: pxt.Table, changing: ChangingModule) -> None:
    changing.remove()
    with pytest.raises(InvalidColumn):
        t.insert([{"n": 3}])
    changing.write(F + G)
    t.insert([{"n": 3}])
    assert t.count() == 3


def test_an_unstored_column_alone_cannot_be_read(t: pxt.Table, changing: ChangingModule) -> None:
    changing.write(F)
    assert t.select(t.n, t.f).count() == 2
    with pytest.raises(UnknownFunction, match="'g' is not there"):
        t.select(t.g).collect()
    t.insert([{"n": 3}])  # nothing of it is stored


def test_a_stored_column_over_an_unstored_one_names_itself(ns: str, changing: ChangingModule) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    module = changing.write(F + G)
    t.add_computed_column(f=module.f(t.n), stored=False)
    t.add_computed_column(g=module.g(t.f))
    changing.write(G)
    with pytest.raises(InvalidColumn, match="column 'g'"):
        t.insert([{"n": 3}])


def test_an_index_whose_function_is_gone_is_named(ns: str, changing: ChangingModule) -> None:
    t = pxt.create_table(f"{ns}/t", {"s": pxt.String})
    source = "@pxt.udf\ndef e(s: str) -> pxt.Array[(2,), pxt.Float]:\n    return np.array([len(s), 1])\n"
    t.add_embedding_index("s", embedding=changing.write(source).e)
    changing.write("")
    with pytest.raises(InvalidColumn, match="index 'idx0'"):
        t.insert([{"s": "a"}])
    assert "cannot be computed" in repr(t)
    assert t.stale()["index"] == ["idx0"]


def test_a_handle_comes_with_one_warning(t: pxt.Table, changing: ChangingModule) -> None:
    path = t.get_metadata()["path"]
    changing.remove()
    with pytest.warns(PixeltableWarning, match="cannot be computed: .* there is no module") as caught:
        pxt.get_table(path)
    assert len(caught) == 2  # of f and of g
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pxt.get_table(path)


def test_a_handle_imports_no_module(t: pxt.Table, changing: ChangingModule) -> None:
    changing.put("raise RuntimeError('imported')")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pxt.get_table(t.get_metadata()["path"])


def test_what_is_broken_is_left_out_where_no_column_is_named(t: pxt.Table, changing: ChangingModule) -> None:
    changing.write(F)
    t.add_computed_column(more=changing.module.f(t.a))
    changing.write(F.replace("(n", "(m"))
    with pytest.warns(PixeltableWarning, match="is left out: .* parameter `n` is gone") as caught:
        t.recompute_columns(stale_only=True)
    assert [str(warning.message).split()[1] for warning in caught] == ["'f'", "'more'"]
    with pytest.raises(InvalidColumn):
        t.recompute_columns("f", stale_only=True)


def test_computing_rows_that_are_not_stored_is_refused(t: pxt.Table, changing: ChangingModule) -> None:
    changing.write(G)
    with pytest.raises(pxt.Error, match="'f' is not there"):
        t.compute([{"n": 3}])
    assert t.compute([{"n": 3}], outputs=["g"])[0]["g"] == 6
