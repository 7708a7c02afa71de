"""Every error a user can meet, with its code, HTTP status and whether a retry can help; nothing else here.

    Error
    ├── NotFoundError            UnknownPath UnknownVersion UnknownTable UnknownDirectory UnknownColumn UnknownIndex
    │                            UnknownFunction UnknownJob
    ├── AlreadyExistsError       PathTaken ColumnTaken TagTaken IndexTaken
    ├── RequestError             InvalidName InvalidPath InvalidExpression InvalidType InvalidSchema InvalidArgument
    │                            InvalidData MissingValue TypeMismatch ConstraintViolation DuplicateKey Unsupported
    │                            InvalidState InvalidColumn InvalidConfiguration MissingPackage ForeignColumn
    │                            CellFailure UnusableModel ToolChanged InvalidSql RefusedSql FailedSql
    │                            UnknownMethod NotCalled NoValueYet FixedVersion NotBound AlreadyBound
    │                            SchemaMismatch DestructiveChange JobCancelled
    ├── AuthorizationError       MissingCredentials ForeignPickle DatabaseRefused
    ├── ExternalServiceError     ProviderFailure RateLimited ProviderRefused ProviderRejected ProviderTimedOut
    │                            ProviderOverloaded ToolServerLost ToolFailed
    ├── ServiceUnavailableError  DatabaseUnavailable
    └── ConcurrencyError         SchemaChanged TooManyConflicts

The leaves hold the wording; call sites pass facts.
"""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar

from pixeltable.error_codes import ErrorCode as ErrorCode
from pixeltable.error_codes import http_status, is_retryable


class PixeltableWarning(Warning):
    """Something works, but probably not as meant."""


class PixeltableDeprecationWarning(PixeltableWarning, DeprecationWarning):
    """Something works, but there is a newer way."""


class Error(Exception):
    """Base of all errors. `detail` holds machine-readable facts where there are any; `retry_after` is in seconds."""

    def __init__(
        self,
        error_code: ErrorCode,
        message: str,
        *,
        retry_after: float | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.message = message
        self.retry_after = retry_after
        self.detail = detail

    @property
    def http_status(self) -> int:
        """The status with which a web application answers this error."""
        return http_status(self.error_code)

    @property
    def is_retryable(self) -> bool:
        """Whether the same call may succeed later, with nothing changed by the caller."""
        return is_retryable(self.error_code)

    def to_dict(self, with_detail: bool = False) -> dict[str, Any]:
        """The error as JSON-ready data; `detail` only on request, since it may hold user data."""
        data: dict[str, Any] = {
            "error_code": self.error_code.name,
            "message": self.message,
            "retryable": self.is_retryable,
        }
        if self.retry_after is not None:
            data["retry_after"] = self.retry_after
        if with_detail and self.detail is not None:
            data["detail"] = self.detail
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Error":
        """The error that `to_dict` described, in the class its code belongs to."""
        code = ErrorCode[data["error_code"]]
        kind = _CLASS_BY_THOUSAND.get(code.value // 1000, Error)
        return _rebuild(kind, code, data["message"], data.get("retry_after"), data.get("detail"))

    def __reduce__(self) -> Any:
        # Leaves take facts, not messages, so the default (class(*args)) could not rebuild them in another process.
        return _rebuild, (type(self), self.error_code, self.message, self.retry_after, self.detail)


def _rebuild(
    kind: type[Error], code: ErrorCode, message: str, retry_after: float | None, detail: dict[str, Any] | None
) -> Error:
    error = kind.__new__(kind)
    Error.__init__(error, code, message, retry_after=retry_after, detail=detail)
    return error


def with_addition(error: Error, addition: str) -> Error:
    """The same error, with a message that says more."""
    message = f"{error.message}\n{addition}"
    longer = _rebuild(type(error), error.error_code, message, error.retry_after, error.detail)
    longer.__dict__.update({**error.__dict__, "message": message})
    return longer


class NotFoundError(Error):
    """Something named does not exist."""


class AlreadyExistsError(Error):
    """Something of that name exists."""


class RequestError(Error):
    """The call itself cannot be carried out as written."""


class AuthorizationError(Error):
    """The caller lacks a right or a credential."""


class ExternalServiceError(Error):
    """A provider failed; `provider` names it, `status_code` is its HTTP status where there was one."""

    provider: str | None = None
    status_code: int | None = None


class ServiceUnavailableError(Error):
    """The database or the object store cannot be reached at the moment."""


class ConcurrencyError(Error):
    """Another writer got in between, more often than this call was ready to start over."""


UserError = RequestError
"""Older name of `RequestError`."""

_CLASS_BY_THOUSAND: dict[int, type[Error]] = {
    1: NotFoundError,
    2: AlreadyExistsError,
    3: RequestError,
    4: AuthorizationError,
    5: ExternalServiceError,
    6: ServiceUnavailableError,
    7: ConcurrencyError,
}


class _Coded:
    """Mixin of the leaves: a fixed code, and a message of fact and way out."""

    code: ClassVar[ErrorCode]

    def __init__(self, fact: str, *, hint: str = "", **detail: Any) -> None:
        message = f"{fact}. {hint}" if hint else fact
        Error.__init__(self, self.code, message, detail=detail or None)  # type: ignore[arg-type]  # a mixin of Error


def _hint(name: str, known: Collection[str], *, what: str) -> str:
    known = [str(other) for other in known]  # what users pass as a name may be of any type
    near = get_close_matches(str(name), known, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"{what}: {', '.join(sorted(known)[:20])}." if known else ""


class UnknownPath(_Coded, NotFoundError):
    code = ErrorCode.PATH_NOT_FOUND

    def __init__(self, path: str, *, known: Collection[str] = ()) -> None:
        super().__init__(f"path {path!r} does not exist", hint=_hint(path, known, what="Existing"))


class UnknownJob(_Coded, NotFoundError):
    code = ErrorCode.ROW_NOT_FOUND

    def __init__(self, job_id: object) -> None:
        super().__init__(f"there is no job {job_id!r}", hint="pxt.jobs() lists those there are.")


class UnknownVersion(_Coded, NotFoundError):
    """`asked` is what it was named by: `version 7`, `tag 'v1'`."""

    code = ErrorCode.PATH_NOT_FOUND

    def __init__(self, asked: str, *, table: str, known: str) -> None:
        super().__init__(f"table {table!r} has no {asked}", hint=f"It has {known}.")


class UnknownTable(_Coded, NotFoundError):
    code = ErrorCode.TABLE_NOT_FOUND

    def __init__(self, name: str) -> None:
        super().__init__(
            f"table {name!r} was dropped", hint="Get a new handle with pxt.get_table() or create it again."
        )


class UnknownDirectory(_Coded, NotFoundError):
    code = ErrorCode.DIRECTORY_NOT_FOUND

    def __init__(self, path: str) -> None:
        super().__init__(f"directory {path!r} does not exist", hint=f"Create it first: pxt.create_dir({path!r})")


class UnknownColumn(_Coded, NotFoundError, AttributeError):
    """Also an `AttributeError`, so that `hasattr(table, name)` answers."""

    code = ErrorCode.COLUMN_NOT_FOUND

    def __init__(self, name: str, *, table: str, known: Collection[str] = ()) -> None:
        super().__init__(f"table {table!r} has no column {name!r}", hint=_hint(name, known, what="Columns"))


class UnknownResultColumn(UnknownColumn, KeyError):
    """Also a `KeyError`, since rows are mappings."""

    def __init__(self, name: str, *, known: Collection[str] = ()) -> None:
        _Coded.__init__(self, f"the result has no column {name!r}", hint=_hint(name, known, what="Columns"))

    __str__ = Exception.__str__  # KeyError's would put the message in quotes


class UnknownIndex(_Coded, NotFoundError):
    code = ErrorCode.INDEX_NOT_FOUND

    def __init__(self, subject: str, *, known: Collection[str] = ()) -> None:
        super().__init__(f"{subject} has no such index", hint=_hint("", known, what="Indexes"))


class UnknownRow(_Coded, NotFoundError):
    code = ErrorCode.ROW_NOT_FOUND

    def __init__(self, key: str, *, table: str) -> None:
        super().__init__(
            f"table {table!r} has no row with {key}",
            hint="Pass if_not_exists='insert' to add such rows, or 'ignore' to skip them.",
        )


class UnknownFunction(_Coded, NotFoundError):
    code = ErrorCode.FUNCTION_NOT_FOUND

    def __init__(self, name: str, *, reason: str) -> None:
        super().__init__(f"function {name!r} cannot be loaded: {reason}")


class PathTaken(_Coded, AlreadyExistsError):
    code = ErrorCode.PATH_ALREADY_EXISTS

    def __init__(self, path: str, *, kind: str) -> None:
        super().__init__(f"path {path!r} is an existing {kind}", hint="See the values of `if_exists`.")


class ColumnTaken(_Coded, AlreadyExistsError):
    code = ErrorCode.COLUMN_ALREADY_EXISTS

    def __init__(self, name: str, *, table: str) -> None:
        super().__init__(f"table {table!r} already has a column {name!r}", hint="See the values of `if_exists`.")


class TagTaken(_Coded, AlreadyExistsError):
    code = ErrorCode.PATH_ALREADY_EXISTS

    def __init__(self, name: str, *, table: str, version: int) -> None:
        super().__init__(
            f"table {table!r} already has a tag {name!r}, for version {version}", hint="Remove it with drop_tag()."
        )


class IndexTaken(_Coded, AlreadyExistsError):
    code = ErrorCode.INDEX_ALREADY_EXISTS

    def __init__(self, name: str, *, table: str) -> None:
        super().__init__(f"table {table!r} already has an index {name!r}", hint="See the values of `if_exists`.")


class InvalidName(_Coded, RequestError):
    code = ErrorCode.INVALID_COLUMN_NAME


class InvalidPath(_Coded, RequestError):
    code = ErrorCode.INVALID_PATH


class InvalidExpression(_Coded, RequestError):
    code = ErrorCode.INVALID_EXPRESSION


class UnknownMethod(InvalidExpression, AttributeError):
    """Also an `AttributeError`, so that `hasattr(expression, name)` answers."""

    def __init__(self, name: str, *, expr: str, type_name: str, known: Collection[str]) -> None:
        super().__init__(
            f"`{expr}` has type `{type_name}`, which has no method {name!r}", hint=_hint(name, known, what="Methods")
        )


class NotCalled(InvalidExpression, AttributeError):
    """Also an `AttributeError`, so that `hasattr(expression.method, name)` answers."""

    def __init__(self, method: str, *, hint: str) -> None:
        super().__init__(f"`{method}` is a method, which has no value until it is called", hint=hint)


class InvalidType(_Coded, RequestError):
    code = ErrorCode.INVALID_TYPE


class InvalidSchema(_Coded, RequestError):
    code = ErrorCode.INVALID_SCHEMA


class InvalidArgument(_Coded, RequestError):
    code = ErrorCode.INVALID_ARGUMENT


class InvalidData(_Coded, RequestError):
    code = ErrorCode.INVALID_DATA_FORMAT


class MissingValue(_Coded, RequestError):
    code = ErrorCode.MISSING_REQUIRED


class TypeMismatch(_Coded, RequestError):
    code = ErrorCode.TYPE_MISMATCH


class ConstraintViolation(_Coded, RequestError):
    code = ErrorCode.CONSTRAINT_VIOLATION


class DuplicateKey(ConstraintViolation):
    def __init__(self, key: str, *, table: str) -> None:
        super().__init__(
            f"duplicate primary key in table {table!r}: {key} already exists",
            hint="Use update() or batch_update() to change that row.",
        )


class RepeatedValue(ConstraintViolation):
    def __init__(self, key: str, *, table: str, index: str) -> None:
        super().__init__(
            f"index {index!r} of table {table!r} is unique, and {key} already exists",
            hint="Change that row, or drop the index.",
        )


class MergeConflict(ConstraintViolation):
    """`conflicts` has a dict for each row: `key`, what became of it in the `branch` and the `base`, `columns`."""

    def __init__(self, base: str, conflicts: Sequence[Mapping[str, Any]]) -> None:
        self.conflicts = list(conflicts)
        shown = "; ".join(map(_conflict_in_words, self.conflicts[:10]))
        rest = f"; and {len(self.conflicts) - 10} more" if len(self.conflicts) > 10 else ""
        super().__init__(
            f"{len(self.conflicts)} rows were changed both in the branch and in {base!r}: {shown}{rest}",
            hint="Pass on_conflict='branch' or 'base', or change one of the two; nothing was merged.",
        )


def _conflict_in_words(conflict: Mapping[str, Any]) -> str:
    key = ", ".join(f"{name}={value!r}" for name, value in conflict["key"].items())
    if conflict["branch"] == conflict["base"]:
        return f"{key} ({conflict['branch']} in both: {', '.join(conflict['columns'])})"
    return f"{key} ({conflict['branch']} in the branch, {conflict['base']} in the base)"


class Unsupported(_Coded, RequestError):
    code = ErrorCode.UNSUPPORTED_OPERATION


class NoValueYet(Unsupported, TypeError):
    """Also a `TypeError`, which is what Python's own values raise where they do not fit."""

    def __init__(self, expr: str, *, use: str, hint: str) -> None:
        super().__init__(f"the value of `{expr}` is known only when a query runs, so {use}", hint=hint)


class FixedVersion(Unsupported):
    """What would change a table was called on a version of it, or on a snapshot."""

    def __init__(self, method: str, *, what: str, source: str) -> None:
        super().__init__(
            f"{method}() cannot be used on {what} which stays as it is",
            hint=f"Use it on the table itself: pxt.get_table({source!r}).",
        )


class NotBound(_Coded, RequestError, AttributeError):
    """Also an `AttributeError`, so that `hasattr(model, name)` answers."""

    code = ErrorCode.NOT_BOUND

    def __init__(self, model: str, *, wanted: str) -> None:
        super().__init__(
            f"model `{model}` is not bound to a table, which {wanted} needs",
            hint="Call create_all(), update_all() or bind_all() of its base class first.",
        )


class AlreadyBound(_Coded, RequestError):
    code = ErrorCode.ALREADY_BOUND

    def __init__(self, model: str, *, path: str, asked: str) -> None:
        super().__init__(
            f"model `{model}` is bound to {path!r} and cannot be bound to {asked!r} as well",
            hint="Declare it below another pxt.model_base() to use it in several directories.",
        )


class SchemaMismatch(_Coded, RequestError):
    """Tables are not as their models say; `plan` is what it would take, a line each."""

    code = ErrorCode.SCHEMA_MISMATCH

    def __init__(self, fact: str, *, plan: str, hint: str) -> None:
        super().__init__(f"{fact}:\n{plan}\n{hint}", plan=plan.splitlines())


class DestructiveChange(_Coded, RequestError):
    """What update_all() would take away; `plan` says it, a line each."""

    code = ErrorCode.DESTRUCTIVE_SCHEMA_CHANGE

    def __init__(self, plan: str) -> None:
        super().__init__(
            f"update_all() would drop what is in the catalog but in no model, and changed nothing:\n{plan}\n"
            "Pass allow_destructive=True to have it dropped. To rename a column, use rename_column() before.",
            plan=plan.splitlines(),
        )


class InvalidState(_Coded, RequestError):
    code = ErrorCode.INVALID_STATE


class BeingAdded(InvalidState):
    """A column or an index that another process, or thread, is filling."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            f"{kind} {name!r} is being added by another process",
            hint="Wait until it is done; a call with if_exists='ignore' does.",
        )


class JobCancelled(InvalidState):
    """What a call raises that was asked to stop."""

    def __init__(self, title: str) -> None:
        super().__init__(f"{title}: stopped before it was done", hint="Its work is kept: resume() goes on with it.")


class InvalidColumn(InvalidState):
    """What is stored of it stays readable; only what would have to compute it is refused."""

    def __init__(self, what: str, *, table: str, reason: str) -> None:
        super().__init__(
            f"{what} of table {table!r} cannot be computed: {reason}",
            hint="Bring the function back, define it anew with if_exists='replace', or drop it.",
        )


class InvalidConfiguration(_Coded, RequestError):
    code = ErrorCode.INVALID_CONFIGURATION


class MissingPackage(InvalidConfiguration):
    def __init__(self, package: str, *, extra: str) -> None:
        super().__init__(
            f"the package {package!r} is not installed", hint=f"Install it with: pip install 'pixeltable[{extra}]'"
        )


class UnusableModel(_Coded, RequestError):
    """A local model is not there, or its files are not what the function needs."""

    code = ErrorCode.INVALID_ARGUMENT

    def __init__(self, model_id: str, *, reason: str, hint: str = "") -> None:
        super().__init__(f"model {model_id!r} cannot be used: {reason}", hint=hint)


class ForeignColumn(InvalidExpression):
    def __init__(self, names: Collection[str], *, table: str, role: str) -> None:
        super().__init__(
            f"{role} refers to {', '.join(f'`{name}`' for name in sorted(names))} of another table than {table!r}",
            hint="Only columns of the table itself can be used here; a query can join() others.",
        )


class AmbiguousColumn(InvalidExpression):
    def __init__(self, name: str, *, table: str) -> None:
        super().__init__(
            f"column {name!r} may be of either use of table {table!r} in the query",
            hint="Give one of them another name: other = t.alias('other'), then other.column.",
        )


class JoinedWithItself(InvalidExpression):
    def __init__(self, table: str) -> None:
        super().__init__(
            f"table {table!r} is in the query already, under the same name",
            hint="Give it another one: other = t.alias('other'), and join that.",
        )


class CellFailure(RequestError):
    """A computed cell failed and the caller asked to abort; the user's exception is the `__cause__`."""

    def __init__(self, column: str, *, row: int, error_type: str, message: str, inputs: str) -> None:
        super().__init__(
            ErrorCode.INVALID_EXPRESSION,
            f"column {column!r}, row {row}: {error_type}: {message}. Inputs: {inputs}. "
            "Pass on_error='ignore' to keep the row with an error in this cell.",
            detail={"column": column, "row": row, "error_type": error_type},
        )


class InvalidSql(InvalidExpression):
    """SQL that cannot be read, with the place in it; `line` and `column` count from 1."""

    def __init__(self, reason: str, *, text: str, line: int, column: int) -> None:
        start = max(0, column - 60)
        shown = text.split("\n")[line - 1][start : start + 100]
        place = f"line {line}, column {column}"
        super().__init__(f"the SQL cannot be read at {place}: {reason}\n  {shown}\n  {' ' * (column - 1 - start)}^")


class RefusedSql(Unsupported):
    """SQL that is PostgreSQL's, but nothing that `pxt.sql()` runs."""

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(
            f"pxt.sql() does not run {what}",
            hint=hint or "It runs one statement that only reads: SELECT, with WITH, UNION and the like.",
        )


class FailedSql(InvalidExpression):
    """SQL for which PostgreSQL reported an error: a type that does not fit, a division by zero."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"the database cannot run the SQL: {message}", hint=hint)


class UnknownSqlColumn(UnknownColumn):
    def __init__(self, name: str, *, tables: Collection[str], known: Collection[str]) -> None:
        of = f"none of the tables {', '.join(map(repr, sorted(set(tables))))} has" if tables else "nothing has"
        _Coded.__init__(self, f"{of} a column {name!r}", hint=_hint(name, known, what="Columns"))


class MissingCredentials(_Coded, AuthorizationError):
    code = ErrorCode.MISSING_CREDENTIALS


class DatabaseRefused(_Coded, AuthorizationError):
    """The database lets its user read or write no such thing."""

    code = ErrorCode.INSUFFICIENT_PRIVILEGES

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the database refuses it: {reason}",
            hint="Its owner can grant the rights on schema pixeltable to the user that PIXELTABLE_DB_URL names.",
        )


class ForeignPickle(_Coded, AuthorizationError):
    code = ErrorCode.INSUFFICIENT_PRIVILEGES

    def __init__(self, name: str) -> None:
        super().__init__(
            f"function {name!r} is stored as a pickle that was not signed with this installation's key",
            hint="Share `signing.key` of the home that stored it, or move the function into an importable module.",
        )


class ProviderFailure(ExternalServiceError):
    """A provider answered with an error, or with something that is no answer. `retry_after` is what it asked for."""

    code: ClassVar[ErrorCode] = ErrorCode.PROVIDER_ERROR

    def __init__(
        self, provider: str, fact: str, *, status_code: int | None = None, retry_after: float | None = None
    ) -> None:
        status = f" (HTTP {status_code})" if status_code else ""
        super().__init__(self.code, f"{provider}{status}: {fact}", retry_after=retry_after)
        self.provider = provider
        self.status_code = status_code


class RateLimited(ProviderFailure):
    code = ErrorCode.RATE_LIMITED


class ProviderRefused(ProviderFailure):
    """The credential is not accepted, or lacks a right."""

    code = ErrorCode.PROVIDER_AUTH_ERROR


class ProviderRejected(ProviderFailure):
    """The request itself is at fault: it would fail again."""

    code = ErrorCode.PROVIDER_BAD_REQUEST


class ProviderTimedOut(ProviderFailure):
    code = ErrorCode.PROVIDER_TIMEOUT


class ProviderOverloaded(ProviderFailure):
    code = ErrorCode.PROVIDER_OVERLOADED


class ToolServerLost(ProviderFailure):
    """An MCP server cannot be reached, or did not answer."""

    def __init__(self, url: str, fact: str) -> None:
        super().__init__(f"MCP server {_without_query(url)}", fact)


class ToolFailed(ProviderRejected):
    """A tool of an MCP server reported an error, or the server refused to call it."""

    def __init__(self, url: str, tool: str, fact: str) -> None:
        super().__init__(f"tool {tool!r} of the MCP server {_without_query(url)}", fact)


class ToolChanged(InvalidState):
    def __init__(self, url: str, tool: str, *, reason: str) -> None:
        super().__init__(
            f"tool {tool!r} of the MCP server {_without_query(url)} is not what it was: {reason}",
            hint="Define the column anew with a function of pxt.mcp_udfs().",
        )


def _without_query(url: str) -> str:
    """The address without what may be a secret."""
    return url.partition("?")[0]


class DatabaseUnavailable(_Coded, ServiceUnavailableError):
    code = ErrorCode.DATABASE_UNAVAILABLE


class SchemaChanged(_Coded, ConcurrencyError):
    """Internal signal to plan again; reaches the user only after the bounded number of tries."""

    code = ErrorCode.CONCURRENT_MODIFICATION

    def __init__(self, table: str) -> None:
        super().__init__(f"the schema of table {table!r} changed during the operation", hint="Try again.")


class TransactionConflict(_Coded, ConcurrencyError):
    code = ErrorCode.CONCURRENT_MODIFICATION

    def __init__(self, table: str) -> None:
        super().__init__(
            f"others changed what the transaction has written in table {table!r}, or what it was made of",
            hint="Nothing was kept; run its block again.",
        )


class TooManyConflicts(_Coded, ConcurrencyError):
    code = ErrorCode.CONCURRENT_MODIFICATION

    def __init__(self, table: str, *, tries: int) -> None:
        super().__init__(f"other writers changed the same rows of table {table!r} {tries} times", hint="Try again.")
