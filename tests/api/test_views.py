"""Views: the rows of a table that a filter keeps, with columns of their own, in step with their base."""

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf


@pxt.udf
def shout(s: str) -> str:
    return f"{s}!"


@pxt.udf
def is_odd(n: int) -> bool:
    return n % 2 == 1


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "s": pxt.String | None, "j": pxt.Json | None})
    t.insert({"n": n, "s": f"s{n}", "j": {"k": n}} for n in range(6))
    return t


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def test_a_view_has_the_rows_that_its_filter_keeps(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 3))
    assert rows(v.select(v.n, v.s)) == [(4, "s4"), (5, "s5")]
    assert rows(v.where(v.n < 5).select(t.s)) == [("s4",)]
    assert v.count() == 2
    assert v.columns() == ["n", "s", "j"]


@pytest.mark.parametrize("predicate", [lambda t: t.n % 2 == 1, lambda t: is_odd(t.n), lambda t: t.j.k % 2 == 1])
def test_rows_inserted_into_the_base_come_into_the_view(ns: str, t: pxt.Table, predicate) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(predicate(t)), additional_columns={"loud": shout(t.s)})
    status = t.insert([{"n": 7, "s": "new"}, {"n": 8, "s": "no"}, {"n": 9, "j": {"k": 9}}])
    expected = [(1, "s1!"), (3, "s3!"), (5, "s5!"), (7, "new!"), (9, None)]
    if "j" in str(predicate(t)):
        expected.remove((7, "new!"))
    assert rows(v.select(v.n, v.loud)) == expected
    assert status.cascade_row_count_stats.ins_rows == len(expected) - 3
    assert status.row_count_stats.ins_rows == 3


def test_a_select_list_chooses_and_computes_columns(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 3).select(t.n, loud=shout(t.s)))
    assert v.columns() == ["n", "loud"]
    t.insert(n=6, s="x")
    assert rows(v) == [(4, "s4!"), (5, "s5!"), (6, "x!")]
    with pytest.raises(pxt.NotFoundError):
        v["s"]


def test_columns_that_are_not_computed_are_null_and_can_be_set(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 3), additional_columns={"note": pxt.String | None})
    v.add_computed_column(loud=shout(v.note))
    v.update({"note": "good"}, where=v.n == 4)
    t.insert(n=6)
    assert rows(v.select(v.n, v.note, v.loud)) == [(4, "good", "good!"), (5, None, None), (6, None, None)]


def test_columns_with_a_default_have_it_in_rows_that_come_later(ns: str, t: pxt.Table) -> None:
    columns = {"stars": {"type": pxt.Int | None, "default": 3}}
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 4), additional_columns=columns)
    v.add_column(note={"type": pxt.String | None, "default": "new"})
    t.insert(n=6)
    t.update({"n": 7}, where=t.n == 4)
    assert rows(v.order_by(v.n).select(v.n, v.stars, v.note)) == [(5, 3, "new"), (6, 3, "new"), (7, 3, "new")]


def test_a_computed_column_is_added_to_a_view(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 3))
    v.add_computed_column(loud=shout(v.s))
    v.add_computed_column(louder=shout(v.loud), stored=False)
    t.insert(n=6, s="x")
    assert rows(v.select(v.loud, v.louder)) == [("s4!", "s4!!"), ("s5!", "s5!!"), ("x!", "x!!")]


def test_a_column_added_to_the_base_shows_in_the_view(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 3))
    t.add_computed_column(loud=shout(t.s))
    t.insert(n=6, s="x")
    assert rows(v.select(v.loud)) == [("s4!",), ("s5!",), ("x!",)]


def test_views_of_views_get_rows_too(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 1), additional_columns={"loud": shout(t.s)})
    w = pxt.create_view(f"{ns}/w", v.where(v.loud != "s3!"), additional_columns={"louder": shout(v.loud)})
    t.insert([{"n": 6, "s": "x"}, {"n": 0, "s": "y"}])
    assert rows(w.select(w.n, w.louder)) == [(2, "s2!!"), (4, "s4!!"), (5, "s5!!"), (6, "x!!")]
    assert w.get_base_table() == v
    assert t.list_views() == [f"{ns}/v", f"{ns}/w"]
    assert t.list_views(recursive=False) == [f"{ns}/v"]


def test_a_view_is_grouped_ordered_joined_and_united(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 3), additional_columns={"loud": shout(t.s)})
    assert rows(v.group_by(v.n % 2).select(v.n % 2, pxtf.max(v.loud))) == [(0, "s4!"), (1, "s5!")]
    assert rows(t.join(v, on=t.n == v.n).select(t.s, v.loud)) == [("s4", "s4!"), ("s5", "s5!")]
    assert rows(v.select(v.n).union(t.where(t.n == 0).select(t.n))) == [(4,), (5,), (0,)]
    assert rows(v.order_by(v.loud, asc=False).limit(1).select(v.n)) == [(5,)]
    assert v.tail(1)["n"] == [5]


def test_a_view_is_there_after_its_metadata_was_read_again(ns: str, t: pxt.Table) -> None:
    pxt.create_view(f"{ns}/v", t.where(t.n > 3), additional_columns={"loud": shout(t.s)})
    v = pxt.get_table(f"{ns}/v")
    assert isinstance(v, pxt.View)
    assert rows(v.select(v.n, v.loud)) == [(4, "s4!"), (5, "s5!")]


def test_a_cell_of_a_view_fails_alone(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, additional_columns={"x": reciprocal(t.n)})
    assert v.where(v.x.errortype != None).count() == 1  # noqa: E711  # how a null test is written
    with pytest.raises(pxt.RequestError, match="ZeroDivisionError"):
        t.insert(n=0)
    assert t.count() == v.count() == 6
    assert t.insert([{"n": 0}], on_error="ignore").num_excs == 1
    assert v.count() == 7


@pxt.udf
def reciprocal(n: int) -> float:
    return 1 / n


def test_a_table_with_views_is_dropped_by_force_only(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t)
    pxt.create_view(f"{ns}/w", v)
    with pytest.raises(pxt.RequestError, match=r"/v, .*/w depend on it"):
        pxt.drop_table(t)
    pxt.drop_table(f"{ns}/w")
    t.insert(n=9)
    pxt.drop_table(t, force=True)
    assert pxt.list_tables(ns) == []


@pytest.mark.parametrize(
    ("base", "fact"),
    [
        pytest.param(lambda t: t.order_by(t.n), "order_by()", id="order"),
        pytest.param(lambda t: t.limit(1), "limit()", id="limit"),
        pytest.param(lambda t: t.group_by(t.n).select(t.n), "group_by()", id="groups"),
        pytest.param(lambda t: t.select(pxtf.sum(t.n)), "sum(n)", id="aggregate"),
        pytest.param(lambda t: t.where(t.n.isin(t.select(t.n))), "isin(query", id="query within"),
        pytest.param(lambda _: [1], "table or a query, got list", id="list"),
    ],
)
def test_what_a_view_cannot_be_over_is_refused(ns: str, t: pxt.Table, base, fact: str) -> None:
    with pytest.raises(pxt.RequestError) as caught:
        pxt.create_view(f"{ns}/v", base(t))
    assert fact in str(caught.value)
    assert pxt.list_tables(ns) == [f"{ns}/t"]


def test_a_view_gets_no_rows_of_its_own(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t)
    for change in (lambda: v.insert(n=1), lambda: v.delete(), lambda: v.update({"n": 1})):
        with pytest.raises(pxt.RequestError, match=r"view|base"):
            change()


@pytest.mark.parametrize("columns", [{"n": pxt.Int | None}, {"m": pxt.Int}])
def test_columns_that_cannot_be_added_are_refused(ns: str, t: pxt.Table, columns) -> None:
    with pytest.raises(pxt.RequestError, match=r"there already|nullable"):
        pxt.create_view(f"{ns}/v", t, additional_columns=columns)


def test_a_path_that_is_taken_is_an_error_or_ignored_or_replaced(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t.where(t.n > 3))
    with pytest.raises(pxt.AlreadyExistsError):
        pxt.create_view(f"{ns}/v", t)
    assert pxt.create_view(f"{ns}/v", t, if_exists="ignore") == v
    assert pxt.create_view(f"{ns}/v", t, if_exists="replace").count() == 6
    with pytest.raises(pxt.AlreadyExistsError):
        pxt.create_view(f"{ns}/t", t, if_exists="replace")


def test_columns_of_the_base_are_indexed_there(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, additional_columns={"loud": shout(t.s)})
    with pytest.raises(pxt.RequestError, match="is one of its base"):
        v.add_btree_index("n")
    v.add_btree_index("loud", unique=True)
    with pytest.raises(pxt.RequestError, match=r"of table '.*/v' is unique, and \(loud\)=\(s1!\) already exists"):
        t.insert(n=9, s="s1")


def test_failed_cells_of_a_view_are_listed(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, additional_columns={"x": reciprocal(t.n)})
    assert v.errors("x")["errortype"] == ["ZeroDivisionError"]
    t.update({"n": 4}, where=t.n == 0)
    assert len(v.errors()) == 0


def test_lists_say_what_is_a_view_and_of_what(ns: str, t: pxt.Table) -> None:
    pxt.create_view(f"{ns}/v", t)
    assert pxt.ls(ns)[["Name", "Kind", "Base"]].values.tolist() == [["t", "table", ""], ["v", "view", f"{ns}/t"]]
    assert [(node["kind"], node["base"]) for node in pxt.get_dir_tree(ns)] == [("table", None), ("view", f"{ns}/t")]
