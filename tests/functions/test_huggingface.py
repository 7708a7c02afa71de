"""Functions of local models on ONNX Runtime, which need no torch."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixeltable as pxt
from pixeltable.exceptions import CellFailure, InvalidArgument, UnusableModel
from pixeltable.functions.huggingface import clip, cross_encoder, sentence_transformer, vit_for_image_classification
from pixeltable.models.cache import MODELS
from pixeltable.types.column_type import ArrayType, ImageType, StringType
from tests.models.folders import classifier_folder, pair_folder, sentence_folder, word_vectors, write
from tests.udfs.columns import column

pytest.importorskip("onnxruntime", reason="runs the tiny models")
TEXT = column("s", StringType())


@pytest.fixture(autouse=True)
def nothing_loaded() -> Iterator[None]:
    """No model of an earlier test; none left for a later one."""
    MODELS.unload()
    yield
    MODELS.unload()


@pytest.fixture
def sentences(tmp_path: Path) -> str:
    return str(sentence_folder(tmp_path / "sentences"))


def test_a_sentence_is_the_mean_of_its_words(sentences: str) -> None:
    (vector,) = sentence_transformer.body(["red cat"], model_id=sentences)
    assert vector == pytest.approx(word_vectors("[CLS]", "red", "cat", "[SEP]").mean(axis=0), abs=1e-6)
    assert vector.dtype == np.float32


def test_no_torch_is_imported(sentences: str) -> None:
    code = f"""
import sys
sys.modules |= dict.fromkeys(("torch", "transformers", "sentence_transformers"))
from pixeltable.functions.huggingface import sentence_transformer
print(sentence_transformer.body(["red"], model_id={sentences!r})[0].shape)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "(4,)"


@pytest.mark.parametrize(
    ("missing", "folder", "said"),
    [
        (["torch", "transformers", "sentence_transformers", "onnxruntime"], "onnx", "pixeltable[onnx]"),
        (["torch", "transformers", "sentence_transformers"], "torch", "pixeltable[huggingface]"),
    ],
)
def test_a_missing_package_names_the_extra(sentences: str, missing: list[str], folder: str, said: str) -> None:
    if folder == "torch":
        os.rename(Path(sentences, "model.onnx"), Path(sentences, "pytorch_model.bin"))
    code = f"""
import sys
sys.modules |= dict.fromkeys({missing!r})
from pixeltable.functions.huggingface import sentence_transformer
try: sentence_transformer.body(["red"], model_id={sentences!r})
except Exception as error: print(type(error).__name__, error)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("MissingPackage")
    assert said in shown


def test_the_model_decides_the_length_of_vectors(sentences: str) -> None:
    assert sentence_transformer(TEXT, model_id=sentences).col_type == ArrayType(shape=(4,), dtype="float32")
    assert sentence_transformer(TEXT, model_id=TEXT).col_type == ArrayType(shape=(None,), dtype="float32")
    assert MODELS.loaded() == []


def test_a_length_that_is_not_stated_is_found_by_trying(tmp_path: Path) -> None:
    folder = sentence_folder(tmp_path, config={"n_embd": 4})
    assert sentence_transformer(TEXT, model_id=str(folder)).col_type == ArrayType(shape=(4,), dtype="float32")


@pytest.mark.parametrize("function", [sentence_transformer, clip])
def test_a_missing_model_is_refused_when_the_call_is_written(function: pxt.Function) -> None:
    with pytest.raises(UnusableModel, match="no such folder"):
        function(TEXT, model_id="./no/such/model")


def test_an_image_takes_the_second_signature_of_clip(tmp_path: Path) -> None:
    folder = write(tmp_path, {"config.json": {"projection_dim": 6}})
    for argument in (TEXT, column("i", ImageType())):
        assert clip(argument, model_id=str(folder)).col_type == ArrayType(shape=(6,), dtype="float32")


def test_a_pair_has_the_sigmoid_of_its_logit_as_score(tmp_path: Path) -> None:
    (score,) = cross_encoder.body(["red"], ["cat"], model_id=str(pair_folder(tmp_path)))
    logit = word_vectors("[CLS]", "red", "[SEP]", "cat", "[SEP]")[:, 0].sum() + 20
    assert score == pytest.approx(1 / (1 + np.exp(-logit)))


@pytest.mark.parametrize(
    "stated",
    [
        {"config": {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}}},
        {"config": {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"}},
        {"config": {"a": 1}, "config_sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}},
    ],
)
def test_a_pair_has_its_logit_as_score_where_the_folder_says(tmp_path: Path, stated: dict[str, object]) -> None:
    scores = cross_encoder.body(["red", "red cat"], ["cat", "cat"], model_id=str(pair_folder(tmp_path, **stated)))
    logits = word_vectors("[CLS]", "red", "[SEP]", "cat", "[SEP]")[:, 0].sum() + 20
    assert scores == pytest.approx([logits, logits + word_vectors("cat")[0, 0]], abs=1e-5)


def test_a_model_with_several_numbers_for_a_pair_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableModel, match="3 numbers"):
        cross_encoder.body(["red"], ["cat"], model_id=str(pair_folder(tmp_path, labels=3)))


def test_an_image_has_its_likeliest_class_first(tmp_path: Path) -> None:
    images = [Image.new("RGB", (9, 5), colour) for colour in ("red", "lime")]
    red, lime = vit_for_image_classification.body(images, model_id=str(classifier_folder(tmp_path)))
    assert (red["label_text"], lime["label_text"]) == (["red", "green"], ["green", "red"])
    assert red["labels"] == [0, 1]
    assert red["scores"] == pytest.approx([1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))], abs=1e-6)


def test_top_k_bounds_the_classes(tmp_path: Path) -> None:
    (found,) = vit_for_image_classification.body(
        [Image.new("RGB", (4, 4), "red")], model_id=str(classifier_folder(tmp_path)), top_k=1
    )
    assert (found["labels"], len(found["scores"])) == ([0], 1)


def test_no_class_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="top_k"):
        vit_for_image_classification.body([], model_id=str(classifier_folder(tmp_path)), top_k=0)


def test_all_of_them_are_remembered() -> None:
    functions = (sentence_transformer, cross_encoder, clip, vit_for_image_classification)
    assert all(signature.options.memo for function in functions for signature in function.overloads)
    assert [function.batch_size for function in functions] == [32, 32, 32, 4]


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc lets a child end without ONNX Runtime's destructors")
def test_a_forked_child_runs_a_model_and_ends(sentences: str) -> None:
    # A program of its own: the child must end as programs do, which a fork of the test process could not.
    code = f"""
import os, sys
from pixeltable.functions.huggingface import sentence_transformer
run = lambda: sentence_transformer.body(["red"], model_id={sentences!r})[0].tolist()
expected = run()
child = os.fork()
if child == 0:
    sys.exit(7 if run() == expected else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "7", run.stderr


def test_a_column_and_an_index_by_a_model(ns: str, sentences: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"text": pxt.String | None})
    t.insert([{"text": "red"}, {"text": "blue cat"}, {"text": None}])
    t.add_computed_column(vector=sentence_transformer(t.text, model_id=sentences, normalize_embeddings=True))
    t.add_embedding_index("text", embedding=sentence_transformer.using(model_id=sentences))
    t.insert(text="green")
    found = t.order_by(t.text.similarity(string="green green"), asc=False).limit(1).collect()
    assert found["text"] == ["green"]
    assert [v is None or round(float(np.linalg.norm(v)), 5) for v in t.collect()["vector"]] == [1.0, 1.0, True, 1.0]


def test_a_table_is_read_after_its_model_is_gone(ns: str, sentences: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"text": pxt.String})
    t.add_computed_column(vector=sentence_transformer(t.text, model_id=sentences))
    t.insert(text="red")
    Path(sentences, "config.json").unlink()
    MODELS.unload()
    assert pxt.get_table(f"{ns}/t").collect()["vector"][0].shape == (4,)
    with pytest.raises(CellFailure, match=r"no config\.json"):
        t.insert(text="blue")
