"""Models run by torch: Sentence Transformers for text, transformers for images."""

import importlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from pixeltable.exceptions import Error, MissingPackage, UnusableModel
from pixeltable.models.files import first_line
from pixeltable.models.image_classifiers import Classes, likeliest
from pixeltable.models.pair_scorers import not_a_scorer
from pixeltable.models.text_encoders import Vectors

Model = TypeVar("Model")

_RAN_IN: set[int] = set()
"""The processes, this one and those it was forked from, in which models were loaded here."""


def torch_device(wanted: str) -> str:
    """Where torch should run: `wanted`, or for `auto` the first GPU that this process can use."""
    torch = _package("torch")
    _RAN_IN.add(os.getpid())
    if len(_RAN_IN) > 1:
        # The threads that torch had before the fork are gone, and it would wait for them for ever (GNU OpenMP).
        torch.set_num_threads(1)
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available() and not _is_forked(torch):
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _is_forked(torch: ModuleType) -> bool:
    """Whether a parent of this process used CUDA, which then cannot be used here."""
    return bool(getattr(torch.cuda, "_is_in_bad_fork", lambda: False)())


def _package(name: str) -> ModuleType:
    """Import a package of the extra.

    Raises:
        MissingPackage: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingPackage(name.replace("_", "-"), extra="huggingface") from error


def _opened(model_id: str, load: Callable[[], Model]) -> Model:
    """What `load` gives; any failure of it says that the model cannot be used.

    Raises:
        UnusableModel: the libraries could not load it, for whatever reason.
    """
    try:
        return load()
    except Error:
        raise
    except Exception as error:  # the libraries raise anything from OSError to AttributeError
        raise UnusableModel(model_id, reason=f"{type(error).__name__}: {first_line(error)}", hint=_HINT) from error


_HINT = "Check that the folder is complete, or the name and the connection; with HF_HUB_OFFLINE=1 nothing is fetched."


@dataclass(frozen=True, slots=True)
class TorchSentenceEncoder:
    """A `SentenceEncoder` by Sentence Transformers.

    Under a lock: tokenizers of transformers are changed by each call, and fail ("Already borrowed") when two overlap.
    """

    model: Any
    lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    @property
    def dimensions(self) -> int:
        return len(self.encode([""], normalize=False)[0])

    def encode(self, texts: Sequence[str], *, normalize: bool) -> Vectors:
        with self.lock:
            found: Vectors = self.model.encode(
                list(texts),
                batch_size=len(texts) or 1,
                normalize_embeddings=normalize,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return found.astype(np.float32, copy=False)


def load_sentence_encoder(model_id: str, *, device: str) -> TorchSentenceEncoder:
    """Load a model of Sentence Transformers, or any transformer, whose token vectors are then averaged."""
    package = _package("sentence_transformers")
    place = torch_device(device)
    return _opened(model_id, lambda: TorchSentenceEncoder(package.SentenceTransformer(model_id, device=place)))


@dataclass(frozen=True, slots=True)
class TorchPairScorer:
    """A `PairScorer` by Sentence Transformers."""

    model: Any
    lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    def score(self, firsts: Sequence[str], seconds: Sequence[str]) -> list[float]:
        pairs = list(zip(firsts, seconds, strict=True))
        with self.lock:
            found = self.model.predict(pairs, batch_size=len(pairs) or 1, show_progress_bar=False)
        scores: list[float] = found.tolist()
        return scores


def load_pair_scorer(model_id: str, *, device: str) -> TorchPairScorer:
    """Load a cross encoder.

    Raises:
        UnusableModel: it gives several numbers for a pair.
    """
    package = _package("sentence_transformers")
    place = torch_device(device)
    model = _opened(model_id, lambda: package.CrossEncoder(model_id, device=place))
    if model.num_labels != 1:
        raise not_a_scorer(model_id, labels=model.num_labels)
    return TorchPairScorer(model)


@dataclass(frozen=True, slots=True)
class TorchJointEncoder:
    """A model with one space of vectors for texts and images, such as CLIP."""

    model: Any
    processor: Any
    lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    @property
    def dimensions(self) -> int:
        return len(self.encode_texts([""])[0])

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """One vector for each text."""
        with self.lock:
            given = self.processor(text=list(texts), return_tensors="pt", padding=True, truncation=True)
        return self._vectors(self.model.get_text_features, given)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """One vector for each image."""
        given = self.processor(images=[image.convert("RGB") for image in images], return_tensors="pt")
        return self._vectors(self.model.get_image_features, given)

    def _vectors(self, features: Callable[..., Any], given: Any) -> Vectors:
        with sys.modules["torch"].inference_mode():
            found = features(**given.to(self.model.device))
        # Since transformers 5, the vectors are one of several things that come back.
        tensor = getattr(found, "pooler_output", found)
        vectors: Vectors = tensor.float().cpu().numpy()
        return vectors


def load_joint_encoder(model_id: str, *, device: str) -> TorchJointEncoder:
    """Load CLIP or a model of its kind."""
    package = _package("transformers")
    place = torch_device(device)

    def load() -> TorchJointEncoder:
        model = package.AutoModel.from_pretrained(model_id).to(place).eval()
        if not hasattr(model, "get_image_features"):
            raise UnusableModel(model_id, reason=f"it is a {type(model).__name__}, not a CLIP model")
        return TorchJointEncoder(model, package.AutoProcessor.from_pretrained(model_id))

    return _opened(model_id, load)


@dataclass(frozen=True, slots=True)
class TorchImageClassifier:
    """An `ImageClassifier` by transformers."""

    model: Any
    processor: Any

    def classify(self, images: Sequence[Image.Image], *, top_k: int) -> list[Classes]:
        given = self.processor(images=[image.convert("RGB") for image in images], return_tensors="pt")
        with sys.modules["torch"].inference_mode():
            logits = self.model(**given.to(self.model.device)).logits
        return likeliest(logits.float().cpu().numpy(), self.model.config.id2label, top_k=top_k)


def load_image_classifier(model_id: str, *, device: str) -> TorchImageClassifier:
    """Load a vision transformer, or another classifier of images."""
    package = _package("transformers")
    place = torch_device(device)

    def load() -> TorchImageClassifier:
        model = package.AutoModelForImageClassification.from_pretrained(model_id).to(place).eval()
        return TorchImageClassifier(model, package.AutoImageProcessor.from_pretrained(model_id))

    return _opened(model_id, load)
