"""Images reach an ONNX classifier in the form that the folder states."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixeltable.models.files import ModelFiles
from pixeltable.models.image_classifiers import ImageForm, open_image_classifier, read_form
from tests.models.folders import classifier_folder, write

WIDE = Image.fromarray(np.arange(8 * 4 * 3, dtype=np.uint8).reshape(4, 8, 3))


def form(folder: Path, **stated: Any) -> ImageForm:
    found = read_form(ModelFiles(str(write(folder, {"preprocessor_config.json": stated}))))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ({"height": 6, "width": 5}, (3, 6, 5)),
        (6, (3, 6, 6)),
        ([6, 5], (3, 6, 5)),
        ({"shortest_edge": 3}, (3, 3, 6)),
    ],
)
def test_images_get_the_size_stated(tmp_path: Path, size: Any, shape: tuple[int, ...]) -> None:
    assert form(tmp_path, size=size).prepare(WIDE).shape == shape


def test_the_centre_is_kept(tmp_path: Path) -> None:
    stated = {"do_resize": False, "do_normalize": False, "do_rescale": False}
    whole = form(tmp_path, **stated).prepare(WIDE)
    centre = form(tmp_path, **stated, do_center_crop=True, crop_size={"height": 2, "width": 4}).prepare(WIDE)
    assert np.array_equal(centre, whole[:, 1:3, 2:6])


def test_a_crop_larger_than_the_image_is_black_around_it(tmp_path: Path) -> None:
    stated = {"do_resize": False, "do_normalize": False, "do_center_crop": True, "crop_size": {"height": 8, "width": 8}}
    found = form(tmp_path, **stated).prepare(WIDE)
    assert not found[:, :2].any()
    assert found[:, 2:6].any()


def test_pixels_are_scaled_then_normalized(tmp_path: Path) -> None:
    white = Image.new("RGB", (2, 2), "white")
    stated = {"size": 2, "image_mean": [0.5, 0.25, 0.0], "image_std": [0.5, 0.25, 2.0]}
    assert form(tmp_path, **stated).prepare(white)[:, 0, 0] == pytest.approx([1.0, 3.0, 0.5])


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_images_of_any_mode_are_taken(tmp_path: Path, mode: str) -> None:
    assert form(tmp_path, size=4).prepare(WIDE.convert(mode)).shape == (3, 4, 4)


@pytest.mark.parametrize("stated", [{"do_pad": True, "size": 4}, {"size": {"longest_edge": 4}}])
def test_steps_only_transformers_has_are_left_to_it(tmp_path: Path, stated: dict[str, Any]) -> None:
    files = ModelFiles(str(write(tmp_path, {"preprocessor_config.json": stated})))
    assert read_form(files) is None


def test_images_of_different_sizes_go_one_by_one(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="runs the tiny model")
    classifier = open_image_classifier(ModelFiles(str(classifier_folder(tmp_path, do_resize=False))), device="cpu")
    assert classifier is not None
    small, large = Image.new("RGB", (2, 2), "red"), Image.new("RGB", (3, 5), "red")
    assert classifier.classify([small, large], top_k=1)[0] == classifier.classify([large], top_k=1)[0]
