"""Plain UDFs; a module, so that any process can resolve them by name. One module per kind: each loads alone."""

import time

import pixeltable as pxt


@pxt.udf
def inc(x: int) -> int:
    return x + 1


@pxt.udf
def slow_inc(x: int) -> int:
    time.sleep(0.002)
    return x + 1


@pxt.udf
def upper(s: str) -> str:
    return s.upper()
