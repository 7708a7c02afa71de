"""Random windows answer what pandas does."""

import random
from typing import Any

import pandas as pd
import pytest

import pixeltable as pxt
import pixeltable.functions as pxtf
from tests.api.test_group_by_as_pandas import PANDAS_TYPES, TYPES, random_row

RUNNING: dict[str, Any] = {
    "sum": lambda cells: cells.expanding().sum(), "mean": lambda cells: cells.expanding().mean(),
    "min": lambda cells: cells.expanding().min(), "max": lambda cells: cells.expanding().max(),
    "median": lambda cells: cells.expanding().median(), "count": lambda cells: cells.notna().cumsum(),
    "last": lambda cells: cells.ffill(),
}  # fmt: skip
WHOLE = ["sum", "mean", "min", "max", "median", "count", "first", "last"]


@pytest.mark.parametrize("seed", range(8))
def test_windows(ns: str, seed: int) -> None:
    choose = random.Random(seed)
    data = [random_row(choose) for _ in range(choose.choice([1, 20, 120]))]
    ascending = choose.choice([True, False])
    t = pxt.create_table(f"{ns}/t", TYPES)
    t.insert(data)
    over: dict[str, Any] = {"group_by": t.b, "order_by": t.n, "asc": ascending}
    items = {name: getattr(pxtf, name)(t.x, **over) for name in RUNNING}
    items |= {f"{name} of all": getattr(pxtf, name)(t.x, **over, frame="all") for name in WHOLE}
    items |= {"row_number": pxtf.row_number(**over), "rank": pxtf.rank(**over), "dense_rank": pxtf.dense_rank(**over)}
    items |= {"lag": pxtf.lag(t.x, **over), "lead": pxtf.lead(t.x, 2, **over)}
    found, expected = t.select(**items).collect(), as_pandas(data, ascending)
    for name in items:
        for mine, theirs in zip(found[name], expected[name], strict=True):
            assert (mine is None) == bool(pd.isna(theirs)), name
            assert mine is None or mine == pytest.approx(theirs), name


def as_pandas(data: list[dict[str, Any]], ascending: bool) -> dict[str, list[Any]]:
    frame = pd.DataFrame(data).astype(PANDAS_TYPES)
    frame["x"] = frame.x.astype("float64")
    places = "last" if ascending else "first"
    groups = frame.sort_values("n", ascending=ascending, na_position=places, kind="stable").groupby("b", dropna=False)
    parts: list[pd.DataFrame] = []
    for _, rows in groups:
        part = pd.DataFrame({name: run(rows.x).where(rows.x.notna().cumsum() > 0) for name, run in RUNNING.items()})
        part["count"] = rows.x.notna().cumsum()
        for name in WHOLE:
            part[f"{name} of all"] = (
                getattr(rows.x, name)() if name not in ("first", "last", "sum") else at(rows.x, name)
            )
        part["row_number"] = range(1, len(rows) + 1)
        for name, method in (("rank", "min"), ("dense_rank", "dense")):
            ranks = rows.n.astype("float64").rank(method=method, ascending=ascending, na_option=NULLS[ascending])
            part[name] = ranks
        part["lag"], part["lead"] = rows.x.shift(1), rows.x.shift(-2)
        parts.append(part)
    return {str(name): cells.tolist() for name, cells in pd.concat(parts).sort_index().items()}


NULLS = {True: "bottom", False: "top"}


def at(cells: pd.Series, name: str) -> Any:
    known = cells.dropna()
    if name == "sum":
        return cells.sum(min_count=1)
    return None if known.empty else known.iloc[0 if name == "first" else -1]
