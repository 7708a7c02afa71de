"""A memo in memory, for tests that need no database."""

from collections.abc import Sequence

from pixeltable.storage.memo import MemoEntry


class Remembering:
    """What `storage.memo.Memo` offers to evaluation."""

    def __init__(self) -> None:
        self.entries: dict[bytes, str] = {}

    def get(self, keys: Sequence[bytes]) -> dict[bytes, str]:
        return {key: self.entries[key] for key in keys if key in self.entries}

    def put(self, entries: Sequence[MemoEntry]) -> None:
        for entry in entries:
            self.entries.setdefault(entry.key, entry.value)

    def replace(self, entries: Sequence[MemoEntry]) -> None:
        self.entries.update({entry.key: entry.value for entry in entries})
