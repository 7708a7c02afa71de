"""The floor of a look-up: a prepared SELECT by primary key."""

import json

from data import rows
from postgres import CREATE, connect
from timing import latencies, measure, parse

n = parse(100_000).n
connection = connect()
connection.execute(CREATE.format(key="PRIMARY KEY"))
connection.commit()
data = rows(n)


def copy_rows() -> None:
    with connection.cursor().copy("COPY floor FROM STDIN") as copy:
        for row in data:
            copy.write_row((row["a"], row["b"], row["s"], json.dumps(row["j"])))
    connection.commit()


def look_up(i: int) -> None:
    key = (i * 7919) % n
    found = connection.execute("SELECT a, s FROM floor WHERE a = %s", (key,), prepare=True).fetchone()
    connection.commit()
    assert found[0] == key


measure("insert_list_with_pk", n, copy_rows)
connection.execute("ANALYZE floor")
connection.commit()
latencies("lookup_pk", look_up, 200)
