"""`string_splitter`: the sentences of texts as rows of a view."""

import pydoc_data.topics
import subprocess
import sys
from pathlib import Path

import pytest

import pixeltable as pxt
from pixeltable.functions.string import string_splitter


def sentences(text: str, **options: str) -> list[str]:
    return [item["text"] for item in string_splitter.body(text, **options)]


def test_a_view_has_a_row_for_each_sentence(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"essay": pxt.String | None})
    v = pxt.create_view(f"{ns}/v", t, iterator=string_splitter(t.essay, separators="sentence"))
    t.insert([{"essay": "It rains.  Does it?\nIt does!"}, {"essay": None}, {"essay": " \n"}, {"essay": "So"}])
    assert v.columns() == ["pos", "text", "essay"]
    found = v.select(v.pos, v.text).collect()
    assert (found["pos"], found["text"]) == ([0, 1, 2, 0], ["It rains.", "Does it?", "It does!", "So"])
    assert v.get_metadata()["iterator_call"] == "string_splitter(essay)"


def test_the_sentence_hides_a_column_of_that_name(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"text": pxt.String})
    v = pxt.create_view(f"{ns}/v", t, iterator=string_splitter(t.text))
    t.insert(text="One. Two.")
    t.update({"text": "Three. Four. Five."})
    assert v.columns() == ["pos", "text"]
    assert v.select(v.text).collect()["text"] == ["Three.", "Four.", "Five."]


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(["Dr. Smith went to Washington.", "He met Mr. Jones at 5 p.m.", "They talked."], id="titles"),
        pytest.param(["The U.S. economy grew by 3.5 percent.", "That is good."], id="numbers"),
        pytest.param(["J. R. R. Tolkien wrote it.", "C. S. Lewis did not."], id="initials"),
        pytest.param(["See e.g. Figure 3.", "It shows i.e. the total, etc. and more."], id="abbreviations"),
        pytest.param(["Visit www.python.org.", "It works..."], id="addresses"),
        pytest.param(['"Is it true?" she asked.', '"Yes!" he said.'], id="quotes"),
    ],
)
def test_a_period_need_not_end_a_sentence(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


def test_abbreviations_are_those_of_the_language() -> None:
    text = "Das kostet ca. 5 Euro. Er kam am 3. Mai."
    assert sentences(text, language="de") == ["Das kostet ca. 5 Euro.", "Er kam am 3. Mai."]


def test_nothing_of_a_long_text_is_lost() -> None:
    text = pydoc_data.topics.topics["typesseq"]
    found = sentences(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(sentence == sentence.strip() != "" for sentence in found)
    assert "Sequences of the same type also support comparisons." in found


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        pytest.param({"separators": "paragraph"}, "separators is 'sentence', got 'paragraph'", id="separators"),
        pytest.param({"language": None}, "language.*got None", id="no language"),
        pytest.param({"language": "english"}, "language.*'en'.*got 'english'", id="language"),
        pytest.param({"language": "de", "spacy_model": "m"}, "language .* spacy_model", id="language of a model"),
    ],
)
def test_arguments_are_refused_before_a_row_is_read(options: dict[str, str], fact: str) -> None:
    with pytest.raises(pxt.RequestError, match=rf"string_splitter\(\): {fact}"):
        string_splitter("a text", **options)


@pytest.mark.parametrize(
    ("options", "package", "extra"),
    [
        pytest.param({}, "sentencex", "sentences", id="sentencex"),
        pytest.param({"spacy_model": "m"}, "spacy", "spacy", id="spacy"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, str], package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(pxt.RequestError, match=rf"'{package}' is not installed.*'pixeltable\[{extra}\]'"):
        string_splitter("a text", **options)


def test_a_model_of_spacy_is_used_where_it_is_named(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer", config={"punct_chars": [";"]})
    pipeline.to_disk(tmp_path / "semicolons")
    spacy.blank("en").to_disk(tmp_path / "words")
    model = str(tmp_path / "semicolons")
    assert sentences("One. Two; three", spacy_model=model) == ["One. Two;", "three"]
    with pytest.raises(pxt.RequestError, match="no component that finds sentences"):
        string_splitter("a text", spacy_model=str(tmp_path / "words"))
    with pytest.raises(pxt.RequestError, match=r"'nowhere' cannot be used.*spacy download"):
        string_splitter("a text", spacy_model="nowhere")


def test_naming_the_function_loads_no_package() -> None:
    code = "import sys\nfrom pixeltable.functions.string import string_splitter\n"
    code += "print(sorted({'sentencex', 'spacy'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
