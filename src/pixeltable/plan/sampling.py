"""Which rows a sample chooses: a law that both engines follow, over the texts that chance gives rows."""

import math
from collections.abc import Sequence

from pixeltable.plan.query import Sample


def threshold(fraction: float) -> str:
    """Rows whose text begins with less than this are in the fraction; eight digits, or one that is beyond all of them.

    >>> threshold(0.5), threshold(1.0)
    ('80000000', 'g')
    """
    return "g" if fraction >= 1 else f"{int(fraction * 2**32):08x}"


def chosen(sample: Sample, hashes: Sequence[str], strata: Sequence[Sequence[int]]) -> list[int]:
    """The numbers of the rows that are chosen, ascending; `strata` are the numbers of the rows of each stratum."""
    if sample.fraction is not None and not sample.stratify_by:
        limit = threshold(sample.fraction)
        return [row for row, text in enumerate(hashes) if text[:8] < limit]
    found: list[tuple[float, str, int]] = []
    for rows in strata:
        ranked = sorted(rows, key=hashes.__getitem__)
        for place, row in enumerate(ranked[: _most(sample, len(ranked))]):
            found.append(((place + 0.5) / len(ranked), hashes[row], row))
    if sample.n is not None:
        found = sorted(found)[: sample.n]
    return sorted(row for _, _, row in found)


def _most(sample: Sample, count: int) -> int:
    """How many rows of a stratum of `count` rows can be chosen."""
    if sample.n_per_stratum is not None:
        return sample.n_per_stratum
    return count if sample.fraction is None else math.ceil(count * sample.fraction)
