import pandas as pd
import pytest

import pixeltable as pxt
from pixeltable import NotFoundError, RequestError
from pixeltable.exceptions import AlreadyExistsError
from tests.api.library import even_only
from tests.api.refusals import refusal

SCHEMA = {"a": pxt.Int}


def test_a_new_directory_is_empty_and_listed(ns: str) -> None:
    pxt.create_dir(f"{ns}/d")
    assert pxt.list_dirs(ns) == [f"{ns}/d"]
    assert pxt.get_dir_contents(f"{ns}/d") == {"dirs": [], "tables": []}


def test_a_dotted_path_means_the_same_as_slashes(ns: str) -> None:
    pxt.create_dir(f"{ns}.d")
    assert pxt.list_dirs(ns) == [f"{ns}/d"]


def test_hyphens_are_allowed_inside_names(ns: str) -> None:
    pxt.create_dir(f"{ns}/my-dir")
    assert pxt.list_dirs(ns) == [f"{ns}/my-dir"]


@pytest.mark.usefixtures("session_settings")
@pytest.mark.parametrize("name", ["", "_a", "-a", "a-", "1a", "a b", "ä", "a//b", "a/", "a:b", "a:1", "a\0b"])
def test_an_invalid_path_is_refused(name: str) -> None:
    refusal(lambda: pxt.create_dir(name), RequestError, "INVALID_PATH")


@pytest.mark.usefixtures("session_settings")
@pytest.mark.parametrize("name", [None, 1, b"a"])
def test_a_path_that_is_no_string_is_refused(name: object) -> None:
    refusal(lambda: pxt.create_dir(name), RequestError, "INVALID_PATH")  # type: ignore[arg-type]


def test_an_existing_directory_is_refused(ns: str) -> None:
    refusal(lambda: pxt.create_dir(ns), AlreadyExistsError, "PATH_ALREADY_EXISTS")


def test_if_exists_ignore_keeps_the_content(ns: str) -> None:
    pxt.create_dir(f"{ns}/d")
    pxt.create_dir(ns, if_exists="ignore")
    assert pxt.list_dirs(ns) == [f"{ns}/d"]


def test_if_exists_replace_takes_an_empty_directory(ns: str) -> None:
    pxt.create_dir(ns, if_exists="replace")
    assert pxt.list_dirs(ns) == []


def test_if_exists_replace_leaves_a_directory_with_content(ns: str) -> None:
    pxt.create_table(f"{ns}/t", SCHEMA)
    refusal(lambda: pxt.create_dir(ns, if_exists="replace"), AlreadyExistsError, "PATH_ALREADY_EXISTS")
    assert pxt.list_tables(ns) == [f"{ns}/t"]


def test_if_exists_replace_force_drops_the_content(ns: str) -> None:
    pxt.create_dir(f"{ns}/d/e", parents=True)
    pxt.create_table(f"{ns}/d/t", SCHEMA)
    pxt.create_dir(f"{ns}/d", if_exists="replace_force")
    assert pxt.get_dir_contents(ns) == {"dirs": [f"{ns}/d"], "tables": []}


@pytest.mark.parametrize("choice", ["error", "ignore", "replace", "replace_force"])
def test_a_table_is_never_taken_for_a_directory(ns: str, choice: str) -> None:
    pxt.create_table(f"{ns}/t", SCHEMA)
    refusal(lambda: pxt.create_dir(f"{ns}/t", if_exists=choice), AlreadyExistsError, "PATH_ALREADY_EXISTS")
    assert pxt.list_tables(ns) == [f"{ns}/t"]


def test_a_missing_parent_is_refused(ns: str) -> None:
    refusal(lambda: pxt.create_dir(f"{ns}/d/e"), NotFoundError, "DIRECTORY_NOT_FOUND")
    assert pxt.list_dirs(ns) == []


def test_parents_makes_those_that_are_missing(ns: str) -> None:
    pxt.create_dir(f"{ns}/d")
    pxt.create_dir(f"{ns}/d/e/f", parents=True)
    assert pxt.list_dirs(ns) == [f"{ns}/d", f"{ns}/d/e", f"{ns}/d/e/f"]


def test_parents_stops_at_a_table(ns: str) -> None:
    pxt.create_table(f"{ns}/t", SCHEMA)
    refusal(lambda: pxt.create_dir(f"{ns}/t/d", parents=True), AlreadyExistsError, "PATH_ALREADY_EXISTS")


def test_drop_dir_removes_an_empty_directory(ns: str) -> None:
    pxt.create_dir(f"{ns}/d")
    pxt.drop_dir(f"{ns}/d")
    assert pxt.list_dirs(ns) == []


@pytest.mark.parametrize("child", ["table", "directory"])
def test_drop_dir_refuses_a_directory_with_content(ns: str, child: str) -> None:
    if child == "table":
        pxt.create_table(f"{ns}/x", SCHEMA)
    else:
        pxt.create_dir(f"{ns}/x")
    before = pxt.get_dir_contents(ns)
    assert f"{ns}/x" in refusal(lambda: pxt.drop_dir(ns), RequestError, "UNSUPPORTED_OPERATION")
    assert pxt.get_dir_contents(ns) == before


def test_drop_dir_with_force_drops_all_below(ns: str) -> None:
    pxt.create_dir(f"{ns}/d/e/f", parents=True)
    t = pxt.create_table(f"{ns}/d/e/t", SCHEMA)
    pxt.drop_dir(f"{ns}/d", force=True)
    assert pxt.get_dir_contents(ns) == {"dirs": [], "tables": []}
    refusal(t.collect, NotFoundError, "TABLE_NOT_FOUND")


def test_drop_dir_leaves_siblings_whose_names_begin_alike(ns: str) -> None:
    pxt.create_dir(f"{ns}/d")
    pxt.create_dir(f"{ns}/d2/e", parents=True)
    pxt.drop_dir(f"{ns}/d", force=True)
    assert pxt.list_dirs(ns) == [f"{ns}/d2", f"{ns}/d2/e"]


def test_drop_dir_of_nothing(ns: str) -> None:
    refusal(lambda: pxt.drop_dir(f"{ns}/x"), NotFoundError, "PATH_NOT_FOUND")
    pxt.drop_dir(f"{ns}/x", if_not_exists="ignore")


def test_drop_dir_refuses_a_table(ns: str) -> None:
    pxt.create_table(f"{ns}/t", SCHEMA)
    refusal(lambda: pxt.drop_dir(f"{ns}/t", force=True), RequestError, "INVALID_PATH")
    assert pxt.list_tables(ns) == [f"{ns}/t"]


def test_list_tables_and_dirs_are_recursive_unless_told_otherwise(ns: str) -> None:
    pxt.create_dir(f"{ns}/d/e", parents=True)
    pxt.create_table(f"{ns}/d/t", SCHEMA)
    assert (pxt.list_tables(ns), pxt.list_dirs(ns)) == ([f"{ns}/d/t"], [f"{ns}/d", f"{ns}/d/e"])
    assert (pxt.list_tables(ns, recursive=False), pxt.list_dirs(ns, recursive=False)) == ([], [f"{ns}/d"])


def test_listing_what_does_not_exist(ns: str) -> None:
    refusal(lambda: pxt.list_tables(f"{ns}/x"), NotFoundError, "DIRECTORY_NOT_FOUND")


def test_the_root_is_listed_without_a_path(ns: str) -> None:
    assert ns in pxt.list_dirs(recursive=False)
    assert ns in pxt.get_dir_contents(recursive=False)["dirs"]


def test_ls_shows_one_level(ns: str) -> None:
    pxt.create_dir(f"{ns}/d/e", parents=True)
    pxt.create_table(f"{ns}/t", SCHEMA).insert(a=1)
    expected = {"Name": ["d", "t"], "Kind": ["dir", "table"], "Version": ["", "1"], "Base": ["", ""]}
    pd.testing.assert_frame_equal(pxt.ls(ns), pd.DataFrame(expected), check_dtype=False)


def test_ls_of_an_empty_directory_has_the_columns(ns: str) -> None:
    assert list(pxt.ls(ns).columns) == ["Name", "Kind", "Version", "Base"]


def test_move_renames_a_table_and_its_handles_stay_valid(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", SCHEMA)
    pxt.move(f"{ns}/t", f"{ns}/u")
    t.insert(a=1)
    assert pxt.list_tables(ns) == [f"{ns}/u"]
    assert pxt.get_table(f"{ns}/u").collect()["a"] == [1]


def test_move_takes_a_directory_with_all_below(ns: str) -> None:
    pxt.create_dir(f"{ns}/d/e", parents=True)
    pxt.create_dir(f"{ns}/f")
    t = pxt.create_table(f"{ns}/d/e/t", SCHEMA)
    pxt.move(f"{ns}/d", f"{ns}/f/g")
    assert pxt.list_tables(ns) == [f"{ns}/f/g/e/t"]
    assert t.get_metadata()["path"] == f"{ns}/f/g/e/t"


def test_move_of_nothing(ns: str) -> None:
    refusal(lambda: pxt.move(f"{ns}/x", f"{ns}/y"), NotFoundError, "PATH_NOT_FOUND")
    pxt.move(f"{ns}/x", f"{ns}/y", if_not_exists="ignore")
    assert pxt.list_dirs(ns) == []


def test_move_to_a_path_that_is_taken(ns: str) -> None:
    pxt.create_dir(f"{ns}/d")
    pxt.create_table(f"{ns}/t", SCHEMA)
    refusal(lambda: pxt.move(f"{ns}/t", f"{ns}/d"), AlreadyExistsError, "PATH_ALREADY_EXISTS")
    pxt.move(f"{ns}/t", f"{ns}/d", if_exists="ignore")
    assert pxt.list_tables(ns) == [f"{ns}/t"]


def test_move_to_itself_is_refused(ns: str) -> None:
    pxt.create_dir(f"{ns}/d")
    refusal(lambda: pxt.move(f"{ns}/d", f"{ns}/d"), RequestError, "UNSUPPORTED_OPERATION")


def test_move_into_its_own_subtree_is_refused(ns: str) -> None:
    pxt.create_dir(f"{ns}/d/e", parents=True)
    refusal(lambda: pxt.move(f"{ns}/d", f"{ns}/d/e/d"), RequestError, "INVALID_PATH")
    assert pxt.list_dirs(ns) == [f"{ns}/d", f"{ns}/d/e"]


def test_move_beside_itself_with_a_longer_name(ns: str) -> None:
    pxt.create_dir(f"{ns}/d")
    pxt.move(f"{ns}/d", f"{ns}/dd")
    assert pxt.list_dirs(ns) == [f"{ns}/dd"]


def test_move_below_a_missing_directory_is_refused(ns: str) -> None:
    pxt.create_table(f"{ns}/t", SCHEMA)
    refusal(lambda: pxt.move(f"{ns}/t", f"{ns}/x/t"), NotFoundError, "DIRECTORY_NOT_FOUND")
    assert pxt.list_tables(ns) == [f"{ns}/t"]


def test_unknown_option_values_are_refused(ns: str) -> None:
    refusal(lambda: pxt.create_dir(f"{ns}/d", if_exists="x"), RequestError, "INVALID_ARGUMENT")
    refusal(lambda: pxt.drop_dir(ns, if_not_exists="x"), RequestError, "INVALID_ARGUMENT")
    refusal(lambda: pxt.move(ns, f"{ns}2", if_exists="replace"), RequestError, "INVALID_ARGUMENT")
    assert pxt.list_dirs(ns) == []


def test_a_directory_can_be_made_again_after_it_was_dropped(ns: str) -> None:
    pxt.create_dir(f"{ns}/d")
    pxt.drop_dir(f"{ns}/d")
    assert pxt.create_dir(f"{ns}/d").path == f"{ns}/d"


def test_the_tree_of_a_directory(ns: str) -> None:
    pxt.create_dir(f"{ns}/d/e", parents=True)
    t = pxt.create_table(f"{ns}/d/t", {"n": pxt.Int})
    t.add_computed_column(even=even_only(t.n))
    t.add_computed_column(also=even_only(t.n))
    t.insert([{"n": n} for n in range(3)], on_error="ignore")
    pxt.create_table(f"{ns}/u", SCHEMA)
    leaf = {"kind": "table", "base": None}
    assert pxt.get_dir_tree(ns) == [
        {
            "name": "d",
            "path": f"{ns}/d",
            "kind": "directory",
            "entries": [
                {"name": "e", "path": f"{ns}/d/e", "kind": "directory", "entries": []},
                {"name": "t", "path": f"{ns}/d/t", "version": 3, "error_count": 2, **leaf},
            ],
        },
        {"name": "u", "path": f"{ns}/u", "version": 0, "error_count": 0, **leaf},
    ]


def test_the_tree_of_nothing(ns: str) -> None:
    assert pxt.get_dir_tree(ns) == []
    assert ns in [node["name"] for node in pxt.get_dir_tree()]
    refusal(lambda: pxt.get_dir_tree(f"{ns}/x"), NotFoundError, "DIRECTORY_NOT_FOUND")


def test_a_table_moves_into_another_directory_and_is_written_by_handles_of_before(ns: str) -> None:
    pxt.create_dir(f"{ns}/d")
    t = pxt.create_table(f"{ns}/t", SCHEMA)
    pxt.move(f"{ns}/t", f"{ns}/d/u")
    t.insert(a=1)
    t.add_column(b=pxt.Int | None)
    assert pxt.get_table(f"{ns}/d/u").collect()[0] == {"a": 1, "b": None}
    assert "no column" in refusal(lambda: t["x"], NotFoundError, "COLUMN_NOT_FOUND")
    assert t.get_metadata()["path"] == f"{ns}/d/u"


def test_move_below_a_table_is_refused(ns: str) -> None:
    pxt.create_table(f"{ns}/t", SCHEMA)
    pxt.create_table(f"{ns}/u", SCHEMA)
    refusal(lambda: pxt.move(f"{ns}/t", f"{ns}/u/t"), NotFoundError, "DIRECTORY_NOT_FOUND")
    refusal(lambda: pxt.move(f"{ns}/t", f"{ns}/t/t"), RequestError, "INVALID_PATH")


@pytest.mark.parametrize("path", ["", "pxt://org/t", "a b", "x:3"])
def test_move_to_what_is_no_path_is_refused(ns: str, path: str) -> None:
    pxt.create_table(f"{ns}/t", SCHEMA)
    refusal(lambda: pxt.move(f"{ns}/t", path), RequestError, "INVALID_PATH")
    refusal(lambda: pxt.move(path, f"{ns}/u"), RequestError, "INVALID_PATH")
