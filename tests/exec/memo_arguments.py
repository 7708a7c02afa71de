"""Arguments by name, to be hashed in several processes; run as a program, it prints their keys."""

import datetime
import enum
import json
import sys
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from PIL import Image
from pydantic import BaseModel

from pixeltable.exec.memo_keys import FileDigests, call_keys
from pixeltable.exprs.call import FunctionSpec, Parameter
from pixeltable.types.column_type import JsonType, StringType


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


class Point(BaseModel):
    x: int
    y: Any = None


def gray(*pixels: int) -> Image.Image:
    image = Image.new("L", (len(pixels), 1))
    image.putdata(pixels)
    return image


def with_palette(*colors: int) -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette(colors)
    return image


def see_through() -> Image.Image:
    image = with_palette(1, 2, 3)
    image.info["transparency"] = 0
    return image


# No two of these are the same argument.
DIFFERENT: dict[str, Any] = {
    "none": None,
    "true": True,
    "false": False,
    "one": 1,
    "one as float": 1.0,
    "one as text": "1",
    "one as bytes": b"1",
    "zero": 0.0,
    "minus zero": -0.0,
    "nan": float("nan"),
    "infinity": float("inf"),
    "tiny": 5e-324,
    "huge int": 10**400,
    "negative": -1,
    "empty": "",
    "surrogate": "\ud800",
    "nul": "\0",
    "long": "x" * 5000,
    "longer": "x" * 5001,
    "long bytes": b"x" * 5000,
    "no bytes": b"",
    "list": ["a", "b"],
    "list of one": ["ab"],
    "nested": [["a"], "b"],
    "nested at the end": ["a", ["b"]],
    "tuple": ("a", "b"),
    "no items": [],
    "no tuple": (),
    "dict": {"a": 1, "b": 2},
    "swapped": {"a": 2, "b": 1},
    "pairs": [["a", 1], ["b", 2]],
    "int keys": {1: "a"},
    "text keys": {"1": "a"},
    "no dict": {},
    "naive": datetime.datetime(2024, 1, 1, 12),  # noqa: DTZ001  # one without a zone is meant
    "noon": datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.UTC),
    "the same instant, another clock": datetime.datetime(2024, 1, 1, 13, tzinfo=ZoneInfo("Europe/Berlin")),
    "microsecond": datetime.datetime(2024, 1, 1, 12, 0, 0, 1, tzinfo=datetime.UTC),
    "date": datetime.date(2024, 1, 1),
    "date as text": "2024-01-01",
    "time": datetime.time(12),
    "duration": datetime.timedelta(days=1, seconds=2),
    "uuid": uuid.UUID(int=7),
    "enum": Color.RED,
    "other enum": Color.BLUE,
    "int enum": Level.LOW,
    "array": np.array([1, 2], dtype="int64"),
    "narrow array": np.array([1, 2], dtype="int32"),
    "array of a row": np.array([[1, 2]], dtype="int64"),
    "array of a column": np.array([[1], [2]], dtype="int64"),
    "large array": np.arange(10_000),
    "larger array": np.arange(10_001),
    "texts": np.array(["a", "bc"]),
    "bools": np.array([True]),
    "scalar": np.int64(1),
    "float scalar": np.float64(1),
    "array without dimensions": np.array(1, dtype="int64"),
    "image": gray(1, 2),
    "other pixels": gray(2, 1),
    "other size": gray(1, 2, 3, 4),
    "other mode": gray(1, 2).convert("RGB"),
    "palette": with_palette(1, 2, 3),
    "other palette": with_palette(3, 2, 1),
    "see-through": see_through(),
    "model": Point(x=1),
    "other model": Point(x=1, y="z"),
}

JSON = Parameter("value", JsonType())
FUNCTION = FunctionSpec("library.f", "f", (JSON,), StringType(), "0123")


def keys(*values: Any, parameter: Parameter = JSON, function: FunctionSpec = FUNCTION, **options: Any) -> list[Any]:
    """The keys of calls of a function with one argument."""
    options = {"result": StringType(), "files": FileDigests(), **options}
    return call_keys(function, [parameter], [values], len(values), **options)


def key(value: Any, **options: Any) -> Any:
    """The key of one call."""
    return keys(value, **options)[0]


if __name__ == "__main__":
    from tests.exec import memo_arguments as imported  # so that classes have the name that the tests know them by

    sys.stdout.write(json.dumps({name: imported.key(value).hex() for name, value in imported.DIFFERENT.items()}))
