"""Which rows a sample chooses: a law that both engines follow, over the texts that chance gives rows."""

import hashlib
import math
from collections.abc import Sequence

from pixeltable.exprs.properties import InShare, RowId
from pixeltable.plan.query import Sample


def threshold(fraction: float) -> str:
    """Rows whose text begins with less than this are in the fraction; eight digits, or one that is beyond all of them.

    >>> threshold(0.5), threshold(1.0)
    ('80000000', 'g')
    """
    return "g" if fraction >= 1 else f"{int(fraction * 2**32):08x}"


def share_of(sample: Sample, table_id: int) -> InShare:
    """What is true of the rows that a sample of a fraction chooses; the table gave them their ids."""
    assert sample.fraction is not None
    return InShare(RowId(table_id), sample.seed, sample.fraction)


def is_share_of(share: InShare | None, sample: Sample | None) -> bool:
    """Whether that is what the sample asks for, whose seed is another each time if nobody gave it."""
    if share is None or sample is None:
        return share is None and sample is None
    return share.fraction == sample.fraction and (sample.drawn or share.seed == sample.seed)


def row_hash(row: int, seed: int) -> str:
    """The text of a row, as SQL makes it of its id.

    >>> row_hash(65536, 1)
    'ae66b1654c3a445c1f6403251d00202f'
    """
    return hashlib.md5(f"{row}:{seed}".encode(), usedforsecurity=False).hexdigest()


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
