"""The floor of a one-row insert: a prepared INSERT and its durable commit."""

import json

from data import row
from postgres import CREATE, connect
from timing import latencies, parse

n = parse(200).n
connection = connect()
connection.execute(CREATE.format(key=""))
connection.commit()


def insert(i: int) -> None:
    values = row(i)
    connection.execute(
        "INSERT INTO floor VALUES (%s, %s, %s, %s)",
        (values["a"], values["b"], values["s"], json.dumps(values["j"])),
        prepare=True,
    )
    connection.commit()


latencies("insert_single_row", insert, n)
