"""What a notebook shows: read back by a parser, so that what was escaped wrongly shows up as an element."""

import base64
import datetime
import io
import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixeltable as pxt
from pixeltable.api.cell_html import TEXT_CHARACTERS, THUMBNAIL_PIXELS, cell_html
from pixeltable.api.results import ResultSet
from pixeltable.api.row import Row, RowBatch
from pixeltable.types.cell_error import CellError
from pixeltable.types.column_type import FloatType, IntType, StringType
from tests.api.library import even_only

EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"
ELEMENTS = {"table", "thead", "tbody", "tr", "th", "td", "p", "pre", "span", "img"}


@dataclass
class Page(HTMLParser):
    """The elements of a page with their attributes, and the text of each cell."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells and self.lasttag in ("td", "span", "pre"):
            self.cells[-1] += data

    def attribute(self, name: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(name)) is not None]


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.cells = [cell.strip() for cell in page.cells]
    return page


def shown(value: Any) -> str:
    return read(f"<td>{cell_html(value)}</td>").cells[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(0.1 + 0.2, "0.3", id="float"),
        pytest.param(1e300, "1e+300", id="large float"),
        pytest.param(float("nan"), "nan", id="NaN"),
        pytest.param(12345678, "12345678", id="int"),
        pytest.param(True, "True", id="bool"),
        pytest.param(None, "None", id="null"),
        pytest.param("a & b", "a & b", id="text"),
        pytest.param("two\nlines", "two\nlines", id="lines"),
        pytest.param(datetime.date(2024, 1, 31), "2024-01-31", id="date"),
        pytest.param(b"ab", "b'ab'", id="bytes"),
        pytest.param([1, {"a": None}], '[\n  1,\n  {\n    "a": null\n  }\n]', id="Json"),
        pytest.param({}, "{}", id="empty Json"),
        pytest.param(np.array([0.5, 1], dtype="float32"), "[0.5, 1.0] array(2, float32)", id="short vector"),
        pytest.param(np.zeros((480, 640, 3), dtype="uint8"), "array(480x640x3, uint8)", id="array"),
    ],
)
def test_a_value_is_shown_as(value: Any, expected: str) -> None:
    assert shown(value) == expected


def test_a_long_text_is_cut() -> None:
    assert shown("x" * TEXT_CHARACTERS) == "x" * TEXT_CHARACTERS
    assert shown("x" * 10**6) == "x" * (TEXT_CHARACTERS - 3) + "..."
    assert len(shown("\n" * 10**6).splitlines()) < 20
    assert len(shown("<" * 10**6)) == TEXT_CHARACTERS


def test_long_json_is_cut() -> None:
    for value in (list(range(10_000)), {"k": "v" * 10_000}, [[[[[1]]]]] * 1000):
        text = shown(value)
        assert text.endswith("...")
        assert len(text) <= 1000
        assert len(text.splitlines()) <= 20


def test_an_image_is_a_small_picture() -> None:
    page = read(cell_html(Image.new("RGB", (2000, 1000), "red")))
    kind, _, data = page.attribute("src")[0].partition(",")
    thumbnail = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == "data:image/png;base64"
    assert thumbnail.size == (THUMBNAIL_PIXELS, THUMBNAIL_PIXELS // 2)
    assert thumbnail.convert("RGB").getpixel((3, 3)) == (255, 0, 0)
    assert page.attribute("title") == ["<Image 2000x1000 RGB>"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I", "I;16", "F"])
def test_images_of_every_mode_are_shown_and_left_alone(mode: str) -> None:
    image = Image.new(mode, (300, 2))
    assert read(cell_html(image)).attribute("src")[0].startswith("data:image/png;base64,")
    assert (image.size, image.mode) == ((300, 2), mode)


def test_an_image_that_cannot_be_read_is_named() -> None:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(buffer, format="PNG")
    broken = Image.open(io.BytesIO(buffer.getvalue()[:600]))
    assert shown(broken) == "<Image 64x64 L>"


def test_a_failed_cell_says_why() -> None:
    failed = CellError("ValueError", f"no {EVIL}")
    result = ResultSet({"x": [1.5, None]}, {"x": FloatType(True)}, errors={"x": {1: failed}})
    page = read(result._repr_html_())
    assert page.cells == ["1.5", f"ValueError: no {EVIL}"]
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    assert "1 failed cell" in result._repr_html_()
    assert read(Row({"x": None}, errors={"x": failed})._repr_html_()).cells[-1] == f"ValueError: no {EVIL}"


EVILS = [EVIL, [EVIL], {EVIL: EVIL}, np.array([EVIL]), np.array([EVIL] * 9), EVIL.encode(), {"deep": [{"k": EVIL}]}]


@pytest.mark.parametrize("value", EVILS, ids=lambda value: type(value).__name__)
def test_no_value_becomes_an_element(value: Any) -> None:
    page = read(ResultSet({EVIL: [value]}, {EVIL: StringType()})._repr_html_())
    assert {tag for tag, _ in page.elements} <= ELEMENTS - {"img"}
    assert not page.attribute("onerror")


def test_a_row_and_a_batch_are_tables_too() -> None:
    assert read(Row({"a": 1, "b": None})._repr_html_()).cells == ["a", "1", "b", "None"]
    batch = RowBatch({"a": [1, 2]}, {"a": IntType()})
    assert read(batch._repr_html_()).cells == ["1", "2"]
    assert "2 rows x 1 column" in batch._repr_html_()


def test_a_long_result_shows_both_ends_and_its_length() -> None:
    html = ResultSet({"n": list(range(1000))}, {"n": IntType()})._repr_html_()
    assert read(html).cells == [*map(str, range(30)), "...", *map(str, range(970, 1000))]
    assert "1000 rows x 1 column" in html


def test_a_wide_result_shows_its_outer_columns() -> None:
    names = [f"c{number}" for number in range(500)]
    cells = read(ResultSet({n: [n] for n in names}, {n: StringType() for n in names})._repr_html_()).cells
    assert (cells[0], cells[-1], len(cells) <= 61) == ("c0", "c499", True)


@pytest.fixture
def t(ns: str) -> pxt.Table:
    t = pxt.create_table(
        f"{ns}/t", {"n": pxt.Int, "s": {"type": pxt.String | None, "comment": EVIL}, "j": pxt.Json}, comment=EVIL
    )
    t.add_computed_column(even=even_only(t.n))
    t.insert([{"n": 0, "s": EVIL, "j": {EVIL: [EVIL]}}, {"n": 1, "s": None, "j": 0.1 + 0.2}], on_error="ignore")
    return t


def test_what_is_stored_comes_to_the_screen_as_text(t: pxt.Table) -> None:
    page = read(t.select(t.n, t.s, t.j, even=t.even.errormsg).collect()._repr_html_())
    assert page.cells == ["0", EVIL, json.dumps({EVIL: [EVIL]}, indent=2), "None", "1", "None", "0.3", "1 is odd"]


def test_tables_and_queries_are_shown_as_text(t: pxt.Table) -> None:
    query = t.where(t.s == EVIL).order_by(t.s + EVIL).select(x=t.s + EVIL).limit(3)
    for html in (t._repr_html_(), query._repr_html_()):
        assert {tag for tag, _ in read(html).elements} <= ELEMENTS - {"img"}
        assert "&lt;script&gt;" in html


def test_an_image_in_a_query_is_shown(t: pxt.Table) -> None:
    result = t.select(t.n, picture=Image.new("RGB", (4, 3), "blue")).collect()
    assert len(read(result._repr_html_()).attribute("src")) == 2
