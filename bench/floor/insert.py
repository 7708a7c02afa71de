"""The floor of a bulk insert: one COPY of the same rows, JSON written by `json.dumps`."""

import json

from data import rows
from postgres import CREATE, connect
from timing import measure, parse

n = parse(100_000).n
connection = connect()
connection.execute(CREATE.format(key=""))
connection.commit()
data = rows(n)


def copy_rows() -> None:
    with connection.cursor().copy("COPY floor FROM STDIN") as copy:
        for row in data:
            copy.write_row((row["a"], row["b"], row["s"], json.dumps(row["j"])))
    connection.commit()


measure("insert_list", n, copy_rows)
