"""What may be declared with @uda, what is refused, how calls are resolved, and how the class is found again."""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest

from pixeltable.exceptions import Error, InvalidArgument, InvalidType, TypeMismatch, UnknownFunction, Unsupported
from pixeltable.exprs import codec
from pixeltable.exprs.aggregate import Aggregate
from pixeltable.exprs.expr import structure
from pixeltable.func import Aggregator, Batch, Function, uda
from pixeltable.types.column_type import ArrayType, ColumnType, FloatType, IntType, JsonType, StringType
from pixeltable.udfs.aggregate import AggregateFunction
from pixeltable.udfs.function import LIVE
from pixeltable.udfs.pickles import dump, load
from pixeltable.udfs.registry import find
from tests.udfs.columns import column
from tests.udfs.library import longest
from tests.udfs.test_pickles import KEY, LOAD, run

T = TypeVar("T")
X, S, J = column("x", IntType()), column("s", StringType(True)), column("j", JsonType())


class Total(Aggregator):
    """The sum."""

    def __init__(self, start: int = 0, *, scale: float = 1.0) -> None:
        self.total = start * scale

    def update(self, x: int) -> None:
        self.total += x

    def value(self) -> float:
        return self.total


def total(**options: Any) -> AggregateFunction:
    return uda(**options)(Total)


def test_a_function_of_many_rows_is_a_function() -> None:
    function = total()
    assert isinstance(function, Function)
    assert (function.name, function.arity, function.returns) == ("Total", 3, FloatType())
    assert repr(function) == "<uda Total(x: Int, *, start: Int = 0, scale: Float = 1.0) -> Float>"
    assert function.help_str().endswith("The sum.")


def test_init_is_not_required() -> None:
    class Least(Aggregator):
        def update(self, x: int) -> None: ...
        def value(self) -> int | None: ...

    assert uda(Least)(X).col_type == IntType(True)


# Declarations that are refused


class NoHint(Total):
    def update(self, x) -> None: ...  # type: ignore[no-untyped-def]  # what is tested


class NoResultHint(Total):
    def value(self): ...  # type: ignore[no-untyped-def]


class NoInitHint(Total):
    def __init__(self, start) -> None: ...  # type: ignore[no-untyped-def]


class UnknownHint(Total):
    def update(self, x: object) -> None: ...


class Batched(Total):
    def update(self, x: Batch[int]) -> None: ...


class NoUpdate(Aggregator):
    def value(self) -> int: ...  # type: ignore[empty-body]


class NoValue(Aggregator):
    def update(self, x: int) -> None: ...


class AsyncUpdate(Total):
    async def update(self, x: int) -> None: ...  # type: ignore[override]


class AsyncValue(Total):
    async def value(self) -> float: ...  # type: ignore[override, empty-body]


class GeneratorUpdate(Total):
    def update(self, x: int) -> None:
        yield x  # type: ignore[misc]


class NothingToUpdateWith(Total):
    def update(self) -> None: ...  # type: ignore[override]


class ValueOfSomething(Total):
    def value(self, x: int) -> float: ...  # type: ignore[override, empty-body]


class SameName(Total):
    def __init__(self, x: int) -> None: ...


class ReservedName(Total):
    def update(self, order_by: int) -> None: ...


class WordOfCalls(Total):
    def __init__(self, frame: str = "") -> None: ...


class AnyNumber(Total):
    def update(self, *x: int) -> None: ...


class MergesAlone(Total):
    def merge(self) -> None: ...


class NoMethod(Total):
    update = 3  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("cls", "error", "text"),
    [
        (NoHint, InvalidType, "'NoHint.update', parameter 'x': it has no type hint"),
        (NoResultHint, InvalidType, "'NoResultHint.value': the return value has no type hint"),
        (NoInitHint, InvalidType, "'NoInitHint.__init__', parameter 'start': it has no type hint"),
        (UnknownHint, InvalidType, "names no column type"),
        (Batched, InvalidType, "an aggregate takes one row at a time"),
        (NoUpdate, InvalidArgument, "has no method update()"),
        (NoValue, InvalidArgument, "has no method value()"),
        (AsyncUpdate, InvalidArgument, "update() must be a plain method"),
        (AsyncValue, InvalidArgument, "value() must be a plain method"),
        (GeneratorUpdate, InvalidArgument, "update() must be a plain method"),
        (NothingToUpdateWith, InvalidArgument, "update() takes the arguments of a row"),
        (ValueOfSomething, InvalidArgument, "value() takes none"),
        (SameName, InvalidArgument, "both __init__() and update() have a parameter 'x'"),
        (ReservedName, InvalidArgument, "this name is reserved"),
        (WordOfCalls, InvalidArgument, "parameter 'frame': this name is reserved"),
        (AnyNumber, Unsupported, "*args and **kwargs are not supported"),
        (MergesAlone, InvalidArgument, "merge() takes one other instance"),
        (NoMethod, InvalidArgument, "update is no plain method"),
        (int, InvalidArgument, "takes a subclass of Aggregator, got 'int'"),
        (len, InvalidArgument, "takes a subclass of Aggregator, got 'len'"),
        (Aggregator, InvalidArgument, "has no method update()"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(cls: Any, error: type[Error], text: str) -> None:
    with pytest.raises(error) as caught:
        uda(cls)
    assert text in caught.value.message


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"allows_std_agg": False}, InvalidArgument, "it could not be used at all"),
        ({"parallel": "threads"}, InvalidArgument, "parallel needs a method merge()"),
        ({"parallel": "processes"}, Unsupported, "not supported yet"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], error: type[Error], text: str) -> None:
    with pytest.raises(error, match=text.replace("(", r"\(").replace(")", r"\)")):
        total(**options)


# Calls


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        (lambda f: f(X), "Total(x)"),
        (lambda f: f(x=X), "Total(x)"),
        (lambda f: f(X, start=3), "Total(x, start=3)"),
        (lambda f: f(X + 1, order_by=S), "Total(x + 1, order_by=s)"),
        (lambda f: f(X, group_by=S, order_by=-X), "Total(x, group_by=s, order_by=-x)"),
        (lambda f: f(J.n), "Total(j.n)"),
        (lambda f: f(5), "Total(5)"),
    ],
)
def test_a_call_reads_as_it_is_written(call: Callable[..., Aggregate], shown: str) -> None:
    assert str(call(total(allows_window=True))) == shown


@pytest.mark.parametrize(
    ("options", "arguments", "use"),
    [
        ({}, {}, "aggregate"),
        ({}, {"order_by": X}, "aggregate"),
        ({"allows_window": True}, {}, "aggregate"),
        ({"allows_window": True}, {"order_by": X}, "either"),
        ({"allows_window": True}, {"group_by": X}, "window"),
        ({"allows_window": True, "allows_std_agg": False}, {}, "window"),
    ],
)
def test_when_a_call_is_a_window(options: dict[str, Any], arguments: dict[str, Any], use: str) -> None:
    assert total(**options)(X, **arguments).call_use == use


def test_an_order_that_is_required_makes_no_window() -> None:
    assert total(allows_window=True, requires_order_by=True)(S, X).call_use == "aggregate"
    assert total(allows_window=True, requires_order_by=True)(S, X, group_by=S).call_use == "window"


def test_a_call_survives_storage() -> None:
    call = longest(S, at_least=2, order_by=X)
    restored = codec.decode(codec.encode(call))
    assert structure(restored) == structure(call)
    assert str(restored) == "longest(s, at_least=2, order_by=x)"


class Newest(Aggregator, Generic[T]):
    def __init__(self) -> None:
        self.newest: T | None = None

    def update(self, value: T, at: list[int] | None = None) -> None:  # noqa: ARG002  # there to be fitted
        self.newest = value

    def value(self) -> T | None:
        return self.newest


newest: Any = uda(type_substitutions=[{T: int}, {T: float}, {T: str}, {T: JsonType()}])(Newest)


@pytest.mark.parametrize(
    ("argument", "result"),
    [(X, IntType(True)), (X / 2, FloatType(True)), (S, StringType(True)), (J, JsonType(True)), (1.5, FloatType(True))],
)
def test_the_overload_is_the_one_of_the_very_type(argument: Any, result: ColumnType) -> None:
    assert newest(argument).col_type == result


def test_a_type_that_is_not_listed_is_refused() -> None:
    with pytest.raises(TypeMismatch, match=r"Newest\(Bool\): no signature accepts these arguments"):
        newest(X == 1)
    with pytest.raises(TypeMismatch, match="no signature"):
        newest(column("a", ArrayType()))


def test_too_few_and_unknown_arguments() -> None:
    with pytest.raises(InvalidArgument, match="missing a required argument"):
        newest()
    with pytest.raises(InvalidArgument, match="unexpected keyword argument"):
        newest(X, no=1)


def test_what_takes_any_value() -> None:
    class Seen(Aggregator):
        def update(self, value: Any) -> None: ...
        def value(self) -> int: ...  # type: ignore[empty-body]

    assert [str(uda(Seen)(argument)) for argument in (X, J, column("a", ArrayType()))] == [
        "Seen(x)",
        "Seen(j)",
        "Seen(a)",
    ]


# Found again


@pytest.mark.parametrize("number", [0, 1])
def test_a_class_of_a_module_is_found_by_its_path(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from pixeltable.functions import aggregates  # noqa: PLC0415  # its names shadow the builtins

    function = aggregates.sum.overloads[number]
    assert function.spec.path == f"pixeltable.functions.aggregates.sum{'#1' if number else ''}"
    monkeypatch.delitem(LIVE, function.spec.path)
    assert find(function.spec) is function
    monkeypatch.delitem(LIVE, longest.spec.path)
    assert longest.spec.path == "tests.udfs.library.longest"
    assert find(longest.spec) is longest


def test_a_class_of_a_function_is_stored_by_value() -> None:
    def make(step: int) -> AggregateFunction:
        @uda
        class Steps(Aggregator):
            def __init__(self) -> None:
                self.total = 0

            def update(self, x: int) -> None:
                self.total += step * x

            def value(self) -> int:
                return self.total

        return Steps  # type: ignore[return-value]  # mypy ignores what decorators make of classes

    one, two = make(1), make(2)
    assert one.spec.path.startswith("local:tests.udfs.test_aggregate.")
    assert one.spec.path != two.spec.path  # same source, but not the same captured value
    restored = load(dump(two, KEY), KEY)
    assert isinstance(restored, AggregateFunction)
    state: Any = restored.body()
    state.update(21)
    assert state.value() == 42


def test_a_class_of_a_script_runs_in_another_process(tmp_path: Path) -> None:
    source = """
        import pickle, sys
        from pixeltable.func import Aggregator, uda
        from pixeltable.udfs.pickles import dump
        FACTOR = 3

        def scaled(x): return FACTOR * x

        class Base(Aggregator):
            def __init__(self, start: int = 0):
                self.total = start
            def value(self) -> int:
                return self.total

        @uda
        class total(Base):
            def update(self, x: int) -> None:
                self.total += scaled(x)

        with open(sys.argv[1], "wb") as file:
            pickle.dump(dump(total, b"key"), file)
    """
    script = tmp_path / "script.py"
    run(script, textwrap.dedent(source), tmp_path / "stored")
    feed = LOAD.replace(
        "print(function.body({argument}))", "state = function.body(start=1)\nstate.update(2)\nprint(state.value())"
    )
    assert run(tmp_path / "loads.py", feed, tmp_path / "stored") == "7"


def test_a_changed_signature_is_refused() -> None:
    recorded = longest(S).call_function
    changed = type(recorded)(recorded.path, "longest", recorded.parameters, IntType())
    with pytest.raises(UnknownFunction, match="returns `String` where it returned `Int`"):
        find(changed)


def spec_code(source: str, folder: Path) -> str:
    """The hash of class `C` in a program of its own."""
    script = folder / f"m{len(list(folder.iterdir()))}.py"
    head = "from pixeltable.func import Aggregator, uda\n"
    script.write_text(head + textwrap.dedent(source) + "\nprint(uda(C).spec.code)")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


CLASS = """
class C(Aggregator):
    LIMIT = 5
    def update(self, x: int) -> None:
        self.seen = helper(x)
    def value(self) -> int:
        return self.seen
def helper(x):
    return x
"""


def test_the_hash_of_a_class_changes_with_what_it_does(tmp_path: Path) -> None:
    same = CLASS.replace("    def value", "    # why\n    def value").replace(
        "return x\n", '"""What."""\n    return (x)\n'
    )
    assert spec_code(same, tmp_path) == spec_code(CLASS, tmp_path)
    changes = [
        ("self.seen = helper", "self.seen = -helper"),
        ("LIMIT = 5", "LIMIT = 6"),
        ("return x\n", "return x + 1\n"),
    ]
    for before, after in changes:
        assert spec_code(CLASS.replace(before, after), tmp_path) != spec_code(CLASS, tmp_path)
