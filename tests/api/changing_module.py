"""A module that changes while a test runs, as if programs of different days had imported it."""

import importlib
import linecache
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pixeltable.udfs.function import DECLARED, LIVE

HEAD = "import numpy as np\nimport pixeltable as pxt\nCALLS = []\n\n"
_names = iter(range(1_000_000))


class ChangingModule:
    """A module in a folder on `sys.path`."""

    def __init__(self, folder: Path) -> None:
        self.name = f"changing{next(_names)}"
        self.file = folder / f"{self.name}.py"

    def put(self, source: str) -> None:
        """Give the module this source; a program that starts now has not imported it yet."""
        self.forget()
        self.file.write_text(HEAD + source)

    def write(self, source: str) -> Any:
        """The module with this source, imported."""
        self.put(source)
        return self.module

    def remove(self) -> None:
        """From now on there is no such module."""
        self.forget()
        self.file.unlink()

    def forget(self) -> None:
        """What a program that starts now does not know either."""
        sys.modules.pop(self.name, None)
        for known in (LIVE, DECLARED):
            for path in [path for path in known if path.startswith(f"{self.name}.")]:
                del known[path]
        linecache.clearcache()
        importlib.invalidate_caches()

    @property
    def module(self) -> ModuleType:
        return importlib.import_module(self.name)

    def calls(self) -> list[Any]:
        """What its functions were called with, and noted, since this was last asked for."""
        noted: list[Any] = self.module.CALLS
        taken, noted[:] = [*noted], []
        return sorted(taken)


@pytest.fixture
def changing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChangingModule]:
    """A module of this test's own."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions within a second look alike to the cache
    module = ChangingModule(tmp_path)
    yield module
    module.forget()
