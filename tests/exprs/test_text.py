"""An expression prints as Python that builds it: what is written on the left shows as on the right."""

import datetime
import uuid
from typing import Any

import numpy as np
import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import as_expr
from tests.exprs.examples import COLUMNS, EXAMPLES

NAMES: dict[str, Any] = {
    **COLUMNS,
    "pxt": pxt,
    "string": pxtf.string,
    "datetime": datetime,
    "uuid": uuid,
    "np": np,
    "Float": pxt.Float,
    "array": pxt.array,
    "map": pxtf.map,
    "filter": pxtf.filter,
    "sort": pxtf.sort,
}

PAIRS = """\
i + 1                                | i + 1
1 - i                                | 1 - i
i - (k - 1)                          | i - (k - 1)
(i - k) - 1                          | i - k - 1
(i + k) * 2                          | (i + k) * 2
i + k * 2                            | i + k * 2
i / (k / 2)                          | i / (k / 2)
i // 2 % 3                           | i // 2 % 3
i // (k % 3)                         | i // (k % 3)
(i ** 2) ** 3                        | (i ** 2) ** 3
i ** (k ** 2)                        | i ** k ** 2
-i ** 2                              | -i ** 2
(-i) ** 2                            | (-i) ** 2
-(i + 1)                             | -(i + 1)
--i                                  | --i
i - -1                               | i - -1
(-1) ** i                            | (-1) ** i
i * -0.5                             | i * -0.5
s + '!' + n                          | s + '!' + n
s + (n + '!')                        | s + (n + '!')
(s + n) * 2                          | (s + n) * 2
2 * s                                | s * 2
ts + datetime.timedelta(hours=36)    | ts + datetime.timedelta(days=1, seconds=43200)
ts - np.timedelta64(90, 's')         | ts - datetime.timedelta(seconds=90)
datetime.timedelta(1) + d            | d + datetime.timedelta(days=1)
d - datetime.timedelta(days=1)       | d - datetime.timedelta(days=1)
(ts - datetime.timedelta(1)) > ts    | ts - datetime.timedelta(days=1) > ts
i < 2.5                              | i < 2.5
2.5 < i                              | i > 2.5
i + 1 >= k                           | i + 1 >= k
(i < k) == b                         | (i < k) == b
i == None                            | i == None
i != None                            | i != None
~(i == None)                         | i != None
~(i + 1 == None)                     | i + 1 != None
(i != None) & b                      | (i != None) & b
~(i != None)                         | ~(i != None)
(i < 2) & b & (c | b)                | (i < 2) & b & (c | b)
(i < 2) | b & c                      | (i < 2) | (b & c)
~b                                   | ~(b)
~(b & c)                             | ~(b & c)
i.isin([1, 2, None])                 | i.isin([1, 2])
i.isin({3, 1, 2})                    | i.isin([1, 2, 3])
(i + 1).isin([1])                    | (i + 1).isin([1])
i.isin(j.a)                          | i.isin(j.a)
(i + 1).isin(j) & b                  | (i + 1).isin(j) & b
i.isin([1]) & b                      | i.isin([1]) & b
k.astype(pxt.Float | None)           | k.astype(Float | None)
(i + 1).astype(pxt.Float)            | (i + 1).astype(Float)
j.a.b[0]['c d'][-1]                  | j.a.b[0]['c d'][-1]
j['kind']                            | j.kind
j.a.source.steps                     | j.a.source.steps
(j.a + j.b).c                        | (j.a + j.b).c
a[0, 1:]                             | a[0, 1:]
a[:, ::2][-1]                        | a[:, ::2][-1]
a[np.int64(1)]                       | a[1]
a[..., 0]                            | a[:, 0]
array([i, 1])                        | array([i, 1])
array([[x, 1], [i, 2]])              | array([[x, 1.0], [i.astype(Float), 2.0]])
array([[x, 1], [2, 3]])              | array([[x, 1.0], [2.0, 3.0]])
map(j.a, lambda e: e.p * 2)          | map(j.a, lambda x: x.p * 2)
j.map(lambda e: e.b + i)[0]          | map(j, lambda x: x.b + i)[0]
j.map(lambda x: x.a.map(lambda y: y))| map(j, lambda x: map(x.a, lambda x: x))
j.map(lambda x: j.map(lambda y: x+y))| map(j, lambda x: map(j, lambda y: x + y))
filter(j, lambda e: (e.a > 1) & b)   | filter(j, lambda x: (x.a > 1) & b)
j.sort()                             | sort(j)
j.sort(lambda e: -e.a, asc=False)[0] | sort(j, lambda x: -x.a, asc=False)[0]
ts > '2024-01-01'                    | ts > datetime.datetime(2024, 1, 1, 0, 0)
d == '2024-01-31'                    | d == datetime.date(2024, 1, 31)
s.replace('a', 'b')                  | replace(s, 'a', 'b')
s.replace('a', 'b', n=1)             | replace(s, 'a', 'b', 1)
s.strip().upper().len() + 1          | len(upper(strip(s))) + 1
s.errortype                          | s.errortype
"""


PAIR = [(line[:37].strip(), line[38:].strip()) for line in PAIRS.splitlines()]


@pytest.mark.parametrize(("source", "text"), PAIR)
def test_text(source: str, text: str) -> None:
    assert str(eval(source, NAMES)) == text


@pytest.mark.parametrize("text", [text for _, text in PAIR if not text.startswith(("replace", "len"))])
def test_text_builds_the_expression_again(text: str) -> None:
    assert str(eval(text, NAMES)) == text


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([COLUMNS["i"], 1], "[i, 1]"),
        ((COLUMNS["i"], [COLUMNS["s"]]), "[i, [s]]"),
        ({"role": "user", "content": COLUMNS["s"]}, "{'role': 'user', 'content': s}"),
        ([1, (2, "x")], "[1, [2, 'x']]"),
        (None, "None"),
    ],
)
def test_text_of_containers(items: Any, text: str) -> None:
    assert str(as_expr(items)) == text


@pytest.mark.parametrize("expr", EXAMPLES.values(), ids=[node.__name__ for node in EXAMPLES])
def test_repr_is_the_text(expr: Expr) -> None:
    assert repr(expr) == str(expr)
