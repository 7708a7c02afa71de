"""What may be in a statement of a user's: kinds of nodes, functions and types that are known to do nothing but read.

What is not listed is refused, so that syntax nobody thought of is too. Tables are not looked at here: each of them is
looked up in the catalog, and nothing else can be read.
"""

import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache
from typing import Any

from pixeltable.exceptions import RefusedSql
from pixeltable.lazy import sqlglot
from pixeltable.plan.statement_functions import FUNCTIONS

_QUERIES = """
    Select Union Except Intersect Subquery With CTE RecursiveWithSearch Values From Table TableAlias Join Lateral Unnest
    Where Group GroupingSets Rollup Cube Having Window WindowSpec Order Ordered Limit Offset Fetch LimitOptions Distinct
    Tuple Star Alias Column Dot Identifier ColumnDef
"""
_OPERATORS = """
    Paren And Or Not Is EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Between In Any All Exists Like ILike SimilarTo
    Escape RegexpLike RegexpILike Overlaps Add Sub Mul Div Mod Neg Pow Abs Sqrt Cbrt BitwiseAnd BitwiseOr BitwiseXor
    BitwiseNot BitwiseLeftShift BitwiseRightShift DPipe Concat AtTimeZone Collate Case If
    JSONExtract JSONExtractScalar JSONBExtract JSONBExtractScalar JSONBContainsTopKey JSONBContainsAnyTopKeys
    JSONBContainsAllTopKeys JSONBDeleteAtPath JSONBPathExists MatchAgainst ArrayContainsAll ArrayContainedBy
    ArrayOverlaps StartsWith
"""
_VALUES = """
    Anonymous Filter WithinGroup Kwarg Variadic Extract Substring Trim StrPosition Overlay Cast DataType DataTypeParam
    CurrentDate CurrentTime CurrentTimestamp Localtime Localtimestamp Array Bracket Slice Literal ByteString RawString
    Null Boolean Placeholder Var JSON
"""
_NODES = frozenset(" ".join([_QUERIES, _OPERATORS, _VALUES]).split())
_TYPE_NAMES = """
    ARRAY BIGINT BOOLEAN BPCHAR CHAR DATE DECIMAL DOUBLE FLOAT INT INTERVAL JSON JSONB SMALLINT TEXT TIME TIMESTAMP
    TIMESTAMPTZ TIMETZ UUID VARBINARY VARCHAR
"""
_TYPES = frozenset(_TYPE_NAMES.split())
_TABLE_PARTS = frozenset({"this", "db", "catalog", "alias", "joins", "laterals", "ordinality", "rows_from", "only"})
_WORDS = {
    "Lock": "clauses that lock rows, such as FOR UPDATE",
    "Into": "SELECT INTO",
    "Insert": "INSERT",
    "Update": "UPDATE",
    "Delete": "DELETE",
    "Merge": "MERGE",
    "TableSample": "TABLESAMPLE",
    "CurrentUser": "CURRENT_USER",
    "CurrentRole": "CURRENT_ROLE",
    "SessionUser": "SESSION_USER",
    "CurrentCatalog": "CURRENT_CATALOG",
    "CurrentSchema": "CURRENT_SCHEMA",
    "ObjectIdentifier": "casts to names of the database's own objects",
    "HexString": "bit strings and hexadecimal numbers",
    "BitString": "bit strings and hexadecimal numbers",
    "UnicodeString": "texts with U&",
}
_HINTS = {"TableSample": "Use where random() < 0.1, or table.sample()."}
_PLAIN = re.compile(r"[A-Za-z0-9_. +-]*")
"""What is written as it is, without quotes: names of fields of a time, words of the language, numbers."""


def check_tree(tree: Any) -> None:
    """Refuse what is not known to be harmless.

    Raises:
        RefusedSql: the statement would lock or write, or calls what is not listed.
    """
    for node in tree.walk():
        kind = type(node).__name__
        if kind not in _NODES:
            raise RefusedSql(_WORDS.get(kind) or f"`{_excerpt(node) or kind}`", hint=_HINTS.get(kind, ""))
        check = _checks().get(kind)
        if check is not None:
            check(node)


@cache
def _checks() -> dict[str, Callable[[Any], None]]:
    return {
        "Anonymous": _check_function,
        "ByteString": _check_escapes,
        "CTE": _check_with,
        "DataType": _check_type,
        "Dot": _check_dot,
        "From": _check_source,
        "Join": _check_source,
        "Lateral": _check_lateral,
        "Literal": _check_number,
        "Placeholder": _check_placeholder,
        "Table": _check_table,
        "Var": _check_word,
    }


def _check_function(node: Any) -> None:
    name = node.name.lower()
    if name not in FUNCTIONS:
        near = get_close_matches(name, FUNCTIONS, n=1)
        hint = f"Did you mean {near[0]}()?" if near else "docs/sql.md lists the functions that can be called."
        raise RefusedSql(f"the function {node.name}()", hint=hint)


def _check_type(node: Any) -> None:
    name = getattr(node.this, "name", "")
    if name not in _TYPES:
        raise RefusedSql(f"a cast to the type {_excerpt(node)}", hint=f"Types: {', '.join(sorted(_TYPES)).lower()}.")
    for part in ("kind", "values"):
        if isinstance(node.args.get(part), str):
            _check_plain(node.args[part], node)


def _check_dot(node: Any) -> None:
    if not isinstance(node.expression, sqlglot.exp.Identifier | sqlglot.exp.Star):
        raise RefusedSql(f"`{_excerpt(node)}`: a function of a schema", hint="Call functions by their name alone.")


def _check_number(node: Any) -> None:
    if not node.is_string:
        _check_plain(node.this, node)


def _check_escapes(node: Any) -> None:
    if node.args.get("is_bytes") or any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in node.this):
        raise RefusedSql("a text with escapes of bytes, of NUL or of half a surrogate pair")


def _check_placeholder(node: Any) -> None:
    if not isinstance(node.this, str) or not node.this.isidentifier():
        raise RefusedSql("a parameter without a name", hint="Write :name, and pass params={'name': value}.")


def _check_with(node: Any) -> None:
    if node.alias.lower().startswith("pg_"):
        raise RefusedSql(f"a WITH by the name of {node.alias!r}", hint="System tables have such names: choose another.")


def _check_source(node: Any) -> None:
    """What rows come from is a table, which is looked up, or something that no name of a table can be."""
    exp = sqlglot.exp
    if not isinstance(node.this, exp.Table | exp.Subquery | exp.Lateral | exp.Unnest | exp.Values):
        raise RefusedSql(f"`{_excerpt(node)}`")


def _check_lateral(node: Any) -> None:
    exp = sqlglot.exp
    if not isinstance(node.this, exp.Subquery | exp.Anonymous | exp.Unnest):
        raise RefusedSql(f"`{_excerpt(node)}`")


def _check_table(node: Any) -> None:
    for part, value in node.args.items():
        if value and part not in _TABLE_PARTS:
            raise RefusedSql(f"`{_excerpt(node)}`")
    if isinstance(node.this, sqlglot.exp.Anonymous) and len(node.parts) > 1:
        raise RefusedSql(f"`{_excerpt(node)}`: a function of a schema", hint="Call functions by their name alone.")


def _check_word(node: Any) -> None:
    _check_plain(node.this, node)


def _check_plain(text: Any, node: Any) -> None:
    if not isinstance(text, str) or not _PLAIN.fullmatch(text):
        raise RefusedSql(f"`{_excerpt(node)}`")


def _excerpt(node: Any) -> str:
    text = str(node.sql(dialect="postgres", comments=False, unsupported_level=sqlglot.ErrorLevel.IGNORE))
    return text if len(text) <= 60 else f"{text[:57]}..."
