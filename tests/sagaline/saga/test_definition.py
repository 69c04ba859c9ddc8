"""A saga that could not end well is refused where it is written, with the step and the cure."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import new_class
from typing import Any, cast

import pytest
from eventsourcing.domain import Aggregate

from sagaline.errors import DefinitionError
from sagaline.messaging.commands import Command
from sagaline.messaging.retry import Retry, minutes
from sagaline.saga.definition import (
    COMPENSATABLE,
    NO_EFFECT,
    PIVOT,
    RETRIABLE,
    Kind,
    Saga,
    Step,
    hears,
    on_compensated,
    on_completed,
    step,
)
from sagaline.saga.instance import Journal
from sagaline.testing import SOMEONE, given, happened
from tests.sagas.trip import BookTrip


class Started(Aggregate.Created):
    number: int


class Made(Aggregate.Event):
    pass


class NotMade(Aggregate.Event):
    reason: str


class Unmade(Aggregate.Event):
    pass


class Sent(Aggregate.Event):
    pass


class NotSent(Aggregate.Event):
    reason: str


class Unsent(Aggregate.Event):
    pass


class Make(Command, key="number"):
    number: int


class Unmake(Command, key="number"):
    number: int


class Send(Command, key="number"):
    number: int


def number_of(event: Started) -> int:
    return event.number


Declare = Callable[[], type[Saga]]


def problem_of(declare: Callable[[], object]) -> str:
    with pytest.raises(DefinitionError) as refused:
        declare()
    return str(refused.value)


def ask_make(name: str = "make") -> Callable[[Any], Make]:
    def ask(saga: Any) -> Make:
        return Make(number=saga.key)

    ask.__name__ = name
    return ask


def saga(**members: Any) -> type[Saga]:
    about = {"starts_on": Started, "key": number_of}
    return cast("type[Saga]", new_class("Work", (Saga,), about, lambda body: body.update(members)))


def test_a_good_definition_says_what_it_listens_for_and_what_it_asks_for() -> None:
    assert list(BookTrip.steps) == [
        "check_visa",
        "book_flight",
        "book_hotel",
        "rent_car",
        "pay_trip",
        "send_tickets",
    ]
    assert [each.kind for each in BookTrip.steps.values()] == [
        NO_EFFECT,
        *[COMPENSATABLE] * 3,
        PIVOT,
        RETRIABLE,
    ]
    names = {name: command.__name__ for name, command in BookTrip.commands().items()}
    assert names["book_hotel"] == "BookHotel"
    assert names["cancel_hotel"] == "CancelHotel"
    assert names["tell_traveller"] == "TellTraveller"
    assert len(BookTrip.answers) == 15


def test_a_compensatable_step_needs_an_undo() -> None:
    told = problem_of(lambda: saga(make=step(done=Made)(ask_make())))
    assert told == (
        "Work.make: a compensatable step without an undo. "
        "Declare one under it with @make.undo(done=...), or say kind=NO_EFFECT."
    )


@pytest.mark.parametrize("kind", [NO_EFFECT, PIVOT])
def test_a_step_that_is_never_undone_has_no_undo(kind: Kind) -> None:
    def declare() -> type[Saga]:
        make = step(done=Made, kind=kind)(ask_make())
        return saga(make=make, unmake=make.undo(done=Unmade)(ask_make("unmake")))

    told = problem_of(declare)
    assert told.startswith(f"Work.make: a {kind.value} step with an undo, which would never run.")
    assert "or make the step compensatable" in told


def test_there_is_one_point_of_no_return() -> None:
    told = problem_of(
        lambda: saga(
            make=step(done=Made, kind=PIVOT)(ask_make()),
            send=step(done=Sent, kind=PIVOT)(ask_make("send")),
        )
    )
    assert told.startswith("Work.send: a second pivot, after make.")
    assert "RETRIABLE" in told


@pytest.mark.parametrize("kind", [COMPENSATABLE, NO_EFFECT])
def test_behind_the_pivot_there_is_no_way_back(kind: Kind) -> None:
    told = problem_of(
        lambda: saga(
            make=step(done=Made, kind=PIVOT)(ask_make()),
            send=step(done=Sent, kind=kind)(ask_make("send")),
        )
    )
    assert told.startswith(f"Work.send: a {kind.value} step behind the pivot make.")
    assert "Make it RETRIABLE, or declare it before the pivot." in told


def test_without_a_pivot_nothing_goes_forward_only() -> None:
    told = problem_of(lambda: saga(make=step(done=Made, kind=RETRIABLE)(ask_make())))
    assert told.startswith("Work.make: a RETRIABLE step with no pivot before it.")
    assert "give this an undo" in told


def test_behind_the_pivot_nothing_is_refused() -> None:
    told = problem_of(
        lambda: saga(
            make=step(done=Made, kind=PIVOT)(ask_make()),
            send=step(done=Sent, refused=NotSent, kind=RETRIABLE)(ask_make("send")),
        )
    )
    assert told.startswith("Work.send: a step behind the pivot that can be refused.")
    assert "Move it before the pivot" in told


def test_a_step_that_nothing_completes_would_leave_the_next_ones_out_of_reach() -> None:
    told = problem_of(lambda: saga(make=step(done=(), kind=NO_EFFECT)(ask_make())))
    assert told.startswith("Work.make: no event says that it is done")
    assert "done=..." in told


def test_an_undo_that_nothing_completes_would_never_end() -> None:
    def declare() -> type[Saga]:
        make = step(done=Made)(ask_make())
        return saga(make=make, unmake=make.undo(done=())(ask_make("unmake")))

    assert problem_of(declare).startswith("Work.make: no event says that it is done")


def test_an_event_answers_one_thing() -> None:
    told = problem_of(
        lambda: saga(
            make=step(done=Made, kind=NO_EFFECT)(ask_make()),
            send=step(done=Made, kind=NO_EFFECT)(ask_make("send")),
        )
    )
    assert told.startswith("Work.send: the event Made already means something else.")
    assert problem_of(lambda: saga(make=step(done=Started, kind=NO_EFFECT)(ask_make()))).startswith(
        "Work.make: the event Started already means something else."
    )


def test_a_saga_has_steps() -> None:
    assert problem_of(saga).startswith("Work: it has no steps.")


def test_a_saga_closes_with_one_command() -> None:
    told = problem_of(
        lambda: saga(
            make=step(done=Made, kind=NO_EFFECT)(ask_make()),
            tell=on_compensated(ask_make("tell")),
            tell_again=on_compensated(ask_make("tell_again")),
        )
    )
    assert told.startswith("Work.tell_again: a second @on_compensated.")


def test_a_step_has_one_undo() -> None:
    def declare() -> type[Saga]:
        make = step(done=Made)(ask_make())
        return saga(
            make=make,
            unmake=make.undo(done=Unmade)(ask_make("unmake")),
            unmake_again=make.undo(done=Unsent)(ask_make("unmake_again")),
        )

    told = problem_of(declare)
    assert told.startswith("Work.unmake: an undo of a step that has another one")
    assert "one undo for each step" in told


def test_an_undo_does_not_take_the_name_of_its_step() -> None:
    """As a property's setter does: the step itself would be gone from the class."""

    def declare() -> type[Saga]:
        make = step(done=Made)(ask_make())
        return saga(make=make.undo(done=Unmade)(ask_make()))

    assert "not in this class" in problem_of(declare)


def test_each_method_of_a_saga_has_a_name_of_its_own() -> None:
    def declare() -> type[Saga]:
        make = step(done=Made)(ask_make())
        make.undo(done=Unmade)(ask_make("send"))
        send = step(done=Sent, kind=NO_EFFECT)(ask_make("send"))
        return saga(make=make, send=send)

    assert problem_of(declare).startswith("Work.send: a second method of this name.")


def test_a_step_says_which_command_it_gives() -> None:
    def make(saga: Any):  # type: ignore[no-untyped-def]  # the missing annotation is the point
        return Make(number=1)

    told = problem_of(lambda: saga(make=step(done=Made, kind=NO_EFFECT)(make)))
    assert told.startswith("Work.make: its return annotation names no command.")

    def ask(saga: Any) -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821
        return Make(number=1)

    told = problem_of(lambda: saga(ask=step(done=Made, kind=NO_EFFECT)(ask)))
    assert "cannot be read (name 'Nowhere' is not defined)" in told
    assert "Import the command's class" in told


def test_a_step_waits_for_steps_above_it_in_its_own_saga() -> None:
    elsewhere = step(done=Sent, kind=NO_EFFECT)(ask_make("elsewhere"))
    told = problem_of(
        lambda: saga(make=step(done=Made, kind=NO_EFFECT, after=(elsewhere,))(ask_make()))
    )
    assert told.startswith("Work.make: it waits for elsewhere, which is no step above it.")
    assert "declare them first" in told


def test_nothing_that_can_be_undone_runs_beside_the_point_of_no_return() -> None:
    told = problem_of(
        lambda: saga(
            make=step(done=Made, kind=NO_EFFECT)(ask_make()),
            send=step(done=Sent, kind=PIVOT, after=())(ask_make("send")),
        )
    )
    assert told == (
        "Work.send: the pivot does not wait for make, which it could overtake. "
        "Name it too: after=(make,)."
    )


def test_a_retriable_step_waits_for_the_pivot() -> None:
    def declare() -> type[Saga]:
        make = step(done=Made, kind=PIVOT)(ask_make())
        return saga(make=make, send=step(done=Sent, kind=RETRIABLE, after=())(ask_make("send")))

    assert problem_of(declare).startswith("Work.send: a RETRIABLE step with no pivot before it.")


def test_an_undo_always_gives_a_command() -> None:
    def unmake(saga: Any) -> Unmake | None:
        return None

    def declare() -> type[Saga]:
        make = step(done=Made)(ask_make())
        return saga(make=make, unmake=make.undo(done=Unmade)(unmake))

    told = problem_of(declare)
    assert told.startswith("Work.make: its undo may return no command.")


def test_a_saga_remembers_only_what_it_hears() -> None:
    def note(saga: Any, event: Sent) -> None:
        saga.sent = True

    told = problem_of(
        lambda: saga(make=step(done=Made, kind=NO_EFFECT)(ask_make()), note=hears(Sent)(note))
    )
    assert told.startswith("Work.note: the saga does not hear Sent.")


def test_a_saga_has_one_last_word_for_each_end() -> None:
    told = problem_of(
        lambda: saga(
            make=step(done=Made, kind=NO_EFFECT)(ask_make()),
            thank=on_completed(ask_make("thank")),
            sorry=on_compensated(ask_make("sorry")),
            thank_again=on_completed(ask_make("thank_again")),
        )
    )
    assert told.startswith("Work.thank_again: a second @on_completed.")


class MakeMuch(Make):
    much: int


class MakeKeyless(Command):
    pass


def test_a_command_that_needs_the_key_alone_stands_for_its_method() -> None:
    class Short(Saga, starts_on=Started, key=number_of):
        make = step(Make, done=Made)
        unmake = make.undo(Unmake, done=Unmade)
        send = step(Send, done=Sent, refused=NotSent, kind=PIVOT)

    assert list(Short.steps) == ["make", "send"]
    assert Short.commands() == {"make": Make, "unmake": Unmake, "send": Send}
    story = given(Short, happened(Started, number=7)).then(Make(number=7))
    story = story.when(Made).then(Send(number=7))
    story.when(NotSent, reason="lost").then(Unmake(number=7))


def test_it_is_the_same_definition_as_with_methods() -> None:
    make = step(Make, done=Made, refused=NotMade)
    unmake = make.undo(Unmake, done=Unmade)
    short = saga(make=make, unmake=unmake, send=step(Send, done=Sent, kind=NO_EFFECT))
    assert short.shape() == declared(gives=Send, undoes=Unmake).shape()
    assert short.fingerprint() == declared(gives=Send, undoes=Unmake).fingerprint()


@pytest.mark.parametrize("command", [MakeMuch, MakeKeyless])
def test_a_command_that_needs_more_or_has_no_key_needs_a_method(command: type[Command]) -> None:
    told = problem_of(lambda: saga(make=step(command, done=Made, kind=NO_EFFECT)))
    name = command.__name__
    assert told.startswith(f"Work.make: {name} is not made from a key alone. Declare a method")


# The fingerprint.


def declared(
    *,
    within: timedelta | None = None,
    retry: Retry | None = None,
    refused: type | tuple[type, ...] = NotMade,
    kind: Kind = COMPENSATABLE,
    undone: type = Unmade,
    sends: bool = True,
    closes: bool = False,
    gives: type[Command] = Make,
    undoes: type[Command] = Make,
    after: Sequence[Step] | None = None,
) -> type[Saga]:
    make = step(done=Made, refused=refused, within=within, retry=retry, kind=kind)(ask_make())
    members: dict[str, Any] = {"make": make}
    if kind is COMPENSATABLE:
        undo = ask_make("unmake")
        undo.__annotations__["return"] = undoes
        members["unmake"] = make.undo(done=undone)(undo)
    if sends:
        ask = ask_make("send")
        ask.__annotations__["return"] = gives
        members["send"] = step(done=Sent, kind=NO_EFFECT, after=after)(ask)
    if closes:
        members["tell"] = on_compensated(ask_make("tell"))
    return saga(**members)


def test_the_same_definition_has_the_same_fingerprint_in_every_process() -> None:
    told = "from tests.sagas.trip import BookTrip; print(BookTrip.fingerprint())"
    found = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", told],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {BookTrip.fingerprint()}


def test_times_and_retries_may_change_without_changing_the_fingerprint() -> None:
    changed = declared(within=minutes(3), retry=Retry(9))
    assert changed.fingerprint() == declared().fingerprint()


@pytest.mark.parametrize(
    "changed",
    [
        lambda: declared(sends=False),
        lambda: declared(kind=NO_EFFECT),
        lambda: declared(refused=()),
        lambda: declared(refused=(NotMade, NotSent)),
        lambda: declared(undone=Unsent),
        lambda: declared(closes=True),
        lambda: declared(gives=Send),
        lambda: declared(after=()),
        lambda: saga(
            send=step(done=Sent, kind=NO_EFFECT)(ask_make("send")),
            **{
                name: each
                for name, each in vars(declared(sends=False)).items()
                if name in ("make", "unmake")
            },
        ),
    ],
    ids=[
        "a step less",
        "kind",
        "no refusal",
        "one more",
        "undo",
        "closing",
        "command",
        "parallel",
        "order",
    ],
)
def test_what_the_steps_are_changes_the_fingerprint(changed: Declare) -> None:
    assert changed().fingerprint() != declared().fingerprint()


# What a step sees.


def test_a_step_sees_the_key_as_the_key_function_gave_it() -> None:
    work = declared()
    event = happened(Started, number=7).to_event(Journal, SOMEONE, 1)
    journal = Journal.start("Work", "7", event, work.fingerprint(), work.steps)
    seen = work(journal)
    assert seen.key == 7
    assert seen[Started] is event
    assert Started in seen
    assert Made not in seen
    assert seen.reason == ""
    with pytest.raises(KeyError):
        seen[Made]
