"""WordLlama embeddings: unit vectors, whatever the batch they are in."""

import logging
import subprocess
import sys

import numpy as np
import pytest

from pixeltable.exceptions import InvalidArgument
from pixeltable.functions import wordllama
from pixeltable.types.column_type import ArrayType, IntType, StringType
from tests.udfs.columns import column

pytest.importorskip("wordllama")
TEXTS = ["a cat", "Über den Wolken", "x" * 3000]


@pytest.mark.parametrize("dim", wordllama.DIMENSIONS)
def test_vectors_have_unit_length(dim: int) -> None:
    vectors = np.stack(wordllama.embed.body(TEXTS, dim=dim))
    assert vectors.shape == (3, dim)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)


def test_vectors_are_those_of_the_package() -> None:
    expected = wordllama._model().embed(TEXTS[:1], norm=True)  # noqa: SLF001  # the model is not public
    assert wordllama.embed.body(TEXTS)[0] == pytest.approx(expected[0], abs=1e-6)


def test_vector_does_not_depend_on_its_batch() -> None:
    alone = [wordllama.embed.body([text])[0] for text in TEXTS]
    assert np.array_equal(np.stack(alone), np.stack(wordllama.embed.body(TEXTS)))


def test_long_text_is_pooled_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = wordllama.embed.body(TEXTS)
    monkeypatch.setattr(wordllama, "_TOKENS_AT_ONCE", 2)
    assert np.stack(wordllama.embed.body(TEXTS)) == pytest.approx(np.stack(whole), abs=1e-6)


def test_empty_text_has_no_vector() -> None:
    empty, full = wordllama.embed.body(["", "cat"])
    assert empty is None
    assert full is not None


def test_no_texts_no_vectors() -> None:
    assert wordllama.embed.body([]) == []


def test_dim_decides_the_type() -> None:
    text = column("s", StringType())
    assert wordllama.embed(text).col_type == ArrayType(True, (256,), "float32")
    assert wordllama.embed.using(dim=64)(text).col_type == ArrayType(True, (64,), "float32")
    assert wordllama.embed(text, dim=column("n", IntType())).col_type == ArrayType(True, (256,), "float32")


def test_other_dim_is_refused_at_once() -> None:
    with pytest.raises(InvalidArgument, match="64, 128, 256"):
        wordllama.embed(column("s", StringType()), dim=100)


def test_loading_leaves_the_root_logger_alone() -> None:
    code = "import logging; from pixeltable.functions import wordllama as w; w.embed.body(['a'])\n"
    code += "r = logging.getLogger(); print(r.level, r.handlers)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == f"{logging.WARNING} []"


def test_missing_package_names_the_extra() -> None:
    code = "import sys; sys.modules['wordllama'] = None\nfrom pixeltable.functions import wordllama as w\n"
    code += "try: w.embed.body(['a'])\nexcept Exception as e: print(type(e).__name__, e)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("MissingPackage")
    assert "pip install 'pixeltable[wordllama]'" in shown
