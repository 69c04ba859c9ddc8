"""Mutants of the engine, one for each rule of what a saga does, and what must notice each."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple
from uuid import uuid4

import pytest

from sagaline.application.saga_handling import SagaHandling
from sagaline.runner import parts
from sagaline.saga import compatibility, engine, journal_writer, progression, validation
from sagaline.saga.engine import SagaEngine
from sagaline.saga.fan_out import FanOut
from sagaline.saga.instance_state import InstanceState
from sagaline.saga.interventions import Interventions
from sagaline.saga.kinds import Kind
from sagaline.saga.progression import Progression
from sagaline.saga.state import Answer, Outcome, Role, State, StepStatus
from sagaline.saga.step_timers import StepTimers
from sagaline.saga.steps import Step
from tests.sagaline.testing import killers


class Mutant(NamedTuple):
    """A function of the engine that does something else, and what must notice."""

    rule: str
    """The rule that it breaks."""
    where: Any
    name: str
    broken: Any
    killer: Callable[[], None]

    def put_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Puts the broken function in place of the right one."""
        monkeypatch.setattr(self.where, self.name, self.broken, raising=False)


def nothing(*_: Any, **__: Any) -> None:
    """In place of a function that does something."""


def yes(*_: Any) -> bool:
    """In place of a condition."""
    return True


def no(*_: Any) -> bool:
    """In place of a condition."""
    return False


whole_compensate, whole_end = Progression.compensate, Progression._end
whole_handle, whole_request = SagaEngine._handle, Progression.request
whole_finish = SagaHandling.finish


def refuse_for_a_fault(self: Any, answer: Answer) -> None:
    fault = answer.outcome is Outcome.FAULTED and not answer.undo
    outcome = Outcome.REFUSED if fault else answer.outcome
    whole_handle(self, Answer(answer.step, answer.undo, outcome, answer.reason, answer.event))


def begin_the_limit_anew(self: Any, name: str, role: Role, attempt: int = 1) -> None:
    whole_request(self, name, role, attempt)
    if role is Role.DO and attempt > 1:
        self.timers.start_time_limit(name, self._declaration.step_of(name))


def stop_at_a_stuck_undo(self: Any) -> None:
    if not self._park(StepStatus.UNDO_STUCK):
        whole_compensate(self)


def compensate_over_what_is_in_flight(self: Any) -> None:
    held, self._journal.in_flight = self._journal.in_flight, set()
    whole_compensate(self)
    self._journal.in_flight |= held


def end_as_completed(self: Any, closing: Any, _: State) -> None:
    whole_end(self, closing, State.COMPLETED)


def end_without_command(self: Any, _: Any, state: State) -> None:
    whole_end(self, None, state)


def finish_without_timers(self: Any, journal: Any, started: Any, was_open: bool) -> None:
    started.timers.clear()
    whole_finish(self, journal, started, was_open)


def start_again(self: Any, _: Any) -> None:
    whole_request(self._progression, next(iter(self._declaration.steps)), Role.DO, 2)


def reply_done(self: Any, call: Any, _: bool, __: str) -> None:
    place = {"saga": call.saga, "key": call.key, "request": call.request}
    self._journal.trigger_event(type(self._journal).Replied, **place, done=True, reason="")


PIVOT_COMES_BACK: Final = property(lambda step: step.kind is Kind.RETRIABLE)
LATE_ANSWERS_COUNT_NOT: Final = {False: (StepStatus.ASKED,), True: (StepStatus.UNDOING,)}
UNKNOWN_STAYS: Final = (StepStatus.DONE, StepStatus.UNDO_AGAIN)

MUTANTS: Final = (
    Mutant(
        "a step that may be undone has an undo",
        *(validation, "_check_step", nothing, killers.step_without_undo),
    ),
    Mutant(
        "nothing that must be undone comes after the pivot",
        *(validation, "_check_kinds", nothing, killers.undo_after_the_pivot),
    ),
    Mutant(
        "every attempt has the same idempotency key",
        *(journal_writer, "command_id", lambda *_: uuid4(), killers.trip),
    ),
    Mutant(
        "the saga tries again after a fault",
        *(StepTimers, "next_pause", nothing, killers.trip),
    ),
    Mutant("undos run in reverse order of start", progression, "reversed", list, killers.trip),
    Mutant("a fault is not a refusal", SagaEngine, "_handle", refuse_for_a_fault, killers.trip),
    Mutant(
        "a step of unknown outcome is undone",
        *(progression, "_TO_UNDO", UNKNOWN_STAYS, killers.trip),
    ),
    Mutant(
        "a time limit covers all attempts",
        *(Progression, "request", begin_the_limit_anew, killers.limit_over_attempts),
    ),
    Mutant(
        "nothing is undone for a pivot without an answer",
        *(Step, "is_forward_only", PIVOT_COMES_BACK, killers.trip),
    ),
    Mutant(
        "a late answer to a step that is stuck counts",
        *(engine, "_ANSWERABLE", LATE_ANSWERS_COUNT_NOT, killers.short_trip),
    ),
    Mutant(
        "a stuck undo stops no other",
        *(Progression, "compensate", stop_at_a_stuck_undo, killers.short_trip),
    ),
    Mutant("completed is not compensated", Progression, "_end", end_as_completed, killers.trip),
    Mutant("the closing command is given", Progression, "_end", end_without_command, killers.trip),
    Mutant("a saga parks where it is stuck", Progression, "_park", no, killers.trip),
    Mutant(
        "timers are set with the transition that wants them",
        *(SagaHandling, "finish", finish_without_timers, killers.two_sagas),
    ),
    Mutant(
        "an answer after its time limit changes nothing",
        *(SagaEngine, "_is_expected", yes, killers.late_success),
    ),
    Mutant(
        "an answer that comes early is kept",
        *(InstanceState, "keep_early_answer", nothing, killers.early_answer),
    ),
    Mutant("the first start counts", SagaEngine, "ignore_start", start_again, killers.two_starts),
    Mutant(
        "a saga ends by the answers to its own commands",
        *(SagaHandling, "_is_reply_to_another", no, killers.two_sagas),
    ),
    Mutant(
        "nothing is cancelled from the pivot on",
        *(Interventions, "_objection_to_cancel", nothing, killers.cancel_at_the_pivot),
    ),
    Mutant(
        "what is cancelled is undone",
        *(Progression, "compensate_at_once", nothing, killers.cancel_before_the_pivot),
    ),
    Mutant(
        "a conditional step may be skipped",
        *(progression, "_PASSED", (StepStatus.DONE,), killers.party),
    ),
    Mutant("a step waits for those before it", Progression, "_can_start", yes, killers.trip),
    Mutant(
        "compensation waits for what is in flight",
        *(Progression, "compensate", compensate_over_what_is_in_flight, killers.party),
    ),
    Mutant(
        "a saga goes on only by steps that are as they were",
        *(compatibility, "_changed_step", nothing, killers.changed_definition),
    ),
    Mutant(
        "a saga that is added says where it begins",
        *(parts, "_new", lambda *_: (), killers.added_saga),
    ),
    Mutant("all items are done, or none", FanOut, "may_lose_one", yes, killers.items),
    Mutant(
        "an alternative is asked for only after a failure",
        *(Progression, "_has_failed", yes, killers.alternatives),
    ),
    Mutant("a parent hears how its child ended", Progression, "answer", reply_done, killers.family),
    Mutant(
        "a completed child is taken back with its parent",
        *(SagaEngine, "take_back", nothing, killers.family),
    ),
    Mutant(
        "a step that waits for people has a time limit",
        *(SagaEngine, "handle_timeout", nothing, killers.people),
    ),
)
