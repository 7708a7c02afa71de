"""The body of a model's class while it runs: it takes up what is declared, and answers names with columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pixeltable.api.model_definition import ModelDefinition, provisional_column, with_columns
from pixeltable.api.model_specs import Column
from pixeltable.api.table import RESERVED_NAMES
from pixeltable.catalog.records import ColumnRecord
from pixeltable.exceptions import InvalidExpression, InvalidSchema, InvalidType, NotCalled
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef, as_expr
from pixeltable.ids import check_column_name
from pixeltable.session.tables import ColumnSpec, column_spec
from pixeltable.types.column_type import ColumnType
from pixeltable.types.hints import type_from_form

_VALUES = 1
"""`annotationlib.Format.VALUE`: annotations as what they are, not as text."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where annotations that are text find their names: in the function around the class, if any, and the module."""

    module: dict[str, Any]
    function: Mapping[str, Any]


@dataclass(slots=True)
class _Declared:
    """What the body has said of a name so far; `spec` is there once it was needed."""

    annotated: bool = False
    hint: Any = None
    assigned: bool = False
    value: Any = None
    column: tuple[ColumnSpec, ColumnRecord] | None = None


class ModelBody(dict[str, Any]):
    """The namespace of a class body. A name is a column of the model, else one of its base, else what Python finds.

    `localise` makes of an expression over tables that models are bound to one over these models.
    """

    def __init__(self, header: ModelDefinition, scope: Scope, localise: Callable[[Expr], Expr]) -> None:
        super().__init__()
        self._header = header
        self._scope = scope
        self._localise = localise
        self._declared: dict[str, _Declared] = {}
        self._above = {column.name: header.record.ref(column) for column in header.record.ready_columns}
        super().__setitem__("__annotations__", _Annotations(self))

    def __getitem__(self, name: str) -> Any:
        if name in self._declared:
            return self._ref(name)
        return super().__getitem__(name)

    def __missing__(self, name: str) -> Any:
        return self._above[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if name.startswith("__") and name.endswith("__"):
            super().__setitem__(name, value)
            return
        if name in self._declared:
            raise InvalidSchema(f"{self._subject(name)} is declared twice")
        check_column_name(name, reserved=RESERVED_NAMES)
        self._declared[name] = _Declared(assigned=True, value=value)

    def annotate(self, name: str, hint: Any) -> None:
        """Take up `name: hint`, which comes after the value in `name: hint = value`."""
        check_column_name(name, reserved=RESERVED_NAMES)
        declared = self._declared.setdefault(name, _Declared())
        if declared.annotated or declared.column is not None:
            raise InvalidSchema(f"{self._subject(name)} is declared twice")
        declared.annotated, declared.hint = True, hint

    def definition(self) -> ModelDefinition:
        """The model with its columns, checked; what is in `__indexes__` comes later."""
        self._annotate_late()
        columns = [self._column(name) for name in self._declared]
        return with_columns(self._header, [spec for spec, _ in columns], [record for _, record in columns])

    def _annotate_late(self) -> None:
        """Take up what Python 3.14 keeps in a function until the body has run, unless annotations are text."""
        annotate = self.pop("__annotate_func__", None)
        for name, hint in {} if annotate is None else annotate(_VALUES).items():
            self.annotate(name, hint)

    def _subject(self, name: str) -> str:
        return f"model `{self._header.class_name}`: column {name!r}"

    def _ref(self, name: str) -> ColumnRef:
        _, column = self._column(name)
        return ColumnRef(column.id, self._header.record.id, column.name, column.type)

    def _column(self, name: str) -> tuple[ColumnSpec, ColumnRecord]:
        declared = self._declared[name]
        if declared.column is None:
            spec = self._spec(name, declared)
            declared.column = spec, provisional_column(spec)
        return declared.column

    def _spec(self, name: str, declared: _Declared) -> ColumnSpec:
        hinted = self._hinted(name, declared.hint) if declared.annotated else None
        if not declared.assigned:
            options: dict[str, Any] = {"type": hinted}
        elif isinstance(declared.value, Column):
            options = declared.value.given
            if "value" in options:
                options["value"] = self._expr(name, options["value"])
            elif hinted is not None:
                options.setdefault("type", hinted)
        else:
            options = {"value": self._expr(name, declared.value)}
        spec = column_spec(name, options, key=False, reserved=RESERVED_NAMES)
        if hinted is not None and not _fits(hinted, spec):
            raise InvalidSchema(
                f"{self._subject(name)} is annotated as `{hinted}`, but is `{spec.type}`",
                hint="Leave the annotation out, or convert the value with .astype().",
            )
        return spec

    def _hinted(self, name: str, hint: Any) -> ColumnType:
        if isinstance(hint, str):
            try:
                hint = eval(hint, self._scope.module, self._scope.function)
            except Exception as error:  # whatever the text of an annotation may raise
                raise InvalidType(
                    f"{self._subject(name)}: the annotation {hint!r} cannot be read: {error}",
                    hint="It can use what the module and the function around the class know, such as pxt.Int.",
                ) from error
        return type_from_form(hint, subject=self._subject(name))

    def _expr(self, name: str, value: Any) -> Expr:
        try:
            return self._localise(as_expr(value))
        except InvalidExpression as error:
            hint = f"A type is declared by an annotation, `{name}: ...`; methods have no place in a model."
            fact = f"{self._subject(name)}: {error.message.rstrip('.')}"
            raise InvalidSchema(fact, hint="" if isinstance(error, NotCalled) else hint) from None


def _fits(hinted: ColumnType, spec: ColumnSpec) -> bool:
    """Whether an annotation is true of a column; one that is never null may be annotated as if it were."""
    return (
        hinted.matches(spec.type)
        and (spec.expr is not None or hinted == spec.type)
        and (hinted.nullable or not spec.type.nullable)
    )


class _Annotations(dict[str, Any]):
    """The annotations of a class body, which learns of each as it comes, so that it knows the order of all columns."""

    def __init__(self, body: ModelBody) -> None:
        super().__init__()
        self._body = body

    def __setitem__(self, name: str, hint: Any) -> None:
        self._body.annotate(name, hint)
        super().__setitem__(name, hint)
