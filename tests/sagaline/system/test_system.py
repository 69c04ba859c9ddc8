"""Systems: which logs each part follows, and which definitions are refused."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.application import ProgrammingError
from eventsourcing.domain import Aggregate
from eventsourcing.utils import resolve_topic
from sqlalchemy import Column, MetaData, Table, Text

from application.inventory import Inventory
from application.orders import Orders
from application.payments import Payments
from application.shipping import Shipping
from application.system import system as shop
from domain.order import Order
from domain.payment import Outcome, Payment
from projections.order_list import OrderList
from projections.stock_level import StockLevel
from sagaline import (
    NO_EFFECT,
    Application,
    Command,
    DefinitionError,
    Journal,
    ReadModel,
    Runner,
    Saga,
    System,
    Timing,
    handles,
    minutes,
    project,
    step,
)
from sagaline.saga.requests import request_class
from sagaline.system.saga_list import SagaList
from sagas.order_fulfilment import OrderFulfilment

ALL = ["Orders", "Inventory", "Payments", "Shipping"]


class Parcel(Aggregate):
    class Packed(Aggregate.Created):
        order_id: UUID


class Pack(Command, key="order_id"):
    order_id: UUID


class Packing(Application, aggregates=[Parcel]):
    @handles(Pack)
    def pack(self, command: Pack) -> None: ...


class OtherPacking(Application):
    @handles(Pack)
    def pack(self, command: Pack) -> None: ...


class Storage(Application, aggregates=[Parcel]):
    pass


class Idle(Application):
    pass


class PackOrder(Saga, starts_on=Order.Placed, key=lambda event: event.originator_id):
    @step(done=Parcel.Packed, kind=NO_EFFECT)
    def pack(self) -> Pack:
        return Pack(order_id=self.key)


def model(*events: type, name: str = "anything") -> type[ReadModel]:
    """A read model of these events, or of every event."""

    def fold(self: Any, event: Any) -> None: ...

    table = Table(name, MetaData(), Column("id", Text, primary_key=True))
    return type("Anything", (ReadModel,), {"table": table, "fold": project(*events)(fold)})


def packing(**parts: Any) -> System:
    return System("packing", applications=[Orders, Packing], sagas=[PackOrder], **parts)


def test_a_saga_and_its_participants_follow_each_other() -> None:
    assert packing().leaders_of == {
        "Orders": [],
        "Packing": ["PackOrder"],
        "PackOrder": ["Orders", "Packing"],
        "saga_list": ["PackOrder"],
    }
    assert packing().topics["Packing"].classes == {request_class(Pack)}
    assert packing().topics["PackOrder"].classes == {Order.Placed, Parcel.Packed}
    assert packing().topics["Orders"].classes == frozenset()


def test_a_saga_follows_the_faults_of_applications_that_call_ports() -> None:
    faults = "sagaline:CommandFaulted"
    assert faults in shop.topics["OrderFulfilment"]
    assert faults not in packing().topics["PackOrder"]


@pytest.mark.parametrize(
    ("read_model", "leaders"),
    [
        (OrderList, ["Orders", "Payments", "OrderFulfilment"]),
        (StockLevel, ["Inventory"]),
        (SagaList, ["OrderFulfilment"]),
        (model(), [*ALL, "OrderFulfilment"]),
        (model(Outcome), ["Payments"]),
        (model(Journal.Requested, Payment.Captured), ["Payments", "OrderFulfilment"]),
    ],
)
def test_a_read_model_follows_the_logs_of_its_events(
    read_model: type[ReadModel], leaders: list[str]
) -> None:
    models = [] if read_model is SagaList else [read_model]
    built = System(
        "shop",
        applications=[Orders, Inventory, Payments, Shipping],
        sagas=[OrderFulfilment],
        read_models=models,
    )
    assert built.leaders_of[read_model.table.name] == leaders


def test_upstream_derives_the_same_leaders_and_followers() -> None:
    (process,) = shop.processes
    assert set(shop.edges) == {
        *(("OrderFulfilment", each) for each in ALL),
        *((each, "OrderFulfilment") for each in ALL),
    }
    members = {*ALL, "OrderFulfilment"}
    assert set(shop.leaders) == set(shop.followers) == set(shop.processors) == members
    assert (shop.leaders_only, shop.singles) == ([], [])
    assert shop.get_app_cls("Orders") is Orders
    assert shop.get_app_cls("OrderFulfilment") is process
    assert shop.follower_cls("OrderFulfilment") is process
    assert {name: resolve_topic(topic) for name, topic in shop.nodes.items()} == {
        each.name: each for each in shop.members
    }
    alone = System("alone", applications=[Idle, Packing])
    assert alone.singles == ["Idle", "Packing"]
    assert packing().leaders_only == ["Orders"]


def test_a_saga_can_be_part_of_several_systems() -> None:
    hurried = packing(timings={PackOrder: {"pack": Timing(within=minutes(1))}})
    assert packing().processes == packing().processes
    assert packing().processes != hurried.processes
    assert hurried.processes[0].timings == {"pack": Timing(within=minutes(1))}
    assert packing().processes[0].timings == {}
    assert hurried.get_app_cls("PackOrder") is hurried.processes[0]
    assert resolve_topic(hurried.nodes["PackOrder"]) is hurried.processes[0]


def test_upstream_finds_a_system_by_its_topic() -> None:
    assert shop.topic == "application.system:system"
    assert resolve_topic(shop.topic) is shop
    with pytest.raises(ProgrammingError):
        _ = packing().topic


@pytest.mark.parametrize(
    ("define", "where", "problem", "cure"),
    [
        (
            lambda: System("s", applications=[Orders, Storage], sagas=[PackOrder]),
            "PackOrder",
            "no application of the system s handles Pack",
            "@handles(Pack)",
        ),
        (
            lambda: System("s", applications=[Orders, OtherPacking], sagas=[PackOrder]),
            "PackOrder",
            "no application of the system s records Parcel.Packed",
            "aggregates=[",
        ),
        (
            lambda: System("s", applications=[Packing], sagas=[PackOrder]),
            "PackOrder",
            "no application of the system s records Order.Placed",
            "aggregates=[",
        ),
        (
            lambda: System("s", applications=[Orders], read_models=[model(Parcel.Packed)]),
            "Anything",
            "no application of the system s records Parcel.Packed",
            "aggregates=[",
        ),
        (
            lambda: System("s", applications=[Orders], read_models=[model(Journal.Ended)]),
            "Anything",
            "records Journal.Ended",
            "",
        ),
        (
            lambda: System("s", applications=[Packing, OtherPacking]),
            "OtherPacking",
            "Pack is handled by Packing too",
            "one handler",
        ),
        (
            lambda: System("s", applications=[Packing, Storage]),
            "Storage",
            "Parcel is recorded by Packing too",
            "one application",
        ),
        (
            lambda: System("s", applications=[Orders, Orders]),
            "s",
            "two parts named Orders",
            "a name of its own",
        ),
        (
            lambda: System("s", applications=[Orders], read_models=[model(name="orders")]),
            "s",
            "two parts named orders",
            "a name of its own",
        ),
        (
            lambda: packing(timings={PackOrder: {"pakc": Timing(within=minutes(1))}}),
            "the timings of packing",
            "PackOrder has no step pakc here",
            "steps as they are declared",
        ),
        (
            lambda: packing(timings={OrderFulfilment: {"reserve_stock": Timing()}}),
            "the timings of packing",
            "OrderFulfilment has no step reserve_stock here",
            "a saga of the system",
        ),
    ],
)
def test_a_definition_that_cannot_work_is_refused_with_the_cure(
    define: Callable[[], System], where: str, problem: str, cure: str
) -> None:
    with pytest.raises(DefinitionError) as refused:
        define()
    assert refused.value.where == where
    assert problem in refused.value.problem
    assert cure in refused.value.cure


def test_a_second_handler_in_one_application_is_refused() -> None:
    with pytest.raises(DefinitionError, match="a second handler of Pack"):

        class Twice(Application):
            @handles(Pack)
            def one(self, command: Pack) -> None: ...

            @handles(Pack)
            def other(self, command: Pack) -> None: ...


def test_a_runner_refuses_a_follower_that_the_system_does_not_have() -> None:
    with pytest.raises(DefinitionError, match="it has no follower Nobody"):
        Runner(packing(), only=["Nobody"])
