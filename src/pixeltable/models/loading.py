"""Loading a model of one of the kinds the library has: by ONNX Runtime where it can be, else by torch."""

from collections.abc import Callable
from typing import TypeVar

from pixeltable.exceptions import MissingPackage
from pixeltable.models import image_classifiers, pair_scorers, text_encoders, torch_models
from pixeltable.models.files import ModelFiles, has_package
from pixeltable.models.image_classifiers import ImageClassifier
from pixeltable.models.onnx import can_run_onnx
from pixeltable.models.pair_scorers import PairScorer
from pixeltable.models.text_encoders import SentenceEncoder
from pixeltable.models.torch_models import TorchJointEncoder

Model = TypeVar("Model")


def load_sentence_encoder(model_id: str, device: str) -> SentenceEncoder:
    """A model that turns texts into vectors.

    Raises:
        UnusableModel: there is no such model, or it is of another kind.
        MissingPackage: what it takes to run it is not installed.
    """
    return _load(
        model_id, device, lambda files: text_encoders.open_sentence_encoder(files, device=device)
    ) or torch_models.load_sentence_encoder(model_id, device=device)


def load_pair_scorer(model_id: str, device: str) -> PairScorer:
    """A model that gives two texts one score. Raises as `load_sentence_encoder` does."""
    return _load(
        model_id, device, lambda files: pair_scorers.open_pair_scorer(files, device=device)
    ) or torch_models.load_pair_scorer(model_id, device=device)


def load_image_classifier(model_id: str, device: str) -> ImageClassifier:
    """A model that says what is in an image. Raises as `load_sentence_encoder` does."""
    return _load(
        model_id, device, lambda files: image_classifiers.open_image_classifier(files, device=device)
    ) or torch_models.load_image_classifier(model_id, device=device)


def load_joint_encoder(model_id: str, device: str) -> TorchJointEncoder:
    """A model with one space of vectors for texts and images. Raises as `load_sentence_encoder` does."""
    ModelFiles(model_id).config()  # says in one line that there is no such model
    return torch_models.load_joint_encoder(model_id, device=device)


def _load(model_id: str, device: str, open_onnx: Callable[[ModelFiles], Model | None]) -> Model | None:
    """The model on ONNX Runtime, or None if that takes torch."""
    files = ModelFiles(model_id)
    files.config()
    if can_run_onnx(device):
        return open_onnx(files)
    if not has_package("torch") and files.is_local and files.onnx_file() is not None:
        raise MissingPackage("onnxruntime", extra="onnx")  # the smaller one of two ways
    return None
