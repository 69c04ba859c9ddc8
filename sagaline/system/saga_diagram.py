"""The Mermaid flowchart of a saga: its steps, its compensation and its ends."""

from collections.abc import Iterable, Iterator, Mapping

from sagaline.messaging.retry import declared_or_patient, in_words
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import PIVOT, RETRIABLE, Saga, Step, Undo
from sagaline.saga.scheduled import ScheduledStart
from sagaline.saga.step_timers import StepTimers, Timing
from sagaline.system.flowchart import arrow, flowchart, names, node


def saga_diagram(saga: type[Saga], timings: Mapping[str, Timing] | None = None) -> str:
    """The steps of a saga, its compensation, and its ends.

    `timings` are those of the system that the saga runs in. Compensation is drawn as if every step
    had started that can have; an instance skips the undo of a step that has not.
    """
    return flowchart("TD", _Drawing(saga, timings or {}).lines())


class _Drawing:
    """The nodes and arrows of one saga's chart."""

    def __init__(self, saga: type[Saga], timings: Mapping[str, Timing]) -> None:
        self._timers = StepTimers("", 1, timings)
        self._declaration = saga_declaration(saga)
        self._steps = list(saga_declaration(saga).steps.values())
        self._commands = saga_declaration(saga).commands

    def lines(self) -> list[str]:
        """The nodes, then the arrows."""
        return [*self._nodes(), *self._forward(), *self._compensation()]

    def _nodes(self) -> Iterator[str]:
        yield node("start_", "([{}])", self._start())
        for each in self._steps:
            yield self._command(each.name, _shape(each))
        for each in self._steps:
            if each.undoing is not None:
                yield self._command(each.undoing.name, "[/{}/]")
        for reminder in self._declaration.reminders_of_steps():
            yield self._command(reminder.name, ">{}]")
        for closing in (
            self._declaration.completing,
            self._declaration.closing,
        ):
            if closing is not None:
                yield self._command(closing.name, "[{}]")
        ends = ["completed", *(["compensated"] if self._can_compensate else [])]
        ends += ["parked"] if self._can_park else []
        for end in ends:
            yield node(f"{end}_", "([{}])", end)

    def _start(self) -> str:
        schedule, starts = self._declaration.head.schedule, self._declaration.starts
        return " or ".join(
            str(schedule) if schedule and each is ScheduledStart else each.__qualname__
            for each in starts
        )

    def _forward(self) -> Iterator[str]:
        for each in self._steps:
            if not each.after:
                yield arrow("start_", each.name, [])
        completing = self._declaration.completing
        end = completing.name if completing is not None else "completed_"
        for each in self._steps:
            for after in self._waiting_for(each) or [end]:
                yield arrow(each.name, after, names(each.done))
                if self._may_fail(each):
                    failed = [*names(each.refused), *self._in_vain(each)]
                    yield arrow(each.name, after, failed, dotted=True)
            for reminder in each.reminders:
                yield arrow(each.name, reminder.name, [f"no answer {reminder}"], dotted=True)
        if completing is not None:
            yield arrow(completing.name, "completed_", [])

    def _compensation(self) -> Iterator[str]:
        for place, each in enumerate(self._steps):
            if each.refused and not self._may_fail(each):
                undo = self._last_undo(other for other in self._started_with(each) if other != each)
                yield arrow(each.name, undo, names(each.refused), dotted=True)
            if not self._may_fail(each) and not _waits_for_ever(each):
                yield self._unanswered(each, self._last_undo(self._started_with(each)))
            if each.undoing is not None:
                yield from self._undo(each, each.undoing, self._last_undo(self._steps[:place]))
        closing = self._declaration.closing
        if closing is not None and self._can_compensate:
            yield arrow(closing.name, "compensated_", [])

    def _undo(self, step: Step, undo: Undo, after: str) -> Iterator[str]:
        yield arrow(undo.name, after, names(undo.done))
        retry = declared_or_patient(self._timers.declared_retry(step), None)
        given_up = " or ".join([*names(undo.refused), "fault"])
        if step.child is None:
            label = f"{given_up}, {_times(retry.attempts)}"
            yield arrow(undo.name, "parked_", [label], dotted=True)

    def _unanswered(self, step: Step, undo: str) -> str:
        """The arrow for a step whose outcome is unknown: it is undone, or the saga parks."""
        to = "parked_" if step.is_forward_only else undo
        return arrow(step.name, to, self._in_vain(step), dotted=True)

    def _in_vain(self, step: Step) -> list[str]:
        """What ends the attempts at a step: the end of its limit, or so many faults."""
        within, until = self._timers.time_limit(step), self._timers.deadline(step)
        declared = self._timers.declared_retry(step)
        times = _times(declared_or_patient(declared, None).attempts)
        limit = "" if within is None else f" in {in_words(within)}"
        limit += "" if until is None else " until its date"
        faults = [] if limit and declared is None else [f"fault, {times}"]
        if not limit:
            return ["no answer"] if step.child is not None else faults
        if declared is not None and within is not None and step.is_forward_only:
            return [f"no answer{limit} or fault, {times}"]
        return [f"no answer{limit}", *faults]

    def _waiting_for(self, step: Step) -> list[str]:
        return [other.name for other in self._steps if step.name in other.after]

    def _may_fail(self, step: Step) -> bool:
        return step.optional or self._declaration.stands_in(step)

    def _started_with(self, step: Step) -> list[Step]:
        """The step, and all that may have started when it is answered: those not waiting for it."""
        waiting = {step.name}
        for each in self._steps:
            if waiting & set(each.after):
                waiting.add(each.name)
        return [each for each in self._steps if each is step or each.name not in waiting]

    def _last_undo(self, steps: Iterable[Step]) -> str:
        """The undo that runs first where these steps have started: that of the last of them."""
        undos = [each.undoing for each in steps if each.undoing is not None]
        if undos:
            return undos[-1].name
        closing = self._declaration.closing
        return closing.name if closing is not None else "compensated_"

    @property
    def _can_compensate(self) -> bool:
        return any(each.refused or each.kind not in (PIVOT, RETRIABLE) for each in self._steps)

    @property
    def _can_park(self) -> bool:
        return any(each.undoing or each.kind in (PIVOT, RETRIABLE) for each in self._steps)

    def _command(self, name: str, shape: str) -> str:
        may = ", or nothing" if name in self._declaration.conditional else ""
        step = self._declaration.steps.get(name)
        if step is not None and step.child is not None:
            may = f", a saga{may}"
        if step is not None and step.fan_out is not None:
            may += f" for each item, {step.fan_out.need}"
        elif step is not None and step.instead_of is not None:
            may += f", instead of {step.instead_of.name}"
        made = "waits" if name not in self._commands else self._commands[name].__name__
        return node(name, shape, f"{name}<br/>{made}{may}")


def _shape(step: Step) -> str:
    if step.kind is PIVOT:
        return "{{{{{}}}}}"
    return "[[{}]]" if step.fan_out is not None else "[/{}\\]" if step.waits else "[{}]"


def _waits_for_ever(step: Step) -> bool:
    return step.waits and step.within is None and step.until is None


def _times(attempts: int) -> str:
    return "once" if attempts == 1 else f"{attempts} times"
