"""The floor of changes: statements of the bare driver that keep the rows as they were in a table beside."""

import json

from data import rows
from postgres import connect
from timing import latencies, measure, parse

n = parse(10_000).n
connection = connect()
connection.execute(
    "CREATE TABLE t (row bigint PRIMARY KEY, op_in bigint, a bigint UNIQUE, b double precision, s text, j jsonb, "
    "c bigint, e double precision)"
)
connection.execute("CREATE TABLE t_history AS SELECT *, 0::bigint AS op_out FROM t")
connection.commit()
with connection.cursor().copy("COPY t FROM STDIN") as copy:
    for i, row in enumerate(rows(10 * n)):
        copy.write_row((i, 0, row["a"], row["b"], row["s"], json.dumps(row["j"]), row["a"] + 1, row["b"] + 1))
connection.execute("ANALYZE t")
connection.commit()


def change(statement: str, where: str, parameters: dict[str, object] | None = None) -> None:
    connection.execute(f"INSERT INTO t_history SELECT t.*, 1 FROM t {where}", parameters)
    connection.execute(statement, parameters)
    connection.commit()


KEYS = "{" + ",".join(map(str, range(n))) + "}"
TEXTS = "{" + ",".join(f'"batch {i}"' for i in range(n)) + "}"
few = f"WHERE a < {n}"
measure("update_literal", n, lambda: change(f"UPDATE t SET op_in = 1, s = 'new' {few}", few))
measure("update_cascade_expr", n, lambda: change(f"UPDATE t SET op_in = 2, b = b + 1, e = b + 2 {few}", few))
measure(
    "batch_update",
    n,
    lambda: change(
        "UPDATE t SET op_in = 3, s = u.s FROM unnest(%(keys)s::bigint[], %(texts)s::text[]) AS u(a, s) WHERE t.a = u.a",
        "WHERE t.a = ANY(%(keys)s::bigint[])",
        {"keys": KEYS, "texts": TEXTS},
    ),
)
last = f"WHERE a >= {9 * n}"
measure("delete", n, lambda: change(f"DELETE FROM t {last}", last))
latencies(
    "update_single_row", lambda i: change(f"UPDATE t SET op_in = 4, s = 'one {i}' WHERE a = {i}", f"WHERE a = {i}"), 50
)
