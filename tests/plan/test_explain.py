"""What explain() says of a query: text in, text out, without the statement."""

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf

PLANS = """\
t.where(t.i > 0).select(t.i, x=t.j.k).order_by(t.i).limit(3)
---
t.where(t.s.upper() == 'A').order_by(t.i).limit(2)
In Python:
  filter: upper(s) == 'A'
  limit 2, offset 0
Not in SQL:
  upper(s): the database has other tables of Unicode, and other rules, as of `ß`
---
t.order_by(t.j.k, asc=False).select(t.i, y=t.i ** 2 + 1)
In Python:
  compute y = i ** 2 + 1
Not in SQL:
  i ** 2: ** of Int and Int rounds or overflows differently in SQL
---
t.where(mine(t.i) > 1).order_by(t.j.k, t.j['*'].a).select(t.i)
In Python:
  filter: mine(i) > 1
Not in SQL:
  mine(i): it is a function of yours, which only Python can run
---
t.order_by(t.j.k, mine(t.i)).select(t.i)
In Python:
  order by j.k, mine(i)
Not in SQL:
  mine(i): it is a function of yours, which only Python can run
  the order of j.k: Python orders by all keys where it orders by one
---
t.select(t.j['*'][1:].x, deep=t.j[1:][1:][1:][1:], dear=t.j.filter(lambda x: x.n > t.i))
In Python:
  compute deep = j[1:][1:][1:][1:]
  compute dear = filter(j, lambda x: x.n > i)
Not in SQL:
  j[1:][1:][1:][1:]: keys with a NUL, positions beyond 32 bits and very many steps into lists have no form in SQL
  filter(j, lambda x: x.n > i): functions of the elements of a list run in Python
---
t.select(same=t.j == t.i / 2, mine=mine(t.i + 1))
In Python:
  compute same = j == i / 2
  compute mine = mine(i + 1)
Not in SQL:
  j == i / 2: SQL compares Json with Json, String, Int and Bool, and for order only where texts are by code point
  mine(i + 1): it is a function of yours, which only Python can run
---
t.group_by(t.s).select(t.s, n=pxtf.count(t.i))
---
t.group_by(t.s).select(t.s, n=pxtf.make_list(t.i)).having(pxtf.count(t.i) > 1)
In Python:
  group by s: make_list(i), count(i)
  having: count(i) > 1
Not in SQL:
  make_list(i): it has no form in SQL that means the same for these arguments
---
t.sample(n=3, seed=1).select(t.i)
"""


@pxt.udf
def mine(n: int) -> int:
    return n


@pytest.mark.parametrize("case", PLANS.split("---\n"), ids=lambda case: case.partition("\n")[0])
def test_what_is_left_for_python_and_why(case: str, ns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELTABLE_TEST_CONFIG", "")
    table = pxt.create_table(f"{ns}/t", {"i": pxt.Int, "s": pxt.String, "j": pxt.Json})
    source, _, expected = case.partition("\n")
    shown = eval(source, {"t": table, "pxtf": pxtf, "mine": mine}).explain()
    assert shown.startswith("In SQL:\n  SELECT ")
    _, found, rest = shown.partition("In Python:")
    assert found + rest == expected.rstrip("\n")


def test_the_statement_and_its_values_are_shown(ns: str) -> None:
    table = pxt.create_table(f"{ns}/t", {"i": pxt.Int})
    shown = table.where(table.i > 41).explain()
    assert "WHERE" in shown
    assert "param_1 = 41" in shown
