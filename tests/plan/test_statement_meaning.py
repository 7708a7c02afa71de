"""PostgreSQL computes the same for a statement and for the text that it becomes: operators, calls, literals."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from pixeltable.catalog.snapshot import Catalog
from pixeltable.plan.statement import plan_statement

EXPRESSIONS = r"""
1_000 + 1; 5 / 2; -5 / 2; 5 % 3; -5 % 3; 2 ^ 3 ^ 2; -2 ^ 2; 2 ^ -1; |/ 25.0; ||/ 27.0; 1e3; .5; 5.; 1.50
7 & 3; 7 | 8; 7 # 2; ~ 7; 1 << 3; 16 >> 2; - - 3; 2 - -3; 1 - 2 - 3; 2 * (3 + 4); 10 / 4 * 2; 1 + 2 * 3 - 4 / 2
1 < 2 and 2 < 3 or false; not true or true; not (true and false); 1 = 1 is true; null is null; 1 is not null; null isnull
null is unknown; true is not unknown; false is not true; 1 is distinct from null; null is not distinct from null
2 between 1 and 3 and true; 2 not between 1 and 3; 2 between symmetric 3 and 1; 1 in (1, 2); 3 not in (1, 2)
1 in (select 1); 1 = any(array[1, 2]); 3 > all(array[1, 2]); 3 = some(array[3]); exists(select 1); not exists(select 1 where false)
'abc' like 'a%'; 'abc' not like 'b%'; 'ABC' ilike 'a_c'; 'a%c' like 'a!%c' escape '!'; 'a\b' like 'a\\b'; 'abc' similar to 'a(b|x)c'
'abc' ~ '^a'; 'ABC' ~* '^a'; 'abc' !~ 'b'; 'ABC' !~* 'z'; 'abc' ^@ 'ab'; starts_with('abc', 'ab')
'it''s'; 'a\n'; E'a\nb\t\\\'\x41\u00e4'; e'\101'; $$it's \n$$; $x$a $$ b$x$; 'ä€😀'; '%s %% :n'; ':n'; '-- no'; '/* no */'; ''
'a' || 'b' || 1; 'a' || null; concat('a', null, 1); concat_ws('-', 'a', null, 'b'); concat_ws(',', variadic array['a', 'b'])
lower('AB') || upper('ab'); length('ab'); char_length('ab'); left('abc', 2); right('abc', 2); repeat('ab', 2); reverse('abc')
substring('abcdef' from 2 for 3); substring('abcdef' from 2); substring('abcdef' for 2); substring('abc' from '[bc]+'); substr('abcdef', 2, 2)
trim('  a '); trim(both 'x' from 'xax'); trim(leading from ' a '); trim(trailing 'x' from 'axx'); btrim('xax', 'x'); ltrim('xax', 'x'); lpad('a', 3, '0')
position('b' in 'abc'); strpos('abc', 'c'); overlay('abcd' placing 'xx' from 2 for 2); split_part('a,b', ',', 2); replace('abab', 'a', 'c')
regexp_replace('abab', 'a', 'x'); regexp_replace('abab', 'a', 'x', 'g'); (regexp_match('a1b2', '\d'))[1]; regexp_count('abab', 'a'); translate('abc', 'ab', 'xy')
format('%s-%I-%L', 'a', 'b c', 'd'); initcap('ab cd'); md5('a'); encode(decode('6162', 'hex'), 'base64'); ascii('a'); chr(65); to_hex(255); quote_literal('a''b')
round(2.567, 2); round(2.5); trunc(2.9); ceil(2.1); ceiling(2.1); floor(-2.1); abs(-2); sign(-2); sqrt(16.0); power(2, 3); mod(7, 3); div(7, 2)
log(100); ln(exp(1)); pi(); degrees(pi()); greatest(1, 3, 2); least(1, 3, 2); width_bucket(5, 0, 10, 5); gcd(12, 18)
coalesce(null, 2); nullif(1, 1); nullif(1, 2); case when 1 > 2 then 'a' when 2 > 1 then 'b' else 'c' end; case 3 when 1 then 'x' when 3 then 'y' end; case when false then 1 end
'5'::int + 1; cast('5' as bigint); 5::text; 1.5::int; '1.5'::numeric(4, 1); 'abc'::varchar(2); 'abc'::char(2) || 'x'; '1'::float8; 1::real; 1::smallint; 't'::bool
int '5'; bool 't'; text 'x'; jsonb '{"a": 1}'; '\x6162'::bytea; '11111111-1111-1111-1111-111111111111'::uuid; double precision '1.5'; -'5'::int; '{1,2}'::int[]; array[]::text[]
date '2024-02-29' + 1; date '2024-03-01' - date '2024-02-01'; extract(year from date '2024-02-29'); extract(epoch from interval '1 day'); date_part('dow', date '2024-02-29')
extract('month' from date '2024-02-29'); extract(isodow from date '2024-02-29'); date_trunc('month', timestamp '2024-02-29 10:11:12'); timestamp '2024-02-29 10:11:12.5'; timestamp(0) '2024-02-29 10:11:12.5'
timestamptz '2024-02-29 10:00+02'; timestamptz '2024-02-29 10:00+02' at time zone 'Europe/Berlin'; timestamp '2024-02-29 10:00' at time zone 'UTC' at time zone 'Asia/Tokyo'; timestamp with time zone '2024-01-01 00:00+00'
(interval '1 day')::text; (interval '1 day ago')::text; (interval '-1 day')::text; (interval '1 day 2 hours')::text; (interval '1 mon')::text; (interval '10:30')::text; (interval 'P1DT2H')::text; (interval '1 week')::text
('2 hours'::interval * 3)::text; date '2024-01-31' + interval '1 month'; (interval '1 year 2 months' - interval '1 month')::text; make_interval(days => 2)::text; make_date(2024, 2, 29); age(date '2024-02-29', date '2024-01-01')::text
to_char(date '2024-02-29', 'YYYY-MM-DD Day'); to_char(1234.5, 'FM9,999.00'); to_date('29.02.2024', 'DD.MM.YYYY'); to_timestamp(0); to_timestamp('2024', 'YYYY'); to_number('1,234', '9,999'); date_bin('15 minutes', timestamp '2024-01-01 10:20', timestamp '2024-01-01')
'{"a": {"b": [1, "x"]}}'::jsonb -> 'a'; '{"a": {"b": [1, "x"]}}'::jsonb -> 'a' -> 'b' ->> 1; '{"a": {"b": [1, "x"]}}'::jsonb #> '{a,b}'; '{"a": {"b": [1, "x"]}}'::jsonb #>> '{a,b,-1}'; '[1,2,3]'::jsonb -> -1; '[1,2,3]'::jsonb -> 1 + 1
'{"a.b": 1}'::jsonb -> 'a.b'; '{"a b": 1}'::jsonb ->> 'a b'; '{"$": 1, "": 2, "a''b": 3, "a\"b": 4, "a[0]": 5, "*": 6, "0": 7}'::jsonb -> '$'; '{"": 2}'::jsonb -> ''; '{"a''b": 3}'::jsonb ->> 'a''b'; '{"a[0]": 5}'::jsonb -> 'a[0]'; '{"*": 6}'::jsonb -> '*'; '{"0": 7}'::jsonb -> '0'
('{"y": "7"}'::jsonb ->> 'y')::int + 1; '{"y": "7"}'::jsonb ->> 'y' = '7'; '{"y": "7"}'::jsonb ->> 'y' || 'x'; '{"y": 7}'::jsonb ->> 'y' in ('7'); '{"y": null}'::jsonb ->> 'y' is null; ('{"a": [1]}'::jsonb)['a'][0]
'{"a": 1}'::jsonb @> '{"a": 1}'; '{"a": 1}'::jsonb <@ '{"a": 1, "b": 2}'; '{"a": 1}'::jsonb ? 'a'; '{"a": 1}'::jsonb ?| array['x', 'a']; '{"a": 1}'::jsonb ?& array['x', 'a']; '{"a": 1}'::jsonb - 'a'; '{"a": {"b": 1}}'::jsonb #- '{a,b}'; '{"a": 1}'::jsonb || '{"b": 2}'
'{"a": [1, 2]}'::jsonb @? '$.a[*] ? (@ > 1)'; '{"a": 3}'::jsonb @@ '$.a > 2'; jsonb_path_query_array('[1,2,3]', '$[*] ? (@ > 1)'); jsonb_typeof('1'::jsonb -> 'a'); upper('{"a": "x"}'::jsonb ->> 'a'); coalesce('{"a": 1}'::jsonb -> 'b', '0'::jsonb)
jsonb_build_object('a', 1, 'b', array[1, 2]); to_jsonb(array[1, 2]); jsonb_set('{"a": 1}', '{a}', '2'); json_build_array(1, 'a'); jsonb_array_length('[1,2]'); '{"a": 1}'::json -> 'a'
(array[1, 2, 3])[2]; (array[1, 2, 3])[2:3]; (array[1, 2, 3])[:2]; array[[1, 2], [3, 4]]; array(select generate_series(1, 3)); array[1] || 2; array[1, 2] && array[2]; array[1, 2] @> array[2]; cardinality(array[1, 2]); array_to_string(array['a', null, 'b'], ',', '?')
array_length(array[1, 2], 1); array_position(array['a', 'b'], 'b'); string_to_array('a,b', ','); array_remove(array[1, 2], 1); array_cat(array[1], array[2]); array_append(array[1], 2); array_prepend(1, array[2])
(1, 2) = (1, 2); (1, 'a') < (2, 'b'); row(1, 2) = row(1, 3); (1, null) is null; row(1, null) is not null; (date '2024-01-01', date '2024-02-01') overlaps (date '2024-01-15', date '2024-03-01')
'b' collate "C" > 'B'; 'a' < 'B' collate "C"; (select 1 + 1); (select max(x) from (values (1), (3)) v(x)); (select 1 where false); to_tsvector('english', 'the cats') @@ to_tsquery('english', 'cat'); num_nulls(1, null)
'a' /* one */ || /* /* nested */ two */ 'b' -- three
"""  # noqa: E501
QUERIES = r"""
select n, sum(n) over (order by n rows between 1 preceding and current row) from generate_series(1, 4) g(n)
select n, sum(n) over w, rank() over (partition by n % 2 order by n desc) from generate_series(1, 4) g(n) window w as (order by n) order by n
select n, lag(n, 1, 0) over (order by n), count(*) filter (where n > 1) over (order by n range between 1 preceding and 1 following exclude current row) from generate_series(1, 4) n
select n, first_value(n) over (order by n desc nulls last groups between unbounded preceding and 1 following) from generate_series(1, 4) g(n)
select count(*), count(distinct n % 2), sum(n) filter (where n > 2), string_agg(n::text, ', ' order by n desc), array_agg(n order by n), bool_and(n > 0), every(n > 1) from generate_series(1, 4) g(n)
select string_agg(distinct n::text, '+' order by n::text), count(distinct (n % 2, n % 3)), array_agg(distinct n % 2), count(all n), sum(distinct n % 2) filter (where n > 1) from generate_series(1, 6) g(n)
select percentile_cont(0.5) within group (order by n), percentile_disc(array[0.25, 0.75]) within group (order by n desc), mode() within group (order by n) from generate_series(1, 4) g(n)
select n % 2 as k, n % 3, count(*), grouping(n % 2) from generate_series(1, 6) g(n) group by grouping sets ((n % 2), (n % 3), ()) order by 1, 2, 3
select n % 2, count(*) from generate_series(1, 6) g(n) group by rollup (n % 2) order by 1 nulls first
select n % 2, n % 3, count(*) from generate_series(1, 6) g(n) group by cube (n % 2, n % 3) having count(*) > 1 order by 1, 2, 3
select distinct on (n % 2) n % 2, n from generate_series(1, 6) g(n) order by n % 2, n desc
select distinct n % 2 from generate_series(1, 6) g(n) order by 1 desc
select n from generate_series(1, 6) g(n) order by n desc offset 1 limit 2
select n from generate_series(1, 6) g(n) order by n % 2, n desc offset 1 rows fetch next 2 rows only
select n % 2 from generate_series(1, 6) g(n) order by n % 2 fetch first 2 rows with ties
select n from generate_series(1, 2) g(n) limit all
with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select * from r
with a as materialized (select 1 as x), b as not materialized (select x + 1 as y from a) select * from a, b
with a(x, y) as (values (1, 2), (3, 4)) select a.y, x from a
select 1 union select 2 union all select 2 order by 1
select 1 union all select 2 intersect select 2 order by 1
(select 1 except select 2) union all (select 3 order by 1 limit 1)
select 1 as n except all values (2)
values (1, 'a'), (2, 'b') order by 1 desc
select * from (values (1, 'a'), (2, 'b')) v(n, s) join (values (1, true)) w(n, b) using (n)
select * from (values (1), (2)) a(x) left join (values (2), (3)) b(y) on x = y order by x
select * from (values (1), (2)) a(x) full outer join (values (2), (3)) b(y) on x = y order by 1, 2
select * from (values (1), (2)) a(x) right join (values (2), (3)) b(x) using (x) cross join (values (9)) c(z) order by x
select * from (values (1, 2)) a(x, y) natural join (values (1, 3)) b(x, z)
select * from (values (1), (2)) a(x) cross join lateral (select x * 10 as y) b
select * from (values (1), (2)) a(x), lateral generate_series(1, x) b(y) order by 1, 2
select * from (values (1), (2)) a(x) left join lateral (select 5 as y where x > 1) b on true order by 1
select * from unnest(array['a', 'b']) with ordinality as u(v, i)
select * from jsonb_array_elements_text('["x", "y"]') with ordinality as e(v, i)
select * from jsonb_each_text('{"a": 1}') e
select e.key, e.value from jsonb_each('{"a": 1}') e
select * from jsonb_to_recordset('[{"a": 1, "b": "x"}]') as r(a int, b text)
select * from rows from (generate_series(1, 2), generate_series(1, 3)) as z(a, b)
select generate_series(1, 3) as n
select v.* from (values (1, 2)) v(a, b)
select "Odd ""name", "select" from (select 1 as "Odd ""name", 2 as "select") q
select 1 as "A", 2 AS a, 3 b, 4 "c d"
select x.y from (select 1 as Y) X
select n from generate_series(1, 3) g(n) where (n, n + 1) in (values (1, 2), (3, 4))
select n from generate_series(1, 3) g(n) where n > (select avg(m) from generate_series(1, 3) h(m) where m <> n)
select 'first line' -- and
    'second line'
select current_date = now()::date, localtimestamp = now()::timestamp, current_timestamp = now()
"""  # noqa: E501


def statements() -> list[str]:
    expressions = [expr for line in EXPRESSIONS.strip().split("\n") for expr in line.split("; ")]
    return [f"select {expr}" for expr in expressions] + re.split(r"\n(?! )", QUERIES.strip())


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("statement", statements())
def test_the_meaning_stays(statement: str, database: psycopg.Connection) -> None:
    planned = plan_statement(statement, Catalog(), versions=lambda table, _: table).sql
    found, expected = (psycopg.RawCursor(database).execute(sql.encode()) for sql in (planned, statement))
    assert found.fetchall() == expected.fetchall(), planned
    assert [(c.name, c.type_code) for c in found.description] == [(c.name, c.type_code) for c in expected.description]
