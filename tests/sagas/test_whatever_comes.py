"""Whatever a saga hears, in whatever order, it ends or waits for a person, and never raises."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import pytest
from eventsourcing.persistence import JSONTranscoder
from hypothesis import given, settings
from hypothesis import strategies as st

from sagaline.codec import TypedMapper
from sagaline.messaging.faults import CommandFaulted
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import NO_EFFECT, PIVOT, Saga
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions, Operator
from sagaline.saga.state import Role, State, StepStatus
from sagaline.saga.timers import StepDue, StepTimedOut
from sagaline.system.saga_list import SagaList
from sagaline.testing import GivenSaga
from sagaline.testing import given as given_events
from sagas.order_fulfilment import OrderFulfilment
from tests.sagas.shop import PLACED, TOTAL
from tests.sagas.trip import WANTED, BookTrip

FACTS: dict[str, Any] = {
    "number": "V1",
    "seat": "12A",
    "reason": "no",
    "amount": TOTAL,
    "reference": "R1",
    "tracking_number": "T1",
    "lines": (),
    "placed_at": datetime(2026, 1, 1, tzinfo=UTC),
}
MAPPER = TypedMapper(JSONTranscoder())
OPEN = (State.RUNNING, State.COMPENSATING)
WAITING = (StepStatus.ASKED, StepStatus.UNDOING)


def hear(story: GivenSaga, event: type) -> GivenSaga:
    names = {each.name for each in fields(event)}
    return story.when(event, **{name: fact for name, fact in FACTS.items() if name in names})


def requests(story: GivenSaga) -> list[Journal.Requested]:
    return [each for each in story.events if isinstance(each, Journal.Requested)]


@dataclass(frozen=True)
class Chance:
    """What comes next: one number says what kind of input, the other which of them."""

    kind: int
    which: int

    def take(self, saga: type[Saga], story: GivenSaga) -> GivenSaga:
        return _KINDS[self.kind](saga, story, self.which)


def any_answer(saga: type[Saga], story: GivenSaga, which: int) -> GivenSaga:
    """Mostly early or late, often for the second time."""
    events = list(saga_declaration(saga).answers)
    return hear(story, events[which % len(events)])


def wanted_answer(saga: type[Saga], story: GivenSaga, which: int) -> GivenSaga:
    """One that the saga waits for, so that a story also gets somewhere."""
    steps = story.journal.steps
    wanted = [
        event
        for event, meanings in saga_declaration(saga).answers.items()
        for step, undo, _ in meanings
        if step in steps and steps[step].status is WAITING[undo]
    ]
    return hear(story, wanted[which % len(wanted)]) if wanted else story


def fault(saga: type[Saga], story: GivenSaga, which: int) -> GivenSaga:
    """Of any command given so far, whichever attempt it was."""
    asked = requests(story)
    request = asked[-1 - which % len(asked)]
    return story.when(CommandFaulted.of(request.command, request.attempt, "down"))


def new_fault(saga: type[Saga], story: GivenSaga, which: int) -> GivenSaga:
    return fault(saga, story, 0)


def timer(saga: type[Saga], story: GivenSaga, which: int) -> GivenSaga:
    pending = list(story.timers.values())
    if not pending:
        return story
    command = pending[which % len(pending)].command
    if isinstance(command, StepDue):
        return story.when_pause_ends(command.step)
    assert isinstance(command, StepTimedOut)
    return story.when_time_runs_out(command.step)


def too_many_faults(saga: type[Saga], story: GivenSaga, which: int) -> GivenSaga:
    """Of whatever is under way, until it is given up: after so many, or when its time is over."""
    for _ in range(10):
        story = fault(saga, story, 0)
        pauses = [t.command for t in story.timers.values() if isinstance(t.command, StepDue)]
        if not pauses:
            return story
        story = story.when_pause_ends(pauses[0].step)
    return timer(saga, story, 0)


def late_success(saga: type[Saga], story: GivenSaga, which: int) -> GivenSaga:
    """Of a step, or an undo, that was given up."""
    wished = [event for event, status in wishes(saga, story) if status not in WAITING]
    return hear(story, wished[which % len(wished)]) if wished else story


def wishes(saga: type[Saga], story: GivenSaga) -> list[tuple[type, StepStatus]]:
    """The events that would bring the saga further, and where their steps are."""
    steps = story.journal.steps
    return [
        (event, steps[step].status)
        for event, meanings in saga_declaration(saga).answers.items()
        for step, undo, done in meanings
        if done
        and step in steps
        and steps[step].status
        in (
            (StepStatus.UNDOING, StepStatus.UNDO_STUCK)
            if undo
            else (StepStatus.ASKED, StepStatus.STUCK)
        )
    ]


def second_start(saga: type[Saga], story: GivenSaga, which: int) -> GivenSaga:
    return story.when(story.journal.start_event)


_KINDS: list[Callable[[type[Saga], GivenSaga, int], GivenSaga]] = [
    wanted_answer,
    any_answer,
    new_fault,
    timer,
    too_many_faults,
    late_success,
    fault,
    second_start,
]

chances = st.lists(
    st.builds(Chance, st.integers(0, len(_KINDS) - 1), st.integers(0, 30)), max_size=40
)
smoothly = st.integers(0, 6)
"""How many steps are done before the trouble begins."""
sagas = pytest.mark.parametrize(
    ("saga", "start"), [(BookTrip, WANTED), (OrderFulfilment, PLACED)], ids=["trip", "order"]
)


def told(saga: type[Saga], start: Any, done: int, inputs: list[Chance]) -> GivenSaga:
    story = GivenSaga(saga).when(start)
    for step in list(saga_declaration(saga).steps.values())[:done]:
        story = hear(story, step.done[0])
    must_be_sound(saga, story)
    for each in inputs:
        story = each.take(saga, story)
        must_be_sound(saga, story)
    return story


def must_be_sound(saga: type[Saga], story: GivenSaga) -> None:
    """It waits for one answer, or for a person, or for nothing more."""
    journal = story.journal
    waits = [name for name, each in journal.steps.items() if each.status in WAITING]
    assert len(waits) == (1 if journal.state in OPEN else 0)
    for pending in story.timers.values():
        assert isinstance(pending.command, StepDue | StepTimedOut)
        assert pending.command.step in waits or pending.command.step in journal.closings
    pauses = {t.command.step for t in story.timers.values() if isinstance(t.command, StepDue)}
    known = {**journal.steps, **journal.closings}
    assert pauses == {name for name, each in known.items() if each.pausing}
    if journal.state.ended:
        must_have_ended_well(saga, journal)


def must_have_ended_well(saga: type[Saga], journal: Journal) -> None:
    statuses = {name: each.status for name, each in journal.steps.items()}
    if journal.state is State.COMPLETED:
        assert statuses == dict.fromkeys(saga_declaration(saga).steps, StepStatus.DONE)
        return
    for name, status in statuses.items():
        kind = saga_declaration(saga).steps[name].kind
        assert kind is not PIVOT or status is StepStatus.REFUSED
        assert kind is NO_EFFECT or status in (StepStatus.UNDONE, StepStatus.REFUSED)
    assert journal.reason


def finish(saga: type[Saga], story: GivenSaga) -> GivenSaga:
    """Everything is done that the saga, or the person that it waits for, could wish for."""
    for _ in range(4 * len(saga_declaration(saga).steps)):
        if story.journal.state.ended:
            break
        wished = wishes(saga, story)
        # Where no answer is owed, it is the closing command that is stuck.
        story = hear(story, wished[0][0]) if wished else story.when_operator(retry)
    return story


def retry(saga: Interventions) -> None:
    saga.retry(Operator("Eve"))


@sagas
@given(done=smoothly, inputs=chances)
def test_a_saga_is_always_on_its_way_or_parked_or_at_an_end(
    saga: type[Saga], start: Any, done: int, inputs: list[Chance]
) -> None:
    ended = finish(saga, told(saga, start, done, inputs))
    must_be_sound(saga, ended)
    assert ended.journal.state in (State.COMPLETED, State.COMPENSATED)


@sagas
@given(done=smoothly, inputs=chances)
@settings(max_examples=50)
def test_after_its_end_nothing_changes(
    saga: type[Saga], start: Any, done: int, inputs: list[Chance]
) -> None:
    story = finish(saga, told(saga, start, done, inputs))
    state, asked = story.journal.state, to_steps(story)
    for each in inputs:
        story = each.take(saga, story)
    assert to_steps(story) == asked
    # The closing command alone is still tried again where it faults, and may wait for a person.
    stuck = any(each.status is StepStatus.STUCK for each in story.journal.closings.values())
    assert story.journal.state is (State.PARKED if stuck else state)


def to_steps(story: GivenSaga) -> int:
    return sum(each.role is not Role.CLOSE for each in requests(story))


@sagas
@given(done=smoothly, inputs=chances)
@settings(max_examples=50)
def test_the_same_request_has_the_same_key_and_another_one_another(
    saga: type[Saga], start: Any, done: int, inputs: list[Chance]
) -> None:
    asked = requests(finish(saga, told(saga, start, done, inputs)))
    ids = {(each.step, each.role): each.command.id for each in asked}
    assert len(set(ids.values())) == len(ids)
    assert all(ids[each.step, each.role] == each.command.id for each in asked)
    attempts = [(each.step, each.role, each.attempt) for each in asked]
    assert len(set(attempts)) == len(attempts)


@sagas
@given(done=smoothly, inputs=chances)
@settings(max_examples=50)
def test_undos_come_in_reverse_order_of_start_and_none_behind_the_pivot(
    saga: type[Saga], start: Any, done: int, inputs: list[Chance]
) -> None:
    story = finish(saga, told(saga, start, done, inputs))
    undone = [each.step for each in requests(story) if each.role is Role.UNDO and each.attempt == 1]
    started = [name for name in story.journal.steps if name in undone]
    assert undone == started[::-1]
    if story.journal.state is State.COMPLETED:
        assert undone == []


@sagas
@given(done=smoothly, inputs=chances)
@settings(max_examples=50)
def test_its_stream_gives_the_same_instance_from_any_store(
    saga: type[Saga], start: Any, done: int, inputs: list[Chance]
) -> None:
    """Live and replayed are compared in each chapter; here each event goes through its JSON too."""
    story = told(saga, start, done, inputs)
    journal: Any = None
    for event in story.events:
        stored = MAPPER.to_stored_event(event)
        again: Any = MAPPER.to_domain_event(stored)
        assert type(again) is type(event)
        assert again == event
        journal = again.mutate(journal)
    assert journal == story.journal


@sagas
@given(done=smoothly, inputs=chances)
@settings(max_examples=50)
def test_saga_list_says_what_remains_as_sagas_show_does(
    saga: type[Saga], start: Any, done: int, inputs: list[Chance]
) -> None:
    story = told(saga, start, done, inputs)
    events: Any = story.events
    (row,) = given_events(SagaList, *events[:-1]).when(events[-1]).then_rows(1).rows
    remaining = Interventions(saga, story.journal, {}).remaining()
    assert row["remaining"] == ", ".join(remaining)
    assert row["state"] == story.journal.state.value
