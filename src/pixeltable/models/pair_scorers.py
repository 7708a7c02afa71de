"""Cross encoders from ONNX files: one score for a pair of texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pixeltable.exceptions import UnusableModel
from pixeltable.models.files import ModelFiles
from pixeltable.models.onnx import OnnxModel, Tokenizer, open_onnx, open_tokenizer

Activation = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class PairScorer(Protocol):
    """A model that says how well two texts go together."""

    def score(self, firsts: Sequence[str], seconds: Sequence[str]) -> list[float]:
        """One score for each pair; which range it has is the model's business."""
        ...


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * (1.0 + np.tanh(0.5 * logits))  # does not overflow


def _identity(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return logits


_ACTIVATIONS: Mapping[str, Activation] = {"Sigmoid": _sigmoid, "Identity": _identity}
"""By the last part of the torch class that a folder names."""


@dataclass(frozen=True, slots=True)
class OnnxPairScorer:
    """A `PairScorer` on ONNX Runtime."""

    model: OnnxModel
    tokenize: Tokenizer
    activation: Activation

    def score(self, firsts: Sequence[str], seconds: Sequence[str]) -> list[float]:
        tokens = self.tokenize(list(zip(firsts, seconds, strict=True)))
        logits = self.model.run(tokens.feeds)[0]
        if logits.ndim != 2 or logits.shape[1] != 1:
            raise not_a_scorer(self.model.model_id, labels=logits.shape[-1])
        scores: list[float] = self.activation(logits[:, 0].astype(np.float64)).tolist()
        return scores


def not_a_scorer(model_id: str, *, labels: int) -> UnusableModel:
    """The error for a model that gives classes, not a score."""
    hint = "Use a model that was trained to rank, with a single output."
    return UnusableModel(model_id, reason=f"it gives {labels} numbers for a pair, not one score", hint=hint)


def open_pair_scorer(files: ModelFiles, *, device: str) -> OnnxPairScorer | None:
    """The model on ONNX Runtime, or None if it has no ONNX file or parts that only Sentence Transformers knows."""
    path, activation = files.onnx_file(), _activation(files)
    if path is None or activation is None or len(files.read_json_value("modules.json") or ()) > 1:
        return None
    tokenizer = open_tokenizer(files, max_tokens=files.read_json("sentence_bert_config.json").get("max_seq_length"))
    return OnnxPairScorer(open_onnx(files, path, device=device), tokenizer, activation)


def _activation(files: ModelFiles) -> Activation | None:
    """What is applied to the output: stated in one of three places, or else the sigmoid.

    Source:
        `CrossEncoder.get_default_activation_fn` of https://github.com/UKPLab/sentence-transformers.
    """
    config = files.config()
    stated: Any = (
        files.read_json("config_sentence_transformers.json").get("activation_fn")
        or (config.get("sentence_transformers") or {}).get("activation_fn")
        or config.get("sbert_ce_default_activation_function")
        or "Sigmoid"
    )
    return _ACTIVATIONS.get(str(stated).rpartition(".")[2])
