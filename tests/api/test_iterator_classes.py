"""Iterators that are classes, and what constant arguments decide before any row is read."""

from collections.abc import Iterator
from typing import Any, TypedDict

import pytest

import pixeltable as pxt

CLOSED: list[str] = []


class Word(TypedDict):
    word: str


@pxt.iterator
class Words(pxt.PxtIterator[Word]):
    def __init__(self, text: str, *, most: int = 9):
        if text == "refused":
            raise ValueError("no such text")
        self.text = text
        self.found = iter(text.split()[:most])

    def __next__(self) -> Word:
        word = next(self.found)
        if word == "boom":
            raise ValueError("no such word")
        return {"word": word}

    def close(self) -> None:
        CLOSED.append(self.text)
        if self.text.startswith("boom"):
            raise OSError("cannot be closed")

    @classmethod
    def validate(cls, bound_args: dict[str, Any]) -> None:
        if "most" in bound_args and bound_args["most"] < 1:
            raise ValueError(f"most must be at least 1, got {bound_args['most']}")


@pxt.iterator
class Parts(pxt.PxtIterator[dict]):
    def __init__(self, text: str, *, counted: bool, unit: str = "word"):
        self.counted, self.unit = counted, unit
        self.found = iter(text.split())

    def __next__(self) -> dict:
        part = next(self.found)
        return {self.unit: part, "size": len(part)} if self.counted else {self.unit: part}

    @classmethod
    def conditional_output_schema(cls, bound_args: dict[str, Any]) -> dict[str, type]:
        columns = {bound_args["unit"]: str}
        return {**columns, "size": int} if bound_args["counted"] else columns


@pxt.iterator
def pieces(text: str, size: int, name: str = "piece") -> Iterator[dict]:
    for start in range(0, len(text), size):
        yield {name: text[start : start + size]}


@pieces.validate
def _check_size(bound_args: dict[str, Any]) -> None:
    if bound_args.get("size", 1) < 1:
        raise pxt.RequestError(pxt.ErrorCode.INVALID_ARGUMENT, "a piece has at least one letter")


@pieces.conditional_output_schema
def _piece_columns(bound_args: dict[str, Any]) -> dict[str, type]:
    return {bound_args["name"]: str}


@pytest.fixture
def t(ns: str) -> pxt.Table:
    CLOSED.clear()
    t = pxt.create_table(f"{ns}/t", {"id": pxt.Int, "text": pxt.String | None, "n": pxt.Int | None})
    t.insert([{"id": 1, "text": "to be or", "n": 2}, {"id": 2, "text": ""}, {"id": 3}, {"id": 4, "text": "not"}])
    return t


def rows(query: pxt.Query | pxt.Table) -> list[tuple]:
    found = query.collect()
    return list(zip(*(found[name] for name in found.schema), strict=True))


def test_a_view_has_a_row_for_each_item(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=Words(t.text))
    assert v.columns() == ["pos", "word", "id", "text", "n"]
    t.insert(id=5, text="a b")
    assert rows(v.select(v.id, v.pos, v.word)) == [
        (1, 0, "to"), (1, 1, "be"), (1, 2, "or"), (4, 0, "not"), (5, 0, "a"), (5, 1, "b"),
    ]  # fmt: skip
    assert pxt.get_table(f"{ns}/v").get_metadata()["iterator_call"] == "Words(text)"


def test_arguments_are_given_by_name_and_may_be_columns(ns: str, t: pxt.Table) -> None:
    two = pxt.create_view(f"{ns}/two", t, iterator=Words(t.text, most=2))
    some = pxt.create_view(f"{ns}/some", t.where(t.id == 1), iterator=Words(text=t.text, most=t.n))
    assert two.select(two.word).collect()["word"] == ["to", "be", "not"]
    assert some.select(some.word).collect()["word"] == ["to", "be"]


def test_it_is_closed_when_its_list_ends(ns: str, t: pxt.Table) -> None:
    pxt.create_view(f"{ns}/v", t, iterator=Words(t.text))
    assert CLOSED == ["to be or", "", "not"]


def test_it_is_closed_when_it_fails(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=Words(t.text))
    with pytest.raises(pxt.RequestError, match=r"Words\(text\).*no such word"):
        t.insert(id=5, text="a boom")
    assert CLOSED[-1] == "a boom"
    status = t.insert([{"id": 5, "text": "refused"}, {"id": 6, "text": "b"}], on_error="ignore")
    assert status.num_excs == 1
    assert rows(v.where(v.id > 4).select(v.word)) == [("b",)]


def test_what_fails_first_is_what_is_said(t: pxt.Table, ns: str) -> None:
    pxt.create_view(f"{ns}/v", t, iterator=Words(t.text))
    with pytest.raises(pxt.RequestError, match="no such word"):
        t.insert(id=5, text="boom")
    with pytest.raises(pxt.RequestError, match="cannot be closed"):
        t.insert(id=5, text="boom!")


def test_constant_arguments_are_checked_before_any_row_is_read(t: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match=r"Words\(\): most must be at least 1, got 0"):
        Words(t.text, most=0)
    with pytest.raises(pxt.RequestError, match="at least one letter"):
        pieces(t.text, 0)
    assert str(Words(t.text, most=t.n)) == "Words(text, most=n)"


def test_arguments_of_rows_are_checked_in_each_row(ns: str, t: pxt.Table) -> None:
    pxt.create_view(f"{ns}/v", t.where(t.id == 1), iterator=Words(t.text, most=t.n))
    with pytest.raises(pxt.RequestError, match="most must be at least 1, got 0"):
        t.insert(id=1, text="a", n=0)
    assert "a" not in CLOSED


def test_constant_arguments_decide_the_columns(ns: str, t: pxt.Table) -> None:
    plain = pxt.create_view(f"{ns}/plain", t, iterator=Parts(t.text, counted=False))
    counted = pxt.create_view(f"{ns}/counted", t, iterator=Parts(t.text, counted=True, unit="part"))
    assert plain.columns() == ["pos", "word", "id", "text", "n"]
    assert counted.columns() == ["pos", "part", "size", "id", "text", "n"]
    assert rows(counted.where(counted.id == 1).select(counted.part, counted.size)) == [("to", 2), ("be", 2), ("or", 2)]


def test_constant_arguments_decide_the_columns_of_a_generator_function(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=pieces(t.text, 3, name="bit"))
    assert rows(v.select(v.id, v.bit)) == [(1, "to "), (1, "be "), (1, "or"), (4, "not")]
    w = pxt.create_view(f"{ns}/w", t.where(t.id == 1), iterator=pieces(t.text, t.n))
    assert w.select(w.piece).collect()["piece"] == ["to", " b", "e ", "or"]


@pxt.iterator
def without_schema(text: str) -> Iterator[dict]:
    yield {"text": text}


@pxt.iterator
def with_bad_schema(text: str, kind: str = "set") -> Iterator[dict]:
    yield {"text": text, "kind": kind}


@with_bad_schema.conditional_output_schema
def _bad_columns(bound_args: dict[str, Any]) -> Any:
    found = {"set": {"text": set}, "pos": {"pos": int}, "none": {}, "list": ["text"], "number": {1: int}}
    return found[bound_args["kind"]]


@pytest.mark.parametrize(
    ("call", "fact"),
    [
        pytest.param(
            lambda t: Parts(t.text, counted=t.n == 1), r"Parts\(\): .* needs a constant: .*`n == 1`", id="not constant"
        ),
        pytest.param(lambda _: Words(3), "String", id="type of an argument"),
        pytest.param(lambda t: Words(t.text, 3), "positional", id="keyword only"),
        pytest.param(lambda t: without_schema(t.text), "conditional_output_schema", id="no schema"),
        pytest.param(lambda t: with_bad_schema(t.text), "'text'.*`set` names no column type", id="bad type"),
        pytest.param(lambda t: with_bad_schema(t.text, "pos"), "`pos` is the place", id="pos"),
        pytest.param(lambda t: with_bad_schema(t.text, "none"), "no columns", id="none"),
        pytest.param(lambda t: with_bad_schema(t.text, "list"), r"returned \['text'\], expected a dict", id="list"),
        pytest.param(lambda t: with_bad_schema(t.text, "number"), "the name 1", id="no name"),
        pytest.param(lambda t: with_bad_schema(t.text, "other"), "KeyError: 'other'", id="it fails"),
    ],
)
def test_calls_that_cannot_be_are_refused(t: pxt.Table, call, fact: str) -> None:
    with pytest.raises(pxt.RequestError, match=fact):
        call(t)


class NoNext(pxt.PxtIterator[Word]):
    def __init__(self, text: str): ...


class NoItem(pxt.PxtIterator):
    def __next__(self):
        raise StopIteration


class NoDict(pxt.PxtIterator[int]):
    def __next__(self) -> int:
        raise StopIteration


class OnlyDict(pxt.PxtIterator[dict]):
    def __next__(self) -> dict:
        raise StopIteration


class NoHint(pxt.PxtIterator[Word]):
    def __init__(self, text): ...

    def __next__(self) -> Word:
        raise StopIteration


class Later(pxt.PxtIterator[Word]):
    async def __next__(self) -> Word:
        raise StopIteration


class NoIterator:
    def __next__(self) -> Word:
        raise StopIteration


class BoundValidate(pxt.PxtIterator[Word]):
    def __next__(self) -> Word:
        raise StopIteration

    def validate(self, bound_args: dict[str, Any]) -> None: ...


@pytest.mark.parametrize(
    ("declared", "fact"),
    [
        pytest.param(NoNext, "has no method __next__", id="no next"),
        pytest.param(NoItem, "has no hint for what it yields", id="no item"),
        pytest.param(NoDict, "does not say what it yields", id="no dict"),
        pytest.param(OnlyDict, "does not say what it yields.*conditional_output_schema", id="dict without schema"),
        pytest.param(NoHint, "parameter 'text'.*no type hint", id="no hint"),
        pytest.param(Later, "__next__.* plain method", id="async"),
        pytest.param(NoIterator, "PxtIterator", id="no iterator"),
        pytest.param(BoundValidate, "validate.*classmethod", id="no class method"),
        pytest.param(int, "PxtIterator", id="built-in"),
        pytest.param(3, "generator function", id="no class"),
    ],
)
def test_classes_that_are_no_iterators_are_refused(declared: Any, fact: str) -> None:
    with pytest.raises(pxt.RequestError, match=fact):
        pxt.iterator(declared)


class Seeking(pxt.PxtIterator[Word]):
    def __next__(self) -> Word:
        raise StopIteration

    def seek(self, pos: int, **stored: Any) -> None: ...


def test_outputs_that_are_not_stored_are_known_by_name() -> None:
    with pytest.raises(pxt.RequestError, match=r"unstored_cols: it has no output 'frame'.*Did you mean|Outputs: word"):
        pxt.iterator(unstored_cols=["frame"])(Seeking)
    assert repr(pxt.iterator(Seeking)) == "<iterator Seeking() -> word: String>"


def test_a_call_is_for_views_alone(t: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match=r"Words\(text\), which is for create_view\(iterator=...\)"):
        t.add_computed_column(word=Words(t.text))


def test_what_udfs_can_do_and_iterators_cannot_is_refused() -> None:
    with pytest.raises(pxt.RequestError, match=r"Words\.using\(\)"):
        Words.using(most=3)
    with pytest.raises(pxt.RequestError, match=r"Words\.overload"):
        Words.overload(lambda text: text)
    with pytest.raises(pxt.RequestError, match="class Words has a validate"):
        Words.validate(refuse_all)
    with pytest.raises(pxt.RequestError, match=r"takes bound_args alone"):
        pieces.validate(refuse_two)


def refuse_all(bound_args: dict[str, Any]) -> None:
    raise ValueError(bound_args)


def refuse_two(size: int, name: str) -> None:
    raise ValueError(size, name)


class Longest(pxt.PxtIterator[Word]):
    """A base of its own that other iterators share."""

    def __init__(self, text: str):
        self.left = sorted(text.split(), key=len)

    def __next__(self) -> Word:
        if not self.left:
            raise StopIteration
        return {"word": self.left.pop()}


@pxt.iterator
class LongestOfAll(Longest):
    def __init__(self, text: str):
        super().__init__(text)
        del self.left[:-1]


def test_a_subclass_has_the_items_of_its_base(ns: str, t: pxt.Table) -> None:
    v = pxt.create_view(f"{ns}/v", t, iterator=LongestOfAll(t.text))
    assert rows(v.select(v.id, v.word)) == [(1, "or"), (4, "not")]
