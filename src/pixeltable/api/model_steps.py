"""Steps that were done to tables, and taking them back: by their versions, or where others wrote since, one by one."""

from collections.abc import Callable
from dataclasses import dataclass

from pixeltable.session import versions
from pixeltable.session.session import Session


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done to a table. `versions` are those it made, as far as that can be told.

    `undo` is the way back where these are not the newest any more; it says whether it led there.
    """

    text: str
    table_id: int
    path: str
    versions: tuple[int, ...] = ()
    undo: Callable[[], bool] | None = None


class Steps:
    """What one call has done so far."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._done: list[Step] = []

    def note(self, step: Step) -> None:
        """Take up what was done last."""
        self._done.append(step)

    def change(
        self, text: str, table_id: int, path: str, work: Callable[[], object], undo: Callable[[], bool] | None = None
    ) -> None:
        """Do what changes the schema of a table, and take it up."""
        before = versions.current_version(self._session, table_id, path)
        work()
        (newest,) = versions.list_versions(self._session, table_id, path, limit=1)
        made = (newest.version,) if newest.kind == "schema" and newest.version == before + 1 else ()
        self.note(Step(f"{path}: {text}", table_id, path, made, undo))

    def take_back(self) -> str:
        """Undo all, the last first; what became of it, in words, nothing if nothing had been done."""
        if not self._done:
            return ""
        left = [step.text for step in reversed(self._done) if not (self._is_reverted(step) or _is_undone(step))]
        rest = f", but for: {'; '.join(left)}" if left else ""
        return f"What the call had done before is taken back{rest}."

    def _is_reverted(self, step: Step) -> bool:
        def revert() -> bool:
            for version in reversed(step.versions):
                versions.revert(self._session, step.table_id, step.path, only=version)
            return bool(step.versions)

        return _succeeds(revert)


def _is_undone(step: Step) -> bool:
    return step.undo is not None and _succeeds(step.undo)


def _succeeds(work: Callable[[], bool]) -> bool:
    try:
        return work()
    except BaseException:  # noqa: BLE001  # whatever it is, even another Ctrl-C: the steps before are taken back too
        return False
