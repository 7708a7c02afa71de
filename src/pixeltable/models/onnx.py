"""Models as ONNX files, run by ONNX Runtime: tokenizing, and feeding a session what it asks for."""

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixeltable.exceptions import UnusableModel
from pixeltable.models.files import ModelFiles, first_line, has_package

_INTEGERS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}
_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
_UNLIMITED = 1_000_000
"""Tokenizers without a limit of their own state an absurdly large number."""


def can_run_onnx(device: str) -> bool:
    """Whether the packages for it are installed, and there is no GPU that torch could use and ONNX Runtime cannot."""
    if not (has_package("onnxruntime") and has_package("tokenizers")):
        return False
    if device == "cpu" or not has_package("torch") or _has_cuda(importlib.import_module("onnxruntime")):
        return True
    return device == "auto" and not has_gpu()


def has_gpu() -> bool:
    """Whether a driver for one seems to be there; told by its device files, as asking torch takes seconds."""
    return any(map(os.path.exists, ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")))


def _has_cuda(runtime: Any) -> bool:
    return "CUDAExecutionProvider" in runtime.get_available_providers()


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """An open ONNX file. Its session may be run by several threads at once, and releases Python's lock meanwhile."""

    model_id: str
    session: Any
    inputs: Mapping[str, Any]
    """The numpy type of each input."""

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The outputs, in the order of the file. Of `feeds`, it takes what it has inputs for.

        Raises:
            UnusableModel: it has an input that is not among them.
        """
        unknown = self.inputs.keys() - feeds.keys()
        if unknown:
            raise UnusableModel(
                self.model_id, reason=f"its ONNX file has inputs of unknown meaning: {', '.join(sorted(unknown))}"
            )
        given = {name: np.asarray(feeds[name], dtype=kind) for name, kind in self.inputs.items()}
        return [np.asarray(output) for output in self.session.run(None, given)]


def open_onnx(files: ModelFiles, path: Path, *, device: str) -> OnnxModel:
    """Open an ONNX file on `device`, or on the CPU if ONNX Runtime has no support for it.

    Raises:
        UnusableModel: the file is damaged, or needs what this ONNX Runtime does not have.
    """
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors; warnings about the graph are for its author
    try:
        session = runtime.InferenceSession(str(path), options, providers=_providers(runtime, device))
    except Exception as error:  # its own classes have no base but RuntimeError; all mean the file
        raise UnusableModel(files.model_id, reason=f"{path.name}: {first_line(error)}") from error
    kinds = _INTEGERS | _FLOATS
    return OnnxModel(files.model_id, session, {i.name: kinds.get(i.type, np.float32) for i in session.get_inputs()})


def _providers(runtime: Any, device: str) -> list[Any]:
    """CUDA where it is wanted and there is support for it; then the CPU, for what CUDA cannot do."""
    cpu = ["CPUExecutionProvider"]
    if device not in ("auto", "cuda") and not device.startswith("cuda:"):
        return cpu
    if not _has_cuda(runtime):
        return cpu
    number = device.partition(":")[2] or "0"
    return [("CUDAExecutionProvider", {"device_id": number}), *cpu]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of some texts, padded to the longest: arrays of shape (texts, tokens)."""

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    segments: NDArray[np.int64]

    @property
    def feeds(self) -> dict[str, NDArray[Any]]:
        """The inputs of a model, by the names that exporters give them."""
        places = np.clip(np.cumsum(self.mask, axis=1) - 1, 0, None)
        return {
            "input_ids": self.ids,
            "attention_mask": self.mask,
            "token_type_ids": self.segments,
            "position_ids": places,
        }


Tokenizer = Callable[[Sequence[Any]], Tokens]
"""Takes texts, or pairs of texts."""


def open_tokenizer(files: ModelFiles, *, max_tokens: int | None = None) -> Tokenizer:
    """The model's tokenizer, cutting off at `max_tokens`, or at what the model was made for.

    Raises:
        UnusableModel: it has no `tokenizer.json`, or a damaged one.
    """
    path = files.find("tokenizer.json")
    if path is None:
        hint = "Save its tokenizer as a fast one: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        raise UnusableModel(files.model_id, reason="it has no tokenizer.json", hint=hint)
    package = importlib.import_module("tokenizers")
    try:
        tokenizer = package.Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises bare Exception for a file it cannot read
        raise UnusableModel(files.model_id, reason=f"tokenizer.json: {first_line(error)}") from error
    settings = files.read_json("tokenizer_config.json")
    config = files.config()
    limit = _max_tokens(max_tokens, settings, config)
    if limit is None:
        tokenizer.no_truncation()
    else:
        tokenizer.enable_truncation(limit, direction=settings.get("truncation_side", "right"))
    pad = _token_text(settings.get("pad_token")) or "[PAD]"
    pad_id = tokenizer.token_to_id(pad)
    if pad_id is None:
        pad_id = config.get("pad_token_id") or 0
    tokenizer.enable_padding(direction=settings.get("padding_side", "right"), pad_id=pad_id, pad_token=pad)

    def tokenize(texts: Sequence[Any]) -> Tokens:
        encoded = tokenizer.encode_batch(texts)
        rows = [[e.ids, e.attention_mask, e.type_ids] for e in encoded]
        ids, mask, segments = np.array(rows, dtype=np.int64).transpose(1, 0, 2)
        return Tokens(ids, mask, segments)

    return tokenize


def _max_tokens(wanted: int | None, settings: Mapping[str, Any], config: Mapping[str, Any]) -> int | None:
    """As Sentence Transformers does: what the folder states, but never more than the model has positions."""
    stated = wanted or settings.get("model_max_length")
    known = [int(n) for n in (stated, config.get("max_position_embeddings")) if n and 0 < n < _UNLIMITED]
    return min(known, default=None)


def _token_text(token: Any) -> str | None:
    return token.get("content") if isinstance(token, dict) else token
