"""Signals: a repair that waits for a decision, and hears wishes while it runs."""

import pytest

from sagaline import Command, Runner, SagalineError, State, System, handles, hears
from sagaline.errors import DefinitionError, SagaUnknown, SignalTooLate, WrongCall
from sagaline.testing import fault_matrix, given, happened
from tests.sagas.repair import (
    Agree,
    Decline,
    DoRepair,
    Finish,
    Garage,
    OrderRepair,
    Repair,
    WishColour,
    repairs,
)

ORDERED = happened(Repair.Ordered, owner="Ada")
FINISH = Finish(owner="Ada", colour="red")


def test_a_decision_and_a_wish_are_heard() -> None:
    story = given(DoRepair, ORDERED).when(WishColour(owner="Ada", colour="red")).then_nothing()
    story = story.when(Agree(owner="Ada")).then(FINISH)
    story.when(Repair.Done, colour="red").then_ends(State.COMPLETED)


def test_a_refused_decision_ends_the_saga_with_its_reason() -> None:
    story = given(DoRepair, ORDERED).when(Decline(owner="Ada", reason="too dear"))
    story.then_ends(State.COMPENSATED, "too dear")


def test_a_signal_that_comes_too_late_is_refused() -> None:
    declined = given(DoRepair, ORDERED).when(Decline(owner="Ada", reason="too dear"))
    with pytest.raises(SignalTooLate, match="it has ended, compensated"):
        declined.when(Agree(owner="Ada"))
    agreed = given(DoRepair, ORDERED).when(Agree(owner="Ada"))
    with pytest.raises(SignalTooLate, match="agree is done already"):
        agreed.when(Decline(owner="Ada", reason="too dear"))


def test_a_saga_that_waits_for_a_decision_passes_the_fault_matrix() -> None:
    assert fault_matrix(DoRepair).cases > 20


def test_signals_reach_a_running_saga_once(store_url: str) -> None:
    with Runner(repairs, {"SQLALCHEMY_URL": store_url}) as runner:
        runner.get(Garage).execute_one(OrderRepair(owner="Ada"))
        runner.settle(20, horizon=1)
        with pytest.raises(SagaUnknown):
            runner.signal(Agree(owner="Bob"))
        with pytest.raises(WrongCall, match=r"no saga hears OrderRepair.*Agree, Decline, WishC"):
            runner.signal(OrderRepair(owner="Ada"))
        runner.signal(WishColour(owner="Ada", colour="red"))
        agree = Agree(owner="Ada")
        assert not runner.signal(agree).duplicate
        assert runner.signal(agree).duplicate
        runner.settle(20)
        repair = runner.get(Garage).repository.get(Repair.create_id("Ada"))
        assert repair.version == 2
        with pytest.raises(SignalTooLate, match="DoRepair Ada does not hear WishColour"):
            runner.signal(WishColour(owner="Ada", colour="blue"))


def test_a_signal_that_an_application_handles_is_refused() -> None:
    class Greedy(Garage, aggregates=[Repair]):
        @handles(Agree)
        def agree(self, command: Agree) -> None: ...

    with pytest.raises(DefinitionError, match="Agree is a signal to it, and is handled by Greedy"):
        System("greedy", applications=[Greedy], sagas=[DoRepair])


def test_a_signal_without_a_key_is_refused() -> None:
    class Hello(Command):
        pass

    with pytest.raises(SagalineError, match="Hello is not an event class"):
        hears(Hello)
