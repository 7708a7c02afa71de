import pytest

from pixeltable.api.table_text import cut_middle, html_table, text_table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    text = text_table(["n", "name"], [["100", "x"], ["1", "yy"]], align=["right", "left"])
    assert text.splitlines() == ["  n  name", "100  x", "  1  yy"]


def test_middle_columns_give_way() -> None:
    text = text_table(["aaaa", "bbbb", "cccc", "dddd"], [], align=["left"] * 4, width=18)
    assert text == "aaaa  ...  dddd"


@pytest.mark.parametrize("headers", [["a" * 9], ["a" * 9, "b" * 9]])
def test_one_or_two_columns_are_shown_however_narrow(headers: list[str]) -> None:
    assert text_table(headers, [], align=["left"] * len(headers), width=3).split() == headers


def test_table_without_rows_or_columns_is_empty() -> None:
    assert text_table([], [], align=[]) == ""


@pytest.mark.parametrize(("limit", "expected"), [(1, [0]), (2, [0, 4]), (3, [0, 1, 4]), (5, [0, 1, 2, 3, 4])])
def test_cut_middle_keeps_both_ends(limit: int, expected: list[int]) -> None:
    first, last = cut_middle(range(5), limit)
    assert [*first, *last] == expected


def test_html_escapes_quotes_and_tags() -> None:
    assert "&lt;img src=&quot;x&quot;&gt;" in html_table(["h"], [['<img src="x">']], align=["left"])
