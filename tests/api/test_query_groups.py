"""Queries of functions that group rows, and aggregates as tools."""

import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable import RequestError
from tests.api.refusals import refusal


@pytest.fixture
def orders(ns: str) -> pxt.Table:
    t = pxt.create_table(f"{ns}/orders", {"customer": pxt.String, "n": pxt.Int})
    t.insert([{"customer": customer, "n": n} for n, customer in enumerate(["ann", "bob", "ann", "cy", "ann"])])
    return t


def test_a_query_may_group(orders: pxt.Table) -> None:
    @pxt.query
    def totals(least: int):
        found = orders.where(orders.n >= least).group_by(orders.customer)
        return found.select(orders.customer, total=pxtf.sum(orders.n + least)).order_by(orders.customer)

    found = orders.where(orders.n < 3).select(r=totals(orders.n)).collect()["r"]
    for least, rows in enumerate(found):
        by_hand = orders.where(orders.n >= least).group_by(orders.customer)
        by_hand = by_hand.select(orders.customer, total=pxtf.sum(orders.n + least)).order_by(orders.customer)
        assert rows == list(map(dict, by_hand.collect()))


def test_a_query_may_aggregate_all_rows(orders: pxt.Table) -> None:
    @pxt.query(return_scalar=True)
    def total(customer: str):
        return orders.where(orders.customer == customer).select(pxtf.sum(orders.n))

    assert orders.select(r=total(orders.customer)).collect()["r"] == [[6], [1], [6], [3], [6]]


def test_an_aggregate_is_no_tool() -> None:
    assert "aggregate" in refusal(lambda: pxt.tool(pxtf.sum), RequestError, "INVALID_ARGUMENT")
