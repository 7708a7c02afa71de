"""Text embeddings by WordLlama: token vectors pooled by their mean; runs on the CPU, the weights are in the package."""

import functools
import importlib
import logging
import os
import threading
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from pixeltable.exceptions import InvalidArgument, MissingPackage
from pixeltable.types.column_type import ArrayType
from pixeltable.udfs.batch import Batch
from pixeltable.udfs.decorator import udf

DIMENSIONS = (64, 128, 256)
"""The lengths for which the model was trained: a leading part of a vector is a vector (Matryoshka)."""

_TOKENS_AT_ONCE = 65_536
_LOADING = threading.Lock()

Vector = Annotated[NDArray[np.float32], ArrayType(shape=(256,), dtype="float32")]


# Not remembered: a text takes 40 microseconds, less than looking it up. In threads: two thirds of that is in the
# tokenizer, which lets go of Python's lock.
@udf(batch_size=1024, memo=False, parallel="threads")
def embed(text: Batch[str], *, dim: int = 256) -> Batch[Vector | None]:
    """The meaning of a text as a vector of unit length; null for a text without tokens, such as the empty one.

    Args:
        dim: length of the vector: 64, 128 or 256.

    Raises:
        InvalidArgument: another `dim`.
        MissingPackage: `wordllama` is not installed.

    Source:
        Model `l2_supercat_256` of https://github.com/dleemiller/WordLlama.

    >>> cat, kitten, tax = embed.body(["a cat", "a kitten", "income tax"])
    >>> cat.shape, bool(cat @ kitten > cat @ tax)
    ((256,), True)
    """
    _check_dim(dim)
    model = _model()
    encoded = model.tokenizer.encode_batch(text, add_special_tokens=False)
    return [_unit(_pool(np.array(tokens.ids, dtype=np.int64), model.embedding), dim) for tokens in encoded]


@embed.conditional_return_type
def _embed_type(dim: int) -> ArrayType:
    _check_dim(dim)
    return ArrayType(True, (dim,), "float32")


def _check_dim(dim: int) -> None:
    if dim not in DIMENSIONS:
        raise InvalidArgument(f"wordllama.embed(): dim {dim} is not one of {', '.join(map(str, DIMENSIONS))}")


def _pool(ids: NDArray[np.int64], table: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum of the token vectors, whose direction is that of their mean.

    WordLlama's own `embed` pads every text of a batch to the longest: gigabytes where one of them is a book.
    """
    ids = np.minimum(ids, table.shape[0] - 1)  # as WordLlama does with tokens beyond its table
    total = np.zeros(table.shape[1], dtype=np.float32)
    for start in range(0, len(ids), _TOKENS_AT_ONCE):
        total += table[ids[start : start + _TOKENS_AT_ONCE]].sum(axis=0)
    return total


def _unit(vector: NDArray[np.float32], dim: int) -> NDArray[np.float32] | None:
    leading = vector[:dim]
    length = np.linalg.norm(leading)
    return leading / length if length > 0 else None


def _model() -> Any:
    with _LOADING:  # two threads at the first call must not both load it
        return _load()


@functools.cache
def _load() -> Any:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        package = importlib.import_module("wordllama")
    except ModuleNotFoundError as error:
        raise MissingPackage("wordllama", extra="wordllama") from error
    finally:
        # Importing it configures the root logger of the whole program; that is the program's own choice.
        root.setLevel(level)
        root.handlers[:] = handlers
    # The package looks for its tokenizer in a cache folder only, though the wheel brings it along.
    model = package.WordLlama.load(disable_download=True, cache_dir=os.path.dirname(str(package.__file__)))
    model.tokenizer.no_padding()
    return model
