"""The files of a model: folders, the hub's cache, and what is said when there are none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pixeltable.exceptions import UnusableModel
from pixeltable.models.files import ModelFiles
from tests.models.folders import write


def test_a_folder_has_what_is_in_it(tmp_path: Path) -> None:
    files = ModelFiles(str(write(tmp_path, {"config.json": {"a": 1}})))
    assert files.config() == {"a": 1}
    assert files.find("tokenizer.json") is None
    assert files.read_json("tokenizer.json") == {}


@pytest.mark.parametrize("name", ["model.onnx", "onnx/model.onnx"])
def test_an_onnx_file_is_found_in_either_place(tmp_path: Path, name: str) -> None:
    assert ModelFiles(str(write(tmp_path, {name: b""}))).onnx_file() == tmp_path / name


@pytest.mark.parametrize("name", ["./none", "~/none", "/no/such/folder", "a/b/c", "a\\b", ""])
def test_what_can_only_be_a_folder_is_not_looked_for_elsewhere(name: str) -> None:
    with pytest.raises(UnusableModel, match="no such folder"):
        ModelFiles(name).config()


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableModel, match=r"no config\.json"):
        ModelFiles(str(tmp_path)).config()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableModel, match=r"config\.json is no JSON"):
        ModelFiles(str(write(tmp_path, {"config.json": b"{"}))).config()


def offline(cache: Path, code: str) -> str:
    """What a program prints that has the hub's cache in `cache`, and must not use the network."""
    pytest.importorskip("huggingface_hub", reason="reads the hub's cache; it comes with tokenizers")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)}
    code = "from pixeltable.models.files import ModelFiles\nfrom pixeltable.exceptions import Error\n" + code
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_a_model_of_the_hub_is_taken_from_its_cache(tmp_path: Path) -> None:
    repository = tmp_path / "models--acme--tiny"
    write(repository, {"refs/main": b"abc", "snapshots/abc/config.json": {"hidden_size": 4}})
    code = "m = ModelFiles('acme/tiny'); print(m.config(), m.onnx_file())"
    assert offline(tmp_path, code) == "{'hidden_size': 4} None"


def test_a_model_that_is_nowhere_gives_one_line_and_a_way_out(tmp_path: Path) -> None:
    code = "try: ModelFiles('acme/none').config()\nexcept Error as e: print(json.dumps([type(e).__name__, str(e)]))"
    kind, message = json.loads(offline(tmp_path, "import json\n" + code))
    assert kind == "UnusableModel"
    assert "hf download" in message
    assert "\n" not in message
