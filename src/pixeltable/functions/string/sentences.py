"""The sentences of a text, as rows of a view."""

import re
from collections.abc import Iterator
from typing import Any, TypedDict

from pixeltable.exceptions import MissingPackage
from pixeltable.functions.string.declaring import in_package
from pixeltable.models.cache import MODELS
from pixeltable.models.sentence_splitters import load_sentence_splitter
from pixeltable.udfs.iterators import iterator


class Sentence(TypedDict):
    text: str


@iterator
@in_package
def string_splitter(
    text: str,
    separators: str = "sentence",  # noqa: ARG001  # there is one so far, which is checked below
    *,
    spacy_model: str | None = None,
    language: str = "en",
) -> Iterator[Sentence]:
    """The sentences of a text, without the whitespace around them; a text of whitespace alone has none.

    They are found by the rules of a language, which know its abbreviations, and at empty lines. That takes the package
    `sentencex` and no model.

    Args:
        separators: what the text is split at, which is 'sentence'.
        spacy_model: find them with this pipeline of spaCy instead: the name of its package, or its folder.
        language: whose rules hold, as a code such as 'en'; of a pipeline, that is its own matter.

    Raises:
        MissingPackage: `sentencex`, or for a pipeline `spacy`, is not installed.
        UnusableModel: there is no such pipeline, or it does not find sentences.

    >>> print(string_splitter("Mr. Poe came at 5 p.m. He left.", "sentence", language="en"))
    string_splitter('Mr. Poe came at 5 p.m. He left.')
    """
    for found in _split(text, spacy_model, language):
        sentence = found.strip()
        if sentence:
            yield {"text": sentence}


@string_splitter.validate
def _check(bound_args: dict[str, Any]) -> None:
    separators = bound_args.get("separators", "sentence")
    spacy_model, language = bound_args.get("spacy_model"), bound_args.get("language", "en")
    if separators != "sentence":
        raise ValueError(f"separators is 'sentence', got {separators!r}")
    if spacy_model is not None and language != "en":
        raise ValueError("language is for rules, and cannot be had with a spacy_model")
    if not isinstance(language, str) or not re.fullmatch("[a-z]{2,3}(-[a-z]+)*", language):
        raise ValueError(f"language is a code such as 'en' or 'de', got {language!r}")
    if "spacy_model" in bound_args:
        _split("", spacy_model, language)  # what is missing shows here, before a row is read


def _split(text: str, spacy_model: str | None, language: str) -> list[str]:
    if spacy_model is None:
        return _by_rules(text, language)
    with MODELS.use("sentence_splitter", spacy_model, load_sentence_splitter) as model:
        found: list[str] = model.split(text)
        return found


def _by_rules(text: str, language: str) -> list[str]:
    try:
        import sentencex
    except ImportError as error:
        raise MissingPackage("sentencex", extra="sentences") from error
    return list(sentencex.segment(language, text))
