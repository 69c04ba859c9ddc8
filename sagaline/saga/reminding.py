"""Issues the reminders of one saga instance while their steps are unanswered."""

from sagaline.saga.declaration import Declaration
from sagaline.saga.instance import Journal
from sagaline.saga.journal_writer import JournalWriter
from sagaline.saga.reminders import (
    REMINDER_RETRY,
    Reminder,
    numbered,
    reminder_name,
    unnumbered,
)
from sagaline.saga.state import Answer, Outcome, Role, StepProgress, StepStatus
from sagaline.saga.step_timers import StepTimers
from sagaline.saga.steps import Step


class Reminding:
    """The reminders of one instance.

    Each time that one is issued is a request with a name, and so with an idempotency key, of its
    own: ``remind_boss#2``.
    """

    def __init__(
        self, declaration: Declaration, journal: Journal, timers: StepTimers, writer: JournalWriter
    ) -> None:
        self._declaration = declaration
        self._journal = journal
        self._timers = timers
        self._writer = writer

    def start(self, name: str, step: Step) -> None:
        """Sets the timers of the reminders of a step, or of an item, that was requested now."""
        for each in step.reminders:
            self._timers.start_reminder(each.about(name), each, 1)

    def stop(self, name: str, step: Step) -> None:
        """Cancels the timers of the reminders of a step, or of an item."""
        for each in step.reminders:
            about = each.about(name)
            self._timers.stop_reminder(about)
            for number in range(1, each.times + 1):
                if self._is_pausing(numbered(about, number)):
                    self._timers.stop_pause(numbered(about, number))

    def remind(self, name: str, number: int) -> None:
        """Issues a reminder, and sets the timer of the next time."""
        reminder = self._declaration.reminders_by_name.get(reminder_name(name))
        if reminder is not None and self._is_wanted(name, reminder):
            self._issue(name, number, reminder, 1)
            self._timers.start_reminder(name, reminder, number + 1)

    def repeat(self, numbered_name: str) -> None:
        """Issues a reminder again whose port has failed."""
        name, number = unnumbered(numbered_name)
        reminder = self._declaration.reminders_by_name.get(reminder_name(name))
        wanted = reminder is not None and self._is_wanted(name, reminder)
        if reminder is not None and wanted and self._is_pausing(numbered_name):
            attempt = self._journal.reminders[numbered_name].attempts + 1
            self._issue(name, number, reminder, attempt)

    def handle_fault(self, answer: Answer, attempt: int) -> None:
        """Tries a reminder again later whose port has failed; drops it after the last attempt."""
        name, _ = unnumbered(answer.step)
        progress = self._journal.reminders[answer.step]
        reminder = self._declaration.reminders_by_name.get(reminder_name(name))
        current = not progress.pausing and attempt == progress.attempts
        if reminder is None or not current or not self._is_wanted(name, reminder):
            self._writer.note(answer, heeded=False)
            return
        pause = REMINDER_RETRY.pause(progress.attempts)
        if pause is not None:
            self._writer.note(answer, heeded=True)
            self._timers.start_pause(answer.step, pause)
            return
        dropped = Answer(answer.step, False, Outcome.WAIVED, answer.reason, answer.event)
        self._journal.trigger_event(
            Journal.Dropped, step=answer.step, reason=answer.reason, answer=dropped
        )

    def _issue(self, name: str, number: int, reminder: Reminder, attempt: int) -> None:
        items = self._writer.item_named(name, self._declaration.steps[reminder.step.name])
        name = numbered(name, number)
        self._writer.issue(name, reminder.make_command, Role.REMIND, attempt, *items)

    def _is_wanted(self, name: str, reminder: Reminder) -> bool:
        step = f"{reminder.step.name}{name.removeprefix(reminder.name)}"
        progress = self._journal.steps.get(step)
        asked = progress is not None and progress.status is StepStatus.ASKED
        return asked and not self._journal.compensating

    def _is_pausing(self, numbered_name: str) -> bool:
        found: StepProgress | None = self._journal.reminders.get(numbered_name)
        return found is not None and found.pausing
