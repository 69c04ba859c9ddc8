"""The progress of a step that is requested once for each of several items."""

from dataclasses import dataclass

from sagaline.saga.state import StepStatus

_DONE = (StepStatus.DONE, StepStatus.SKIPPED)
_ASKED = (StepStatus.ASKED, StepStatus.STUCK)
_ENDED = (StepStatus.REFUSED, StepStatus.WAIVED, StepStatus.UNDONE, StepStatus.LEFT)


@dataclass
class Group:
    """How many items a step has, and how far they are."""

    items: int
    asked: int = 0
    done: int = 0
    failed: int = 0
    """Refused, or of unknown outcome, whether it is undone already or not."""
    open: int = 0
    """Not answered, or not undone, yet."""

    @property
    def hopeful(self) -> int:
        """The items that were requested, and may still be done."""
        return self.asked - self.done - self.failed

    def count(self, before: StepStatus | None, now: StepStatus) -> None:
        """Counts an item whose status was another before, or None where it is requested now."""
        if before is None:
            self.asked += 1
        else:
            self._add(before, -1)
        self._add(now, 1)

    def _add(self, status: StepStatus, number: int) -> None:
        self.done += number if status in _DONE else 0
        self.failed += number if status not in (*_DONE, *_ASKED) else 0
        self.open += number if status not in (*_DONE, *_ENDED) else 0
