"""The names in a saga class are the user's; those that are taken are refused at once."""

from typing import Any

import pytest
from eventsourcing.domain import Aggregate

from sagaline import NO_EFFECT, PIVOT, Command, DefinitionError, Saga, State, step
from sagaline.testing import given, happened


class Letter(Aggregate):
    class Written(Aggregate.Created):
        address: str

    class Stamped(Aggregate.Event): ...

    class Posted(Aggregate.Event): ...


class LetterCommand(Command, key="address"):
    address: str


class Stamp(LetterCommand): ...


class Post(LetterCommand): ...


def address_of(event: Letter.Written) -> str:
    return event.address


class SendLetter(Saga, starts_on=Letter.Written, key=address_of):
    """Uses the names that the engine used for itself in version 0.1."""

    closing = "yours faithfully"
    conditional = 1
    folds = ("in half", "in half again")

    @step(done=Letter.Stamped, kind=NO_EFFECT)
    def answers(self) -> Stamp:
        return Stamp(address=self.commands())

    @step(done=Letter.Posted, kind=PIVOT)
    def locks(self) -> Post:
        return Post(address=self.key_of)

    def commands(self) -> str:
        return str(self.key)

    @property
    def key_of(self) -> str:
        return self.shape(self.fingerprint)

    def shape(self, address: str) -> str:
        return address.upper()

    @property
    def fingerprint(self) -> str:
        return f"{self.key} "[:-1]


def test_a_user_may_name_steps_and_methods_as_the_engine_once_did() -> None:
    story = given(SendLetter, happened(Letter.Written, address="elm st 1")).then(
        Stamp(address="elm st 1")
    )
    story = story.when(Letter.Stamped).then(Post(address="ELM ST 1"))
    story.when(Letter.Posted).then_ends(State.COMPLETED)


def method(self: Any) -> None: ...


@pytest.mark.parametrize("name", ["key", "reason", "steps"])
@pytest.mark.parametrize("value", [method, property(method), 5], ids=["method", "property", "5"])
def test_a_taken_name_is_refused_when_the_class_is_defined(name: str, value: object) -> None:
    body = {"stamp": step(Stamp, done=Letter.Stamped, kind=PIVOT), name: value}
    with pytest.raises(DefinitionError, match=rf"Sent\.{name}: Saga has a {name} of its own"):
        type("Sent", (Saga,), body, starts_on=Letter.Written, key=address_of)


def test_a_step_of_a_taken_name_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"Sent\.reason: Saga has a reason of its own"):

        class Sent(Saga, starts_on=Letter.Written, key=address_of):
            reason = step(Stamp, done=Letter.Stamped, kind=PIVOT)  # type: ignore[assignment]


def test_a_constructor_that_needs_more_than_the_instance_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"Sent\.__init__: .* calls Sent\(instance"):

        class Sent(Saga, starts_on=Letter.Written, key=address_of):
            def __init__(self, instance: Any, post_office: str) -> None:
                super().__init__(instance)

            stamp = step(Stamp, done=Letter.Stamped, kind=PIVOT)
