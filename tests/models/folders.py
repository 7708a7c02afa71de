"""Folders with tiny models as exporters lay them out, whose results a test can work out by hand."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models import onnx_bytes as onnx

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "green", "blue", "cat"]
TABLE = np.random.default_rng(7).normal(size=(len(WORDS), 4)).astype(np.float32)
"""The vector of each word; `SEGMENTS` is added for the first or the second text of a pair."""
SEGMENTS = np.array([[0, 0, 0, 0], [10, 0, 0, 0]], dtype=np.float32)
CLASSES = np.array([[1, 0], [0, 1], [0, 0]], dtype=np.float32)
"""What each colour channel says for each class."""

TOKENS = ("int64", ("batch", "tokens"))
TEXT_INPUTS = {"input_ids": TOKENS, "attention_mask": TOKENS, "token_type_ids": TOKENS}


def word_vectors(*words: str) -> np.ndarray:
    """The vectors of the words, one a row."""
    return TABLE[[WORDS.index(word) for word in words]]


def write(folder: Path, files: Mapping[str, Any]) -> Path:
    """A folder with JSON files and, where the value is bytes, others."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


def tokenizer_json() -> bytes:
    """A tokenizer that splits at spaces and adds [CLS] and [SEP] as BERT's does."""
    package = pytest.importorskip("tokenizers", reason="makes the tokenizer of the tiny models")
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = package.Tokenizer(package.models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = package.pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = package.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    # As some published folders have it; what the model itself says goes first.
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(128)
    return tokenizer.to_str().encode()


def sentence_folder(folder: Path, *, onnx_name: str = "model.onnx", **files: Any) -> Path:
    """A sentence encoder: each token's vector is that of its word. `files` replace or add JSON files by stem."""
    nodes = [
        onnx.node("Gather", ["table", "input_ids"], "words"),
        onnx.node("Gather", ["segments", "token_type_ids"], "parts"),
        onnx.node("Add", ["words", "parts"], "last_hidden_state"),
    ]
    outputs = {"last_hidden_state": ("float32", ("batch", "tokens", 4))}
    graph = onnx.model(nodes, {"table": TABLE, "segments": SEGMENTS}, TEXT_INPUTS, outputs)
    return write(folder, {onnx_name: graph, "tokenizer.json": tokenizer_json(), "config.json": {"hidden_size": 4}}
                 | {f"{name}.json": content for name, content in files.items()})  # fmt: skip


def pair_folder(folder: Path, *, labels: int = 1, **files: Any) -> Path:
    """A cross encoder: the sum of the first number of each word's vector, and 10 for each word of the second text."""
    nodes = [
        onnx.node("Gather", ["table", "input_ids"], "words"),
        onnx.node("Gather", ["segments", "token_type_ids"], "parts"),
        onnx.node("Add", ["words", "parts"], "vectors"),
        onnx.node("Cast", ["attention_mask"], "mask", to=1),
        onnx.node("Unsqueeze", ["mask", "last"], "column"),
        onnx.node("Mul", ["vectors", "column"], "kept"),
        onnx.node("ReduceSum", ["kept", "middle"], "logits", keepdims=0),
    ]
    weights = {
        "table": TABLE[:, :labels], "segments": SEGMENTS[:, :labels],
        "last": np.array([2], dtype=np.int64), "middle": np.array([1], dtype=np.int64),
    }  # fmt: skip
    graph = onnx.model(nodes, weights, TEXT_INPUTS, {"logits": ("float32", ("batch", labels))})
    return write(folder, {"model.onnx": graph, "tokenizer.json": tokenizer_json(), "config.json": {"hidden_size": 4}}
                 | {f"{name}.json": content for name, content in files.items()})  # fmt: skip


def classifier_folder(folder: Path, **preprocessor: Any) -> Path:
    """An image classifier: the mean of red against the mean of green."""
    nodes = [
        onnx.node("GlobalAveragePool", ["pixel_values"], "means"),
        onnx.node("Flatten", ["means"], "channels"),
        onnx.node("MatMul", ["channels", "classes"], "logits"),
    ]
    inputs = {"pixel_values": ("float32", ("batch", 3, "height", "width"))}
    graph = onnx.model(nodes, {"classes": CLASSES}, inputs, {"logits": ("float32", ("batch", 2))})
    stated = {"size": {"height": 4, "width": 4}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3} | preprocessor
    config = {"id2label": {"0": "red", "1": "green"}}
    return write(
        folder, {"onnx/model.onnx": graph, "config.json": config, "preprocessor_config.json": stated}
    )  # fmt: skip
