"""The type of an expression follows from its operands: written on the left, its type on the right."""

import pytest

import pixeltable.functions.json  # noqa: F401  # has the methods of Json
from pixeltable.exceptions import (
    Error,
    InvalidExpression,
    NotCalled,
    NoValueYet,
    RequestError,
    TypeMismatch,
    UnknownMethod,
)
from pixeltable.exprs.leaves import as_expr
from tests.exprs.test_text import NAMES

TYPES = """\
i + i                | Int
i + k                | Int | None
i + x                | Float
i * 2.0              | Float
i / i                | Float | None
i // 2               | Int | None
i % x                | Float | None
i ** 2               | Int
k ** 2               | Int | None
i ** -1              | Float | None
i ** i               | Float | None
x - y                | Float | None
-k                   | Int | None
j.a + 1              | Json | None
s + s                | String
s + n                | String | None
n * 2                | String | None
i < x                | Bool
i < y                | Bool | None
k == None            | Bool
k != None            | Bool
b & b                | Bool
b | c                | Bool | None
~c                   | Bool | None
i.isin([1])          | Bool
k.isin([1])          | Bool | None
i.astype(pxt.Float)  | Float
k.astype(pxt.Float)  | Float | None
i.astype(pxt.Float | None) | Float | None
j.a[0]               | Json | None
a[0]                 | Array[(None,), float32] | None
a[0, 1]              | Float | None
a[...]               | Array[(3, None), float32]
a[..., 0]            | Array[(3,), float32] | None
a[1:]                | Array[(2, None), float32]
a[::-2, 1:]          | Array[(2, None), float32]
a[-5:9, :]           | Array[(3, None), float32]
a[3:]                | Array[(0, None), float32]
a[1:][0]             | Array[(None,), float32] | None
pxt.array([i, 1])    | Array[(2,), int64]
pxt.array([k, 1.5])  | Array[(2,), float32] | None
pxt.array([[x, 1], [2, 3]]) | Array[(2, 2), float32]
pxt.array([s, 'b'])  | Array[(2,), str]
pxt.array([a[0], a[1]]) | Array[(2, None), float32] | None
s.errormsg           | String | None
s.len()              | Int
ts + datetime.timedelta(1) | Timestamp
d - datetime.timedelta(1)  | Date
n.len()              | Int | None
n.split()            | Json[list[String]] | None
a                    | Array[(3, None), float32]
"""
TYPE_PAIRS = [
    (line.partition("  |")[0] if "  |" in line else line.rpartition(") | ")[0] + ")", line)
    for line in TYPES.splitlines()
]


@pytest.mark.parametrize(("source", "line"), TYPE_PAIRS)
def test_type(source: str, line: str) -> None:
    assert str(eval(source, NAMES).col_type) == line.removeprefix(source).strip().removeprefix("| ")


MISMATCHES = """\
i + s           : i + s: + requires numeric types, got `Int` and `String`. Numbers can be added, and a String to
s - s           : s - s: - requires numeric types, got `String` and `String`. Both operands are
b + 1           : + requires numeric types, got `Bool` and `Int`
i + [1]         : i + [1]: + requires numeric types, got `Int` and `Json`
k * {'k': i}    : * requires numeric types, got `Int | None` and `Json`
ts - ts         : no column type holds the difference of `Timestamp` and `Timestamp`
ts - datetime.datetime(2024, 1, 1) : Use a.date_diff(b, unit)
d - d           : Use a.date_diff(b, unit)
ts - 1          : - requires numeric types, got `Timestamp` and `Int`
2 * d           : * requires numeric types, got `Int` and `Date`
d + datetime.timedelta(hours=1)    : a `Date` moves by whole days
i + datetime.timedelta(1)          : a timedelta fits a Timestamp or a Date, but i has type `Int`
datetime.timedelta(1) - ts         : nothing can be subtracted from a timedelta
datetime.timedelta(1) + j          : a timedelta fits a Timestamp or a Date, but j has type `Json`
s * 1.5         : * requires numeric types, got `String` and `Float`. Numbers can be multiplied, and a String by an Int
-s              : requires a numeric type, but the operand has type `String`. To order by something descending:
i < 'a'         : i < 'a': cannot compare `Int` with `String`. Numbers compare with numbers
i == [1]        : i == [1]: cannot compare `Int` with `Json`
i == {'k': i}   : cannot compare `Int` with `Json`
s == 1          : cannot compare `String` with `Int`
i == b          : cannot compare `Int` with `Bool`
ts > d          : cannot compare `Timestamp` with `Date`. The day of a Timestamp is its .date()
a == a          : cannot compare `Array[(3, None), float32]` with `Array[(3, None), float32]`. Arrays are compared by
ts > 'soon'     : ts > 'soon': the String 'soon' cannot be used as `Timestamp`: Invalid isoformat
d == '2024'     : d == '2024': the String '2024' cannot be used as `Date`
u == 'x'        : 'x' cannot be used as `UUID`: expected a UUID, got str 'x'. Write it as 32 hexadecimal digits
i < None        : null has no order
i & b           : i & b: & requires Bool operands, got `Int` and `Bool`. Put comparisons in parentheses:
b | None        : b | None: | requires Bool operands, got `Bool` and None
j.a & b         : got `Json | None` and `Bool`. If it always holds a bool: j.a.astype(pxt.Bool)
b | 1           : b | 1: | requires Bool operands, got `Bool` and `Int`
~i              : ~i: ~ requires Bool operands, got `Int`
s[0]            : `s` has type `String`, which has no items
i.isin(1)       : takes a list of values or a Json list, got 1
i.isin('ab')    : takes a list of values or a Json list, got 'ab'
i.isin(k)       : takes a list of values or a Json list
ts.isin(j)      : a Json list has no values of type `Timestamp`
i.isin([k])     : takes plain values, got the expression k
d.isin(['soon']) : d.isin(): the String 'soon' cannot be used as `Date`
pxt.array([i, s]) : items of type `Int`, `String` are not of one array
pxt.array([j])  : .astype(pxt.Float)
pxt.array([a[0], i]) : are not of one array
pxt.array([[1, 2], [3]]) : are not of one array
pxt.array([2**70]) : array(): 
a.isin([1])     : values of type `Array[(3, None), float32]` cannot be compared
"""


@pytest.mark.parametrize("line", MISMATCHES.splitlines())
def test_operands_of_the_wrong_type(line: str) -> None:
    source, _, message = line.partition(" : ")
    with pytest.raises(TypeMismatch) as caught:
        eval(source.strip(), NAMES)
    assert message.strip() in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "i + {1}",
        "i == object()",
        "j[True]",
        "j[1.5]",
        "a['x']",
        "a[True]",
        "a[1.5]",
        "a[None]",
        "a[..., ...]",
        "a[3]",
        "a[-4, 0]",
        "a[0, 0, 0]",
        "a[::0]",
        "pxt.array([])",
        "pxt.array(i)",
        "pxt.array([[1], []])",
        "a[i]",
        "a[:i]",
    ],
)
def test_what_no_expression_can_hold(source: str) -> None:
    with pytest.raises(InvalidExpression):
        eval(source, NAMES)


@pytest.mark.parametrize("source", ["bool(b)", "b and c", "not b", "i if b else k", "1 < i < 3", "i in [1]"])
def test_an_expression_has_no_truth(source: str) -> None:
    with pytest.raises(NoValueYet, match=r"is known only when a query runs, .* Use &, \| and ~"):
        eval(source, NAMES)


@pytest.mark.parametrize("source", ["len(s)", "list(j)", "[*j]", "1 in i", "int(i)", "float(x)"])
@pytest.mark.parametrize("kind", [RequestError, TypeError])
def test_an_expression_is_no_value_yet(source: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"is known only when a query runs, so .*\. [A-Z]"):
        eval(source, NAMES)


@pytest.mark.parametrize("source", ["(s + n).similarity('x')", "(i + 1).errormsg"])
def test_what_only_a_column_or_a_query_has(source: str) -> None:
    with pytest.raises(Error):
        eval(source, NAMES)


@pytest.mark.parametrize(
    ("source", "modality"),
    [("s.similarity('x')", "string"), ("s.similarity(np.ones(2))", "vector"), ("s.similarity(image='x')", "image")],
)
def test_modality_of_a_similarity(source: str, modality: str) -> None:
    assert eval(source, NAMES).modality == modality


@pytest.mark.parametrize("source", ["s.similarity()", "s.similarity('x', string='y')", "s.similarity(smell='x')"])
def test_a_similarity_takes_one_query(source: str) -> None:
    with pytest.raises(Error, match="takes exactly one of"):
        eval(source, NAMES)


def test_unknown_method_names_those_there_are() -> None:
    with pytest.raises(UnknownMethod, match=r"`i` has type `Int`, which has no method 'uper'. Methods: .*similarity"):
        NAMES["i"].uper()
    with pytest.raises(UnknownMethod, match=r"Did you mean 'upper'\?"):
        NAMES["s"].uper()
    assert not hasattr(NAMES["i"], "upper")


def test_wrong_typed_members_are_left_out() -> None:
    assert str(NAMES["i"].isin([1, "a", 2.5, True])) == "i.isin([1, 2.5])"


def test_a_scalar_of_numpy_on_the_left_builds_a_node() -> None:
    assert str(NAMES["np"].float64(2.5) * NAMES["x"]) == "2.5 * x"


def test_a_container_changed_later_leaves_the_literal_alone() -> None:
    items = [1, {"k": 2}]
    expr = NAMES["j"] == items
    items.append(3)
    assert str(expr) == "j == [1, {'k': 2}]"


def test_a_long_sum_has_its_type_at_once() -> None:
    total = NAMES["i"]
    for _ in range(100):
        total = total + NAMES["x"]
    assert str(total.col_type) == "Float"


NOT_CALLED = [
    "j.count == 5",
    "j.count != 5",
    "j.keys > 1",
    "1 < j.keys",
    "[j.values, i]",
    "i + s.len",
    "s.len[0]",
    "s.len + 1",
    "1 - s.len",
    "-s.len",
]


@pytest.mark.parametrize("source", NOT_CALLED)
def test_a_method_that_is_not_called_is_no_value(source: str) -> None:
    with pytest.raises(InvalidExpression, match=r"is a method, which has no value until .* Call it: \w\.\w+\("):
        as_expr(eval(source, NAMES))


def test_a_key_that_a_method_hides_is_named() -> None:
    with pytest.raises(InvalidExpression, match=r"under that key is j\['count'\]"):
        eval("j.count == 5", NAMES)


def test_what_is_below_a_method_is_below_the_key_of_its_name() -> None:
    assert str(eval("j.a.items[0].price", NAMES)) == str(eval("j.a['items'][0]['price']", NAMES))
    assert str(eval("j.values.first", NAMES)) == str(eval("j['values']['first']", NAMES))


def test_a_method_of_text_has_no_attributes() -> None:
    with pytest.raises(NotCalled, match=r"`s.len` is a method, .* Call it: s.len\("):
        eval("s.len.first", NAMES)
    assert not hasattr(NAMES["s"].len, "first")
