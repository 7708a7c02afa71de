"""Writes `docs/functions/`: a page for each module of the function library, from its signatures and docstrings.

Run it after a change to the library: `python docs/generate_functions.py`. Modules are found by themselves.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import pixeltable.functions
from pixeltable.exprs.expr import METHODS
from pixeltable.udfs.aggregate import AggregateFunction
from pixeltable.udfs.function import Function
from pixeltable.udfs.iterators import IteratorFunction

FOLDER = Path(__file__).parent / "functions"

LEFT_OUT = {
    "anthropic": "docs/providers.md",
    "huggingface": "docs/local-models.md",
    "openai": "docs/providers.md",
    "wordllama": "docs/local-models.md",
}
"""Modules of providers and models, which need packages that not everybody has, and where they are described."""

NOTE = "<!-- Written by docs/generate_functions.py from the docstrings: change those, then run it. -->\n"

SECTION = re.compile(r"^(Args|Returns|Raises|Source):$", re.MULTILINE)


def pages() -> dict[str, str]:
    """From file name to text, for every page there should be."""
    modules = [importlib.import_module(f"pixeltable.functions.{name}") for name in module_names()]
    found = {f"{short_name(module)}.md": page(module) for module in modules}
    return {"README.md": index(modules), **found}


def module_names() -> list[str]:
    """The modules of the library that have a page."""
    found = {module.name for module in pkgutil.iter_modules(pixeltable.functions.__path__)}
    return sorted(found - LEFT_OUT.keys())


def short_name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def index(modules: list[ModuleType]) -> str:
    """The page that lists the others."""
    lines = [f"- [`{short_name(module)}`]({short_name(module)}.md): {summary(module)}" for module in modules]
    lines += ["", "Modules of providers are described in [providers.md](../providers.md), those of models in "]
    lines[-1] += "[local-models.md](../local-models.md)."
    return f"{NOTE}# The function library\n\n" + "\n".join(lines) + "\n"


def summary(module: ModuleType) -> str:
    return documentation(module).partition("\n")[0]


def documentation(documented: object) -> str:
    """A docstring, without indentation; empty if there is none."""
    return inspect.getdoc(documented) or ""


def page(module: ModuleType) -> str:
    """The page of a module."""
    parts = [f"{NOTE}# `pixeltable.functions.{short_name(module)}`", described(documentation(module))]
    parts += [section(name, function) for name, function in functions_of(module)]
    parts += [plain_section(function) for function in plain_functions_of(module)]
    return "\n\n".join(parts) + "\n"


def functions_of(module: ModuleType) -> Iterator[tuple[str, Function]]:
    """The public functions that a module defines or lists in `__all__`, by name."""
    listed = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    for name in sorted(listed):
        found = getattr(module, name)
        if isinstance(found, Function):
            yield name, found


def plain_functions_of(module: ModuleType) -> list[FunctionType]:
    """The functions in `__all__` that make expressions themselves, without a declaration."""
    listed = (getattr(module, name) for name in sorted(getattr(module, "__all__", ())))
    return [found for found in listed if isinstance(found, FunctionType)]


def plain_section(function: FunctionType) -> str:
    """As `section`, of a function that is not declared."""
    signature = inspect.signature(function)
    bare = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
    head = f"{function.__name__}{signature.replace(parameters=bare, return_annotation=signature.empty)}"
    kinds = [kind for kind, name in METHODS if METHODS[kind, name] is function]
    trait = [f"Method of {' and '.join(kinds)}."] if kinds else []
    parts = [f"## {function.__name__}", f"```text\n{head}\n```", *trait, described(documentation(function))]
    return "\n\n".join(parts)


def section(name: str, function: Function) -> str:
    """What a page says about one function."""
    heads = "\n".join(f"{name}{signature}" for signature in function.signatures)
    kind = ", ".join(traits(function))
    parts = [f"## {name}", f"```text\n{heads}\n```", *([kind[0].upper() + kind[1:] + "."] if kind else [])]
    return "\n\n".join([*parts, described(documentation(function.body))])


def traits(function: Function) -> Iterator[str]:
    """How it is called and where it runs, in a few words each."""
    if isinstance(function, AggregateFunction):
        yield "aggregate"
    if isinstance(function, IteratorFunction):
        yield "iterator for a view, with a row for each item"
    if function.options.is_method:
        yield f"method of {' and '.join(receivers(function))}"
    if function.options.is_property:
        yield f"property of {' and '.join(receivers(function))}"
    if any(overload.sql is not None for overload in function.overloads):
        yield "can run in the database"


def receivers(function: Function) -> list[str]:
    """The types that it is a method or property of."""
    kinds = [overload.parameters[0].type for overload in function.overloads]
    return list(dict.fromkeys(kind.name for kind in kinds if kind is not None))


def described(text: str) -> str:
    """A docstring as Markdown: sections as lists, examples as code."""
    body, examples = split_examples(text)
    parts = SECTION.split(body)
    shown = [parts[0].strip()]
    shown += [f"{title}:\n\n{items(content)}" for title, content in zip(parts[1::2], parts[2::2], strict=True)]
    shown += [f"```pycon\n{examples}\n```"] if examples else []
    return "\n\n".join(part for part in shown if part)


def split_examples(text: str) -> tuple[str, str]:
    """What comes before the first example, and the examples with what they yield."""
    before, mark, after = text.partition("\n>>> ")
    return before, (mark + after).strip()


def items(content: str) -> str:
    """The entries of a section as a list; a line that is indented further belongs to the entry before."""
    entries: list[str] = []
    for line in inspect.cleandoc(content).splitlines():
        if line.startswith(" ") and entries:
            entries[-1] += f" {line.strip()}"
        elif line:
            entries.append(line)
    return "\n".join(f"- {named(entry)}" for entry in entries)


def named(entry: str) -> str:
    """`name: text` with the names as code; a text without names as it is."""
    names, colon, text = entry.partition(": ")
    if not colon or not re.fullmatch(r"\w+(, \w+)*", names):
        return entry
    return f"{', '.join(f'`{name}`' for name in names.split(', '))}: {text}"


def write() -> None:
    """Write all pages, and remove those of modules that are gone."""
    wanted = pages()
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
