"""Rows as instances of a pydantic model."""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from pixeltable.exceptions import InvalidArgument, InvalidData, MissingValue

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

Model = TypeVar("Model", bound="BaseModel")


def check_model(model: Any, columns: Iterable[str]) -> None:
    """Refuse a model that rows with these columns cannot fit.

    Raises:
        MissingValue: a required field of the model is no column.
        InvalidArgument: it is no model, or one that forbids extra fields where there are extra columns.
    """
    if not _is_model(model):
        raise InvalidArgument(f"to_pydantic() takes a pydantic model class, got {model!r}")
    names = list(columns)
    taken = {name: _keys(model, name, info) for name, info in model.model_fields.items()}
    missing = [
        name for name, info in model.model_fields.items() if info.is_required() and taken[name].isdisjoint(names)
    ]
    if missing:
        raise MissingValue(
            f"the result has no column for required fields of {model.__name__}: {', '.join(missing)}",
            hint=f"Columns: {', '.join(names)}.",
        )
    extra = [name for name in names if not any(name in keys for keys in taken.values())]
    if extra and model.model_config.get("extra") == "forbid":
        raise InvalidArgument(
            f"{model.__name__} forbids extra fields, and has none for these columns: {', '.join(extra)}",
            hint="Leave them out with select().",
        )


def validated(model: type[Model], rows: Iterable[Mapping[str, Any]]) -> Iterator[Model]:
    """An instance of `model` for each row.

    Raises:
        InvalidData: a row does not validate; pydantic's error is the cause.
    """
    validate = model.model_validate
    for number, row in enumerate(rows):
        try:
            yield validate(row)
        except ValueError as error:  # pydantic.ValidationError is one
            raise InvalidData(f"row {number} does not fit {model.__name__}: {error}") from error


def _is_model(model: Any) -> "TypeGuard[type[BaseModel]]":
    # Looked at, not imported: whoever has a model has imported pydantic.
    return isinstance(model, type) and hasattr(model, "model_validate")


def _keys(model: type["BaseModel"], name: str, info: "FieldInfo") -> Set[str]:
    """The keys under which the model looks for a field: its aliases, and its name where that counts as well."""
    alias = info.validation_alias
    if alias is None:
        return {name}
    config = model.model_config
    choices = getattr(alias, "choices", [alias])
    keys = {str(choice.path[0]) if hasattr(choice, "path") else choice for choice in choices}
    return keys | {name} if config.get("populate_by_name") or config.get("validate_by_name") else keys
