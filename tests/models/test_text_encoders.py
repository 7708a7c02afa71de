"""Sentence embeddings on ONNX Runtime are what the parts listed in the folder make of the token vectors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixeltable.exceptions import UnusableModel
from pixeltable.models.files import ModelFiles
from pixeltable.models.text_encoders import OnnxSentenceEncoder, open_sentence_encoder, stated_dimensions
from tests.models.folders import sentence_folder, word_vectors, write

pytest.importorskip("onnxruntime", reason="runs the tiny models")

TRANSFORMER = {"type": "sentence_transformers.models.Transformer", "path": ""}
POOLING = {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}
NORMALIZE = {"type": "sentence_transformers.models.Normalize", "path": "2_Normalize"}
DENSE = {"type": "sentence_transformers.models.Dense", "path": "2_Dense"}


def encoder(folder: Path) -> OnnxSentenceEncoder:
    found = open_sentence_encoder(ModelFiles(str(folder)), device="cpu")
    assert found is not None
    return found


def pooled(folder: Path, **config: Any) -> np.ndarray:
    """The vectors of a longer and a shorter text, by a folder with this pooling."""
    sentence_folder(folder, modules=[TRANSFORMER, POOLING])
    write(folder, {"1_Pooling/config.json": {"word_embedding_dimension": 4} | config})
    return encoder(folder).encode(["red green", "blue"], normalize=False)


SHORT = ("[CLS]", "blue", "[SEP]")
"""The tokens of the shorter text; the padding after them must not count."""


def test_vectors_are_the_mean_of_their_tokens(tmp_path: Path) -> None:
    found = encoder(sentence_folder(tmp_path)).encode(["red green", "blue"], normalize=False)
    long = word_vectors("[CLS]", "red", "green", "[SEP]").mean(axis=0)
    assert found == pytest.approx(np.stack([long, word_vectors(*SHORT).mean(axis=0)]), abs=1e-6)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"pooling_mode": "mean"}, word_vectors(*SHORT).mean(axis=0)),
        ({"pooling_mode_cls_token": True}, word_vectors("[CLS]")[0]),
        ({"pooling_mode_max_tokens": True}, word_vectors(*SHORT).max(axis=0)),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, word_vectors(*SHORT).sum(axis=0) / 3**0.5),
        ({"pooling_mode_weightedmean_tokens": True}, np.array([1, 2, 3]) @ word_vectors(*SHORT) / 6),
        ({"pooling_mode_lasttoken": True}, word_vectors("[SEP]")[0]),
    ],
)
def test_pooling_is_what_the_folder_says(tmp_path: Path, config: dict[str, Any], expected: np.ndarray) -> None:
    assert pooled(tmp_path, **config)[1] == pytest.approx(expected, abs=1e-6)


def test_several_poolings_are_joined(tmp_path: Path) -> None:
    found = pooled(tmp_path, pooling_mode_cls_token=True, pooling_mode_lasttoken=True)
    assert found[0] == pytest.approx(word_vectors("[CLS]", "[SEP]").ravel(), abs=1e-6)
    assert stated_dimensions(ModelFiles(str(tmp_path))) == 8


@pytest.mark.parametrize("normalize", [True, False])
def test_vectors_have_unit_length_if_asked_or_made_so(tmp_path: Path, normalize: bool) -> None:
    modules = [TRANSFORMER, POOLING] if normalize else [TRANSFORMER, POOLING, NORMALIZE]
    found = encoder(sentence_folder(tmp_path, modules=modules)).encode(["red", "cat"], normalize=normalize)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0)


def test_texts_are_cut_off_where_the_folder_says(tmp_path: Path) -> None:
    folder = sentence_folder(tmp_path, sentence_bert_config={"max_seq_length": 3})
    cut, short = encoder(folder).encode(["red green blue cat", "red"], normalize=False)
    assert cut == pytest.approx(short)


def test_texts_are_cut_off_where_the_model_ends(tmp_path: Path) -> None:
    config = {"hidden_size": 4, "max_position_embeddings": 3}
    folder = sentence_folder(tmp_path, config=config, tokenizer_config={"model_max_length": 10**30})
    cut, short = encoder(folder).encode(["red green blue cat", "red"], normalize=False)
    assert cut == pytest.approx(short)


def test_padding_may_come_first(tmp_path: Path) -> None:
    alone = encoder(sentence_folder(tmp_path)).encode(["blue"], normalize=False)[0]
    left = encoder(sentence_folder(tmp_path, tokenizer_config={"padding_side": "left"}))
    assert left.encode(["red green", "blue"], normalize=False)[1] == pytest.approx(alone, abs=1e-6)


def test_text_is_lowered_where_the_folder_says(tmp_path: Path) -> None:
    folder = sentence_folder(tmp_path, sentence_bert_config={"do_lower_case": True})
    upper, lower = encoder(folder).encode(["RED", "red"], normalize=False)
    assert upper == pytest.approx(lower)


def test_the_default_prompt_goes_before_the_text(tmp_path: Path) -> None:
    prompts = {"prompts": {"query": "cat "}, "default_prompt_name": "query"}
    prompted = encoder(sentence_folder(tmp_path / "a", config_sentence_transformers=prompts))
    plain = encoder(sentence_folder(tmp_path / "b"))
    assert prompted.encode(["red"], normalize=False) == pytest.approx(plain.encode(["cat red"], normalize=False))


def test_parts_only_torch_has_are_left_to_it(tmp_path: Path) -> None:
    folder = sentence_folder(tmp_path, modules=[TRANSFORMER, POOLING, DENSE])
    write(folder, {"2_Dense/config.json": {"out_features": 2}})
    assert open_sentence_encoder(ModelFiles(str(folder)), device="cpu") is None
    assert stated_dimensions(ModelFiles(str(folder))) == 2


def test_a_model_without_onnx_file_is_left_to_torch(tmp_path: Path) -> None:
    folder = sentence_folder(tmp_path, onnx_name="model_quantized.onnx")
    assert open_sentence_encoder(ModelFiles(str(folder)), device="cpu") is None


@pytest.mark.parametrize(("name", "said"), [("model.onnx", r"model\.onnx"), ("tokenizer.json", r"tokenizer\.json")])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, said: str) -> None:
    folder = write(sentence_folder(tmp_path), {name: b"\x00 nothing"})
    with pytest.raises(UnusableModel, match=said):
        encoder(folder)


def test_a_model_without_fast_tokenizer_says_how_to_make_one(tmp_path: Path) -> None:
    folder = sentence_folder(tmp_path)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(UnusableModel, match="save_pretrained"):
        encoder(folder)
