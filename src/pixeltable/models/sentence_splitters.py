"""Pipelines of spaCy that find the sentences of a text."""

from dataclasses import dataclass
from typing import Any

from pixeltable.exceptions import MissingPackage, UnusableModel

_COMPONENTS = ("parser", "senter", "sentencizer")
"""Those that mark where sentences start. Source: spaCy's documentation of `Doc.sents`."""


@dataclass(frozen=True, slots=True)
class SentenceSplitter:
    """A pipeline that is loaded."""

    pipeline: Any

    def split(self, text: str) -> list[str]:
        """The sentences in their order, with the whitespace that is within them and around them."""
        return [sentence.text for sentence in self.pipeline(text).sents]


def load_sentence_splitter(model_id: str, device: str) -> SentenceSplitter:  # noqa: ARG001  # it runs on the CPU
    """A pipeline by the name of its package, or its folder.

    Raises:
        UnusableModel: there is none of that name, or it does not find sentences.
        MissingPackage: `spacy` is not installed.
    """
    try:
        import spacy
    except ImportError as error:
        raise MissingPackage("spacy", extra="spacy") from error
    try:
        pipeline = spacy.load(model_id)
    except OSError as error:
        hint = f"python -m spacy download {model_id}"
        raise UnusableModel(model_id, reason="spaCy finds no pipeline of that name", hint=hint) from error
    if not any(name in pipeline.pipe_names for name in _COMPONENTS):
        hint = f"It has {', '.join(pipeline.pipe_names) or 'none at all'}."
        raise UnusableModel(model_id, reason="it has no component that finds sentences", hint=hint)
    return SentenceSplitter(pipeline)
