"""Queries that make no sense, and what is said of them: what is at fault, and a way out."""

import datetime
import uuid
from typing import Any, NotRequired, TypedDict

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from tests.api.library import letters, twice


class Pet(TypedDict):
    name: str
    age: NotRequired[int]


@pytest.fixture(scope="module")
def names(session_settings: dict[str, str]) -> dict[str, Any]:  # noqa: ARG001  # what it sets up is needed
    """What the lines below may name: `t` with rows, `o` as another table, `a` as another name of `t`.

    They are for the whole file, since nothing here changes anything.
    """
    ns = f"refused_{uuid.uuid4().hex}"
    pxt.create_dir(ns)
    columns = {
        "n": pxt.Int, "g": pxt.Int | None, "s": pxt.String, "j": pxt.Json, "b": pxt.Bool, "ts": pxt.Timestamp,
        "d": pxt.Date, "u": pxt.UUID, "arr": pxt.Array[(3,), pxt.Float], "pet": pxt.Json[Pet], "l": pxt.Json[list[int]],
    }  # fmt: skip
    t = pxt.create_table(f"{ns}/t", columns)
    day = datetime.date(2024, 1, 31)
    row = {"s": "a", "j": {"k": 1}, "b": True, "ts": "2024-01-31T12:00:00+00:00", "d": day, "u": uuid.UUID(int=1)}
    t.insert(row | {"n": n, "arr": [1, 2, 3], "pet": {"name": "Bo"}, "l": [n]} for n in range(3))
    t.add_computed_column(c=twice(t.n))
    o = pxt.create_table(f"{ns}/o", {"n": pxt.Int, "s": pxt.String, "z": pxt.Int})
    gone = pxt.create_table(f"{ns}/gone", {"n": pxt.Int})
    dropped, query = gone.n, gone.where(gone.n > 1)
    pxt.drop_table(gone)
    return {
        "pxt": pxt, "pxtf": pxtf, "datetime": datetime, "twice": twice, "letters": letters, "t": t, "o": o,
        "a": t.alias("a"), "gone": gone, "dropped": dropped, "query": query, "unknown": object(),
    }  # fmt: skip


TYPES = """\
t.where(t.n + t.s > 1)             | n + s: + requires numeric types, got `Int` and `String` | Numbers can be added
t.select(x=t.s - 1)                | s - 1: - requires numeric types, got `String` and `Int` | Both operands are
t.select(t.ts + 1)                 | ts + 1: + requires numeric types, got `Timestamp` and `Int` | datetime.timedelta
t.select(t.ts - t.d)               | difference of `Timestamp` and `Date` | date_diff
t.select(-t.s)                     | -s: - requires a numeric type, but the operand has type `String` | asc=False
t.where(t.n > 1 & t.n < 3)         | 1 & n: & requires Bool operands, got `Int` and `Int` | parentheses
t.where(t.b & t.j.k)               | got `Bool` and `Json | None` | j.k.astype(pxt.Bool)
t.where(t.n == t.s)                | n == s: cannot compare `Int` with `String` | of their own type
t.where(t.n == '1')                | n == '1': cannot compare `Int` with `String` | Numbers compare with numbers
t.where(t.b == 1)                  | b == 1: cannot compare `Bool` with `Int` | of their own type
t.where(t.ts > t.d)                | ts > d: cannot compare `Timestamp` with `Date` | .date()
t.where(t.arr == t.arr)            | cannot compare `Array[(3,), float32]` with `Array[(3,), float32]` | a[0] > 1
t.where(t.j > t.arr)               | cannot compare `Json` with `Array[(3,), float32]` | a[0] > 1
t.where(t.n == [1])                | n == [1]: cannot compare `Int` with `Json` | plain values
t.where(t.l > 1)                   | cannot compare `Json[list[Int]]` with `Int` | plain values
t.where(t.ts > 'soon')             | ts > 'soon': the String 'soon' cannot be used as `Timestamp` | Write it
t.where(t.d == '2024-13-01')       | the String '2024-13-01' cannot be used as `Date` | Write it as '2024-01-31'
t.where(t.u == 'x')                | the String 'x' cannot be used as `UUID` | 32 hexadecimal digits
t.where(t.ts.isin(['soon']))       | ts.isin(): the String 'soon' cannot be used as `Timestamp` | Write it
t.where(t.n < None)                | n < None: null has no order | == None
t.where(t.n.isin(5))               | n.isin() takes a list of values or a Json list, got 5 | [1, 2]
t.where(t.n.isin([t.g]))           | takes plain values, got the expression g | n == g
t.where(t.arr.isin([1]))           | values of type `Array[(3,), float32]` cannot be compared | Compare what
t.select(t.s[0])                   | `s` has type `String`, which has no items | Json and Array
t.select(t.n.uper())               | `n` has type `Int`, which has no method 'uper' | Methods: abs
t.select(t.s.uper())               | `s` has type `String`, which has no method 'uper' | Did you mean 'upper'?
t.select(t.s.upper)                | `s.upper` is a method | Call it: s.upper(
t.where(t.s.startswith)            | `s.startswith` is a method | Call it
t.select(t.s.upper + 'x')          | `s.upper` is a method | Call it
t.where(t.n > 1 and t.g)           | the value of `n > 1` is known only when a query runs | Use &, | and ~
t.where(1 < t.n < 3)               | is known only when a query runs | Use &
t.where(t.n in [1, 2])             | is known only when a query runs | isin()
t.select(len(t.s))                 | is known only when a query runs | .len()
t.select(int(t.n))                 | is known only when a query runs | .astype(pxt.Int)
t.select(unknown)                  | a value of type object cannot be used in an expression | Use a column
t.select(o)                        | a value of type Table cannot be used in an expression | Use a column
t.select({1, 2})                   | a value of type set cannot be used in an expression | list
t.select(t.n.astype(int))          | standard Python type `int` cannot be used here | pxt.Int
"""

FIELDS = """\
t.select(t.pet.nmae)               | pet.nmae: a value of type | Did you mean 'name'?
t.select(t.pet['colour'])          | has no key 'colour' | Keys: name, age.
t.where(t.pet.colour == 'red')     | pet.colour | Keys
t.order_by(t.pet.colour)           | pet.colour | Keys
t.select(t.pet.age.years)          | `pet.age` has type `Int | None`, which has no method 'years' | Methods
t.select(t.pet[0])                 | pet[0]: a value of type
t.select(t.l.colour)               | l.colour: a value of type `Json[Int]` has nothing at ['colour']
t.select(t.j[1.5])                 | j[1.5]: a Json path takes a key (str), a position (int)
t.select(t.j[t.n])                 | j[n]: a Json path takes a key (str), a position (int)
t.select(t.arr['x'])               | arr['x']: an array takes positions (int), slices of them and `...` | a[0, 1:3]
t.select(t.arr[0, 0])              | arr[0, 0]: `Array[(3,), float32]` has 1 dimensions, not 2 | at most one
t.select(t.nn)                     | has no column 'nn' | Did you mean 'n'?
t.select(t['colour'])              | has no column 'colour' | Columns: arr, b
"""

FOREIGN = """\
t.where(o.n > 1)                   | where() refers to `n` of another table | join()
t.select(t.n, x=[o.n])             | select() refers to `n` of another table | join()
t.select(pxtf.sum(o.n))            | select() refers to `n` of another table | join()
t.select(pxtf.sum(t.n, order_by=o.n)) | select() refers to `n` of another table | join()
t.order_by(o.n)                    | order_by() refers to `n` of another table | join()
t.group_by(o.n)                    | group_by() refers to `n` of another table | join()
t.group_by(t.g).having(o.n > 1)    | having() refers to `n` of another table | join()
t.sample(n=1, stratify_by=o.n)     | sample() refers to `n` of another table | join()
t.update({'g': 1}, where=o.n > 1)  | where() refers to `n` of another table
t.update({'g': o.n})               | the value of 'g' refers to `n` of another table
t.delete(where=o.n > 1)            | where() refers to `n` of another table
t.recompute_columns('c', where=o.n > 1) | where() refers to `n` of another table
t.where(a.n > 1).collect()         | where() refers to `a.n` of another table | join()
t.select(a.n).collect()            | select() refers to `a.n` of another table | join()
a.where(t.n > 1)                   | the query refers to `n` of another table than | join()
a.order_by(t.n)                    | the query refers to `n` of another table than | join()
t.delete(where=a.n > 1)            | where() refers to `a.n` of another table
t.update({'g': 1}, where=a.n > 1)  | where() refers to `a.n` of another table
t.join(o, on=t.n == dropped)       | refers to `n` of another table
t.join(o, on=t.n).where(a.n == 1)  | refers to `a.n` of another table
t.where(dropped > 1)               | refers to `n` of another table
query.collect()                    | /gone' was dropped | pxt.get_table()
query.count()                      | /gone' was dropped | pxt.get_table()
query.select(dropped)              | /gone' was dropped | pxt.get_table()
query.delete()                     | /gone' was dropped | pxt.get_table()
query.cursor()                     | /gone' was dropped | pxt.get_table()
gone.n                             | /gone' was dropped | pxt.get_table()
t.join(gone, on=t.n)               | /gone' was dropped | pxt.get_table()
"""

GROUPS = """\
t.where(pxtf.sum(t.n) > 1)         | where() is about single rows, but `sum(n)` is an aggregate | having()
t.where(pxtf.rank() > 1)           | the window `rank()` | select()
t.group_by(t.g).select(t.n)        | select(): 'n' has no single value in a group | group_by()
t.group_by(t.g).select(x=t.n + t.g) | 'x' has no single value in a group: `n` is neither | pxtf.max(n)
t.group_by(t.g).select(twice(t.n)) | 'twice' has no single value in a group | pxtf.max(n)
t.group_by(t.g).order_by(t.n)      | order_by(): `n` has no single value in a group | pxtf.max(n)
t.order_by(t.n).group_by(t.g)      | order_by(): `n` has no single value in a group | pxtf.max(n)
t.group_by(t.g).having(t.n > 1)    | having() has no single value in a group: `n` is neither | pxtf.max(n)
t.select(t.n, pxtf.sum(t.n)).collect() | 'n' has no single value in a group | group_by()
t.group_by(pxtf.sum(t.n))          | group_by() is about single rows, but `sum(n)` is an aggregate | select()
t.group_by(t.g).group_by(t.n)      | the query has a group_by() already | in one call
t.group_by(t.arr)                  | `arr` has type `Array[(3,), float32]`, by which rows cannot be grouped
t.group_by(t.g).distinct()         | distinct() cannot be used on groups of rows | differ in their keys
t.group_by(t.g).head()             | head() cannot be used on groups of rows | limit(n).collect()
t.group_by(t.g).having(1)          | having() takes an expression of type `Bool`, got 1 | t.n > 1
t.group_by(t.g).having(t.g)        | having() takes an expression of type `Bool`, but `g` has type | t.n > 1
pxtf.sum(pxtf.sum(t.n))            | the argument `sum(n)` is itself an aggregate
pxtf.sum(t.n, order_by='n')        | sum(): order_by takes expressions, got 'n' | t.n
pxtf.sum(t.n, group_by=['g'])      | sum(): group_by takes expressions, got ['g'] | without a list
pxtf.sum(t.n, order_by=t.n, asc=1) | sum(): asc is True or False, got 1
pxtf.sum(t.s)                      | sum(String): no signature accepts these arguments | (val: Int)
"""

CLAUSES = """\
t.where(t.n)                       | where() takes an expression of type `Bool`, but `n` has type `Int` | t.n > 1
t.where(True)                      | where() takes an expression of type `Bool`, got True | t.n > 1
t.where('n > 1')                   | where() takes an expression of type `Bool`, got 'n > 1' | t.n > 1
t.where(lambda row: row.n > 1)     | where() takes an expression of type `Bool`, got <function | t.n > 1
t.where(t.n > 1).where(t.n < 3)    | the query has a where() already | & and |
t.select(t.n).select(t.g)          | the query has a select list already | once
t.select(t.n, n=t.g)               | select() has two items called 'n' | another keyword
t.order_by('n')                    | order_by() takes expressions, got 'n' | t.n
t.order_by(5)                      | order_by() takes expressions, got 5 | t.name
t.order_by(None)                   | order_by() takes expressions, got None | t.name
t.order_by([t.n, t.g])             | order_by() takes expressions, got [n, g] | without a list
t.order_by(t.s.upper)              | `s.upper` is a method | Call it
t.order_by(t.n, asc='desc')        | order_by(): asc is True or False, got 'desc' | asc=False
t.order_by(t.n, t.g, asc=[True, False]) | asc is True or False, got [True, False] | .order_by(b, asc=False)
t.order_by(t.arr)                  | `arr` has type `Array[(3,), float32]`, which has no order | part of it
t.group_by('g')                    | group_by() takes expressions, got 'g' | t.g
t.group_by([t.g])                  | group_by() takes expressions, got [g] | without a list
t.group_by()                       | group_by() takes at least one expression | t.name
t.select(t.arr).distinct()         | `arr` has type `Array[(3,), float32]`, by which rows cannot be grouped
t.limit(-1)                        | limit(): n must be a non-negative int, got -1 | limit(10
t.limit(True)                      | limit(): n must be a non-negative int, got True | limit(10
t.limit(t.n)                       | limit(): n must be a non-negative int, got n | limit(10
t.limit(1, offset=-1)              | limit(): offset must be a non-negative int, got -1 | limit(10
t.head(-1)                         | head(): n must be a non-negative int, got -1 | head(10)
t.tail(True)                       | tail(): n must be a non-negative int, got True | tail(10)
t.tail(-1)                         | tail(): n must be a non-negative int, got -1 | tail(10)
t.show('all')                      | show(): n must be a non-negative int, got 'all' | show(10)
t.order_by(t.n).head()             | head() cannot be used with order_by() or limit() | limit(n).collect()
t.sample()                         | sample() takes just one of n, n_per_stratum, fraction, got none | sample(n=10)
t.sample(n=True)                   | sample(): n must be a non-negative int, got True | sample(n=10)
t.sample(fraction=True)            | sample(): fraction must be a number from 0 to 1, got True | sample(n=10)
t.sample(fraction=2)               | sample(): fraction must be a number from 0 to 1, got 2 | sample(n=10)
t.sample(n=1, seed='a')            | sample(): seed must be an int, got 'a' | seed=1
t.sample(n=1, stratify_by='g')     | sample() takes expressions, got 'g' | t.g
t.sample(n_per_stratum=1)          | sample(): n_per_stratum needs stratify_by | t.name
t.sample(n=1).where(t.n > 1)       | the query has a sample() already | where() first
t.sample(n=1).sample(n=1)          | sample() comes before | Write it first
t.limit(1).sample(n=1)             | sample() comes before | Write it first
t.sample(n=1).head()               | head() cannot be used with join() or sample() | limit(n).collect()
"""

JOINS = """\
t.join(o)                          | a join with how='inner' needs `on` | on=t.id == u.id
t.join(o, on='n')                  | join(): `on` is a Bool expression or columns, got 'n' | on=t.id
t.join(o, on=[t.n, 's'])           | join(): `on` is a Bool expression or columns, got 's' | on=t.id
t.join(o, on=[])                   | join(): `on` is a Bool expression or columns, got [] | on=t.id
t.join(o, on=t.n + 1)              | join() takes an expression of type `Bool`, but `n + 1` has type `Int` | t.n > 1
t.join(o, on=t.n == o.s)           | n == s: cannot compare `Int` with `String` | of their own type
t.join(o, on=t.g)                  | /o' has no column 'g' | Columns: n, s, z
t.join(o, on=t.n, how='outer')     | join(): how must be one of 'inner', 'left', 'right', | got 'outer'
t.join(o, on=t.n, how='cross')     | a cross join takes no `on` | where(
t.join(t, on=t.n)                  | is in the query already, under the same name | t.alias('other')
t.join(o, on=t.n).join(o, on=t.n)  | is in the query already, under the same name | t.alias('other')
t.join('o', on=t.n)                | join() takes a table, got 'o' | t.alias('a')
t.join(o.where(o.z > 1), on=t.n)   | join() takes a table, got | t.alias('a')
t.join(a, on=t.n).join(o, on=o.n)  | column 'n' may be of either use of table | t.alias('other')
t.select(t.n).join(o, on=t.n)      | join() comes before select() | Write it first
t.sample(n=1).join(o, on=t.n)      | join() comes before select(), | Write it first
t.join(o, on=pxtf.sum(t.n) == 1)   | join() is about single rows, but `sum(n)` is an aggregate
t.join(o, on=t.n).delete()         | delete() takes the rows of one table that where() keeps | where() alone
t.join(o, on=t.n).head()           | head() cannot be used with join() or sample() | limit(n).collect()
t.alias(5)                         | invalid alias 5 | Names start with
"""

CALLS = """\
twice()                            | twice(): missing a required argument: 'n' | Parameters: (n: Int)
twice(t.n, t.n)                    | twice(): too many positional arguments | Parameters: (n: Int)
twice(t.n, m=1)                    | twice(): got an unexpected keyword argument 'm' | Parameters: (n: Int)
twice(t.s)                         | twice(): parameter `n` takes `Int`, but `s` has type `String`
twice('a')                         | twice(): parameter `n` takes `Int`, but `'a'` has type `String`
letters(t.n)                       | letters(): parameter `text` takes `String`, but `n` has type `Int`
twice(t)                           | a value of type Table cannot be used in an expression | Use a column
t.s.startswith()                   | startswith(): missing a required argument: 'substr' | Parameters: (self: String
t.s.startswith(1)                  | startswith(): parameter `substr` takes `String`, but `1` has type `Int`
t.s.upper(1)                       | upper(): too many positional arguments | Parameters: (self: String)
pxtf.math.sqrt(t.s)                | sqrt(String): no signature accepts these arguments | (x: Float) -> Float
pxtf.sum()                         | sum(): missing a required argument: 'val' | Parameters
pxtf.percentile(t.n, 2)            | percentile(): q is a share from 0 to 1, got 2 | q=0.95
"""


LINES = "".join([TYPES, FIELDS, FOREIGN, GROUPS, CLAUSES, JOINS, CALLS]).splitlines()


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.partition(" | ")[0].strip())
def test_it_is_refused_with_a_way_out(line: str, names: dict[str, Any]) -> None:
    """A line is what was written | what is at fault | and, after that, a way out."""
    source, fact, *way_out = (part.strip() for part in line.split(" | "))
    with pytest.raises(pxt.Error) as caught:
        eval(source, names)
    message = caught.value.message
    assert fact in message
    assert all(part in message.partition(fact)[2] for part in way_out), message
    assert "\n" not in message
