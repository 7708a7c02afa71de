"""Functions are found under their path, and refused where stored calls no longer fit."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pixeltable.exceptions import UnknownFunction
from pixeltable.exprs.call import FunctionSpec, Parameter
from pixeltable.types.column_type import ColumnType, FloatType, IntType, JsonType, StringType
from pixeltable.types.hints import json_type_from
from pixeltable.udfs.decorator import udf
from pixeltable.udfs.function import LIVE
from pixeltable.udfs.registry import find, incompatibilities, register
from tests.udfs import library


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests.udfs.library.double", library.double),
        ("tests.udfs.library.double#1", library.double.overloads[1]),
        ("tests.udfs.library.Nested.inner", library.Nested.inner),
        ("tests.udfs.library._plain", library.renamed),
    ],
)
def test_found_by_import(path: str, expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(LIVE, path, raising=False)
    assert find(path) is expected


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        pytest.param("no_such_module.f", "there is no module", id="module"),
        pytest.param("tests.udfs.library.triple", "'triple' is not there", id="name"),
        pytest.param("tests.udfs.library.not_a_function", "is not a udf", id="no function"),
        pytest.param("tests.udfs.library.double#2", "only 2 signatures", id="overload"),
        pytest.param("local:__main__.f:0123", "stored by value, not loaded", id="local"),
    ],
)
def test_unknown_path_says_why(path: str, reason: str) -> None:
    with pytest.raises(UnknownFunction, match=reason):
        find(path)


@pytest.mark.parametrize("line", ["import no_such_package", "1 / 0"])
def test_module_that_fails_to_import_says_why(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "breaks.py").write_text(line)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnknownFunction, match=r"importing 'breaks' failed: .*(no_such_package|division by zero)"):
        find("breaks.f")


def recorded(parameters: tuple[Parameter, ...], returns: ColumnType) -> FunctionSpec:
    return dataclasses.replace(library.add_all.spec, parameters=parameters, returns=returns)


XS, N = library.add_all.parameters


@pytest.mark.parametrize(
    ("parameters", "returns"),
    [
        pytest.param((XS, N), IntType(), id="unchanged"),
        pytest.param((XS,), IntType(), id="new parameter with default"),
        pytest.param((XS, N), FloatType(), id="returns an int, was a float"),
        pytest.param((XS, N), IntType(True), id="returns no null any more"),
    ],
)
def test_widening_is_accepted(parameters: tuple[Parameter, ...], returns: ColumnType) -> None:
    assert find(recorded(parameters, returns)) is library.add_all


@pytest.mark.parametrize(
    ("parameters", "returns", "reason"),
    [
        pytest.param((N,), IntType(), "`xs` is new and has no default", id="new parameter"),
        pytest.param((XS, N, Parameter("m", IntType())), IntType(), "`m` is gone", id="parameter gone"),
        pytest.param((dataclasses.replace(XS, type=StringType()), N), IntType(), "`xs` takes `Int`", id="other type"),
        pytest.param(
            (dataclasses.replace(XS, type=IntType(True)), N), IntType(), "`xs` takes `Int`", id="null refused"
        ),
        pytest.param((XS, N), StringType(), "returns `Int` where it returned `String`", id="other return type"),
    ],
)
def test_narrowing_is_refused(parameters: tuple[Parameter, ...], returns: ColumnType, reason: str) -> None:
    with pytest.raises(UnknownFunction, match=reason):
        find(recorded(parameters, returns))


def test_nested_function_is_live_under_its_local_path() -> None:
    @udf
    def nested(x: int) -> int:
        return x

    assert nested.spec.path.startswith(f"local:{__name__}.test_nested_function_is_live")
    assert find(nested.spec) is nested


def test_functions_of_one_factory_have_paths_of_their_own() -> None:
    def make(n: int) -> Any:
        @udf
        def add(x: int) -> int:
            return x + n

        return add

    one, two = make(1), make(2)
    assert one.spec.path != two.spec.path
    assert find(one.spec) is one
    assert find(two.spec) is two


def test_registered_function_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    @udf
    def nested(x: int) -> int:
        return x

    path = nested.spec.path
    monkeypatch.delitem(LIVE, path)
    register(nested)
    assert find(path) is nested


def test_reloaded_module_offers_its_new_function(tmp_path: Path) -> None:
    module, script = tmp_path / "again.py", tmp_path / "run.py"
    module.write_text("from pixeltable.func import udf\n@udf\ndef f(x: int) -> int:\n    return x\n")
    script.write_text(
        "import importlib, again\nfrom pixeltable.udfs.registry import find\n"
        "old = find(again.f.spec)\nimportlib.reload(again)\nassert find('again.f') is again.f is not old\n"
    )
    subprocess.run([sys.executable, script], check=True)


@pytest.mark.parametrize(
    ("before", "now", "fits"),
    [
        pytest.param(JsonType(), json_type_from([str]), True, id="says more than it did"),
        pytest.param(JsonType(True), json_type_from([str]), False, id="says more, refuses null"),
        pytest.param(json_type_from([str]), JsonType(), True, id="open"),
        pytest.param(json_type_from([int]), json_type_from([float]), True, id="wider"),
        pytest.param(json_type_from([float]), json_type_from([int]), False, id="narrower"),
    ],
)
def test_json_parameters_may_say_more_than_they_did(before: ColumnType, now: ColumnType, fits: bool) -> None:
    @udf
    def count(xs: now) -> int:  # type: ignore[valid-type]  # a column type as a hint
        return len(xs)

    assert (not incompatibilities(count, recorded((Parameter("xs", before),), IntType()))) is fits
