"""The modules of the package, parsed once, and the names they go by; the rules about them are in the tests here."""

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SRC = REPOSITORY / "src"
PACKAGE = SRC / "pixeltable"


@dataclass(frozen=True)
class Module:
    """One file below `src/pixeltable`."""

    path: Path

    @property
    def name(self) -> str:
        """The path below `src`, as `sizes_waived.txt` and test ids give it."""
        return self.path.relative_to(SRC).as_posix()

    @property
    def package(self) -> str:
        """The row entry of LAYERS the module belongs to: a package or a module directly below the root."""
        return self.path.relative_to(PACKAGE).with_suffix("").parts[0]

    @cached_property
    def source(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def lines(self) -> int:
        return self.source.count("\n")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, filename=self.name)


def python_modules() -> list[Module]:
    """Every module but the root package, whose only task is to re-export."""
    return [Module(path) for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


MODULES = python_modules()
each_module = pytest.mark.parametrize("module", MODULES, ids=[module.name for module in MODULES])
