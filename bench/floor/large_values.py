"""The floor of large values: COPY in its binary format, and a SELECT with binary results; Json by `json`."""

import json
from collections.abc import Callable, Sequence

import numpy as np
from postgres import connect
from timing import measure, parse

total = parse(100_000_000).n
rng = np.random.default_rng(0)
connection = connect()
KINDS: dict[str, tuple[str, Callable[[int], object]]] = {
    "arrays": ("bytea", lambda size: rng.random(size // 4).astype(np.float32)),
    "bytes": ("bytea", rng.bytes),
    "json": ("jsonb", lambda size: {"v": [float(x) for x in rng.random(size // 20)]}),
}


def copy_rows(table: str, sql_type: str, values: Sequence[object]) -> None:
    with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int8", sql_type])
        for number, value in enumerate(values):
            cell = value.tobytes() if isinstance(value, np.ndarray) else value
            copy.write_row((number, json.dumps(cell) if isinstance(cell, dict) else cell))
    connection.commit()


def read(table: str) -> list[object]:
    found = connection.cursor(binary=True).execute(f"SELECT v FROM {table}").fetchall()
    connection.commit()
    return [np.frombuffer(value, np.float32).copy() if "arrays" in table else value for (value,) in found]


for size in (1_000_000, 4_000):
    for kind, (sql_type, make) in KINDS.items():
        case = f"{kind}_{size // 1000}kB"
        connection.execute(f"CREATE TABLE {case} (i bigint, v {sql_type})")
        connection.commit()
        values = [make(size) for _ in range(total // size)]
        measure(f"insert_{case}", len(values), lambda case=case, t=sql_type, v=values: copy_rows(case, t, v))
        assert len(measure(f"collect_{case}", len(values), lambda case=case: read(case))) == len(values)
        connection.execute(f"DROP TABLE {case}")
        connection.commit()
