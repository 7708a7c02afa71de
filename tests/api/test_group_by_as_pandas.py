"""Random queries with group_by() answer what pandas does."""

import random
from typing import Any

import pandas as pd
import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf

FUNCTIONS: dict[str, Any] = {
    "sum": lambda values: values.sum(min_count=1), "count": "count", "min": "min", "max": "max", "mean": "mean",
    "median": "median", "count_distinct": "nunique", "first": "first", "last": "last",
    "mode": lambda values: values.mode().min() if values.count() else pd.NA,
}  # fmt: skip
KEYS = {"a": [0, 1, 2, None], "b": ["x", "y", None], "c": [True, False, None]}
TYPES = {"a": pxt.Int | None, "b": pxt.String | None, "c": pxt.Bool | None, "n": pxt.Int | None, "x": pxt.Float | None}
PANDAS_TYPES = {"a": "Int64", "b": "string", "c": "boolean", "n": "Int64", "x": "Float64"}


def random_row(choose: random.Random) -> dict[str, Any]:
    keys = {name: choose.choice(values) for name, values in KEYS.items()}
    number = choose.randrange(-50, 50)
    # Quarters, so that sums are exact in any order.
    return {**keys, "n": choose.choice([None, number]), "x": choose.choice([None, number / 4])}


@pytest.mark.parametrize("seed", range(12))
def test_groups_and_aggregates(ns: str, seed: int) -> None:
    choose = random.Random(seed)
    data = [random_row(choose) for _ in range(choose.choice([1, 20, 200]))]
    keys = choose.sample(list(KEYS), choose.randrange(1, 4))
    wanted = choose.sample([(column, name) for column in "nx" for name in FUNCTIONS], 4)
    t = pxt.create_table(f"{ns}/t", TYPES)
    t.insert(data)
    aggregates = {f"{name}_{column}": getattr(pxtf, name)(t[column]) for column, name in wanted}
    items = {key: t[key] for key in keys}
    found = t.where(t.n != 7).group_by(*items.values()).select(**items, **aggregates).collect()
    assert [tuple(row.values()) for row in found] == as_pandas(data, keys, wanted)


def as_pandas(data: list[dict[str, Any]], keys: list[str], wanted: list[tuple[str, str]]) -> list[tuple[Any, ...]]:
    frame = pd.DataFrame(data).astype(PANDAS_TYPES)
    groups = frame[(frame.n != 7).fillna(False)].groupby(keys, dropna=False, sort=False)
    if not len(groups):
        return []
    found = groups.agg(**{f"{name}_{column}": (column, FUNCTIONS[name]) for column, name in wanted}).reset_index()
    return [tuple(None if pd.isna(value) else value for value in row) for row in found.itertuples(index=False)]
