"""Requests what comes next in a saga instance: the steps forward, or their undos back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sagaline.saga.children import Call
from sagaline.saga.closings import Closing
from sagaline.saga.deadline import moment_of
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.fan_out import FanOut
from sagaline.saga.instance import Journal
from sagaline.saga.items import item_name, step_name
from sagaline.saga.journal_writer import JournalWriter
from sagaline.saga.kinds import NO_EFFECT
from sagaline.saga.reminding import Reminding
from sagaline.saga.state import Answer, Outcome, Role, State, StepProgress, StepStatus
from sagaline.saga.step_timers import StepTimers, Timing
from sagaline.saga.steps import Step

_FAILED = (StepStatus.WAIVED, StepStatus.UNDONE, StepStatus.LEFT)
"""The statuses of a step that has failed, and that the saga goes on without."""

_PASSED = (StepStatus.DONE, StepStatus.SKIPPED, *_FAILED)
"""The statuses that let the steps after a step start."""

_TO_UNDO = (StepStatus.DONE, StepStatus.UNKNOWN, StepStatus.UNDO_AGAIN)


class Progression:
    """The steps of one instance in their order, and back in reverse."""

    def __init__(self, saga: type[Saga], journal: Journal, timings: Mapping[str, Timing]) -> None:
        self._declaration = saga_declaration(saga)
        self._journal = journal
        self._saga = saga
        self.timers = StepTimers(journal.key, journal.run, timings)
        self.writer = JournalWriter(saga, journal)
        self.reminding = Reminding(self._declaration, journal, self.timers, self.writer)

    def borne(self, answer: Answer) -> Answer:
        """The answer as one that the saga goes on in spite of, where it may."""
        failed = not answer.undo and answer.outcome in (Outcome.REFUSED, Outcome.UNKNOWN)
        if not failed or self._journal.compensating or not self.may_fail(answer.step):
            return answer
        undo = self._declaration.step_of(answer.step).undoing is not None
        doubtful = undo and answer.outcome is Outcome.UNKNOWN
        outcome = Outcome.DOUBTFUL if doubtful else Outcome.WAIVED
        return Answer(answer.step, answer.undo, outcome, answer.reason, answer.event)

    def may_fail(self, name: str) -> bool:
        """Whether the saga can go on without a step, or without an item of one."""
        step = self._declaration.step_of(name)
        if step.fan_out is not None and name != step.name:
            return step.fan_out.may_lose_one(self._journal.groups[step.name])
        return step.optional or self._declaration.stands_in(step)

    def apply(self, answer: Answer) -> None:
        """Applies an answer that settles a step or its undo, and stops the timers of the step."""
        self.stop_pause(answer.step)
        if not answer.undo:
            step = self._declaration.step_of(answer.step)
            self.timers.stop_time_limit(answer.step, step)
            self.reminding.stop(answer.step, step)
        self.writer.apply(answer)
        if answer.outcome is Outcome.DOUBTFUL:
            self.request(answer.step, Role.UNDO)

    def proceed(self) -> None:
        """Requests what comes next."""
        if self._journal.compensating:
            self.compensate()
        else:
            self.go_forward()

    def go_forward(self) -> None:
        """Starts every step that can start, or applies the answer to it that came early."""
        for name, step in self._declaration.steps.items():
            # One pass is enough: a step waits only for steps that are declared above it.
            if name in self._journal.groups:
                self._request_items(step)
            elif name not in self._journal.steps and self._can_start(step):
                self._start(step)
            if self._journal.compensating:
                self.compensate()
                return
        if self._journal.in_flight:
            self.writer.note_applied()
        elif not self._park(StepStatus.STUCK) and not self._park(StepStatus.UNDO_STUCK):
            self._end(self._declaration.completing, State.COMPLETED)

    def _start(self, step: Step) -> None:
        early = self._journal.early_answers.get(step.name)
        if step.instead_of is not None and not self._has_failed(step.instead_of):
            self.writer.record(Journal.Skipped, step=step.name)
        elif step.fan_out is not None:
            self._fan_out(step, step.fan_out)
        elif early is not None:
            self.writer.apply(self.borne(early))
        else:
            self.request(step.name, Role.DO)

    def _fan_out(self, step: Step, fan_out: FanOut) -> None:
        items = len(self.writer.items(step))
        self.writer.record(Journal.FannedOut, step=step.name, items=items)
        if items < fan_out.need.of(items):
            reason = f"{step.name}: {items} items, and {fan_out.need} must be done"
            self.writer.apply(Answer(step.name, False, Outcome.REFUSED, reason, None))
        else:
            self._request_items(step)

    def _request_items(self, step: Step) -> None:
        """Requests the items of a step whose turn it is."""
        assert step.fan_out is not None
        group = self._journal.groups[step.name]
        room = step.fan_out.room(group)
        items = self.writer.items(step) if room else ()
        for index in range(group.asked, group.asked + room):
            self._issue(item_name(step.name, index), step, 1, items[index])

    def _can_start(self, step: Step) -> bool:
        return all(map(self.has_passed, step.after))

    def has_passed(self, name: str) -> bool:
        """Whether the steps after a step can start."""
        group = self._journal.groups.get(name)
        if group is None:
            progress = self._journal.steps.get(name)
            return progress is not None and progress.status in _PASSED
        fan_out = self._declaration.steps[name].fan_out
        return group.open == 0 and fan_out is not None and fan_out.room(group) == 0

    def _has_failed(self, step: Step) -> bool:
        return self._journal.steps[step.name].status in _FAILED

    def compensate_at_once(self) -> None:
        """Compensates without waiting: the outcome of what is in flight counts as unknown."""
        self._stop_waiting(at_once=True)
        self.compensate()

    def compensate(self) -> None:
        """Undoes one step at a time, in reverse order of start; a stuck undo stops no other."""
        self._stop_waiting()
        if self._journal.in_flight:
            self.writer.note_applied()
            return
        steps = self._journal.steps
        last = next((name for name in reversed(steps) if self._owes_undo(name)), None)
        if last is not None:
            for name in self._undone_with(last):
                again = steps[name].status is StepStatus.UNDO_AGAIN
                self.request(name, Role.UNDO, steps[name].attempts + 1 if again else 1)
        elif not self._park(StepStatus.UNDO_STUCK):
            self._end(self._declaration.closing, State.COMPENSATED)

    def _owes_undo(self, name: str) -> bool:
        undoing = self._declaration.step_of(name).undoing
        return undoing is not None and self._journal.steps[name].status in _TO_UNDO

    def _undone_with(self, last: str) -> list[str]:
        """The steps that are undone now: one, or all items of one that may run at the same time."""
        step = self._declaration.step_of(last)
        if step.fan_out is None:
            return [last]
        steps = reversed(self._journal.steps)
        items = [n for n in steps if step_name(n) == step.name and self._owes_undo(n)]
        return items[: step.fan_out.at_once]

    def take_children_back(self) -> None:
        """Asks every saga that is a step to end with nothing done, and waits for none."""
        for name in filter(self._declaration.declares, reversed(list(self._journal.steps))):
            progress = self._journal.steps[name]
            is_open = progress.status in (StepStatus.ASKED, *_TO_UNDO)
            if is_open and self._declaration.step_of(name).child is not None:
                self.request(name, Role.UNDO)

    def _stop_waiting(self, *, at_once: bool = False) -> None:
        """Gives up steps that pause, have no effect or are sagas; with `at_once` all in flight."""
        for name in sorted(self._journal.in_flight):
            step, progress = self._declaration.step_of(name), self._journal.steps[name]
            quick = progress.pausing or step.kind is NO_EFFECT or step.child is not None
            if progress.status is StepStatus.ASKED and (at_once or quick):
                self.apply(Answer(name, False, Outcome.UNKNOWN, progress.reason, None))

    def _park(self, stuck: StepStatus) -> bool:
        """Parks the instance if a step has this status; returns whether one has."""
        for name, progress in self._journal.steps.items():
            if progress.status is stuck:
                self.writer.record(Journal.Parked, step=name, reason=progress.reason)
                return True
        return False

    def _end(self, closing: Closing | None, state: State) -> None:
        if closing is not None and closing.name not in self._journal.closings:
            self.writer.issue(closing.name, closing.make_command, Role.CLOSE, 1)
        reason = self._journal.reason if state is State.COMPENSATED else ""
        self.end(state, reason)

    def end(self, state: State, reason: str) -> None:
        """Ends the instance, and tells the sagas that it is a step of."""
        self.writer.record(Journal.Ended, state=state, reason=reason)
        self.reply(reason)

    def reply(self, reason: str) -> None:
        """Answers the calls of other sagas as far as the end of the instance is what they want."""
        calls, state = self._journal.calls, self._journal.state
        wanted = [each for each in calls if each.take_back]
        for each in calls:
            if not each.take_back:
                self.answer(each, state is State.COMPLETED, reason)
            elif state is not State.COMPLETED:
                self.answer(each, True, reason)
        if wanted and state is State.COMPLETED:
            self.take_back(wanted[0].take_back)

    def answer(self, call: Call, done: bool, reason: str) -> None:
        """Tells another saga that what it has asked for is done, or is not, and why."""
        place = {"saga": call.saga, "key": call.key, "request": call.request}
        results = self._declaration.results if done and not call.take_back else ()
        handed_on = "".join(each.of(self._saga(self._journal)) for each in results)
        facts = {"done": done, "reason": "" if done else reason, "result": handed_on}
        self._journal.trigger_event(Journal.Replied, **place, **facts)

    def take_back(self, reason: str) -> None:
        """Compensates if that is possible now; otherwise once the instance has completed."""
        journal, steps = self._journal, self._declaration.steps
        requested = [steps[each] for each in journal.steps if each in steps]
        if journal.state in (State.COMPENSATED, State.ABANDONED):
            self.reply(journal.reason)
        elif journal.compensating:
            return
        elif journal.state is State.COMPLETED or all(not s.is_forward_only for s in requested):
            journal.trigger_event(Journal.TakenBack, reason=reason)
            self.compensate_at_once()

    def request(self, name: str, role: Role, attempt: int = 1) -> None:
        """Requests a step, an item of one, or the undo of either."""
        step = self._declaration.step_of(name)
        items = self.writer.item_named(name, step)
        if role is Role.UNDO and step.undoing is not None:
            self.writer.issue(name, step.undoing.make_command, role, attempt, *items)
        else:
            self._issue(name, step, attempt, *items)

    def _issue(self, name: str, step: Step, attempt: int, *items: Any) -> None:
        if step.waits:
            self.writer.record(Journal.Waiting, step=name)
        elif not self.writer.issue(name, step.make_command, Role.DO, attempt, *items):
            self.writer.record(Journal.Skipped, step=name)
            return
        if attempt == 1:
            self.timers.start_time_limit(name, step, self.deadline(step))
            self.reminding.start(name, step)

    def deadline(self, step: Step) -> datetime | None:
        """The date until which the saga waits for a step; None where there is none."""
        until = self.timers.deadline(step)
        return None if until is None else moment_of(until, self._saga(self._journal), step.name)

    def request_with_new_limit(self, name: str, progress: StepProgress) -> None:
        """Requests a step or an item again; its `within` begins anew, and its date is over."""
        self.request(name, Role.DO, progress.attempts + 1)
        self.timers.start_time_limit(name, self._declaration.step_of(name))

    def stop_pause(self, name: str) -> None:
        """Cancels the timer for the next attempt, if the step has one."""
        if self._journal.steps[name].pausing:
            self.timers.stop_pause(name)
