"""The floor of a computed column: a Python loop and a COPY; for an expression, one SQL statement."""

from postgres import connect
from timing import measure, parse


def inc(x: int) -> int:
    return x + 1


def insert_computed() -> None:
    with connection.cursor().copy("COPY floor FROM STDIN") as copy:
        for row in data:
            copy.write_row((row["a"], inc(row["a"])))
    connection.commit()


def backfill_in_python() -> None:
    read = connection.execute("SELECT row_number() OVER (), a FROM floor").fetchall()
    with connection.cursor().copy("COPY computed FROM STDIN") as copy:
        for number, a in read:
            copy.write_row((number, inc(a)))
    connection.commit()


def backfill_in_sql() -> None:
    connection.execute("INSERT INTO computed SELECT row_number() OVER (), a + 1 FROM floor")
    connection.commit()


args = parse(100_000, kind="udf")
n = args.n
data = [{"a": i} for i in range(n)]
connection = connect()
connection.execute("CREATE TABLE floor (a bigint, c bigint)")
connection.execute("CREATE TABLE computed (row_id bigint, c bigint)")
connection.commit()
measure(f"insert_with_{args.kind}", n, insert_computed)
measure(f"backfill_{args.kind}", n, backfill_in_sql if args.kind == "expr" else backfill_in_python)
