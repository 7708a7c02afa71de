"""Statements over tables by path, text in, and what PostgreSQL gets of them, text out; no database is needed."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import pixeltable as pxt
from pixeltable.catalog.records import ColumnRecord, DirRecord, TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import InvalidPath, InvalidSql, RefusedSql, UnknownPath
from pixeltable.exprs.leaves import Literal
from pixeltable.plan.statement import plan_statement
from pixeltable.plan.statement_functions import FUNCTIONS
from pixeltable.storage.heaps import AsOf, Heap, HeapColumn
from pixeltable.types.column_type import ArrayType, IntType, StringType

LONG = "a" * 70


def at_version(table: TableRecord, version: int | str) -> TableRecord:
    heaps = tuple(replace(heap, as_of=AsOf(table.id, int(version))) for heap in table.heaps)
    return replace(table, path=f"{table.path}:{version}", heaps=heaps)


planned = partial(plan_statement, versions=at_version)


def table(number: int, path: str, *columns: ColumnRecord) -> TableRecord:
    heaps = [
        Heap(heap, tuple(HeapColumn(f"c{column.id}", "text") for column in columns if column.heap == heap))
        for heap in sorted({column.heap for column in columns if column.heap is not None})
    ]
    return TableRecord(number, None, path.rpartition("/")[2], path, columns, tuple(heaps))


TABLES = [
    table(
        1,
        "docs",
        ColumnRecord(11, "title", StringType(), 1),
        ColumnRecord(12, "Big", IntType(), 1),
        ColumnRecord(13, "order", IntType(), 2),
        ColumnRecord(14, "filling", IntType(), 3, status="backfilling"),
        ColumnRecord(15, "virtual", IntType(), None, Literal(1, IntType())),
    ),
    table(2, "dir/t", ColumnRecord(21, "id", IntType(), 4), ColumnRecord(22, "vec", ArrayType(), 4)),
    table(3, "Odd", ColumnRecord(31, "x", IntType(), 5)),
    table(4, "long", ColumnRecord(41, LONG, IntType(), 6)),
]
CATALOG = Catalog(
    1,
    {9: DirRecord(9, None, "dir")},
    {table.id: table for table in TABLES},
    {"dir": 9},
    {table.path: table.id for table in TABLES},
)
DOCS = (
    '(SELECT pixeltable.h1.c11 AS "title", pixeltable.h1.c12 AS "Big", pixeltable.h2.c13 AS "order" '
    "FROM pixeltable.h1 LEFT JOIN pixeltable.h2 ON pixeltable.h2.row = pixeltable.h1.row)"
)
T = '(SELECT pixeltable.h4.c21 AS "id", pixeltable.h4.c22 AS "vec" FROM pixeltable.h4)'
ODD = '(SELECT pixeltable.h5.c31 AS "x" FROM pixeltable.h5)'

PAIRS = """\
select title from docs                              | SELECT "title" FROM DOCS AS "docs"
SELECT Title, Big, BIG FROM Docs                    | SELECT "title", "Big", "big" FROM DOCS AS "docs"
select d.title as Name from docs as D               | SELECT "d"."title" AS "name" FROM DOCS AS "d"
select "order" from docs d(a, b, c)                 | SELECT "order" FROM DOCS AS "d"("a", "b", "c")
select * from dir.t                                 | SELECT * FROM T AS "t"
select t.id, dir.t.id, "dir/t".id from "dir/t"      | SELECT "t"."id", "t"."id", "t"."id" FROM T AS "t"
select dir.t.* from "dir.t"                         | SELECT "t".* FROM T AS "t"
select * from "dir"."t" as q                        | SELECT * FROM T AS "q"
select Odd.x from Odd                               | SELECT "Odd"."x" FROM ODD AS "Odd"
table docs                                          | SELECT * FROM DOCS AS "docs"
select * from docs join dir.t on id = Big           | SELECT * FROM DOCS AS "docs" JOIN T AS "t" ON "id" = "Big"
select * from docs a, docs b                        | SELECT * FROM DOCS AS "a", DOCS AS "b"
select * from (docs a cross join docs b)            | SELECT * FROM (DOCS AS "a" CROSS JOIN DOCS AS "b")
with docs as (select * from docs) select * from docs | \
WITH "docs" AS (SELECT * FROM DOCS AS "docs") SELECT * FROM "docs"
with Q as (select 1 as N) select n from q           | WITH "q" AS (SELECT 1 AS "n") SELECT "n" FROM "q"
with recursive docs as (select 1 union select * from docs) table docs | \
WITH RECURSIVE "docs" AS (SELECT 1 UNION SELECT * FROM "docs") SELECT * FROM "docs"
select (with docs as (select 1) table docs) from docs | \
SELECT (WITH "docs" AS (SELECT 1) SELECT * FROM "docs") FROM DOCS AS "docs"
with a as (select 1), b as (table a) select * from b | \
WITH "a" AS (SELECT 1), "b" AS (SELECT * FROM "a") SELECT * FROM "b"
select 1 where exists (select from docs)            | SELECT 1 WHERE EXISTS(SELECT FROM DOCS AS "docs")
select * from docs, lateral (select docs.Big) l     | SELECT * FROM DOCS AS "docs", LATERAL (SELECT "docs"."Big") AS "l"
select * from only docs                             | SELECT * FROM DOCS AS "docs"
select :b, :a, :b::int                              | SELECT $1, $2, CAST($1 AS INT)
select 'x' -- from docs                             | SELECT 'x'
select E'a\\'b', $$it's$$                           | SELECT 'a''b', 'it''s'
select interval '1 day ago'                         | SELECT CAST('1 day ago' AS INTERVAL)
select COUNT(*), "lower"('A'), a -> 'x' from docs   | SELECT count(*), lower('A'), "a" -> 'x' FROM DOCS AS "docs"
select user, "o""k"                             | SELECT "user", "o""k"
select 1;                                           | SELECT 1"""
REFUSED = """\
                                            | an empty text
-- nothing                                  | an empty text
delete from docs                            | starts with 'delete'
explain select 1                            | starts with 'explain'
vacuum                                      | starts with 'vacuum'
select 1; select 2                          | several statements
select * from docs for update               | clauses that lock rows
select * from (select 1 for share) x        | clauses that lock rows
select * into x from docs                   | SELECT INTO
with x as (delete from docs returning 1) select 1       | DELETE
with x as (insert into docs values (1)) select 1        | INSERT
with x as (update docs set title = '') select 1         | UPDATE
select * from docs tablesample system (1)   | TABLESAMPLE
select * from pg_class                      | system table 'pg_class'
select * from PG_Class                      | system table 'PG_Class'
select * from pg_catalog.pg_authid          | system table 'pg_catalog/pg_authid'
select * from information_schema.tables     | system table 'information_schema/tables'
select * from pixeltable.h1                 | system table 'pixeltable/h1'
select 1 in (table pg_authid)               | system table
select sum(1) over (order by (select 1 from pg_authid)) | system table
select 1 from (select 1) x, lateral pg_authid           | LATERAL pg_authid
with pg_x as (select 1) select 1            | a WITH by the name of 'pg_x'
select current_user                         | CURRENT_USER
select 'pg_class'::regclass                 | casts to names of the database's own objects
select 1::public.mood                       | a cast to the type public.mood
select x'1f', 0x1f                          | bit strings and hexadecimal numbers
select U&'x'                                | texts with U&
select E'\\0'                               | escapes of bytes
select 1 qualify true                       | QUALIFY
select make_interval("a) --" => 1)          | `a) --`
select extract("x) --" from now())          | `X) --`"""
FORBIDDEN = """
    pg_read_file('/etc/passwd'); pg_ls_dir('/'); pg_sleep(1); lo_import('/etc/passwd'); lo_export(1, '/x')
    dblink('a', 'b'); pg_advisory_lock(1); txid_current(); to_regclass('x'); lastval()
    set_config('a', 'b', true); current_setting('a'); query_to_xml('select 1', true, true, ''); ts_stat('select 1')
    nextval('pixeltable.id_seq'); setval('x', 1); currval('x'); pg_terminate_backend(1)
    "pg_sleep"(1); pg_catalog.pg_sleep(1); pg_catalog.lower('A'); (x).pg_sleep(1); version(); setseed(1)
    has_table_privilege('x', 'select'); obj_description(1); database_to_xml(true, true, ''); xpath('/a', '<a/>')
"""
UNREADABLE = [
    ("select title frm docs x", 1, 18, "'docs' is not expected here"),
    ("select (1\n", 1, 9, "expected )"),
    ("select 1,\n  from docs\n where (", 3, 8, "something is missing beside '('"),
    ("select 'abc", 1, 8, "the closing ' of what starts here is missing"),
    ("select a from", 1, 10, "expected table name"),
    ("select /* x", 1, 1, "it ends within a comment or a quoted text"),
    ("select interval '1' day", 1, 21, "the unit of an interval belongs between the quotes"),
    ("select " + "(" * 500 + "1" + ")" * 500, 1, 1, "it is nested too deeply"),
]


def sides(text: str) -> list[list[str]]:
    return [[side.strip() for side in line.split(" | ")] for line in text.split("\n")]


@pytest.mark.parametrize(("text", "expected"), sides(PAIRS))
def test_what_postgresql_gets(text: str, expected: str) -> None:
    for name, rows in (("DOCS AS", DOCS), ("T AS", T), ("ODD AS", ODD)):
        expected = expected.replace(f" {name}", f" {rows} AS").replace(f"({name}", f"({rows} AS")
    assert planned(text, CATALOG).sql == expected


@pytest.mark.parametrize(("text", "what"), sides(REFUSED))
def test_what_does_more_than_to_read_tables_is_refused(text: str, what: str) -> None:
    with pytest.raises(RefusedSql) as caught:
        planned(text, CATALOG)
    assert what in str(caught.value)


@pytest.mark.parametrize("call", FORBIDDEN.replace("\n", ";").split(";"))
def test_functions_that_are_not_listed_are_refused(call: str) -> None:
    for text in (f"select {call}", f"select 1 from {call}", f"select 1 from docs order by {call}"):
        if call.strip():
            with pytest.raises(pxt.RequestError, match=r"function|cannot be read"):
                planned(text, CATALOG)


@pytest.mark.parametrize(("text", "line", "column", "reason"), UNREADABLE)
def test_a_syntax_error_says_where(text: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(InvalidSql) as caught:
        planned(text, CATALOG)
    first, shown, caret = str(caught.value).split("\n")
    assert first.startswith(f"the SQL cannot be read at line {line}, column {column}: {reason}")
    assert shown[2:] in text
    assert len(caret) == 2 + column


def test_the_place_in_a_long_line_is_shown() -> None:
    with pytest.raises(InvalidSql) as caught:
        planned(f"select {', '.join(['x'] * 200)} 5", CATALOG)
    _, shown, caret = str(caught.value).split("\n")
    assert len(shown) < 110
    assert shown[len(caret) - 1] == "5"


@pytest.mark.parametrize("name", ["doc", "dir.x", '"dir/t".x', "docs.docs", '"Docs"', '"diR".t'])
def test_an_unknown_table_is_named_with_near_ones(name: str) -> None:
    with pytest.raises(UnknownPath, match=r"does not exist. Did you mean"):
        planned(f"select * from {name}", CATALOG)


def test_a_table_that_qualifies_a_column_has_to_be_one_of_the_statement() -> None:
    with pytest.raises(UnknownPath, match="dir/u"):
        planned("select dir.u.id from dir.t", CATALOG)


@pytest.mark.parametrize("name", ["dir", '"a b"', "dir.t.$x"])
def test_what_is_no_path_of_a_table_is_refused(name: str) -> None:
    with pytest.raises((InvalidPath, InvalidSql)):
        planned(f"select * from {name}", CATALOG)


def test_names_that_postgresql_would_cut_have_others_there() -> None:
    statement = planned(f"select {LONG} from long where {LONG} > 1", CATALOG)
    (short,) = statement.full_names
    assert statement.full_names == {short: LONG}
    assert statement.sql.endswith(f' AS "long" WHERE "{short}" > 1')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select * from docs a join docs b on true", False),
        ("select * from docs a left join docs b on true", True),
        ("select * from (select 1) x full join docs b on true", True),
        ("select title from docs group by rollup (title)", True),
        ("select title from docs group by title", False),
    ],
)
def test_whether_a_statement_may_add_nulls_is_known(text: str, expected: bool) -> None:
    assert planned(text, CATALOG).adds_nulls == expected


def test_the_selects_of_a_union_are_asked_for_their_columns() -> None:
    text = "with q as (select 1) (select 2) union select 3 except (select 4 order by 1) order by 1"
    found = planned(text, Catalog())
    assert found.branches == 3
    assert found.branches_sql.startswith('WITH "q" AS (SELECT 1) SELECT b0.*, b1.*, b2.* FROM (WITH "q" AS (SELECT 1) ')
    assert found.branches_sql.endswith(" CROSS JOIN (SELECT 4 ORDER BY 1) AS b2 LIMIT 0")
    assert planned("select 1", Catalog()).branches_sql == ""


@pytest.mark.parametrize(
    ("columns", "expected"), [("vec", True), ("t.*", True), ("*", True), ("id", False), ("count(*)", False)]
)
def test_whether_a_statement_names_arrays_is_known(columns: str, expected: bool) -> None:
    assert planned(f"select {columns} from dir.t", CATALOG).names_arrays == expected


def test_a_list_of_names_may_stand_for_arrays() -> None:
    assert planned("select max(b) from dir.t as t(a, b)", CATALOG).names_arrays


def test_the_page_about_sql_lists_the_functions() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(\w+)`", page.partition("Functions that can be called:")[2]))
    assert listed == FUNCTIONS - {"all", "array", "exists", "row", "some"}


def test_columns_of_a_version_are_those_of_its_heaps() -> None:
    statement = planned('select id from "dir/t:3"', CATALOG)
    assert "AS past_" in statement.sql
    assert "past_" not in statement.branches_sql
    assert statement.branches_sql.endswith("LIMIT 0")
    assert statement.stored_types == planned("select id from dir.t", CATALOG).stored_types
