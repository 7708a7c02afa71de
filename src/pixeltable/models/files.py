"""The files of a model: in a local folder, or on the Hugging Face hub, by way of its cache on this machine."""

import importlib
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixeltable.exceptions import MissingPackage, UnusableModel

ONNX_FILES = ("onnx/model.onnx", "model.onnx")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of one model by name. Files of the hub are fetched one by one, when they are asked for."""

    model_id: str

    @property
    def is_local(self) -> bool:
        """Whether the model is a folder on this machine."""
        return os.path.isdir(self.model_id)

    def find(self, name: str) -> Path | None:
        """Where the file is, or None if the model has no such file.

        Raises:
            UnusableModel: there is no such model, or it cannot be fetched.
            MissingPackage: it is none on this machine, and the client of the hub is not installed.
        """
        if self.is_local:
            path = Path(self.model_id, name)
            return path if path.is_file() else None
        if _is_path(self.model_id):
            raise UnusableModel(self.model_id, reason="there is no such folder", hint=_NO_FOLDER)
        return _from_hub(self.model_id, name)

    def read_json(self, name: str) -> dict[str, Any]:
        """The object in a JSON file; empty if the model has no such file."""
        found = self.read_json_value(name)
        return found if isinstance(found, dict) else {}

    def read_json_value(self, name: str) -> Any:
        """What is in a JSON file; None if the model has no such file."""
        path = self.find(name)
        if path is None:
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UnusableModel(self.model_id, reason=f"{name} is no JSON: {error}") from None

    def config(self) -> dict[str, Any]:
        """`config.json`.

        Raises:
            UnusableModel: it is missing, so that this is no model.
        """
        found = self.read_json("config.json")
        if not found:
            raise UnusableModel(self.model_id, reason="it has no config.json", hint=_NO_FOLDER)
        return found

    def onnx_file(self) -> Path | None:
        """The model as ONNX, with the file of weights beside it that a large one has."""
        for name in ONNX_FILES:
            path = self.find(name)
            if path is not None:
                self.find(f"{name}_data")
                return path
        return None


_NO_FOLDER = "Pass a folder with the files of a model, or a name such as 'sentence-transformers/all-MiniLM-L6-v2'."
_NOT_FETCHED = (
    "Check the name and the connection, or download it elsewhere (`hf download NAME --local-dir FOLDER`) and pass the "
    "folder as model_id. With HF_HUB_OFFLINE=1, only models in the cache of this machine can be used."
)


def has_package(name: str) -> bool:
    """Whether a package is installed, without importing it."""
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # a module that was put into sys.modules by hand
        return False


def _is_path(model_id: str) -> bool:
    """Whether it can only mean a folder: names on the hub are `name` or `owner/name`."""
    return model_id.startswith((".", "~", "/")) or "\\" in model_id or model_id.count("/") > 1 or not model_id


def _from_hub(model_id: str, name: str) -> Path | None:
    try:
        hub = importlib.import_module("huggingface_hub")
        missing = importlib.import_module("huggingface_hub.errors")
    except ModuleNotFoundError:
        raise MissingPackage("sentence-transformers", extra="huggingface") from None
    try:
        cached = hub.try_to_load_from_cache(model_id, name)
        if isinstance(cached, str):
            return Path(cached)
        if cached is not None:  # the cache knows that the model has no such file
            return None
        return Path(hub.hf_hub_download(model_id, name))
    except missing.LocalEntryNotFoundError:  # offline, or no connection
        if isinstance(hub.try_to_load_from_cache(model_id, "config.json"), str):
            return None  # the model is in the cache; what is not there, it has not, as far as one can tell
        reason = "it is not on this machine and could not be fetched"
        raise UnusableModel(model_id, reason=reason, hint=_NOT_FETCHED) from None
    except missing.EntryNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UnusableModel(model_id, reason=first_line(error), hint=_NOT_FETCHED) from None


def first_line(error: BaseException) -> str:
    """What an error of a library says in short."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(error).__name__
