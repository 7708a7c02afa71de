"""Operations under way as lines of text, for logs."""

from collections.abc import Sequence
from typing import TextIO

from pixeltable.api.progress_facts import facts
from pixeltable.exec.watcher import Sight

_EVERY_S = 10.0


class ProgressLines:
    """A line now and then: when an operation turns out to last, and every ten seconds from then on."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._said: dict[int, float] = {}

    def show(self, sights: Sequence[Sight]) -> None:
        """Write the lines that are due."""
        for sight in sights:
            said = self._said.get(sight.number)
            if self._stream is not None and (said is None or sight.elapsed_s - said >= _EVERY_S):
                self._said[sight.number] = sight.elapsed_s
                line = f"{sight.title}: {', '.join(text for text, _ in facts(sight))}\n"
                self._stream.write(line)
                self._stream.flush()
