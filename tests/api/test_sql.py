"""`pxt.sql()`: what SELECTs over tables yield, in which types, and what is refused."""

import datetime
import decimal
import logging
import threading
import uuid
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.exceptions import (
    FailedSql,
    InvalidArgument,
    InvalidSql,
    RefusedSql,
    UnknownColumn,
    UnknownPath,
    UnknownSqlColumn,
    UnknownVersion,
)
from pixeltable.session.current import current_session
from tests.engines import examples

NOON = datetime.datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=datetime.UTC)
DOCS = [("ant", 5, {"tags": ["a", "b"], "n": 1}), ("bee", 50, {"tags": []}), ("bee", 70, None), ("cat", 12, {"n": 2})]
STORED: dict[str, tuple[Any, Any]] = {
    "s": (pxt.String, "it's ä\n"),
    "i": (pxt.Int, 2**62),
    "x": (pxt.Float, 0.1),
    "b": (pxt.Bool, True),
    "ts": (pxt.Timestamp, NOON),
    "d": (pxt.Date, datetime.date(2024, 2, 29)),
    "u": (pxt.UUID, uuid.UUID(int=7)),
    "raw": (pxt.Binary, b"\x00\xff"),
    "j": (pxt.Json, {"a": [1, 2.5, None, "x"], "big": 2**70}),
    "tj": (pxt.Json[{"a": pxt.Int}], {"a": 1}),
    "a": (pxt.Array[(2, 2), pxt.Float], np.arange(4, dtype="float32").reshape(2, 2)),
    "n": (pxt.Array[(3,), np.int64], np.arange(3)),
}


@pxt.udf
def share(words: int) -> float:
    return 7 / (words - 5)


@pytest.fixture
def docs(ns: str) -> pxt.Table:
    table = pxt.create_table(f"{ns}/docs", {"title": pxt.String, "words": pxt.Int, "facts": pxt.Json | None})
    table.insert([{"title": title, "words": words, "facts": facts} for title, words, facts in DOCS])
    return table


@pytest.fixture
def stored(ns: str) -> pxt.Table:
    table = pxt.create_table(
        f"{ns}/stored", {"id": pxt.Int, **{name: kind | None for name, (kind, _) in STORED.items()}}
    )
    table.insert([{"id": 1, **{name: value for name, (_, value) in STORED.items()}}, {"id": 2}])
    return table


def rows(text: str, **params: Any) -> list[tuple[Any, ...]]:
    result = pxt.sql(text, params)
    return [tuple(row.values()) for row in result]


@pytest.mark.usefixtures("docs")
def test_a_select_yields_a_result_with_names_and_types(ns: str) -> None:
    result = pxt.sql(f"select title, count(*) as n from {ns}.docs where words > 10 group by title order by n desc")
    assert isinstance(result, pxt.ResultSet)
    assert list(result) == [{"title": "bee", "n": 2}, {"title": "cat", "n": 1}]
    assert result.schema == {"title": "String", "n": "Int | None"}


@pytest.mark.parametrize("path", ["{ns}.docs", '"{ns}/docs"', '"{ns}.docs"', '"{ns}"."docs"', '"{ns}/docs" d'])
@pytest.mark.usefixtures("docs")
def test_a_table_is_named_by_any_form_of_its_path(ns: str, path: str) -> None:
    assert rows(f"select count(*) from {path.format(ns=ns)}") == [(4,)]


def test_a_table_of_the_root_has_its_name_for_a_path(ns: str) -> None:
    pxt.create_table(f"root_{ns}", {"x": pxt.Int}, if_exists="replace").insert(x=1)
    assert rows(f"select root_{ns}.x from root_{ns}") == [(1,)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("with big as (select * from T where words > 10) select title, words from big order by 2", [
            ("cat", 12), ("bee", 50), ("bee", 70)]),
        ("with docs as (select title from T where words < 10) select docs.title from docs", [("ant",)]),
        ("select a.title, b.words from T a join T b on a.words = b.words where b.words > 12 order by 2", [
            ("bee", 50), ("bee", 70)]),
        ("select title from T where words = (select max(words) from T)", [("bee",)]),
        ("select title from T where words > 60 union all select 'x' order by 1", [("bee",), ("x",)]),
        ("select title from T except select 'bee' order by 1", [("ant",), ("cat",)]),
        ("select words, rank() over (partition by title order by words desc) from T order by words", [
            (5, 1), (12, 1), (50, 2), (70, 1)]),
        ("select sum(words) over w - words from T window w as (order by words) order by 1", [
            (0.0,), (5.0,), (17.0,), (67.0,)]),
        ("select facts ->> 'n', facts -> 'tags' -> 0 from T where facts ? 'n' order by words", [
            ("1", "a"), ("2", None)]),
        ("select title, tag from T, jsonb_array_elements_text(facts -> 'tags') tag order by 2", [
            ("ant", "a"), ("ant", "b")]),
        ("select title from T where facts @> '{\"n\": 1}'", [("ant",)]),
        ("select distinct on (title) title, words from T order by title, words desc limit 2 offset 1", [
            ("bee", 70), ("cat", 12)]),
        ("select case when words > 20 then 'long' else 'short' end as size, count(*) from T group by size order by 1", [
            ("long", 2), ("short", 2)]),
        ("with recursive r(n) as (select 1 union select n + 1 from r where n < 4) select count(*) from r, T", [(16,)]),
        ("select string_agg(distinct title, '+' order by title) filter (where words > 5) from T", [("bee+cat",)]),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("docs")
def test_what_postgresql_can_select_is_selected(ns: str, text: str, expected: list[Any]) -> None:
    assert rows(text.replace(" T", f" {ns}.docs")) == expected


@pytest.mark.usefixtures("docs")
def test_two_tables_are_joined(ns: str) -> None:
    pxt.create_table(f"{ns}/legs", {"title": pxt.String, "legs": pxt.Int}).insert(title="ant", legs=6)
    result = pxt.sql(f"select * from {ns}.docs d left join {ns}.legs using (title) order by words limit 2")
    assert result["legs"] == [6, None]
    assert result.schema["legs"] == "Int | None"


def test_every_stored_type_comes_as_the_api_gives_it(ns: str, stored: pxt.Table) -> None:
    expected = stored.order_by(stored.id).collect()
    result = pxt.sql(f"select * from {ns}.stored order by id")
    assert result == expected
    assert result.schema == expected.schema
    assert [type(value) for value in result[0].values()] == [type(value) for value in expected[0].values()]


@pytest.mark.parametrize("name", STORED)
def test_a_column_keeps_its_type_through_subqueries_and_unions(ns: str, stored: pxt.Table, name: str) -> None:
    expected = stored.order_by(stored.id).select(stored[name]).collect()
    nested = f"with q as (select id, {name} from {ns}.stored) select q.{name} from (select * from q) q order by q.id"
    union = f"(select {name} from {ns}.stored where id = 1) union all select {name} from {ns}.stored where id = 2"
    for text in (nested, union):
        result = pxt.sql(text)
        assert result == expected
        assert result.schema == expected.schema


def test_tables_of_one_name_keep_their_types(ns: str, stored: pxt.Table) -> None:
    pxt.create_dir(f"{ns}/other")
    pxt.create_table(f"{ns}/other/stored", {"z": pxt.Int, "n": pxt.Float})
    text = f"select a from {ns}.stored where not exists (select z from {ns}.other.stored) order by id"
    assert pxt.sql(text) == stored.order_by(stored.id).select(stored.a).collect()


def test_many_branches_of_a_union_are_no_burden(ns: str, stored: pxt.Table) -> None:
    for branches in (60, 2000 // len(STORED)):
        text = " union all ".join([f"(select * from {ns}.stored where id = 1)"] * branches)
        assert len(pxt.sql(f"select id from ({text}) q")) == branches
    found = pxt.sql(" union all ".join([f"select id, tj from {ns}.stored"] * 60))
    assert found.schema == stored.select(stored.id, stored.tj).collect().schema


def test_computed_columns_are_there_wherever_they_are_stored(ns: str, docs: pxt.Table) -> None:
    docs.add_computed_column(loud=docs.title.upper())
    docs.add_computed_column(twice=docs.words * 2)
    assert rows(f"select loud, twice from {ns}.docs where twice < 30 order by twice") == [("ANT", 10), ("CAT", 24)]


def test_failed_cells_are_null(ns: str, docs: pxt.Table) -> None:
    docs.add_computed_column(part=share(docs.words), on_error="ignore")
    assert rows(f"select title, part from {ns}.docs where words < 20 order by words") == [("ant", None), ("cat", 1.0)]


def test_columns_that_are_computed_on_each_read_are_not(ns: str, docs: pxt.Table) -> None:
    docs.add_computed_column(loud=docs.title.upper(), stored=False)
    assert "loud" not in pxt.sql(f"select * from {ns}.docs").schema
    with pytest.raises(RefusedSql, match=r"the column 'loud' of table '.*/docs', which is computed whenever"):
        pxt.sql(f"select loud from {ns}.docs")


def test_a_column_is_found_in_its_spelling_and_reserved_words_take_quotes(ns: str) -> None:
    schema = {"order": pxt.Int, "Select": pxt.Int, "user": pxt.Int, "Value": pxt.Int, "date": pxt.Int}
    pxt.create_table(f"{ns}/words", schema).insert([dict(zip(schema, range(5), strict=True))])
    found = pxt.sql(f'select "order", w."Select", user, Value, "Value" + 1 as More, date from {ns}.words w')
    assert list(found) == [{"order": 0, "Select": 1, "user": 2, "Value": 3, "more": 4, "date": 4}]


def test_columns_with_long_names_are_told_apart(ns: str) -> None:
    first, second = "a" * 70 + "_x", "a" * 70 + "_y"
    pxt.create_table(f"{ns}/long", {first: pxt.Int, second: pxt.Int}).insert([{first: 1, second: 2}])
    assert list(pxt.sql(f"select * from {ns}.long")) == [{first: 1, second: 2}]
    assert list(pxt.sql(f"select {second} from {ns}.long where {first} = 1")) == [{second: 2}]


@pytest.mark.usefixtures("docs")
def test_outputs_of_one_name_get_suffixes_and_those_without_a_number(ns: str) -> None:
    result = pxt.sql(f"select title, title, 1, words + 1, upper(title), words as title from {ns}.docs")
    assert list(result.schema) == ["title", "title_1", "col_2", "col_3", "upper", "title_2"]


@pytest.mark.parametrize(
    ("expr", "kind", "value"),
    [
        ("1", "Int", 1),
        ("2::smallint", "Int", 2),
        ("9007199254740993", "Int", 9007199254740993),
        ("1.5", "Float", 1.5),
        ("0.5::real", "Float", 0.5),
        ("sqrt(4)", "Float", 2.0),
        ("sum(1::bigint)", "Float", 1.0),
        ("sum(1::bigint)::bigint", "Int", 1),
        ("'a' || 'b'", "String", "ab"),
        ("'a'::char(2)", "String", "a "),
        ("null", "String", None),
        ("1 = 1", "Bool", True),
        ("date '2024-02-29'", "Date", datetime.date(2024, 2, 29)),
        ("timestamptz '2024-02-29 12:30:15.123456+00'", "Timestamp", NOON),
        ("'\\x6162'::bytea", "Binary", b"ab"),
        ("'00000000-0000-0000-0000-000000000007'::uuid", "UUID", uuid.UUID(int=7)),
        ("'{\"a\": [1, null]}'::jsonb", "Json", {"a": [1, None]}),
        ("'[1]'::json", "Json", [1]),
        ("array[1, 2]", "Json", [1, 2]),
        ("array[[1.5], [2]]", "Json", [[1.5], [2.0]]),
        ("array['a', null]", "Json", ["a", None]),
        ("array['{}'::jsonb]", "Json", [{}]),
    ],
)
@pytest.mark.usefixtures("session_settings")
def test_computed_values_have_the_type_that_postgresql_says(expr: str, kind: str, value: Any) -> None:
    result = pxt.sql(f"select {expr} as v")
    assert (result.schema, result["v"]) == ({"v": f"{kind} | None"}, [value])


@pytest.mark.usefixtures("session_settings")
def test_a_timestamp_without_zone_is_one_of_the_sessions_zone() -> None:
    zone = current_session().settings.zone
    assert rows("select timestamp '2024-02-29 12:00'") == [(datetime.datetime(2024, 2, 29, 12, tzinfo=zone),)]


@pytest.mark.parametrize(
    ("expr", "what"),
    [
        ("interval '1 day'", "type interval"),
        ("time '10:00'", "type time"),
        ("to_tsvector('a')", "type tsvector"),
        ("array[date '2024-01-01']", "type date"),
        ("docs", "whole rows"),
        ("row(1, 2)", "whole rows"),
    ],
)
@pytest.mark.usefixtures("docs")
def test_values_that_no_column_type_holds_are_refused(ns: str, expr: str, what: str) -> None:
    with pytest.raises(RefusedSql, match=what):
        pxt.sql(f"select {expr} from {ns}.docs")


@pytest.mark.parametrize("expr", ["coalesce(a, a)", "max(a)", "(select a limit 1)"])
@pytest.mark.usefixtures("stored")
def test_arrays_cannot_be_computed_with(ns: str, expr: str) -> None:
    with pytest.raises(RefusedSql, match="computes with an Array"):
        pxt.sql(f"select {expr} from {ns}.stored")


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("i = :v", 2**62), ("x < :v", 0.2), ("s = :v", "it's ä\n"), ("b = :v", True), ("ts = :v", NOON),
        ("ts <= :v", NOON.astimezone(datetime.timezone(datetime.timedelta(hours=9)))), ("d = :v", NOON.date()),
        ("u = :v", uuid.UUID(int=7)), ("raw = :v", b"\x00\xff"), ("j @> :v", {"a": [1]}), ("i = any(:v)", [1, 2**62]),
        ("s = any(:v)", ("x", "it's ä\n")), ("x > :v", decimal.Decimal("0.05")),
        ("s is not null and :v::int is null", None),
        ("j ->> 'a' is not null and s <> :v", "'; drop table x; --"),
        ("ts - :v < timestamptz '2024-02-29 00:00Z'", datetime.timedelta(days=1)),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("stored")
def test_parameters_are_values(ns: str, condition: str, value: Any) -> None:
    assert rows(f"select id from {ns}.stored where {condition}", v=value) == [(1,)]


@pytest.mark.usefixtures("docs")
def test_a_parameter_can_be_named_more_than_once_and_limit(ns: str) -> None:
    text = f"select words from {ns}.docs where words > :n or words = :n order by words limit :limit"
    assert rows(text, n=12, limit=2) == [(12,), (50,)]


@pytest.mark.parametrize(
    ("text", "params", "match"),
    [
        ("select :n", None, "a parameter :n, and params has no value"),
        ("select :n", {"m": 1, "n": 2}, "params has 'm'"),
        ("select 1", {"m": 1}, "It has none"),
        ("select :n", [1], "params maps names to values"),
        ("select :n", {1: 1}, "params maps names to values"),
        ("select :n", {"n": object()}, "of type object"),
        ("select :n", {"n": [{1, 2}]}, "of type set"),
        ("select :n", {"n": "a\0b"}, "NUL"),
        ("select :n", {"n": "\ud800"}, "surrogate"),
        ("select :n", {"n": {"a": object()}}, "n"),
        ("select '\0'", None, "NUL"),
        ("select '\udc00'", None, "surrogate"),
        (1, None, "the statement is a string, got int"),
    ],
)
@pytest.mark.usefixtures("session_settings")
def test_arguments_that_do_not_fit_are_refused(text: Any, params: Any, match: str) -> None:
    with pytest.raises(InvalidArgument, match=match):
        pxt.sql(text, params)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select 1 / 0", "division by zero"),
        ("select 1 / (words - 5) from T", "division by zero"),
        ("select words + title from T", "operator does not exist: bigint .+ text. No operator matches"),
        ("select title::int from T", 'invalid input syntax for type integer: "ant"'),
        ("select upper(words) from T", "function upper\\(bigint\\) does not exist"),
        ("select title, count(*) from T", "must appear in the GROUP BY clause"),
        ("select x.title from T", 'missing FROM-clause entry for table "x"'),
        ("select words from T union select title from T", "UNION types bigint and text cannot be matched"),
        ("select (select words from T)", "more than one row returned by a subquery"),
        ("select title from T a, T b", 'column reference "title" is ambiguous'),
        ("select 'infinity'::date", "date too large|infinity"),
        ("select array[1, 'x']", "invalid input syntax"),
        ("select * from T limit -1", "LIMIT must not be negative"),
        ("select * except (title) from T", "syntax error"),
        ("with recursive a as (select * from b), b as (select * from a) select * from a", "recursion"),
        ("select 1e400::numeric", "a numeric result is out of the range of Float"),
        ("select repeat('x', 2000000000)", "invalid memory|out of memory|too large|length"),
    ],
)
def test_errors_of_postgresql_are_errors_of_ours(ns: str, docs: pxt.Table, text: str, message: str) -> None:
    with pytest.raises(FailedSql, match=message):
        pxt.sql(text.replace(" T", f" {ns}.docs"))
    assert docs.count() == 4  # the connection is as good as before


@pytest.mark.parametrize("column", ["headline", "d.headline", "upper(headline)"])
@pytest.mark.usefixtures("docs")
def test_an_unknown_column_is_named_with_those_there_are(ns: str, column: str) -> None:
    with pytest.raises(UnknownColumn, match=r"table '.*/docs' has no column 'headline'. Columns: facts, title, words"):
        pxt.sql(f"select {column} from {ns}.docs d")


@pytest.mark.usefixtures("docs")
def test_an_unknown_column_may_be_of_any_of_several_tables(ns: str) -> None:
    pxt.create_table(f"{ns}/more", {"x": pxt.Int})
    with pytest.raises(
        UnknownSqlColumn, match=r"none of the tables '.*/docs', '.*/more' has a column 'wrds'. Did you mean 'words'"
    ):
        pxt.sql(f"select wrds from {ns}.docs a, {ns}.more b")
    with pytest.raises(UnknownColumn):
        pxt.sql("select x from (select 1 as y) q")


@pytest.mark.usefixtures("docs")
def test_columns_of_the_database_itself_are_unknown(ns: str) -> None:
    for column in ("ctid", "xmin", "tableoid", "row", "op_in", "errors"):
        with pytest.raises(pxt.Error, match=r"has no column|cannot"):
            pxt.sql(f"select docs.{column} from {ns}.docs")


@pytest.mark.usefixtures("docs")
def test_an_unknown_table_is_named_with_near_ones(ns: str) -> None:
    with pytest.raises(UnknownPath, match=f"path '{ns}/dcs' does not exist. Did you mean '{ns}/docs'"):
        pxt.sql(f"select * from {ns}.dcs")


@pytest.mark.parametrize(
    "text", ["delete from T", "select * from T for update", "select pg_sleep(1) from T", "select from T", ""]
)
def test_what_is_no_reading_is_refused(ns: str, docs: pxt.Table, text: str) -> None:
    with pytest.raises(RefusedSql):
        pxt.sql(text.replace(" T", f" {ns}.docs"))
    assert docs.count() == 4


@pytest.mark.usefixtures("docs")
def test_a_syntax_error_shows_the_place(ns: str) -> None:
    with pytest.raises(InvalidSql) as caught:
        pxt.sql(f"select title\nfrom {ns}.docs d e words > 1")
    assert "line 2" in str(caught.value)


@pytest.mark.usefixtures("session_settings")
def test_the_transaction_can_only_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixeltable.plan.statement_rules.FUNCTIONS", {"nextval", "set_config"})
    with pytest.raises(FailedSql, match="read-only transaction"):
        pxt.sql("select nextval('pixeltable.id_seq')")


@pytest.mark.usefixtures("session_settings")
def test_nothing_of_other_schemas_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    create = "CREATE FUNCTION public.sneaky() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    current_session().database.read(lambda connection: connection.execute(create))
    monkeypatch.setattr("pixeltable.plan.statement_rules.FUNCTIONS", {"sneaky"})
    with pytest.raises(FailedSql, match="does not exist"):
        pxt.sql("select sneaky()")


@pytest.mark.usefixtures("session_settings")
def test_the_connection_is_left_as_it_was() -> None:
    read = lambda: current_session().database.read(lambda c: c.execute("SHOW search_path").fetchone())  # noqa: E731
    before = read()
    pxt.sql("select 1")
    assert read() == before
    assert current_session().database.read(lambda c: c.execute("SELECT 1.5").fetchone()) == (decimal.Decimal("1.5"),)


@pytest.mark.usefixtures("session_settings")
def test_a_refusal_writes_nothing_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    for text in (
        "vacuum",
        "select * from (select 1) x pivot (sum(a) for b in (1))",
        "select first_value(1) ignore nulls over ()",
    ):
        with caplog.at_level(logging.INFO), pytest.raises(pxt.RequestError):
            pxt.sql(text)
    assert not caplog.records


def test_a_table_that_another_process_changed_is_seen_as_it_is_now(ns: str, docs: pxt.Table) -> None:
    session = current_session()
    old = session.catalog
    docs.add_computed_column(loud=docs.title.upper())
    pxt.move(f"{ns}/docs", f"{ns}/old")
    pxt.create_table(f"{ns}/docs", {"x": pxt.Int}).insert(x=7)
    for text, found in ((f"select * from {ns}.docs", ["x"]), (f"select loud from {ns}.old", ["loud"])):
        session._catalog = old  # noqa: SLF001  # as if this process had not heard of it
        assert list(pxt.sql(text).schema) == found


def test_a_dropped_table_is_unknown_also_to_who_saw_it(ns: str, docs: pxt.Table) -> None:
    session = current_session()
    old = session.catalog
    pxt.drop_table(docs)
    session._catalog = old  # noqa: SLF001  # as above
    with pytest.raises(UnknownPath):
        pxt.sql(f"select * from {ns}.docs")


def test_a_statement_sees_one_moment_beside_inserts(ns: str) -> None:
    table = pxt.create_table(f"{ns}/pairs", {"x": pxt.Int})
    done = threading.Event()

    def insert() -> None:
        while not done.is_set():
            table.insert([{"x": 1}, {"x": -1}])

    writer = threading.Thread(target=insert)
    writer.start()
    try:
        text = f"select sum(x), count(*) % 2, (select count(*) from {ns}.pairs) - count(*) from {ns}.pairs"
        found = {row for _ in range(40) for row in rows(text)}
    finally:
        done.set()
        writer.join()
    assert found <= {(None, 0, 0), (0.0, 0, 0)}


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, Any]:
    """A statement, and the same query built with the API."""
    name, op, value = (
        draw(st.sampled_from("ab")),
        draw(st.sampled_from(["<", ">=", "=", "<>"])),
        draw(st.integers(-3, 3)),
    )
    key, limit = draw(st.sampled_from("abs")), draw(st.integers(0, 30))
    python_op = {"=": "==", "<>": "!="}.get(op, op)

    def matching(t: Any) -> Any:
        return t.where(eval(f"t.{name} {python_op} {value}", {"t": t}))

    if draw(st.booleans()):
        text = f"select {key}, count(*) as n, sum(a)::bigint as total, max(s) as last from T where {name} {op} {value} "
        return (
            f"{text} group by {key} order by {key} limit {limit}",
            lambda t: (
                matching(t)
                .group_by(t[key])
                .order_by(t[key])
                .select(t[key], n=pxtf.count(t.b), total=pxtf.sum(t.a), last=pxtf.max(t.s))
                .limit(limit)
            ),
        )
    text = f"select s, a + b * 2 as c, upper(s) as loud, a is null as d from T where {name} {op} {value}"
    return f"{text} order by {key}, id limit {limit}", lambda t: matching(t).order_by(t[key], t.id).select(
        t.s, c=t.a + t.b * 2, loud=t.s.upper(), d=t.a == None  # noqa: E711
    ).limit(limit)  # fmt: skip


def test_a_statement_agrees_with_the_same_query_of_the_api(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"id": pxt.Int, "a": pxt.Int | None, "b": pxt.Int, "s": pxt.String | None})
    cells = {"a": st.none() | st.integers(-3, 3), "b": st.integers(0, 4), "s": st.none() | st.sampled_from("aBb")}
    t.insert([{"id": n, **row} for n, row in enumerate(examples(st.fixed_dictionaries(cells), 40))])
    for text, build in examples(questions(), 60):
        found, expected = pxt.sql(text.replace(" T ", f" {ns}.t ")), build(t).collect()
        assert list(found) == list(expected), text


@pytest.fixture
def changed(ns: str, stored: pxt.Table) -> pxt.Table:
    """`stored` at version 1, and another one since."""
    pxt.create_snapshot(f"{ns}/kept", stored)
    stored.tag("then")
    stored.rename_column("a", "b_")
    stored.update({"b_": np.ones((2, 2), dtype="float32"), "j": None, "s": "new"})
    stored.delete(where=stored.id == 2)
    return stored


@pytest.mark.parametrize("path", ["kept", "stored:1", "stored:then"])
def test_columns_of_the_past_have_their_types_and_values(ns: str, changed: pxt.Table, path: str) -> None:
    result = pxt.sql(f'select * from "{ns}/{path}" order by id')
    old = changed.at(version=1)
    expected = old.order_by(old.id).collect()
    assert result.schema == expected.schema
    for found, row in zip(result, expected, strict=True):
        assert found.keys() == row.keys()
        for name, value in row.items():
            np.testing.assert_equal(found[name], value)
    assert list(pxt.sql(f'select u, j from "{ns}/{path}" where i > 0')) == [{"u": STORED["u"][1], "j": STORED["j"][1]}]


def test_the_past_beside_the_present(ns: str, changed: pxt.Table) -> None:
    changed.alter_column("s", type_=pxt.Json | None)
    text = f'select o.a, n.b_, o.s, n.s as t from "{ns}/stored:1" o left join {ns}.stored n using (id) order by id'
    result = pxt.sql(text)
    np.testing.assert_equal(result["a"], [STORED["a"][1], None])
    np.testing.assert_equal(result["b_"], [np.ones((2, 2), dtype="float32"), None])
    assert (result["s"], result["t"]) == ([STORED["s"][1], None], ["new", None])
    assert (result.schema["s"], result.schema["t"]) == ("String | None", "Json | None")
    assert result.schema["b_"] == "Array[(2, 2), float32] | None"
    both = pxt.sql(f'select a from "{ns}/kept" union all select b_ from {ns}.stored')
    assert both.schema == {"a": "Array[(2, 2), float32] | None"}
    with pytest.raises(RefusedSql, match="computes with an Array"):
        pxt.sql(f'select substr(a, 2) from "{ns}/stored:1"')


@pytest.mark.usefixtures("changed")
def test_a_view_of_the_past(ns: str) -> None:
    kept = pxt.get_table(f"{ns}/kept")
    pxt.create_view(f"{ns}/over", kept.where(kept.id == 1).select(kept.id, same=kept.a))
    np.testing.assert_equal(pxt.sql(f'select same from "{ns}/over"')["same"], [STORED["a"][1]])


@pytest.mark.usefixtures("changed")
def test_versions_that_are_not_there(ns: str) -> None:
    for version in ("7", "nope"):
        with pytest.raises(UnknownVersion):
            pxt.sql(f'select 1 from "{ns}/stored:{version}"')
    with pytest.raises(UnknownPath):
        pxt.sql(f'select 1 from "{ns}/nothing:1"')
