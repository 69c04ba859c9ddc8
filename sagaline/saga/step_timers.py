"""The time limits and the retry pauses of the steps of one saga instance."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sagaline.messaging.declaring import refuse_no_duration, refuse_wrong
from sagaline.messaging.retry import Retry, declared_or_patient
from sagaline.messaging.timers import CancelTimer, SetTimer, TimerChange
from sagaline.saga.closings import Closing
from sagaline.saga.deadline import Deadline, refuse_no_deadline
from sagaline.saga.reminders import Reminder
from sagaline.saga.state import StepProgress, StepStatus
from sagaline.saga.steps import Step
from sagaline.saga.timers import ReminderDue, StepDue, StepTimedOut


@dataclass(frozen=True)
class Timing:
    """What a system sets for a step in place of its `within`, its `retry` or its `until`."""

    within: timedelta | None = None
    retry: Retry | None = None
    until: Deadline | None = None

    def __post_init__(self) -> None:
        """Refuses what is no time and no retry."""
        refuse_no_duration(self.within, "Timing(within=...)", "within=minutes(5)")
        if self.retry is not None:
            refuse_wrong(self.retry, Retry, "Timing(retry=...)", "Write retry=Retry(attempts=5).")
        if self.until is not None:
            refuse_no_deadline(self.until, "Timing(until=...)")


_DECLARED = Timing()

_A_DAY = timedelta(days=1)
"""The time limit that the pauses grow by where a date ends the attempts."""


class StepTimers:
    """Collects the timer changes that one input of an instance leads to.

    Each step, and each item of one, has at most one timer for its time limit and one for its
    retry pause.
    """

    def __init__(self, key: str, run: int, timings: Mapping[str, Timing]) -> None:
        self.changes: list[TimerChange] = []
        self._key = key
        self._run = run
        self._timings = timings

    def time_limit(self, step: Step) -> timedelta | None:
        """The time limit of a step; None where there is none."""
        within = self._timings.get(step.name, _DECLARED).within
        return step.within if within is None else within

    def next_pause(self, part: Step | Closing, progress: StepProgress) -> timedelta | None:
        """The pause before the next attempt; None where no attempt is left."""
        within = None
        if isinstance(part, Step) and progress.status is StepStatus.ASKED:
            within = self.time_limit(part) or (_A_DAY if self.deadline(part) else None)
        retry = declared_or_patient(self.declared_retry(part), within)
        return retry.pause(progress.attempts - progress.forgiven)

    def has_attempts_after_limit(self, step: Step, progress: StepProgress) -> bool:
        """Whether a step is requested again after its time limit: only where `retry` is declared.

        Without it, the limit is what ends the attempts, and so is a date without a time limit.
        """
        if self.declared_retry(step) is None or self.time_limit(step) is None:
            return False
        return self.next_pause(step, progress) is not None

    def declared_retry(self, part: Step | Closing) -> Retry | None:
        """The attempts that the system or the saga declares; None where neither does."""
        return self._timings.get(part.name, _DECLARED).retry or part.retry

    def deadline(self, step: Step) -> Deadline | None:
        """From the saga to the date until which it waits for a step; None where there is none."""
        return self._timings.get(step.name, _DECLARED).until or step.until

    def start_time_limit(self, name: str, step: Step, until: datetime | None = None) -> None:
        """Sets the timer for the end of the time limit of a step or an item, if it has one."""
        within = self.time_limit(step)
        if within is not None or until is not None:
            command = StepTimedOut(saga_key=self._key, step=name, run=self._run)
            after = timedelta.max if within is None else within
            self.changes.append(SetTimer(self._id(name, "timeout"), after, command, until))

    def stop_time_limit(self, name: str, step: Step) -> None:
        """Cancels the timer of the time limit of a step or an item, if it has one."""
        if self.time_limit(step) is not None or self.deadline(step) is not None:
            self.changes.append(CancelTimer(self._id(name, "timeout")))

    def start_reminder(self, name: str, reminder: Reminder, number: int) -> None:
        """Sets the timer for the so manyth time of a reminder, unless that is too often."""
        pause = reminder.pause(number)
        if pause is not None:
            command = ReminderDue(saga_key=self._key, step=name, number=number, run=self._run)
            self.changes.append(SetTimer(self._id(name, "reminder"), pause, command))

    def stop_reminder(self, name: str) -> None:
        """Cancels the timer of a reminder."""
        self.changes.append(CancelTimer(self._id(name, "reminder")))

    def start_pause(self, name: str, pause: timedelta) -> None:
        """Sets the timer for the next attempt at a step, an undo or a closing command."""
        command = StepDue(saga_key=self._key, step=name, run=self._run)
        self.changes.append(SetTimer(self._id(name, "due"), pause, command))

    def stop_pause(self, name: str) -> None:
        """Cancels the timer for the next attempt."""
        self.changes.append(CancelTimer(self._id(name, "due")))

    def stop_all(self, name: str) -> None:
        """Cancels both timers of a step, whether they are set or not."""
        self.changes += [CancelTimer(self._id(name, what)) for what in ("timeout", "due")]

    def _id(self, name: str, what: str) -> str:
        id_ = f"{self._key}:{name}:{what}"
        return id_ if self._run == 1 else f"{id_}:{self._run}"
