"""A column that is still being computed: it can be named, reads null, and nothing can be made of it."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

import pixeltable as pxt

GO = threading.Event()


@pxt.udf
def after_go(n: int) -> int:
    if n > 0:
        GO.wait(60)
    else:
        time.sleep(0.005)  # so that what is done is written
    return 10 * n


@pytest.fixture
def t(ns: str) -> Iterator[pxt.Table]:
    GO.clear()
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert({"n": n} for n in range(-300, 4))
    job = t.add_computed_column(c=after_go(t.n), background=True)
    while t.where(t.n == -300).select(t.c).collect()["c"] == [None]:
        assert job.status == "running"
    yield t
    GO.set()
    job.wait()
    assert t.select(t.c).where(t.n > 0).collect()["c"] == [10, 20, 30]
    assert t.where(t.c.errortype == "Pending").count() == 0


def test_it_reads_null(t: pxt.Table) -> None:
    assert t.columns() == ["n"]
    assert t.where(t.n == 3).select(t.c, e=t.c.errortype, m=t.c.errormsg).collect()[0] == {
        "c": None, "e": "Pending", "m": None,
    }  # fmt: skip
    assert t.where(t.n == -300).select(t.c, e=t.c.errortype).collect()[0] == {"c": -3000, "e": None}
    pending = t.where(t.c.errortype == "Pending").count()
    assert 3 <= pending < 304
    assert t.where(t.c == None).count() == pending  # noqa: E711  # builds an expression
    assert "% computed)" in repr(t)
    assert "% computed)" in t._repr_html_()


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.add_computed_column(d=t.c + 1),
        lambda t: t.add_computed_column(d=t.c + 1, stored=False),
        lambda t: t.add_btree_index(t.c),
        lambda t: pxt.create_view(f"{t.get_metadata()['path']}_v", t.where(t.c > 1)),
        lambda t: pxt.create_view(f"{t.get_metadata()['path']}_v", t, additional_columns={"d": t.c + 1}),
    ],
)
def test_nothing_can_be_made_of_it(t: pxt.Table, call: Callable) -> None:
    with pytest.raises(pxt.Error, match=r"still being computed|no column 'c'"):
        call(t)


def test_no_cell_is_set_to_it(t: pxt.Table) -> None:
    t.add_column(x=pxt.Int | None)
    with pytest.raises(pxt.RequestError, match=r"'c' of table .* is still being computed"):
        t.update({"x": t.c})
    for write in (lambda: t.update({"x": 1}, where=t.c == None), lambda: t.delete(where=t.c == None)):  # noqa: E711
        with pytest.raises(pxt.RequestError, match="where: column 'c' of table"):
            write()


def test_it_stays_where_the_schema_is_reverted(ns: str, t: pxt.Table) -> None:
    t.add_column(x=pxt.Int | None)
    with pytest.raises(pxt.RequestError, match="while 'c' is being filled"):
        t.revert()
    with pytest.raises(pxt.RequestError, match="still being computed"):
        pxt.create_table(f"{ns}/copy", source=t.select(t.n, t.c))
