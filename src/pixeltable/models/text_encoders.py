"""Sentence embeddings from ONNX files, by the modules that a Sentence Transformers folder lists."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pixeltable.exceptions import UnusableModel
from pixeltable.models.files import ModelFiles
from pixeltable.models.onnx import OnnxModel, Tokenizer, open_onnx, open_tokenizer

Vectors = NDArray[np.float32]
Pooling = Callable[[Vectors, NDArray[np.int64]], Vectors]
"""From token vectors (texts, tokens, n) and their mask (texts, tokens) to one vector for each text."""


class SentenceEncoder(Protocol):
    """A model that turns texts into vectors; `dimensions` is their length."""

    @property
    def dimensions(self) -> int: ...

    def encode(self, texts: Sequence[str], *, normalize: bool) -> Vectors:
        """One vector for each text, of unit length if `normalize`, or if the model is made so."""
        ...


def _mean(vectors: Vectors, mask: NDArray[np.int64]) -> Vectors:
    return _sum(vectors, mask) / _count(mask)


def _mean_sqrt(vectors: Vectors, mask: NDArray[np.int64]) -> Vectors:
    roots: Vectors = np.sqrt(_count(mask))
    return _sum(vectors, mask) / roots


def _weighted_mean(vectors: Vectors, mask: NDArray[np.int64]) -> Vectors:
    weights = np.cumsum(mask, axis=1) * mask
    return _sum(vectors, weights) / _count(weights)


def _max(vectors: Vectors, mask: NDArray[np.int64]) -> Vectors:
    highest: Vectors = np.where(mask[:, :, None] == 0, -np.inf, vectors).max(axis=1)
    return highest


def _first(vectors: Vectors, mask: NDArray[np.int64]) -> Vectors:
    found: Vectors = vectors[np.arange(len(mask)), mask.argmax(axis=1)]
    return found


def _last(vectors: Vectors, mask: NDArray[np.int64]) -> Vectors:
    found: Vectors = vectors[np.arange(len(mask)), mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)]
    return found


def _sum(vectors: Vectors, weights: NDArray[np.int64]) -> Vectors:
    total: Vectors = np.einsum("btn,bt->bn", vectors, weights.astype(np.float32))
    return total


def _count(weights: NDArray[np.int64]) -> Vectors:
    counts: Vectors = np.maximum(weights.sum(axis=1, keepdims=True), 1e-9).astype(np.float32)
    return counts


POOLINGS: Mapping[str, Pooling] = {
    "cls": _first,
    "max": _max,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_sqrt,
    "weightedmean": _weighted_mean,
    "lasttoken": _last,
}
"""By their names in `1_Pooling/config.json`; in the order in which several of them are joined to one vector."""

_OLD_NAMES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


@dataclass(frozen=True, slots=True)
class EncoderLayout:
    """What comes after the transformer, and before it."""

    poolings: tuple[str, ...] = ("mean",)
    normalize: bool = False
    max_tokens: int | None = None
    lower_case: bool = False
    prompt: str = ""


def read_layout(files: ModelFiles) -> EncoderLayout | None:
    """The layout that the folder states; None if it has parts of which this module knows nothing.

    Source:
        `modules.json`, `1_Pooling/config.json`, `sentence_bert_config.json` and `config_sentence_transformers.json` as
        https://www.sbert.net/docs/sentence_transformer/usage/custom_models.html describes them.
    """
    modules = _modules(files)
    kinds = dict(modules)
    if len(kinds) != len(modules) or not {"Transformer"} <= kinds.keys() <= {"Transformer", "Pooling", "Normalize"}:
        return None
    pooling = files.read_json(f"{kinds['Pooling']}/config.json") if "Pooling" in kinds else {}
    poolings = _poolings(pooling)
    prompts = files.read_json("config_sentence_transformers.json")
    prompt = (prompts.get("prompts") or {}).get(prompts.get("default_prompt_name"), "")
    if not set(poolings) <= POOLINGS.keys() or (prompt and not pooling.get("include_prompt", True)):
        return None
    text = files.read_json("sentence_bert_config.json")
    return EncoderLayout(
        poolings, "Normalize" in kinds, text.get("max_seq_length"), bool(text.get("do_lower_case")), prompt or ""
    )


def stated_dimensions(files: ModelFiles) -> int | None:
    """The length of the vectors, as the files state it; None if it takes the model itself to know.

    Raises:
        UnusableModel: there is no such model.
    """
    for kind, path in reversed(_modules(files)):
        config = files.read_json(f"{path}/config.json") if path else {}
        match kind:
            case "Dense":
                return config.get("out_features")
            case "Pooling":
                width = config.get("embedding_dimension", config.get("word_embedding_dimension"))
                return width and width * len(_poolings(config))
            case "Transformer":
                width = files.config().get("hidden_size")
                return width if isinstance(width, int) else None
            case "Normalize" | "Dropout" | "LayerNorm":
                continue
        break
    return None


def _modules(files: ModelFiles) -> list[tuple[str, str]]:
    """The class and the subfolder of each part, in the order in which a text passes them."""
    stated = files.read_json_value("modules.json")
    if not stated:
        files.config()  # or there is no such model
        return [("Transformer", "")]
    return [(str(module["type"]).rpartition(".")[2], str(module.get("path", ""))) for module in stated]


def _poolings(config: Mapping[str, Any]) -> tuple[str, ...]:
    stated = config.get("pooling_mode")
    if stated is not None:
        return (stated,) if isinstance(stated, str) else tuple(stated)
    return tuple(name for key, name in _OLD_NAMES.items() if config.get(key)) or ("mean",)


@dataclass(frozen=True, slots=True)
class OnnxSentenceEncoder:
    """A `SentenceEncoder` on ONNX Runtime."""

    model: OnnxModel
    tokenize: Tokenizer
    layout: EncoderLayout

    @property
    def dimensions(self) -> int:
        return len(self.encode([""], normalize=False)[0])

    def encode(self, texts: Sequence[str], *, normalize: bool) -> Vectors:
        prepared = [self._prepared(text) for text in texts]
        tokens = self.tokenize(prepared)
        token_vectors = self._token_vectors(self.model.run(tokens.feeds))
        parts = [POOLINGS[name](token_vectors, tokens.mask) for name in self.layout.poolings]
        vectors = np.concatenate(parts, axis=1)
        return unit(vectors) if normalize or self.layout.normalize else vectors

    def _prepared(self, text: str) -> str:
        text = self.layout.prompt + text
        return text.lower() if self.layout.lower_case else text

    def _token_vectors(self, outputs: Sequence[NDArray[Any]]) -> Vectors:
        found = next((output for output in outputs if output.ndim == 3), None)
        if found is None:
            raise UnusableModel(self.model.model_id, reason="its ONNX file gives no vector for each token")
        return found.astype(np.float32)


def unit(vectors: Vectors) -> Vectors:
    """Each row at length 1; zeros stay zeros."""
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
    scaled: Vectors = vectors / lengths
    return scaled


def open_sentence_encoder(files: ModelFiles, *, device: str) -> OnnxSentenceEncoder | None:
    """The model on ONNX Runtime, or None if it has no ONNX file or parts that only Sentence Transformers knows."""
    path, layout = files.onnx_file(), read_layout(files)
    if path is None or layout is None:
        return None
    tokenizer = open_tokenizer(files, max_tokens=layout.max_tokens)
    return OnnxSentenceEncoder(open_onnx(files, path, device=device), tokenizer, layout)
