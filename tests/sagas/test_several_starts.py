"""Sagas that start on any of several events and commands, on both databases."""

import pytest
from sqlalchemy import select

from sagaline import Command, Runner, Saga, ScheduledStart, System, step, timeline
from sagaline.errors import NotHeard, SagalineError, SagaUnknown
from sagaline.saga.compatibility import incompatibility
from sagaline.saga.declaration import saga_declaration
from sagaline.system.saga_diagram import saga_diagram
from sagaline.system.saga_list import saga_list
from sagaline.testing import LONG_AGO, fault_matrix, given, happened
from tests.sagas.deliveries import (
    CountStock,
    Deliver,
    Depot,
    Market,
    Order,
    Pack,
    Parcel,
    PlaceOrder,
    ReportSale,
    Sale,
    Send,
    SendByHand,
    Shop,
    deliveries,
    number_of,
)

PLACED = happened(Order.Placed, number="7", town="Rome")
REPORTED = happened(Sale.Reported, number="7", country="Peru")
BY_HAND = SendByHand(number="7", to="Ada")


@pytest.mark.parametrize(("start", "to"), [(PLACED, "Rome"), (REPORTED, "Peru"), (BY_HAND, "Ada")])
def test_any_of_its_starts_starts_a_saga(start: object, to: str) -> None:
    story = given(Deliver, start).then(Pack(number="7"))
    story.when(Parcel.Packed, number="7").then(Send(number="7", to=to))


def test_the_start_that_comes_second_is_ignored() -> None:
    story = given(Deliver, PLACED).when(REPORTED).then_nothing()
    story.when(BY_HAND).then_nothing()
    story.when(Parcel.Packed, number="7").then(Send(number="7", to="Rome"))


def test_a_start_that_did_not_happen_is_asked_for_first() -> None:
    class Hasty(Saga, starts_on=(Order.Placed, Sale.Reported), key=number_of):
        @step(done=Parcel.Packed)
        def pack(self) -> Pack:
            return Pack(number=self[Order.Placed].number)

        @pack.undo(done=Parcel.Unpacked)
        def unpack(self) -> Pack:
            return Pack(number=self.key)

    wanted = r"Hasty 7 has not received Order\.Placed: ask first with `in self`"
    with pytest.raises(NotHeard, match=wanted):
        given(Hasty, REPORTED)


def test_a_history_must_begin_with_one_of_the_starts() -> None:
    with pytest.raises(TypeError, match=r"start with Order\.Placed or Sale\.Reported or SendByHan"):
        given(Deliver, happened(Parcel.Packed, number="7"))


def test_the_diagram_names_every_start() -> None:
    assert 'start_(["Order.Placed or Sale.Reported or SendByHand"])' in saga_diagram(Deliver)
    assert 'start_(["0 2 * * * UTC or Order.Placed"])' in saga_diagram(CountStock)


def test_a_schedule_may_be_one_of_several_starts() -> None:
    due = ScheduledStart(at=LONG_AGO)
    assert given(CountStock, due).journal.key == "2026-01-01T00:00+00:00"
    assert given(CountStock, PLACED).journal.key == "7"


def test_the_fault_matrix_plays_each_start() -> None:
    alone = fault_matrix(Deliver, start=PLACED).cases
    assert fault_matrix(Deliver).cases == 3 * alone


def test_a_saga_may_get_and_lose_a_start_while_instances_run() -> None:
    class Fewer(Saga, starts_on=Order.Placed, key=number_of, name="Deliver"):
        pack = step(Pack, done=Parcel.Packed)
        unpack = pack.undo(Pack, done=Parcel.Unpacked)

    class More(Saga, starts_on=(Order.Placed, Sale.Reported), key=number_of, name="Deliver"):
        pack = step(Pack, done=Parcel.Packed)
        unpack = pack.undo(Pack, done=Parcel.Unpacked)

    for before, after in ((Fewer, More), (More, Fewer)):
        shape = saga_declaration(before).shape
        assert incompatibility(after, given(before, PLACED).journal, shape) is None


def give(runner: Runner, *commands: Command) -> None:
    for command in commands:
        app = {"PlaceOrder": "Shop", "ReportSale": "Market"}.get(type(command).__name__, "Deliver")
        runner.apps[app].execute_one(command)
        runner.settle(20)


def test_a_key_has_one_instance_whichever_start_comes_first(store_url: str) -> None:
    with Runner(deliveries, {"SQLALCHEMY_URL": store_url}) as runner:
        give(runner, PlaceOrder(number="1", town="Rome"), ReportSale(number="1", country="Peru"))
        give(runner, ReportSale(number="2", country="Peru"), SendByHand(number="2", to="Ada"))
        give(runner, SendByHand(number="3", to="Ada"), PlaceOrder(number="3", town="Rome"))
        to = [runner.query(Deliver, number, Deliver.to) for number in "123"]
        assert to == ["Rome", "Peru", "Ada"]
        with runner.views.read() as connection:
            rows = connection.execute(select(saga_list.c.key, saga_list.c.state)).all()
        assert sorted(tuple(each) for each in rows) == [(n, "completed") for n in "123"]
        topics = [each.topic for each in timeline(runner.apps, "1")]
        assert topics.count("tests.sagas.deliveries:Parcel.Sent") == 1
        with pytest.raises(SagaUnknown):
            runner.query(Deliver, "4", Deliver.to)


def test_starts_in_the_log_before_a_saga_was_added_are_counted(store_url: str) -> None:
    before = System("deliveries", applications=[Shop, Market, Depot])
    with Runner(before, {"SQLALCHEMY_URL": store_url}) as runner:
        runner.get(Shop).execute_one(PlaceOrder(number="1", town="Rome"))
        runner.get(Market).execute_one(ReportSale(number="2", country="Peru"))
    with pytest.raises(SagalineError, match=r"Deliver is new to the log of (Shop|Market)"):
        Runner(deliveries, {"SQLALCHEMY_URL": store_url}).start()
