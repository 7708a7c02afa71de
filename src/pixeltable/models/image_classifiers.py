"""Image classifiers from ONNX files: bringing images into the model's form, and reading its classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixeltable.exceptions import UnusableModel
from pixeltable.models.files import ModelFiles
from pixeltable.models.onnx import OnnxModel, open_onnx


class Classes(TypedDict):
    """The likeliest classes of an image, best first: their probabilities, their numbers and their names."""

    scores: list[float]
    labels: list[int]
    label_text: list[str]


class ImageClassifier(Protocol):
    """A model that says what is in an image."""

    def classify(self, images: Sequence[Image.Image], *, top_k: int) -> list[Classes]:
        """The `top_k` likeliest classes of each image; all, if the model has fewer."""
        ...


def likeliest(logits: NDArray[Any], names: Mapping[int, str], *, top_k: int) -> list[Classes]:
    """The best classes of each row of logits, which become probabilities.

    >>> likeliest(np.array([[0.0, 0.0, 1e4]]), {2: "cat"}, top_k=2)
    [{'scores': [1.0, 0.0], 'labels': [2, 0], 'label_text': ['cat', 'LABEL_0']}]
    """
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    shares = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    best = np.argsort(-shares, axis=1, kind="stable")[:, :top_k]
    return [
        Classes(
            scores=row[places].tolist(),
            labels=places.tolist(),
            label_text=[names.get(place, f"LABEL_{place}") for place in places.tolist()],
        )
        for row, places in zip(shares, best, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class ImageForm:
    """How an image becomes the input of a model, as `preprocessor_config.json` states it."""

    size: Mapping[str, int] | None
    resample: int
    crop: tuple[int, int] | None
    """Height and width of what is kept around the centre."""
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """The image as (3, height, width)."""
        image = image.convert("RGB")
        if self.size is not None:
            image = image.resize(self._target(image.size), resample=Image.Resampling(self.resample))
        if self.crop is not None:
            image = _cropped(image, *self.crop)
        pixels: NDArray[np.float32] = np.asarray(image, dtype=np.float32) * np.float32(self.scale)
        mean: NDArray[np.float32] = np.array(self.mean, dtype=np.float32)
        std: NDArray[np.float32] = np.array(self.std, dtype=np.float32)
        return ((pixels - mean) / std).transpose(2, 0, 1)

    def _target(self, given: tuple[int, int]) -> tuple[int, int]:
        """The size to bring an image of size (width, height) to, in that order."""
        assert self.size is not None
        if "height" in self.size:
            return self.size["width"], self.size["height"]
        edge = self.size["shortest_edge"]
        width, height = given
        # Cut off, not rounded, as transformers does it.
        return (edge, int(edge * height / width)) if width <= height else (int(edge * width / height), edge)


def _cropped(image: Image.Image, height: int, width: int) -> Image.Image:
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))  # black where the image is smaller


def read_form(files: ModelFiles) -> ImageForm | None:
    """The form that the folder states; None if it asks for steps of which this module knows nothing.

    Source:
        `preprocessor_config.json` of https://huggingface.co/docs/transformers/main_classes/image_processor.

    Raises:
        UnusableModel: it has no such file.
    """
    stated = files.read_json("preprocessor_config.json")
    if not stated:
        raise UnusableModel(files.model_id, reason="it has no preprocessor_config.json")
    size = _size(stated.get("size", 224)) if stated.get("do_resize", True) else None
    crop = _size(stated.get("crop_size", 224)) if stated.get("do_center_crop") else None
    known = (size is None or size.keys() in ({"height", "width"}, {"shortest_edge"})) and not stated.get("do_pad")
    if not known or (crop is not None and crop.keys() != {"height", "width"}):
        return None
    normalizes = stated.get("do_normalize", True)
    return ImageForm(
        size=size,
        resample=int(stated.get("resample", Image.Resampling.BILINEAR)),
        crop=None if crop is None else (crop["height"], crop["width"]),
        scale=float(stated.get("rescale_factor", 1 / 255)) if stated.get("do_rescale", True) else 1.0,
        mean=_three(stated.get("image_mean", 0.5)) if normalizes else _three(0.0),
        std=_three(stated.get("image_std", 0.5)) if normalizes else _three(1.0),
    )


def _size(stated: Any) -> dict[str, int]:
    """A size as older folders state it, a number or a pair, and as newer ones do."""
    if isinstance(stated, int):
        return {"height": stated, "width": stated}
    if isinstance(stated, list):
        return {"height": stated[0], "width": stated[1]}
    return {name: int(length) for name, length in stated.items() if length is not None}


def _three(stated: Any) -> tuple[float, ...]:
    return tuple(map(float, stated)) if isinstance(stated, list) else (float(stated),) * 3


@dataclass(frozen=True, slots=True)
class OnnxImageClassifier:
    """An `ImageClassifier` on ONNX Runtime."""

    model: OnnxModel
    form: ImageForm
    names: Mapping[int, str]

    def classify(self, images: Sequence[Image.Image], *, top_k: int) -> list[Classes]:
        # One size for all, or each alone: images that are not resized to a fixed size may differ.
        prepared = [self.form.prepare(image) for image in images]
        if len({pixels.shape for pixels in prepared}) == 1:
            logits = self._logits(np.stack(prepared))
        else:
            logits = np.concatenate([self._logits(pixels[None]) for pixels in prepared])
        return likeliest(logits, self.names, top_k=top_k)

    def _logits(self, pixels: NDArray[np.float32]) -> NDArray[Any]:
        logits = self.model.run({"pixel_values": pixels})[0]
        if logits.ndim != 2:
            raise UnusableModel(self.model.model_id, reason="its ONNX file gives no scores of classes")
        return logits


def open_image_classifier(files: ModelFiles, *, device: str) -> OnnxImageClassifier | None:
    """The model on ONNX Runtime, or None if it has no ONNX file or needs steps that only transformers knows."""
    path = files.onnx_file()
    form = None if path is None else read_form(files)
    if path is None or form is None:
        return None
    names = {int(number): str(name) for number, name in (files.config().get("id2label") or {}).items()}
    return OnnxImageClassifier(open_onnx(files, path, device=device), form, names)
