"""A saga definition is changed while instances live: which can continue, and why others cannot."""

from collections.abc import Callable
from types import new_class
from typing import Any, cast

import pytest

from sagaline.application.saga_process import SagaProcess, process_of
from sagaline.messaging.retry import minutes
from sagaline.runner.saga_versions import is_changed, record_definition, verdicts
from sagaline.saga.compatibility import incompatibility
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import NO_EFFECT, PIVOT, Saga, on_compensated, step
from sagaline.testing import given, happened
from sagaline.testing.given.sagas import GivenSaga
from tests.sagas.party import (
    HALL,
    SMALL,
    Apologise,
    BandBusy,
    BandDismissed,
    BandHired,
    BookHall,
    DismissBand,
    FreeHall,
    HallBooked,
    HallFreed,
    HallTaken,
    HireBand,
    OrderCake,
    Party,
    PartyPaid,
    PayParty,
)

Method = Callable[[Any], Any]


def method(name: str, command: type) -> Method:
    def ask(saga: Any) -> Any:
        return command(**{n: 1 if n in ("guests", "amount") else "Ada" for n in needs})

    needs = [n for n in command.model_fields if n != "id"]  # type: ignore[attr-defined]
    ask.__name__ = name
    ask.__annotations__["return"] = command
    return ask


def hall(**changed: Any) -> dict[str, Any]:
    facts = {"done": HallBooked, "refused": HallTaken, **changed}
    made = step(**facts)(method("book_hall", BookHall))
    return {
        "book_hall": made,
        "free_hall": made.undo(done=HallFreed)(method("free_hall", FreeHall)),
    }


def band(command: type = HireBand, **changed: Any) -> dict[str, Any]:
    made = step(done=BandHired, refused=BandBusy, **changed)(method("hire_band", command))
    undo = made.undo(done=BandDismissed)(method("dismiss_band", DismissBand))
    return {"hire_band": made, "dismiss_band": undo}


def pay(**changed: Any) -> dict[str, Any]:
    return {"pay": step(done=PartyPaid, kind=PIVOT, **changed)(method("pay", PayParty))}


def giving(*parts: dict[str, Any]) -> type[Saga]:
    about = {"starts_on": Party.Planned, "key": lambda event: event.host}
    members = {name: each for part in parts for name, each in part.items()}
    made = new_class("GiveAny", (Saga,), about, lambda body: body.update(members))
    return cast("type[Saga]", made)


FIRST = giving(hall(), band(), pay())


def hall_booked() -> GivenSaga:
    """An instance that has booked the hall and requested the band."""
    return given(FIRST, SMALL, HALL)


def why_not(changed: type[Saga], story: GivenSaga) -> str | None:
    return incompatibility(changed, story.journal, saga_declaration(FIRST).shape)


def test_an_instance_continues_with_the_same_definition() -> None:
    assert why_not(FIRST, hall_booked()) is None
    assert incompatibility(FIRST, hall_booked().journal, None) is None


@pytest.mark.parametrize(
    "changed",
    [
        giving(hall(within=minutes(3)), band(), pay()),
        giving(hall(), band()),
        giving(hall(), band(), pay(within=minutes(1))),
        giving(
            hall(),
            band(),
            {"cake": step(done=PartyPaid, kind=NO_EFFECT)(method("cake", OrderCake))},
        ),
        giving(hall(), band(), pay(), {"sorry": on_compensated(method("sorry", Apologise))}),
    ],
    ids=["times", "a later step less", "a later step's times", "another later step", "closing"],
)
def test_steps_that_have_not_started_may_change(changed: type[Saga]) -> None:
    assert why_not(changed, hall_booked()) is None


def test_a_step_that_has_started_must_stay() -> None:
    gone = giving(hall(), pay())
    assert why_not(gone, hall_booked()) == "it has requested hire_band, which is no longer declared"
    assert why_not(gone, given(FIRST, SMALL)) is None
    other = why_not(giving(hall(), band(OrderCake), pay()), hall_booked())
    assert other is not None
    assert other.startswith(
        "it has requested hire_band, and hire_band was 'compensatable: tests.sagas"
    )
    assert "OrderCake" in other
    late = hall(done=(HallBooked, PartyPaid))
    assert "book_hall was" in (why_not(giving(late, band()), hall_booked()) or "")


def test_a_compensation_that_may_be_needed_must_stay() -> None:
    made = step(done=HallBooked, refused=HallTaken, kind=NO_EFFECT)
    without = giving({"book_hall": made(method("book_hall", BookHall))}, band(), pay())
    assert "it has requested book_hall" in (why_not(without, hall_booked()) or "")


def test_no_step_may_be_added_before_one_that_has_started() -> None:
    swapped = giving(band(), hall(), pay())
    assert why_not(swapped, hall_booked()) is None, "both have begun"
    assert why_not(swapped, given(FIRST, SMALL)) == (
        "it has requested book_hall, which now waits for hire_band"
    )


def test_an_instance_of_an_unknown_definition_cannot_continue() -> None:
    told = incompatibility(giving(hall(), band()), hall_booked().journal, None)
    assert told is not None
    assert told.startswith("it was started by another definition, ")


# In a store.


@pytest.fixture
def process(store_url: str) -> Any:
    made: SagaProcess = process_of(FIRST, {})(
        {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": store_url}
    )
    yield made
    made.close()


def test_a_store_records_the_definition_that_was_last_run_on_it(process: SagaProcess) -> None:
    assert is_changed(process_of(FIRST, {}), process.recorder)
    record_definition(process_of(FIRST, {}), process.recorder)
    assert not is_changed(process_of(FIRST, {}), process.recorder)
    assert is_changed(process_of(giving(hall(), band()), {}), process.recorder)


def test_only_instances_that_have_not_ended_are_checked(process: SagaProcess) -> None:
    record_definition(process_of(FIRST, {}), process.recorder)
    refused = happened(HallTaken, reason="a wedding")
    process.save(*given(FIRST, planned("Ada"), refused).events)
    process.save(*given(FIRST, planned("Bea")).events)
    changed = process_of(giving(band(), pay()), {})
    found = list(verdicts(changed, process.recorder, process.mapper))
    assert [(each.key, each.can_go_on, each.reason) for each in found] == [
        ("Bea", False, "it has requested book_hall, which is no longer declared")
    ]
    (same,) = verdicts(process_of(FIRST, {}), process.recorder, process.mapper)
    assert (same.state, same.can_go_on) == ("running", True)


def planned(host: str) -> Any:
    return happened(Party.Planned, host=host, guests=7)
