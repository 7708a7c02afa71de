"""Rows of a result as instances of pydantic models."""

from typing import Any

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from pixeltable.api.results import ResultSet
from pixeltable.exceptions import RequestError
from pixeltable.types.column_type import IntType, StringType


class Person(BaseModel):
    name: str
    age: int = 0


class Strict(Person):
    model_config = ConfigDict(extra="forbid")


class Aliased(BaseModel):
    full_name: str = Field(validation_alias=AliasChoices("label", "name"))


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    name: str = Field(alias="fullName")


def result(**columns: list[Any]) -> ResultSet:
    return ResultSet(columns, {k: IntType(True) if k in {"age", "id"} else StringType(True) for k in columns})


def test_each_row_becomes_an_instance() -> None:
    rows = result(name=["Ada", "Bo"], age=[36, 5]).to_pydantic(Person)
    assert list(rows) == [Person(name="Ada", age=36), Person(name="Bo", age=5)]


def test_extra_columns_are_ignored() -> None:
    assert list(result(name=["Ada"], id=[1]).to_pydantic(Person)) == [Person(name="Ada")]


def test_extra_columns_are_refused_if_the_model_forbids_them() -> None:
    with pytest.raises(RequestError, match="none for these columns: id"):
        result(name=["Ada"], id=[1]).to_pydantic(Strict)


def test_missing_required_fields_are_named_before_any_row() -> None:
    with pytest.raises(RequestError, match="required fields of Person: name"):
        result(age=[1]).to_pydantic(Person)


@pytest.mark.parametrize("model", [Aliased, ByName])
def test_column_may_be_named_as_the_model_reads_it(model: type[BaseModel]) -> None:
    (row,) = result(name=["Ada"]).to_pydantic(model)
    assert "Ada" in row.model_dump().values()


def test_field_name_does_not_count_where_the_model_reads_an_alias() -> None:
    with pytest.raises(RequestError, match="full_name"):
        result(full_name=["Ada"]).to_pydantic(Aliased)


def test_row_that_does_not_validate_is_named_after_those_before_it() -> None:
    rows = result(name=["Ada", None]).to_pydantic(Person)
    assert next(rows) == Person(name="Ada")
    with pytest.raises(RequestError, match="row 1 does not fit Person") as caught:
        next(rows)
    assert isinstance(caught.value.__cause__, ValidationError)


@pytest.mark.parametrize("model", [dict, "Person", None])
def test_what_is_no_model_is_refused(model: Any) -> None:
    with pytest.raises(RequestError, match="pydantic model class"):
        result(name=["Ada"]).to_pydantic(model)
