"""Functions and structures that the tests of typed Json use."""

from typing import Any, NotRequired, TypedDict

import pydantic

import pixeltable as pxt


class Item(TypedDict):
    name: str
    price: float
    note: NotRequired[str]


class Box(pydantic.BaseModel):
    label: str
    corners: tuple[int, int]
    score: float | None = None


@pxt.udf
def words(text: str) -> list[str]:
    return text.split()


@pxt.udf
def boxes(n: int) -> list[Box]:
    return [Box(label=f"b{k}", corners=(k, k + 1), score=k) for k in range(n)]


@pxt.udf
def total(items: list[Item]) -> float:
    return sum(item["price"] for item in items)


@pxt.udf
def misspelled(n: int) -> Item:
    return {"name": "x", "prize": n}  # type: ignore[typeddict-item, typeddict-unknown-key]  # the point


@pxt.udf
def loose(n: int) -> dict[str, Any]:
    return {"items": [{"name": "x", "price": 1.5, "n": n}]}


@pxt.udf
def label_of(box: Box) -> str:
    return box["label"]  # type: ignore[index,no-any-return]  # a dict, as it is in a cell
