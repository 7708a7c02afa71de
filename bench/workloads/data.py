"""The rows and vectors that workloads and floors share; deterministic."""

from typing import Any

import numpy as np  # in both venvs: either implementation depends on it

DIMENSIONS = 384


def rows(n: int, start: int = 0) -> list[dict[str, Any]]:
    """`n` plain rows: int, float, string, json."""
    return [row(i) for i in range(start, start + n)]


def row(i: int) -> dict[str, Any]:
    """Row number `i` of `rows`."""
    nested = {"k": i % 100, "tags": ["x", "y"], "nested": {"v": i}}
    return {"a": i, "b": i * 0.5, "s": f"string value number {i}", "j": nested}


def vector(i: int) -> np.ndarray:
    """Unit vector `i`, float32, shape (384,): one of 100 centres plus noise, so that it has near neighbours."""
    centre = np.random.Generator(np.random.PCG64(10_000_000 + i % 100)).standard_normal(DIMENSIONS)
    noisy = centre + 0.7 * np.random.Generator(np.random.PCG64(i)).standard_normal(DIMENSIONS)
    return (noisy / np.linalg.norm(noisy)).astype(np.float32)
