"""What an operator may do to a saga instance: retry, skip, cancel, abandon.

It is pure. Each intervention is an event in the instance's stream, with who acted and why, and the
events after it record what followed. One that would do harm is refused with the reason.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sagaline.errors import InterventionRefused
from sagaline.saga.definition import Saga
from sagaline.saga.engine import SagaEngine
from sagaline.saga.instance import Journal
from sagaline.saga.items import collapse, count_items
from sagaline.saga.kinds import PIVOT
from sagaline.saga.state import Action, Role, State, StepStatus
from sagaline.saga.step_timers import Timing


class Operator(NamedTuple):
    """The person who acts, and why."""

    name: str
    reason: str = ""


class Interventions(SagaEngine):
    """The engine of one instance, with what an operator can do to it.

    `obstacle` is why the loaded definition cannot continue the instance: then it can only be
    abandoned.
    """

    def __init__(
        self,
        saga: type[Saga],
        journal: Journal,
        timings: Mapping[str, Timing],
        obstacle: str | None = None,
    ) -> None:
        super().__init__(saga, journal, timings)
        self._obstacle = obstacle

    @property
    def journal(self) -> Journal:
        """The instance."""
        return self._journal

    def possible(self) -> Iterator[tuple[Action, str]]:
        """The possible actions, each with the step that it is for, or with an empty string."""
        stuck = [name for name, each in self._journal.parts.items() if each.status.stuck]
        for action in (Action.RETRY, Action.SKIP, Action.CANCEL, Action.ABANDON):
            for step in stuck if action is Action.SKIP else [""]:
                if self.objection(action, step) is None:
                    yield action, step

    def remaining(self) -> list[str]:
        """The steps that are left to do, or to undo while it compensates, in their order."""
        steps = self._journal.steps
        if self._journal.state.ended:
            return []
        if not self._journal.compensating:
            return [
                name for name in self._declaration.steps if not self._progression.has_passed(name)
            ]
        return count_items(
            [
                name
                for name in reversed(steps)
                if self._declaration.declares(name)
                and self._declaration.step_of(name).undoing is not None
                and _may_have_effect(steps[name].status)
            ]
        )

    def waits(self) -> str:
        """What a live instance waits for: ``waits for the answer to check_visa``."""
        steps = self._journal.steps
        in_flight = [name for name, each in steps.items() if each.status.in_flight]
        if not in_flight:
            return f"waits for its locks, {', '.join(self._journal.locks)}"
        asked = ", ".join(collapse([each for each in in_flight if not steps[each].pausing]))
        pausing = ", ".join(collapse([each for each in in_flight if steps[each].pausing]))
        parts = [f"waits for the answer to {asked}"] if asked else []
        parts += [f"pauses before it retries {pausing}"] if pausing else []
        return ", and ".join(parts)

    def objection(self, action: Action, step: str = "") -> str | None:
        """Why an action is refused; None where it is possible."""
        if self._journal.state.ended:
            return f"it has ended, {self._journal.state.value}"
        if self._obstacle is not None and action is not Action.ABANDON:
            return f"the loaded code cannot continue it: {self._obstacle}"
        if action is Action.RETRY:
            return self._objection_to_retry()
        if action is Action.SKIP:
            return self._objection_to_skip(step)
        return self._objection_to_cancel() if action is Action.CANCEL else None

    def retry(self, by: Operator) -> None:
        """Requests again everything that is stuck, and at once what pauses before a retry.

        Attempts keep their numbers, so faults stay distinct, but those made so far no longer count
        against the step's `retry`. Raises InterventionRefused where there is nothing to retry.
        """
        pausing = [name for name, each in self._journal.steps.items() if each.pausing]
        self._intervene(Action.RETRY, "", by)
        for name in pausing:
            self._timers.stop_pause(name)
            self.handle_pause_end(name)
        for name, progress in list(self._journal.steps.items()):
            if progress.status is StepStatus.STUCK:
                self._progression.request_with_new_limit(name, progress)
            elif progress.status is StepStatus.UNDO_AGAIN and not self._journal.compensating:
                self._progression.request(name, Role.UNDO, progress.attempts + 1)
        for name, progress in self._journal.closings.items():
            closing = self._started_closing(name)
            if closing is not None and progress.status is StepStatus.STUCK:
                self._writer.issue(name, closing.make_command, Role.CLOSE, progress.attempts + 1)
        self._progression.proceed()

    def skip(self, step: str, by: Operator) -> None:
        """Marks a stuck step, or a stuck undo, as handled by hand.

        Raises InterventionRefused where it is not stuck.
        """
        self._intervene(Action.SKIP, step, by)
        self._progression.proceed()

    def cancel(self, by: Operator) -> None:
        """Compensates at once: the outcome of what is in flight counts as unknown.

        Raises InterventionRefused once the pivot was requested.
        """
        reason = by.reason or f"cancelled by {by.name}"
        self._intervene(Action.CANCEL, "", by._replace(reason=reason))
        self._progression.compensate_at_once()

    def abandon(self, by: Operator) -> None:
        """Ends the instance as it is: nothing more is requested or undone but what is a saga.

        Raises InterventionRefused where it has ended.
        """
        self._intervene(Action.ABANDON, "", by)
        if self._declaration.head.when_abandoned == "take back":
            self._progression.take_children_back()
        for name in self._journal.parts:
            self._timers.stop_all(name)
        for name in filter(self._declaration.declares, sorted(self._journal.in_flight)):
            self._progression.reminding.stop(name, self._declaration.step_of(name))
        reason = f"abandoned by {by.name}: {by.reason}"
        self._progression.end(State.ABANDONED, reason)

    def note(self, action: Action, by: Operator, step: str = "") -> None:
        """Records what an operator did elsewhere for this instance, or for one of its steps."""
        self._journal.trigger_event(
            Journal.Intervened, action=action, step=step, by=by.name, reason=by.reason
        )

    def _intervene(self, action: Action, step: str, by: Operator) -> None:
        objection = self.objection(action, step)
        if objection is not None:
            saga = f"{self._journal.saga} {self._journal.key}"
            raise InterventionRefused(saga=saga, action=action.value, reason=objection)
        self.note(action, by, step)

    def _objection_to_retry(self) -> str | None:
        if any(each.pausing for each in self._journal.steps.values()):
            return None
        if any(each.status.stuck for each in self._journal.parts.values()):
            return None
        return f"nothing is stuck; it {self.waits()}"

    def _objection_to_skip(self, step: str) -> str | None:
        progress = self._journal.closings.get(step) or self._journal.steps.get(step)
        if progress is not None:
            stuck = progress.status.stuck
            return None if stuck else f"{step} is {progress.status.value}, not stuck"
        for each in self._declaration.steps.values():
            if each.undoing is not None and each.undoing.name == step:
                return f"{step} is the undo of {each.name}: name that step"
        known = self._declaration.declares(step)
        return f"{step} was not requested yet" if known else f"it has no step {step}"

    def _objection_to_cancel(self) -> str | None:
        if self._journal.compensating:
            return "it is already compensating"
        for name, each in self._declaration.steps.items():
            if each.kind is PIVOT and name in self._journal.steps:
                return f"its pivot, {name}, was already requested"
        return "all its steps are done" if self._journal.closings else None


def _may_have_effect(status: StepStatus) -> bool:
    known = (StepStatus.DONE, StepStatus.UNKNOWN, StepStatus.UNDO_AGAIN)
    return status in known or status.in_flight or status.stuck


__all__ = ["Interventions", "Operator"]
