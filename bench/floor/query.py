"""The floor of queries: the same rows in a plain table, each query as one statement of the bare driver."""

import json

import pandas as pd
from data import row
from postgres import connect
from timing import latencies, measure, parse

n = parse(100_000).n
connection = connect()
connection.execute("CREATE TABLE t (row bigint PRIMARY KEY, a bigint, b double precision, s text, j jsonb, g bigint)")
connection.execute("CREATE TABLE r (row bigint PRIMARY KEY, a bigint, label text)")
connection.commit()
with connection.cursor().copy("COPY t FROM STDIN") as copy:
    for i in range(n):
        cells = row(i)
        copy.write_row((i, cells["a"], cells["b"], cells["s"], json.dumps(cells["j"]), i % 100))
with connection.cursor().copy("COPY r FROM STDIN") as copy:
    for i in range(n // 10):
        copy.write_row((i, i * 10, f"l{i}"))
connection.commit()
connection.autocommit = True
connection.execute("ANALYZE t, r")


def rows_of(case: str, sql: str, expected: int) -> None:
    assert len(measure(case, n, lambda: connection.execute(sql).fetchall())) == expected


rows_of("count", "SELECT count(*) FROM t", 1)
rows_of("where_select_10pct", f"SELECT a, s FROM t WHERE a < {n // 10} ORDER BY row", n // 10)
rows_of("order_by_limit10", "SELECT a, b FROM t ORDER BY b DESC LIMIT 10", 10)
rows_of("group_by_100", "SELECT g, sum(a), avg(b) FROM t GROUP BY g", 100)
rows_of("group_by_json_path", "SELECT j -> 'k', sum(a) FROM t GROUP BY j -> 'k'", 100)
rows_of("json_filter", "SELECT a, j #> '{nested,v}' FROM t WHERE j -> 'k' = '7' ORDER BY row", n // 100)
rows_of("join_10pct_after_load", "SELECT t.a, t.s, r.label FROM t JOIN r ON t.a = r.a ORDER BY t.row", n // 10)


def to_pandas(columns: str) -> pd.DataFrame:
    cursor = connection.execute(f"SELECT {columns} FROM t ORDER BY row")
    return pd.DataFrame(cursor.fetchall(), columns=columns.split(", "))


assert len(measure("collect_to_pandas", n, lambda: to_pandas("a, b, s, j"))) == n
assert len(measure("collect_scalars_to_pandas", n, lambda: to_pandas("a, b, s"))) == n
latencies(
    "lookup_by_value", lambda i: connection.execute(f"SELECT a, s FROM t WHERE a = {i * 7919 % n}").fetchall(), 100
)
again = "SELECT a, b FROM t ORDER BY b DESC LIMIT"
latencies("order_by_limit10_again", lambda i: connection.execute(f"{again} {10 + i % 3}").fetchall(), 30)
latencies("head10", lambda _: connection.execute("SELECT a, b, s, j, g FROM t ORDER BY row LIMIT 10").fetchall(), 100)
