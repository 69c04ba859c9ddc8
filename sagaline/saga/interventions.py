"""What an operator may do to a saga instance: retry, skip, cancel, abandon. Pure.

Each is an event in the instance's own stream, with who did it and why, and what follows from it
stands behind it. What would do harm is refused, with the reason.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sagaline.errors import InterventionRefused
from sagaline.messaging.timers import CancelTimer
from sagaline.saga.definition import PIVOT, Saga
from sagaline.saga.engine import SagaEngine, Timing
from sagaline.saga.instance import Journal
from sagaline.saga.state import Action, Role, State, StepStatus

_STUCK = (StepStatus.STUCK, StepStatus.UNDO_STUCK)
_WITH_EFFECT = (
    StepStatus.ASKED,
    StepStatus.DONE,
    StepStatus.UNKNOWN,
    StepStatus.UNDOING,
    StepStatus.UNDO_AGAIN,
)


class Operator(NamedTuple):
    """Who acts, and why."""

    name: str
    reason: str = ""


class Interventions(SagaEngine):
    """The course of one instance with a person's hand on it.

    `obstacle` is why the definition cannot lead it on: then it can only be abandoned.
    """

    def __init__(
        self,
        definition: type[Saga],
        journal: Journal,
        timings: Mapping[str, Timing],
        obstacle: str | None = None,
    ) -> None:
        super().__init__(definition, journal, timings)
        self._obstacle = obstacle

    def possible(self) -> Iterator[tuple[Action, str]]:
        """What can be done next, each with the step that it is about, if it is about one."""
        steps = [""] if self._stuck() is None else [*self._journal.steps, *self._journal.closings]
        for action in (Action.RETRY, Action.SKIP, Action.CANCEL, Action.ABANDON):
            for step in steps if action is Action.SKIP else [""]:
                if self.objection(action, step) is None:
                    yield action, step

    def remaining(self) -> list[str]:
        """The steps that are left to be done, or to be undone on the way back, in their order."""
        steps = self._journal.steps
        if self._journal.state.ended:
            return []
        if not self._journal.turned:
            return [
                name
                for name in self._definition.steps
                if name not in steps
                or steps[name].status not in (StepStatus.DONE, StepStatus.SKIPPED)
            ]
        open_ = (*_WITH_EFFECT, *_STUCK)
        undone = [name for name, each in self._definition.steps.items() if each.undoing]
        return [name for name in reversed(steps) if name in undone and steps[name].status in open_]

    def waits(self) -> str:
        """What it does meanwhile, while it goes on by itself."""
        open_ = [
            (name, each.pausing)
            for name, each in self._journal.steps.items()
            if each.status in (StepStatus.ASKED, StepStatus.UNDOING)
        ]
        asked = ", ".join(name for name, pausing in open_ if not pausing)
        pausing = ", ".join(name for name, pausing in open_ if pausing)
        if not open_:
            return f"waits for its locks, {', '.join(self._journal.locks)}"
        said = [f"waits for the answer to {asked}"] if asked else []
        said += [f"pauses before it asks again for {pausing}"] if pausing else []
        return ", and ".join(said)

    def objection(self, action: Action, step: str = "") -> str | None:
        """Why an action must not be; None where it may."""
        if self._journal.state.ended:
            return f"it has ended, {self._journal.state.value}"
        if self._obstacle is not None and action is not Action.ABANDON:
            return f"the code that is loaded cannot lead it on: {self._obstacle}"
        if action is Action.RETRY:
            return self._nothing_to_retry()
        if action is Action.SKIP:
            return self._no_skipping(step)
        return self._no_return() if action is Action.CANCEL else None

    def retry(self, by: Operator) -> None:
        """Asks again for all that is stuck, and at once for what waits for its next attempt.

        Attempts are counted on, so that each fault is told apart, but those so far no longer count
        against the step's `retry`. Raises InterventionRefused where there is nothing to retry.
        """
        pausing = [name for name, each in self._journal.steps.items() if each.pausing]
        self._obey(Action.RETRY, "", by)
        for name in pausing:
            self.timers.append(CancelTimer(self._timer(name, "due")))
            self.ask_again(name)
        for name, progress in list(self._journal.steps.items()):
            if progress.status is StepStatus.STUCK:
                self._ask_once_more(self._definition.steps[name], progress)
        for name, progress in self._journal.closings.items():
            closing = self._closing(name)
            if closing is not None and progress.status is StepStatus.STUCK:
                self._give(name, closing.ask, Role.CLOSE, progress.attempts + 1)
        self._go_on()

    def skip(self, step: str, by: Operator) -> None:
        """Takes a step, or an undo, that is stuck for dealt with by hand.

        Raises InterventionRefused where it is not stuck.
        """
        self._obey(Action.SKIP, step, by)
        self._go_on()

    def cancel(self, by: Operator) -> None:
        """Turns round, as after a refusal; what is under way is waited for.

        Raises InterventionRefused once the point of no return was asked for.
        """
        self._obey(Action.CANCEL, "", by._replace(reason=by.reason or f"cancelled by {by.name}"))
        self._back()

    def abandon(self, by: Operator) -> None:
        """Ends as it is: nothing is asked for or undone any more.

        Raises InterventionRefused where it has ended.
        """
        self._obey(Action.ABANDON, "", by)
        for name in (*self._journal.steps, *self._journal.closings):
            self.timers += [CancelTimer(self._timer(name, what)) for what in ("timeout", "due")]
        reason = f"abandoned by {by.name}: {by.reason}"
        self._record(Journal.Ended, state=State.ABANDONED, reason=reason)

    def note(self, action: Action, by: Operator, step: str = "") -> None:
        """Records what a person did elsewhere for the sake of this instance, or of one step."""
        self._journal.trigger_event(
            Journal.Intervened, action=action, step=step, by=by.name, reason=by.reason
        )

    def _obey(self, action: Action, step: str, by: Operator) -> None:
        why = self.objection(action, step)
        if why is not None:
            saga = f"{self._journal.saga} {self._journal.key}"
            raise InterventionRefused(saga=saga, action=action.value, reason=why)
        self._journal.trigger_event(
            Journal.Intervened, action=action, step=step, by=by.name, reason=by.reason
        )

    def _stuck(self) -> str | None:
        known = {**self._journal.steps, **self._journal.closings}
        return next((name for name, each in known.items() if each.status in _STUCK), None)

    def _nothing_to_retry(self) -> str | None:
        pausing = any(each.pausing for each in self._journal.steps.values())
        return None if pausing or self._stuck() else f"nothing is stuck; it {self.waits()}"

    def _no_skipping(self, step: str) -> str | None:
        progress = self._journal.closings.get(step) or self._journal.steps.get(step)
        if progress is None:
            return self._unknown(step)
        return (
            None if progress.status in _STUCK else f"{step} is {progress.status.value}, not stuck"
        )

    def _unknown(self, step: str) -> str:
        for each in self._definition.steps.values():
            if each.undoing is not None and each.undoing.name == step:
                return f"{step} is the undo of {each.name}: name that step"
        known = step in self._definition.steps
        return f"{step} was not asked for yet" if known else f"it has no step {step}"

    def _no_return(self) -> str | None:
        if self._journal.turned:
            return "it is on its way back already"
        pivots = [each.name for each in self._definition.steps.values() if each.kind is PIVOT]
        for name in pivots:
            if name in self._journal.steps:
                return f"its point of no return, {name}, was asked for"
        return "all its steps are done" if self._journal.closings else None


__all__ = ["Interventions", "Operator"]
