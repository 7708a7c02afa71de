"""Reading SQL into a tree, and writing a tree so that PostgreSQL does what was read; what may be in it, rules say."""

import re
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from pixeltable.exceptions import InvalidSql, RefusedSql
from pixeltable.lazy import sqlglot

if TYPE_CHECKING:
    from sqlglot.dialects import Postgres

_SYNTAX_OF_ITS_OWN = ("CAST", "EXTRACT", "SUBSTRING", "TRIM", "POSITION", "OVERLAY")
"""Functions whose arguments are not all separated by commas."""

_STARTS = ("SELECT", "WITH", "L_PAREN", "VALUES", "TABLE")
_UNITS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")


@cache
def dialect() -> type["Postgres"]:
    """PostgreSQL's syntax, without the parser's knowledge of functions, which would write them in another way.

    Every function call is a name and arguments, operators stay operators, `->` takes what follows as it is, and
    `interval '...'` is a cast.
    """
    exp, kinds = sqlglot.exp, sqlglot.TokenType
    known, writing = sqlglot.dialects.Postgres.Parser, sqlglot.dialects.Postgres.Generator

    class Plain(sqlglot.dialects.Postgres):  # type: ignore[misc]  # found by name, at run time
        NUMBERS_CAN_BE_UNDERSCORE_SEPARATED = True

        class Parser(known):  # type: ignore[misc, valid-type]  # a class that is an attribute of another
            FUNCTIONS: ClassVar[Any] = {}
            FUNCTION_PARSERS: ClassVar[Any] = {name: known.FUNCTION_PARSERS[name] for name in _SYNTAX_OF_ITS_OWN}
            NO_PAREN_FUNCTION_PARSERS: ClassVar[Any] = {
                name: known.NO_PAREN_FUNCTION_PARSERS[name] for name in ("ANY", "CASE", "VARIADIC")
            }
            LAMBDAS: ClassVar[Any] = {kinds.FARROW: known.LAMBDAS[kinds.FARROW]}
            PLACEHOLDER_PARSERS: ClassVar[Any] = {kinds.COLON: known.PLACEHOLDER_PARSERS[kinds.COLON]}
            JSON_OPERATORS: ClassVar[Any] = {
                **known.JSON_OPERATORS,
                kinds.ARROW: lambda _, this, key: exp.JSONExtract(this=this, expression=key),
                kinds.DARROW: lambda _, this, key: exp.JSONExtractScalar(this=this, expression=key),
            }

            def _parse_interval(self, *_: Any, **__: Any) -> Any:
                if self._curr.token_type != kinds.INTERVAL or self._next.token_type != kinds.STRING:
                    return None
                self._advance()
                text = self._parse_primary()
                if self._curr.text.upper() in _UNITS:
                    self.raise_error("the unit of an interval belongs between the quotes, as in interval '2 hours'")
                return exp.Cast(this=text, to=exp.DataType.build("interval"))

        class Generator(writing):  # type: ignore[misc, valid-type]  # as above
            MULTI_ARG_DISTINCT = True
            TRANSFORMS: ClassVar[Any] = {
                **writing.TRANSFORMS,
                exp.Pow: lambda self, node: self.binary(node, "^"),
                exp.StartsWith: lambda self, node: self.binary(node, "^@"),
                exp.Sqrt: lambda self, node: f"|/ {self.sql(node, 'this')}",
                exp.Cbrt: lambda self, node: f"||/ {self.sql(node, 'this')}",
            }

    return Plain


def parsed(text: str) -> Any:
    """The tree of the one statement in `text`.

    Raises:
        InvalidSql: it is none.
        RefusedSql: it starts as none that reads, or there are several.
    """
    try:
        tokens = dialect()().tokenize(text)
        if not tokens:
            raise RefusedSql("an empty text")
        if tokens[0].token_type.name not in _STARTS:
            raise RefusedSql(f"a statement that starts with {tokens[0].text!r}")
        found = [tree for tree in dialect()().parser().parse(tokens, text) if tree is not None]
    except sqlglot.errors.TokenError as error:
        raise _unclosed(text, str(error.__cause__ or error)) from None
    except sqlglot.errors.ParseError as error:
        first = error.errors[0]
        start = _offset(text, first["line"], first["col"]) - len(first["highlight"] or "")
        raise _unreadable(text, _reason(first["description"], first["highlight"]), start) from None
    if len(found) > 1:
        raise RefusedSql("several statements at once")
    return found[0]


def _unclosed(text: str, said: str) -> InvalidSql:
    """The error for a text of which the tokenizer says `Missing <delimiter> from <line>:<column before it>`."""
    found = re.search(r"Missing (.*) from (\d+):(\d+)", said)
    if found is None:
        return InvalidSql("it ends within a comment or a quoted text", text=text, line=1, column=1)
    reason = f"the closing {found[1]} of what starts here is missing"
    return InvalidSql(reason, text=text, line=int(found[2]), column=int(found[3]) + 1)


def _offset(text: str, line: int, column: int) -> int:
    """The offset after a place that is given as line and column."""
    return sum(len(before) + 1 for before in text.split("\n")[: line - 1]) + column


def _unreadable(text: str, reason: str, offset: int) -> InvalidSql:
    before = text[: max(0, offset)]
    return InvalidSql(reason, text=text, line=before.count("\n") + 1, column=offset - (before.rfind("\n") + 1) + 1)


def _reason(description: str, highlight: str | None) -> str:
    """What the parser says, without its own words for it."""
    if description.startswith("Required keyword"):
        return f"something is missing beside {highlight!r}"
    if description.startswith("Invalid expression"):
        return f"{highlight!r} is not expected here"
    said = description.partition(" but got ")[0]
    return said.replace("Expecting", "expected").replace("Expected", "expected")


def written(tree: Any) -> str:
    """The text of a tree, with every name in quotes.

    Raises:
        RefusedSql: PostgreSQL has no such syntax.
    """
    try:
        return str(
            tree.sql(
                dialect=dialect(), comments=False, normalize_functions=False, identify=True,
                unsupported_level=sqlglot.ErrorLevel.RAISE,
            )
        )  # fmt: skip
    except sqlglot.errors.UnsupportedError as error:
        raise RefusedSql(f"SQL that PostgreSQL does not have ({error})") from None
