"""Equal calls have equal keys, in every process; different calls have different ones; what cannot be told has none."""

import datetime
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixeltable.exec.memo_keys import FileDigests, call_keys
from pixeltable.exprs.call import Parameter
from pixeltable.types.column_type import DocumentType, IntType, JsonType, StringType
from tests.architecture.source_tree import REPOSITORY
from tests.exec.memo_arguments import DIFFERENT, FUNCTION, JSON, Point, gray, key, keys

DOCUMENT = Parameter("file", DocumentType())
TEXT = Parameter("text", StringType())

atoms = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
values = st.recursive(
    atoms, lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


def test_each_argument_has_a_key_of_its_own() -> None:
    found = {name: key(value) for name, value in DIFFERENT.items()}
    assert None not in found.values()
    assert len(set(found.values())) == len(DIFFERENT)


def test_keys_are_the_same_in_another_process() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    command = [sys.executable, "-m", "tests.exec.memo_arguments"]
    run = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == {name: key(value).hex() for name, value in DIFFERENT.items()}


@given(values)
def test_equal_values_have_equal_keys(value: Any) -> None:
    assert key(value) == key(copy_of(value))


@given(values, values)
def test_different_values_have_different_keys(a: Any, b: Any) -> None:
    assert (key(a) == key(b)) == (canonical(a) == canonical(b))


@given(st.lists(values, min_size=2, max_size=4))
def test_key_does_not_depend_on_the_rows_around(column: list[Any]) -> None:
    assert keys(*column) == [key(value) for value in column]


@given(values, values)
def test_arguments_keep_apart(a: Any, b: Any) -> None:
    """What belongs to the first argument cannot pass for a part of the second one."""

    def of(*row: Any) -> Any:
        return call_keys(FUNCTION, [JSON] * 2, [[v] for v in row], 1, result=StringType(), files=FileDigests())

    assert (of(a, b) == of(b, a)) == (canonical(a) == canonical(b))


def copy_of(value: Any) -> Any:
    """An equal value that shares nothing, dicts in reverse order."""
    if isinstance(value, list | tuple):
        return type(value)(map(copy_of, value))
    if isinstance(value, dict):
        return {str(name): copy_of(item) for name, item in reversed(value.items())}
    return value


def canonical(value: Any) -> Any:
    """Another notation in which values are told apart, as a reference."""
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(canonical, value)]
    if isinstance(value, dict):
        return ["dict", sorted((name, canonical(item)) for name, item in value.items())]
    return f"{type(value).__name__} {value.hex() if isinstance(value, float) else value!r}"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param({"a": 1, "b": [2]}, {"b": [2], "a": 1}, id="order of dict keys"),
        pytest.param(float("nan"), -float("nan"), id="every NaN"),
        pytest.param(np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), id="order in memory"),
        pytest.param(np.array([1], ">i4"), np.array([1], "<i4"), id="byte order"),
        pytest.param(Point(x=1, y=[2]), Point(y=[2], x=1), id="order of fields"),
        pytest.param(
            datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.UTC),
            datetime.datetime(2024, 1, 1, 12, tzinfo=ZoneInfo("Europe/London")),
            id="name of the zone",
        ),
    ],
)
def test_what_makes_no_difference(a: Any, b: Any) -> None:
    assert key(a) == key(b)


def test_image_is_its_pixels_not_its_file(tmp_path: Path) -> None:
    image = gray(1, 2, 3)
    image.save(tmp_path / "a.png", compress_level=9)
    image.save(tmp_path / "b.bmp")
    assert key(Image.open(tmp_path / "a.png")) == key(Image.open(tmp_path / "b.bmp")) == key(image)


def test_damaged_image_has_no_key(tmp_path: Path) -> None:
    file = tmp_path / "a.bmp"
    gray(*range(200)).save(file)
    file.write_bytes(file.read_bytes()[:-100])
    with Image.open(file) as image:
        assert key(image) is None


def test_value_without_an_encoding_has_no_key_and_the_others_have() -> None:
    found = keys("a", object(), [object()], {"k": {1, 2}}, np.array([object()]), "a")
    assert found[1:5] == [None] * 4
    assert found[0] == found[5] is not None


def test_value_within_itself_has_no_key() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert key(endless) is None


def test_class_that_another_program_cannot_import_has_no_key() -> None:
    class Local(Point):
        pass

    assert key(Local(x=1)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"function": replace(FUNCTION, path="library.g")},
        {"function": replace(FUNCTION, code="4567")},
        {"parameter": Parameter("other", JsonType())},
        {"result": IntType()},
        {"function": replace(FUNCTION, deterministic=False), "job": "1"},
        {"function": replace(FUNCTION, deterministic=False), "job": "2"},
    ],
    ids=["path", "code", "parameter", "result", "job", "other job"],
)
def test_key_depends_on_the_function(change: dict[str, Any]) -> None:
    others = [{}, {"function": replace(FUNCTION, deterministic=False), "job": "3"}]
    assert key("a", **change) not in [key("a", **other) for other in others]


def test_call_that_is_not_deterministic_is_remembered_within_its_job_alone() -> None:
    random = replace(FUNCTION, deterministic=False)
    assert keys("a", "b", function=random) == [None, None]
    assert key("a", function=random, job="1") == key("a", function=random, job="1") is not None


def test_job_does_not_matter_where_the_function_is_deterministic() -> None:
    assert key("a", job="1") == key("a")


def test_calls_without_arguments_are_the_same_call() -> None:
    found = call_keys(FUNCTION, [], [], 3, result=StringType(), files=FileDigests())
    assert len(found) == 3
    assert len(set(found)) == 1
    assert found[0] is not None


def test_media_file_is_its_content_and_suffix(tmp_path: Path) -> None:
    for name in ("a.txt", "b.TXT", "c.md"):
        (tmp_path / name).write_text("same")
    (tmp_path / "d.txt").write_text("other")
    a, b, c, d, url = keys(
        *(str(tmp_path / name) for name in ("a.txt", "b.TXT", "c.md", "d.txt")), (tmp_path / "a.txt").as_uri(),
        parameter=DOCUMENT,
    )  # fmt: skip
    assert a == b == url
    assert len({a, c, d}) == 3


def test_path_is_text_where_no_file_is_meant(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("same")
    a, b = keys(str(tmp_path / "a"), str(tmp_path / "b"), parameter=TEXT)
    assert a != b


@pytest.mark.parametrize("url", ["https://example.org/a.txt", "s3://bucket/a.txt", "/no/such/file", "/", "a\0b"])
def test_file_that_cannot_be_read_has_no_key(url: str) -> None:
    assert key(url, parameter=DOCUMENT) is None


def test_changed_file_is_read_again(tmp_path: Path) -> None:
    file, files = tmp_path / "a.txt", FileDigests()
    file.write_text("one")
    os.utime(file, (0, 0))
    first = key(str(file), parameter=DOCUMENT, files=files)
    file.write_text("two")
    os.utime(file, (0, 0))  # as a tool that copies times does
    assert key(str(file), parameter=DOCUMENT, files=files) != first


def test_file_that_looks_the_same_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, files = tmp_path / "a.txt", FileDigests()
    file.write_text("one")
    monkeypatch.setattr("pixeltable.exec.memo_keys.time.time_ns", lambda: 2**62)  # long after it was written
    first = files.digest(str(file))
    monkeypatch.setattr("pixeltable.exec.memo_keys.hashlib.file_digest", None)  # would fail if it were called
    assert files.digest(str(file)) == first


def test_threads_share_the_digests_of_files(tmp_path: Path) -> None:
    file, files = tmp_path / "a.txt", FileDigests()
    file.write_text("one")
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(files.digest(str(file)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
