"""One expression of each kind of node, over columns that stand in for those of a table."""

import datetime

import numpy as np

import pixeltable as pxt
import pixeltable.functions as pxtf
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.arrays import ArrayItem, ArrayOf
from pixeltable.exprs.call import Call, Parameter
from pixeltable.exprs.elements import Element, JsonFilter, JsonMap, JsonSort
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.json_path import JsonPath
from pixeltable.exprs.json_values import JsonList, JsonObject
from pixeltable.exprs.leaves import ColumnRef, Literal, as_expr
from pixeltable.exprs.membership import IsIn, IsInList
from pixeltable.exprs.operators import And, Arithmetic, Cast, Comparison, Concat, IsNull, Negate, Not, Or, Repeat
from pixeltable.exprs.properties import BaseRow, CellProperty, InShare, RowHash, RowId, Similarity, VectorScore
from pixeltable.exprs.queries import InQuery, QueryCall
from pixeltable.exprs.shift import Shift
from pixeltable.exprs.tool_calls import ToolCalls
from pixeltable.exprs.variable import Variable
from pixeltable.plan.query import QuerySpec
from pixeltable.types.column_type import (
    ArrayType,
    BinaryType,
    BoolType,
    ColumnType,
    DateType,
    FloatType,
    IntType,
    JsonType,
    StringType,
    TimestampType,
    UUIDType,
)

TYPES: dict[str, ColumnType] = {
    "i": IntType(), "k": IntType(True), "x": FloatType(), "y": FloatType(True), "s": StringType(),
    "n": StringType(True), "b": BoolType(), "c": BoolType(True), "ts": TimestampType(), "d": DateType(),
    "u": UUIDType(), "raw": BinaryType(), "j": JsonType(), "a": ArrayType(shape=(3, None), dtype="float32"),
}  # fmt: skip

COLUMNS: dict[str, ColumnRef] = {
    name: ColumnRef(number, 1, name, column_type) for number, (name, column_type) in enumerate(TYPES.items())
}

_i, _s, _b, _j, _a = (COLUMNS[name] for name in "isbja")
_query = Literal(np.array([0.25, 0.5], dtype="float32"), ArrayType(shape=(2,), dtype="float32"))

EXAMPLES: dict[type[Expr], Expr] = {
    Aggregate: pxtf.sum(_i, group_by=_s, order_by=COLUMNS["ts"]),
    And: _b & COLUMNS["c"],
    Arithmetic: _i + 1,
    ArrayItem: _a[0, 1:],
    ArrayOf: pxt.array([_a[0], _a[1]]),
    Call: pxtf.string.replace(_s, "a", "b"),
    Cast: COLUMNS["k"].astype(FloatType(True)),
    BaseRow: BaseRow(7, "dir/t"),
    CellProperty: _s.errormsg,
    ColumnRef: _i,
    Comparison: _i < 2.5,
    Concat: _s + "!",
    InQuery: InQuery(_i, "dir/t", QuerySpec(7, (("n", _i + 1),), _s == "x")),
    Element: Element(IntType(True)),
    IsIn: _s.isin(["a", "b"]),
    IsInList: _i.isin(_j.entries),
    IsNull: COLUMNS["k"] == None,  # noqa: E711  # builds a node
    JsonFilter: pxtf.filter(_j, lambda x: x.price > _i),
    JsonList: as_expr([_i, 1]),
    JsonMap: pxtf.map(_j.entries, lambda x: pxtf.map(x.prices, lambda y: y * x.rate + _i)),
    JsonObject: as_expr({"role": "user", "content": _s}),
    JsonPath: _j.entries[0]["key"],
    JsonSort: pxtf.sort(_j.entries, lambda x: [x.name, _s], asc=False),
    Literal: as_expr([1, {"k": None}]),
    Negate: -_i,
    Not: ~_b,
    Or: _b | COLUMNS["c"],
    QueryCall: QueryCall(
        "found",
        "dir/t",
        QuerySpec(7, (("n", _i + 1),), _s == Variable("text", StringType())),
        (Parameter("text", StringType()),),
        (_s,),
        False,
    ),
    Repeat: _s * 2,
    InShare: InShare(RowId(7), 3, 0.25),
    RowHash: RowHash(3),
    RowId: RowId(7),
    Shift: COLUMNS["ts"] - datetime.timedelta(hours=36),
    Similarity: _s.similarity(string="a query", idx="idx0"),
    ToolCalls: pxt.tools(pxtf.string.upper).invoke(_j),
    Variable: Variable("text", StringType(True)),
    VectorScore: VectorScore(_s, 3, "cosine", _query),
}
