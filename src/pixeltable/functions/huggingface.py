"""Models of the Hugging Face libraries on this machine: embeddings of texts and images, scores, classes.

`model_id` is a name on the hub or a folder. Each model is loaded once for a process, at first use; see
docs/local-models.md. Results are remembered: a model takes milliseconds for a row. Calls do not run side by side in
threads, since each one keeps all cores busy by itself.
"""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixeltable.exceptions import InvalidArgument
from pixeltable.models import loading
from pixeltable.models.cache import MODELS
from pixeltable.models.files import ModelFiles
from pixeltable.models.image_classifiers import Classes
from pixeltable.models.text_encoders import stated_dimensions
from pixeltable.types.column_type import ArrayType
from pixeltable.udfs.batch import Batch
from pixeltable.udfs.decorator import udf

Vector = Annotated[NDArray[np.float32], ArrayType(shape=(None,), dtype="float32")]


@udf(batch_size=32, memo=True)
def sentence_transformer(sentence: Batch[str], *, model_id: str, normalize_embeddings: bool = False) -> Batch[Vector]:
    """The meaning of a text as a vector.

    Args:
        model_id: a model of Sentence Transformers, or any transformer; the vectors of its tokens are then averaged.
        normalize_embeddings: give vectors of unit length; some models do so anyway.

    Raises:
        UnusableModel: there is no such model, or it is of another kind.
        MissingPackage: `sentence-transformers`, or for a model with an ONNX file `onnxruntime`, is not installed.
    """
    with MODELS.use("sentence_transformer", model_id, loading.load_sentence_encoder) as model:
        return list(model.encode(sentence, normalize=normalize_embeddings))


@sentence_transformer.conditional_return_type
def _sentence_type(model_id: str) -> ArrayType:
    dimensions = stated_dimensions(ModelFiles(model_id))
    if dimensions is None:
        with MODELS.use("sentence_transformer", model_id, loading.load_sentence_encoder) as model:
            dimensions = model.dimensions
    return ArrayType(shape=(dimensions,), dtype="float32")


@udf(batch_size=32, memo=True)
def cross_encoder(sentences1: Batch[str], sentences2: Batch[str], *, model_id: str) -> Batch[float]:
    """How well two texts go together, as a question and an answer; the range of the score is the model's.

    Args:
        model_id: a cross encoder of Sentence Transformers, with a single output.

    Raises:
        UnusableModel: there is no such model, or it gives several numbers for a pair.
        MissingPackage: `sentence-transformers`, or for a model with an ONNX file `onnxruntime`, is not installed.
    """
    with MODELS.use("cross_encoder", model_id, loading.load_pair_scorer) as model:
        scores: list[float] = model.score(sentences1, sentences2)
        return scores


@udf(batch_size=32, memo=True)
def clip(text: Batch[str], *, model_id: str) -> Batch[Vector]:
    """The meaning of a text, or of an image, as a vector; texts and images that fit each other have similar ones.

    An embedding index with it can be searched by text and by image.

    Args:
        model_id: CLIP, or another model of transformers with features of texts and images.

    Raises:
        UnusableModel: there is no such model, or it is of another kind.
        MissingPackage: `transformers` or `torch` is not installed.
    """
    with MODELS.use("clip", model_id, loading.load_joint_encoder) as model:
        return list(model.encode_texts(text))


@clip.overload
def _clip_image(image: Batch[Image.Image], *, model_id: str) -> Batch[Vector]:
    with MODELS.use("clip", model_id, loading.load_joint_encoder) as model:
        return list(model.encode_images(image))


def _clip_type(model_id: str) -> ArrayType:
    dimensions = ModelFiles(model_id).config().get("projection_dim")
    if not isinstance(dimensions, int):
        with MODELS.use("clip", model_id, loading.load_joint_encoder) as model:
            dimensions = model.dimensions
    return ArrayType(shape=(dimensions,), dtype="float32")


for _signature in clip.overloads:
    _signature.conditional_return_type(_clip_type)


@udf(batch_size=4, memo=True)
def vit_for_image_classification(image: Batch[Image.Image], *, model_id: str, top_k: int = 5) -> Batch[Classes]:
    """What is in an image: `{scores, labels, label_text}`, three lists of equal length, the likeliest class first.

    Args:
        model_id: a vision transformer, or another image classifier of transformers.
        top_k: the number of classes to name; all, if the model has fewer.

    Raises:
        InvalidArgument: `top_k` is below 1.
        UnusableModel: there is no such model, or it is of another kind.
        MissingPackage: `transformers` or `torch`, or for a model with an ONNX file `onnxruntime`, is not installed.
    """
    if top_k < 1:
        raise InvalidArgument(f"vit_for_image_classification(): top_k must be at least 1, got {top_k}")
    with MODELS.use("vit_for_image_classification", model_id, loading.load_image_classifier) as model:
        classes: list[Classes] = model.classify(image, top_k=top_k)
        return classes
