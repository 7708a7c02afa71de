import typing

import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from pixeltable.exceptions import AlreadyExistsError
from tests.api.library import or_zero
from tests.api.refusals import refusal, refused


def test_columns_keep_their_order_and_types(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"b": pxt.Int, "a": pxt.String | None})
    assert t.columns() == ["b", "a"]
    assert t.collect().schema == {"b": "Int", "a": "String | None"}


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        (pxt.Int | None, "Int | None"),
        (typing.Optional[pxt.Int], "Int | None"),  # noqa: UP045  # as older programs write it
        (pxt.Json, "Json"),
        (pxt.Array[(3,), pxt.Float], "Array[(3,), float32]"),
        (pxt.Array[(2, None), pxt.Int] | None, "Array[(2, None), int64] | None"),
    ],
)
def test_type_forms(ns: str, form: object, shown: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": form})
    assert t.get_metadata()["columns"]["a"]["type_"] == shown


def test_a_dict_spec_carries_comment_and_metadata(ns: str) -> None:
    spec = {"type": pxt.Int, "comment": "how many", "custom_metadata": {"unit": "m"}}
    column = pxt.create_table(f"{ns}/t", {"a": spec}).get_metadata()["columns"]["a"]
    assert (column["comment"], column["custom_metadata"]) == ("how many", {"unit": "m"})


def test_a_dict_spec_marks_the_primary_key(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": {"type": pxt.Int, "primary_key": True}, "b": pxt.Int})
    assert t.get_metadata()["primary_key"] == ["a"]


@pytest.mark.parametrize("key", ["a", ["a"], ["a", "b"], ("b",)])
def test_primary_key_names_one_column_or_several(ns: str, key: str | list[str]) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int, "b": pxt.String}, primary_key=key)
    assert t.get_metadata()["primary_key"] == list(key)


def test_an_expression_over_no_column_is_a_computed_column(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int, "z": or_zero(3)})
    t.insert(a=1)
    assert t.collect()["z"] == [3]


def test_a_dict_spec_with_a_value_is_a_computed_column(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int, "z": {"value": or_zero(3), "stored": False}})
    t.insert(a=1)
    assert t.collect()["z"] == [3]
    assert t.get_metadata()["columns"]["z"]["is_stored"] is False


def test_comment_and_custom_metadata_are_kept(ns: str) -> None:
    pxt.create_table(f"{ns}/t", {"a": pxt.Int}, comment="mine", custom_metadata={"x": [1, None]})
    md = pxt.get_table(f"{ns}/t").get_metadata()
    assert (md["comment"], md["custom_metadata"]) == ("mine", {"x": [1, None]})


def test_an_empty_comment_is_none(ns: str) -> None:
    assert pxt.create_table(f"{ns}/t", {"a": pxt.Int}, comment="").get_metadata()["comment"] is None


def test_a_new_table_is_at_version_0(ns: str) -> None:
    assert pxt.create_table(f"{ns}/t", {"a": pxt.Int}).get_metadata()["version"] == 0


def test_an_existing_table_is_refused(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    t.insert(a=1)
    refused(t, lambda: pxt.create_table(f"{ns}/t", {"b": pxt.Int}), AlreadyExistsError, "PATH_ALREADY_EXISTS")


def test_if_exists_ignore_returns_the_table_that_is_there(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    again = pxt.create_table(f"{ns}/t", {"b": pxt.Int}, if_exists="ignore")
    assert again == t
    assert again.columns() == ["a"]


@pytest.mark.parametrize("choice", ["replace", "replace_force"])
def test_if_exists_replace_drops_the_table_that_is_there(ns: str, choice: str) -> None:
    old = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    old.insert(a=1)
    new = pxt.create_table(f"{ns}/t", {"b": pxt.Int}, if_exists=choice)
    assert (new.columns(), new.count()) == (["b"], 0)
    refusal(old.count, NotFoundError, "TABLE_NOT_FOUND")


def test_if_exists_replace_with_a_bad_schema_keeps_the_table(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    refused(t, lambda: pxt.create_table(f"{ns}/t", {"b": int}, if_exists="replace"), RequestError, "INVALID_TYPE")


@pytest.mark.parametrize("choice", ["error", "ignore", "replace", "replace_force"])
def test_a_directory_is_never_replaced_by_a_table(ns: str, choice: str) -> None:
    refusal(lambda: pxt.create_table(ns, {"a": pxt.Int}, if_exists=choice), AlreadyExistsError, "PATH_ALREADY_EXISTS")
    assert pxt.list_tables(ns) == []


def test_a_missing_directory_is_refused(ns: str) -> None:
    refusal(lambda: pxt.create_table(f"{ns}/x/t", {"a": pxt.Int}), NotFoundError, "DIRECTORY_NOT_FOUND")


@pytest.mark.parametrize("schema", [None, {}, [], "a", {"a"}])
def test_a_schema_has_to_be_a_dict_with_columns(ns: str, schema: object) -> None:
    refusal(lambda: pxt.create_table(f"{ns}/t", schema), RequestError, "INVALID_ARGUMENT")  # type: ignore[arg-type]


@pytest.mark.parametrize("form", [int, str, float, bool, bytes, dict, list, int | None])
def test_python_builtins_are_refused_with_the_pixeltable_name(ns: str, form: object) -> None:
    message = refusal(lambda: pxt.create_table(f"{ns}/t", {"a": form}), RequestError, "INVALID_TYPE")
    assert "pxt." in message


@pytest.mark.parametrize("form", ["int", 3, None, object, lambda: 1])
def test_what_is_no_type_is_refused(ns: str, form: object) -> None:
    refusal(lambda: pxt.create_table(f"{ns}/t", {"a": form}), RequestError, "INVALID_TYPE")


NAMES = [
    "",
    "_a",
    "1a",
    "a b",
    "a-b",
    "ä",
    "class",
    "None",
    "select",
    "insert",
    "columns",
    "batch_update",
    "a\0",
    1,
    None,
]


@pytest.mark.parametrize("name", NAMES)
def test_invalid_keyword_and_reserved_column_names_are_refused(ns: str, name: object) -> None:
    refusal(lambda: pxt.create_table(f"{ns}/t", {name: pxt.Int}), RequestError, "INVALID_COLUMN_NAME")
    assert pxt.list_tables(ns) == []


def test_a_column_name_too_long_for_the_database_is_refused(ns: str) -> None:
    refusal(lambda: pxt.create_table(f"{ns}/t", {"a" * 300: pxt.Int}), RequestError, "INVALID_COLUMN_NAME")


def test_long_column_names_that_begin_alike_are_two_columns(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a" * 100 + "1": pxt.Int, "a" * 100 + "2": pxt.Int})
    t.insert([{"a" * 100 + "1": 1, "a" * 100 + "2": 2}])
    assert t.collect()[0] == {"a" * 100 + "1": 1, "a" * 100 + "2": 2}


@pytest.mark.parametrize("name", ["op", "op_in", "row", "oid", "ctid", "xmin", "tableoid", "user", "order", "errors_"])
def test_names_that_mean_something_to_the_database_are_ordinary(ns: str, name: str) -> None:
    t = pxt.create_table(f"{ns}/t", {name: pxt.Int})
    t.insert([{name: 1}])
    assert t.where(t[name] == 1).select(t[name]).collect()[name] == [1]


def test_names_that_differ_in_case_alone_are_refused(ns: str) -> None:
    refusal(lambda: pxt.create_table(f"{ns}/t", {"a": pxt.Int, "A": pxt.Int}), RequestError, "INVALID_SCHEMA")


def test_unknown_keys_of_a_spec_are_refused(ns: str) -> None:
    message = refusal(
        lambda: pxt.create_table(f"{ns}/t", {"a": {"type": pxt.Int, "nullable": True}}), RequestError, "INVALID_SCHEMA"
    )
    assert "nullable" in message


@pytest.mark.parametrize("spec", [{}, {"comment": "x"}, {"type": pxt.Int, "value": or_zero(1)}])
def test_a_spec_has_either_a_type_or_a_value(ns: str, spec: dict[str, object]) -> None:
    refusal(lambda: pxt.create_table(f"{ns}/t", {"a": spec}), RequestError, "INVALID_SCHEMA")


def test_a_plain_column_cannot_be_unstored(ns: str) -> None:
    spec = {"type": pxt.Int, "stored": False}
    refusal(lambda: pxt.create_table(f"{ns}/t", {"a": spec}), RequestError, "INVALID_SCHEMA")


def test_a_spec_whose_value_is_no_expression_is_refused(ns: str) -> None:
    refusal(lambda: pxt.create_table(f"{ns}/t", {"a": {"value": object()}}), RequestError, "INVALID_EXPRESSION")


def test_a_spec_whose_value_is_plain_is_a_constant_column(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int, "b": {"value": 3}})
    t.insert(a=1)
    assert t.collect()["b"] == [3]


def test_an_expression_over_another_table_is_refused(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    refusal(lambda: pxt.create_table(f"{ns}/u", {"b": t.a + 1}), RequestError, "INVALID_SCHEMA")


@pytest.mark.parametrize("form", [pxt.Int | None, pxt.Json, pxt.Array[(2,), pxt.Int], pxt.Binary])
def test_a_primary_key_is_neither_nullable_nor_without_identity(ns: str, form: object) -> None:
    refusal(lambda: pxt.create_table(f"{ns}/t", {"a": form}, primary_key="a"), RequestError, "INVALID_SCHEMA")


def test_an_unknown_primary_key_column_is_refused(ns: str) -> None:
    refusal(lambda: pxt.create_table(f"{ns}/t", {"a": pxt.Int}, primary_key="b"), NotFoundError, "COLUMN_NOT_FOUND")


@pytest.mark.parametrize("key", [5, [None], {"a": 1}])
def test_a_primary_key_that_is_no_list_of_names_is_refused(ns: str, key: object) -> None:
    create = lambda: pxt.create_table(f"{ns}/t", {"a": pxt.Int}, primary_key=key)  # noqa: E731
    refusal(create, RequestError, "INVALID_ARGUMENT")


@pytest.mark.parametrize("value", [{1, 2}, {"x": float("nan")}, {1: 2}, object(), "a\0b"])
def test_custom_metadata_that_is_no_json_is_refused(ns: str, value: object) -> None:
    refusal(
        lambda: pxt.create_table(f"{ns}/t", {"a": pxt.Int}, custom_metadata=value), RequestError, "INVALID_ARGUMENT"
    )
    spec = {"type": pxt.Int, "custom_metadata": value}
    refusal(lambda: pxt.create_table(f"{ns}/t", {"a": spec}), RequestError, "INVALID_ARGUMENT")


@pytest.mark.parametrize("comment", ["a\0b", "\ud800", 5])
def test_a_comment_that_cannot_be_stored_is_refused(ns: str, comment: object) -> None:
    create = lambda: pxt.create_table(f"{ns}/t", {"a": pxt.Int}, comment=comment)  # type: ignore[arg-type]  # noqa: E731
    refusal(create, RequestError, "INVALID_ARGUMENT")
    spec = {"type": pxt.Int, "comment": comment}
    refusal(lambda: pxt.create_table(f"{ns}/t", {"a": spec}), RequestError, "INVALID_ARGUMENT")


@pytest.mark.parametrize("option", ["if_exists", "on_error", "media_validation"])
def test_unknown_option_values_are_refused(ns: str, option: str) -> None:
    message = refusal(
        lambda: pxt.create_table(f"{ns}/t", {"a": pxt.Int}, **{option: "x"}), RequestError, "INVALID_ARGUMENT"
    )
    assert option in message
    assert pxt.list_tables(ns) == []


def test_a_table_of_nothing_but_a_computed_column_can_be_made(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"z": or_zero(3)})
    assert t.collect()["z"] == []


def test_get_table_finds_the_table(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    assert pxt.get_table(f"{ns}/t") == t
    assert pxt.get_table(f"{ns}.t") == t


def test_get_table_of_nothing(ns: str) -> None:
    refusal(lambda: pxt.get_table(f"{ns}/t"), NotFoundError, "PATH_NOT_FOUND")
    assert pxt.get_table(f"{ns}/t", if_not_exists="ignore") is None


def test_get_table_of_a_directory_is_refused(ns: str) -> None:
    refusal(lambda: pxt.get_table(ns), RequestError, "INVALID_PATH")


def test_drop_table_takes_a_path_or_a_handle(ns: str) -> None:
    pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    u = pxt.create_table(f"{ns}/u", {"a": pxt.Int})
    pxt.drop_table(f"{ns}/t")
    pxt.drop_table(u)
    assert pxt.list_tables(ns) == []


def test_drop_table_of_nothing(ns: str) -> None:
    refusal(lambda: pxt.drop_table(f"{ns}/t"), NotFoundError, "PATH_NOT_FOUND")
    pxt.drop_table(f"{ns}/t", if_not_exists="ignore")


def test_drop_table_of_a_handle_dropped_already(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    pxt.drop_table(t)
    refusal(lambda: pxt.drop_table(t), NotFoundError, "TABLE_NOT_FOUND")
    pxt.drop_table(t, if_not_exists="ignore")


def test_drop_table_follows_a_handle_that_was_moved(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    pxt.move(f"{ns}/t", f"{ns}/u")
    pxt.create_table(f"{ns}/t", {"b": pxt.Int})
    pxt.drop_table(t)
    assert pxt.list_tables(ns) == [f"{ns}/t"]


def test_drop_table_of_a_directory_is_refused(ns: str) -> None:
    refusal(lambda: pxt.drop_table(ns), RequestError, "INVALID_PATH")
    assert pxt.list_dirs(ns) == []


USES = {
    "collect": lambda t: t.collect(),
    "count": lambda t: t.count(),
    "columns": lambda t: t.columns(),
    "repr": repr,
    "metadata": lambda t: t.get_metadata(),
    "versions": lambda t: t.get_versions(),
    "insert": lambda t: t.insert(a=1),
    "update": lambda t: t.update({"a": 1}),
    "delete": lambda t: t.delete(),
    "revert": lambda t: t.revert(),
    "drop_column": lambda t: t.drop_column("a"),
    "column": lambda t: t.a,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_handle_of_a_dropped_table_says_so(ns: str, use: typing.Callable[[pxt.Table], object]) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    pxt.drop_table(t)
    refusal(lambda: use(t), NotFoundError, "TABLE_NOT_FOUND")
