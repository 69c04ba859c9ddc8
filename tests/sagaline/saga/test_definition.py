"""A saga that could not end well is refused when it is defined, with the step and the cure."""

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
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import (
    COMPENSATABLE,
    NO_EFFECT,
    PIVOT,
    RETRIABLE,
    Kind,
    Saga,
    Step,
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


def making(name: str = "make") -> Callable[[Any], Make]:
    def ask(saga: Any) -> Make:
        return Make(number=saga.key)

    ask.__name__ = name
    return ask


def saga(**members: Any) -> type[Saga]:
    about = {"starts_on": Started, "key": number_of}
    return cast("type[Saga]", new_class("Work", (Saga,), about, lambda body: body.update(members)))


def test_a_definition_lists_its_steps_commands_and_answers() -> None:
    assert list(saga_declaration(BookTrip).steps) == [
        "check_visa",
        "book_flight",
        "book_hotel",
        "rent_car",
        "pay_trip",
        "send_tickets",
    ]
    assert [each.kind for each in saga_declaration(BookTrip).steps.values()] == [
        NO_EFFECT,
        *[COMPENSATABLE] * 3,
        PIVOT,
        RETRIABLE,
    ]
    names = {
        name: command.__name__ for name, command in saga_declaration(BookTrip).commands.items()
    }
    assert names["book_hotel"] == "BookHotel"
    assert names["cancel_hotel"] == "CancelHotel"
    assert names["tell_traveller"] == "TellTraveller"
    assert len(saga_declaration(BookTrip).answers) == 15


def test_a_compensatable_step_needs_an_undo() -> None:
    message = problem_of(lambda: saga(make=step(done=Made)(making())))
    assert message == (
        "Work.make: a compensatable step without an undo. "
        "Declare one under it with @make.undo(done=...), or say kind=NO_EFFECT."
    )


@pytest.mark.parametrize("kind", [NO_EFFECT, PIVOT])
def test_a_step_that_is_never_undone_has_no_undo(kind: Kind) -> None:
    def declare() -> type[Saga]:
        make = step(done=Made, kind=kind)(making())
        return saga(make=make, unmake=make.undo(done=Unmade)(making("unmake")))

    message = problem_of(declare)
    assert message.startswith(
        f"Work.make: a {kind.value} step with an undo, which would never run."
    )
    assert "or make the step compensatable" in message


def test_a_second_pivot_is_refused() -> None:
    message = problem_of(
        lambda: saga(
            make=step(done=Made, kind=PIVOT)(making()),
            send=step(done=Sent, kind=PIVOT)(making("send")),
        )
    )
    assert message.startswith("Work.send: a second pivot, after make.")
    assert "RETRIABLE" in message


@pytest.mark.parametrize("kind", [COMPENSATABLE, NO_EFFECT])
def test_a_step_after_the_pivot_must_be_retriable(kind: Kind) -> None:
    message = problem_of(
        lambda: saga(
            make=step(done=Made, kind=PIVOT)(making()),
            send=step(done=Sent, kind=kind)(making("send")),
        )
    )
    assert message.startswith(f"Work.send: a {kind.value} step after the pivot make.")
    assert "Make it RETRIABLE, or declare it before the pivot." in message


def test_a_retriable_step_needs_a_pivot_before_it() -> None:
    message = problem_of(lambda: saga(make=step(done=Made, kind=RETRIABLE)(making())))
    assert message.startswith("Work.make: a RETRIABLE step with no pivot before it.")
    assert "give this an undo" in message


def test_a_step_after_the_pivot_cannot_be_refused() -> None:
    message = problem_of(
        lambda: saga(
            make=step(done=Made, kind=PIVOT)(making()),
            send=step(done=Sent, refused=NotSent, kind=RETRIABLE)(making("send")),
        )
    )
    assert message.startswith("Work.send: a step after the pivot that can be refused.")
    assert "Move it before the pivot" in message


def test_a_step_without_a_done_event_is_refused() -> None:
    message = problem_of(lambda: saga(make=step(done=(), kind=NO_EFFECT)(making())))
    assert message.startswith("Work.make: no event says that it is done")
    assert "done=..." in message


def test_an_undo_without_a_done_event_is_refused() -> None:
    def declare() -> type[Saga]:
        make = step(done=Made)(making())
        return saga(make=make, unmake=make.undo(done=())(making("unmake")))

    assert problem_of(declare).startswith("Work.make: no event says that it is done")


def test_an_event_class_says_one_thing_about_a_step() -> None:
    message = problem_of(lambda: saga(make=step(done=Made, refused=Made, kind=NO_EFFECT)(making())))
    assert message.startswith("Work.make: the event Made already has another meaning in this saga.")
    assert problem_of(lambda: saga(make=step(done=Started, kind=NO_EFFECT)(making()))).startswith(
        "Work.make: the event Started already has another meaning in this saga."
    )


def test_a_saga_without_steps_is_refused() -> None:
    assert problem_of(saga).startswith("Work: it has no steps.")


def test_a_second_on_compensated_command_is_refused() -> None:
    message = problem_of(
        lambda: saga(
            make=step(done=Made, kind=NO_EFFECT)(making()),
            tell=on_compensated(making("tell")),
            tell_again=on_compensated(making("tell_again")),
        )
    )
    assert message.startswith("Work.tell_again: a second @on_compensated.")


def test_a_second_undo_of_a_step_is_refused() -> None:
    def declare() -> type[Saga]:
        make = step(done=Made)(making())
        return saga(
            make=make,
            unmake=make.undo(done=Unmade)(making("unmake")),
            unmake_again=make.undo(done=Unsent)(making("unmake_again")),
        )

    message = problem_of(declare)
    assert message.startswith("Work.unmake: an undo of a step that has another undo")
    assert "one undo for each step" in message


def test_an_undo_with_the_name_of_its_step_is_refused() -> None:
    """A setter shares the name of its property; here the step would be lost from the class."""

    def declare() -> type[Saga]:
        make = step(done=Made)(making())
        return saga(make=make.undo(done=Unmade)(making()))

    assert "not in this class" in problem_of(declare)


def test_two_methods_of_the_same_name_are_refused() -> None:
    def declare() -> type[Saga]:
        make = step(done=Made)(making())
        make.undo(done=Unmade)(making("send"))
        send = step(done=Sent, kind=NO_EFFECT)(making("send"))
        return saga(make=make, send=send)

    assert problem_of(declare).startswith("Work.send: a second method of this name.")


def test_the_annotation_of_a_step_names_its_command() -> None:
    def make(saga: Any):  # type: ignore[no-untyped-def]  # the missing annotation is the point
        return Make(number=1)

    message = problem_of(lambda: saga(make=step(done=Made, kind=NO_EFFECT)(make)))
    assert message.startswith("Work.make: its return annotation names no command.")

    def ask(saga: Any) -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821
        return Make(number=1)

    message = problem_of(lambda: saga(ask=step(done=Made, kind=NO_EFFECT)(ask)))
    assert "cannot be read (name 'Nowhere' is not defined)" in message
    assert "Import the command's class" in message


def test_a_step_waits_only_for_steps_declared_above_it() -> None:
    elsewhere = step(done=Sent, kind=NO_EFFECT)(making("elsewhere"))
    message = problem_of(
        lambda: saga(make=step(done=Made, kind=NO_EFFECT, after=(elsewhere,))(making()))
    )
    assert message.startswith("Work.make: it waits for elsewhere, which is not a step above it.")
    assert "declare them first" in message


def test_the_pivot_waits_for_all_steps_above_it() -> None:
    message = problem_of(
        lambda: saga(
            make=step(done=Made, kind=NO_EFFECT)(making()),
            send=step(done=Sent, kind=PIVOT, after=())(making("send")),
        )
    )
    assert message == (
        "Work.send: the pivot does not wait for make, and could be done first. "
        "Name it too: after=(make,)."
    )


def test_a_retriable_step_waits_for_the_pivot() -> None:
    def declare() -> type[Saga]:
        make = step(done=Made, kind=PIVOT)(making())
        return saga(make=make, send=step(done=Sent, kind=RETRIABLE, after=())(making("send")))

    assert problem_of(declare).startswith("Work.send: a RETRIABLE step with no pivot before it.")


def test_an_undo_that_may_return_none_is_refused() -> None:
    def unmake(saga: Any) -> Unmake | None:
        return None

    def declare() -> type[Saga]:
        make = step(done=Made)(making())
        return saga(make=make, unmake=make.undo(done=Unmade)(unmake))

    message = problem_of(declare)
    assert message.startswith("Work.make: its undo may return no command.")


def test_a_second_on_completed_command_is_refused() -> None:
    message = problem_of(
        lambda: saga(
            make=step(done=Made, kind=NO_EFFECT)(making()),
            thank=on_completed(making("thank")),
            sorry=on_compensated(making("sorry")),
            thank_again=on_completed(making("thank_again")),
        )
    )
    assert message.startswith("Work.thank_again: a second @on_completed.")


class MakeMuch(Make):
    much: int


class MakeKeyless(Command):
    pass


def test_a_command_class_that_needs_only_the_key_replaces_the_method() -> None:
    class Short(Saga, starts_on=Started, key=number_of):
        make = step(Make, done=Made)
        unmake = make.undo(Unmake, done=Unmade)
        send = step(Send, done=Sent, refused=NotSent, kind=PIVOT)

    assert list(saga_declaration(Short).steps) == ["make", "send"]
    assert saga_declaration(Short).commands == {"make": Make, "unmake": Unmake, "send": Send}
    story = given(Short, happened(Started, number=7)).then(Make(number=7))
    story = story.when(Made).then(Send(number=7))
    story.when(NotSent, reason="lost").then(Unmake(number=7))


def test_a_definition_with_command_classes_equals_one_with_methods() -> None:
    make = step(Make, done=Made, refused=NotMade)
    unmake = make.undo(Unmake, done=Unmade)
    short = saga(make=make, unmake=unmake, send=step(Send, done=Sent, kind=NO_EFFECT))
    assert (
        saga_declaration(short).shape
        == saga_declaration(declared(issues=Send, undoes_by=Unmake)).shape
    )
    assert (
        saga_declaration(short).fingerprint
        == saga_declaration(declared(issues=Send, undoes_by=Unmake)).fingerprint
    )


@pytest.mark.parametrize("command", [MakeMuch, MakeKeyless])
def test_a_command_class_with_other_required_fields_needs_a_method(command: type[Command]) -> None:
    message = problem_of(lambda: saga(make=step(command, done=Made, kind=NO_EFFECT)))
    name = command.__name__
    assert message.startswith(
        f"Work.make: {name} cannot be made from the saga's key alone. Declare a method"
    )


# The fingerprint.


def declared(
    *,
    within: timedelta | None = None,
    retry: Retry | None = None,
    refused: type | tuple[type, ...] = NotMade,
    kind: Kind = COMPENSATABLE,
    undone: type = Unmade,
    has_send: bool = True,
    has_closing: bool = False,
    issues: type[Command] = Make,
    undoes_by: type[Command] = Make,
    after: Sequence[Step] | None = None,
) -> type[Saga]:
    make = step(done=Made, refused=refused, within=within, retry=retry, kind=kind)(making())
    members: dict[str, Any] = {"make": make}
    if kind is COMPENSATABLE:
        undo = making("unmake")
        undo.__annotations__["return"] = undoes_by
        members["unmake"] = make.undo(done=undone)(undo)
    if has_send:
        ask = making("send")
        ask.__annotations__["return"] = issues
        members["send"] = step(done=Sent, kind=NO_EFFECT, after=after)(ask)
    if has_closing:
        members["tell"] = on_compensated(making("tell"))
    return saga(**members)


def test_the_same_definition_has_the_same_fingerprint_in_every_process() -> None:
    program = (
        "from sagaline.saga.declaration import saga_declaration\n"
        "from tests.sagas.trip import BookTrip\n"
        "print(saga_declaration(BookTrip).fingerprint)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {saga_declaration(BookTrip).fingerprint}


def test_times_and_retries_may_change_without_changing_the_fingerprint() -> None:
    changed = declared(within=minutes(3), retry=Retry(9))
    assert saga_declaration(changed).fingerprint == saga_declaration(declared()).fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        lambda: declared(has_send=False),
        lambda: declared(kind=NO_EFFECT),
        lambda: declared(refused=()),
        lambda: declared(refused=(NotMade, NotSent)),
        lambda: declared(undone=Unsent),
        lambda: declared(has_closing=True),
        lambda: declared(issues=Send),
        lambda: declared(after=()),
        lambda: saga(
            send=step(done=Sent, kind=NO_EFFECT)(making("send")),
            **{
                name: each
                for name, each in vars(declared(has_send=False)).items()
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
def test_a_change_of_the_steps_changes_the_fingerprint(changed: Declare) -> None:
    assert saga_declaration(changed()).fingerprint != saga_declaration(declared()).fingerprint


# What a step reads.


def test_a_step_reads_the_key_and_the_received_events() -> None:
    work = declared()
    event = happened(Started, number=7).to_event(Journal, SOMEONE, 1)
    journal = Journal.start("Work", "7", event, saga_declaration(work).fingerprint, work.steps)
    instance = work(journal)
    assert instance.key == 7
    assert instance[Started] is event
    assert Started in instance
    assert Made not in instance
    assert instance.reason == ""
    with pytest.raises(KeyError):
        instance[Made]
