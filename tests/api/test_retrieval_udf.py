"""Look-ups by equal columns."""

import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from tests.api.refusals import refusal


@pytest.fixture
def orders(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/orders", {"customer": pxt.String, "n": pxt.Int | None})
    t.add_computed_column(double=t.n * 2)
    t.insert([{"customer": customer, "n": n} for n, customer in enumerate(["ann", "bob"] * 10)])
    return t


def test_by_default_every_column_that_is_not_computed_is_looked_up(orders: pxt.Table) -> None:
    find = pxt.retrieval_udf(orders)
    assert (find.name, find.signature) == ("orders", "(customer: String, n: Int) -> Json")
    found = orders.where(orders.n < 2).select(r=find(orders.customer, orders.n), none=find("ann", 1)).collect()
    assert found["r"] == [[{"customer": "ann", "n": 0, "double": 0}], [{"customer": "bob", "n": 1, "double": 2}]]
    assert found["none"] == [[], []]


def test_the_columns_the_name_and_the_number_of_rows_can_be_chosen(orders: pxt.Table) -> None:
    find = pxt.retrieval_udf(orders, name="find", description="Find.", parameters=["customer"], limit=3)
    assert (find.name, find.__doc__, str(find("ann"))) == ("find", "Find.", "find('ann')")
    found = orders.limit(2).select(r=find(orders.customer)).collect()["r"]
    assert [[row["n"] for row in rows] for rows in found] == [[0, 2, 4], [1, 3, 5]]


def test_ten_rows_are_returned_unless_said_otherwise(orders: pxt.Table) -> None:
    orders.insert([{"customer": "ann", "n": n} for n in range(5)])
    columns = [orders.customer]
    ten, every = (
        pxt.retrieval_udf(orders, parameters=columns),
        pxt.retrieval_udf(orders, parameters=columns, limit=None),
    )
    found = orders.limit(1).select(a=ten("ann"), b=every("ann")).collect()[0]
    assert (len(found["a"]), len(found["b"])) == (10, 15)


def test_a_computed_column_can_be_looked_up_by(orders: pxt.Table) -> None:
    find = pxt.retrieval_udf(orders, parameters=[orders.double])
    assert orders.limit(1).select(r=find(6)).collect()["r"] == [[{"customer": "bob", "n": 3, "double": 6}]]


def test_every_parameter_is_required_and_described(orders: pxt.Table) -> None:
    find = pxt.retrieval_udf(orders)
    assert find.__doc__ == "Look up rows of the table 'orders' by customer, n."
    refusal(lambda: find("ann"), RequestError, "INVALID_ARGUMENT")


def test_columns_that_cannot_be_looked_up_by_are_refused(ns: str, orders: pxt.Table) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "v": pxt.Array[(2,), pxt.Float]})
    message = refusal(lambda: pxt.retrieval_udf(t), RequestError, "TYPE_MISMATCH")
    assert "'v'" in message
    assert "parameters=[" in message
    refusal(lambda: pxt.retrieval_udf(orders, parameters=["none"]), NotFoundError, "COLUMN_NOT_FOUND")
    refusal(lambda: pxt.retrieval_udf(orders, parameters=[]), RequestError, "INVALID_ARGUMENT")
    refusal(lambda: pxt.retrieval_udf(orders, parameters=[t.n]), RequestError, "INVALID_EXPRESSION")
    refusal(lambda: pxt.retrieval_udf("orders"), RequestError, "INVALID_ARGUMENT")  # type: ignore[arg-type]
