"""Stored events that the code cannot read are named before anything runs."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate, event
from sqlalchemy import text

from sagaline import Application, Command, Runner, System, handles
from sagaline.codec import shape_of
from sagaline.errors import StoreUnusable, VersionConflict
from sagaline.runner.stored_events import MAX_APPLIED, Misfit, StoredEvents
from sagaline.storage.log.samples import SampleWriter, samples_of
from tests.sagaline.storage.stores import outside

HERE = __name__


class Customer(Aggregate):
    class Registered(Aggregate.Created):
        name: str
        age: int

    class Renamed(Aggregate.Event):
        class_version = 3
        name: str
        title: str

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["title"] = state.pop("greeting")

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            state["title"] = state["title"].strip()

    class Left(Aggregate.Event):
        reason: str

    class Moved(Aggregate.Event):
        street: str = "unknown"

        def apply(self, aggregate: Any) -> None:
            aggregate.street = self.street
            if self.street == "nowhere":
                raise ValueError("no such street")

    @event(Registered)
    def __init__(self, id: UUID, name: str, age: int) -> None:
        self.name = name
        self.street = ""

    @event(Renamed)
    def rename(self, name: str, title: str) -> None:
        self.name = name


class Register(Command, key="customer_id"):
    customer_id: UUID


class Customers(Application, aggregates=[Customer]):
    @handles(Register)
    def register(self, command: Register) -> Customer:
        customer = Customer(id=command.customer_id, name="Ann", age=30)
        customer.rename("Ann", "Dr")
        customer.trigger_event(Customer.Moved, street="High Street")
        return customer


SYSTEM = System("customers", applications=[Customers])


def env(url: str) -> dict[str, str]:
    return {"SQLALCHEMY_URL": url, "PERSISTENCE_MODULE": "sagaline.storage"}


def register(url: str, *customers: int) -> None:
    with Runner(SYSTEM, env(url)) as runner:
        for each in customers:
            runner.get(Customers).register(Register(customer_id=UUID(int=each)))


Change = Callable[[dict[str, Any]], object]


def rewrite(url: str, id_: int, change: Change, topic: str | None = None) -> None:
    """Makes a stored event one that other code has written."""
    with outside(url) as connection:
        sql = text("SELECT state, topic FROM customers_events WHERE id = :id")
        state, known = connection.execute(sql, {"id": id_}).one()
        values = json.loads(bytes(state))
        change(values)
        row = {"id": id_, "state": json.dumps(values, separators=(",", ":")).encode()}
        sql = text("UPDATE customers_events SET state = :state, topic = :topic WHERE id = :id")
        connection.execute(sql, {**row, "topic": topic or known})


def register_twice(customers: Customers) -> None:
    with customers.datastore.write():
        customers.register(Register(customer_id=UUID(int=1)))
        customers.save(Customer(id=UUID(int=1), name="Eve", age=30))


def misfits(url: str) -> list[Misfit]:
    customers = Customers(env(url))
    try:
        return StoredEvents("Customers", customers.recorder, customers.mapper).read().misfits
    finally:
        customers.close()


def test_what_the_code_has_written_it_can_read(store_url: str) -> None:
    register(store_url, 1, 2)
    assert misfits(store_url) == []
    register(store_url, 3)


@pytest.mark.parametrize(
    ("id_", "change", "kind", "reason"),
    [
        (1, lambda state: state.pop("age"), "Registered", "age: "),
        (1, lambda state: state.update(age="thirty"), "Registered", "age: "),
        (2, lambda state: state.pop("title"), "Renamed", "title: "),
        (2, lambda state: state.pop("class_version"), "Renamed", "'greeting'"),
        (2, lambda state: state.update(class_version=4), "Renamed", "newer than the code's"),
        (3, lambda state: state.update(street="nowhere"), "Moved", "no such street"),
    ],
    ids=["a new field", "another type", "a field", "an upcast", "a newer version", "applying"],
)
def test_an_event_that_does_not_fit_is_named_with_its_field(
    store_url: str, id_: int, change: Change, kind: str, reason: str
) -> None:
    register(store_url, 1)
    rewrite(store_url, id_, change)
    (found,) = misfits(store_url)
    assert found.topic == f"{HERE}:Customer.{kind}"
    assert reason in found.reason
    assert "raise class_version and write an upcast" in found.reason
    with pytest.raises(StoreUnusable, match=f"cannot read .*Customer.{kind} in Customers"):
        register(store_url)


def test_a_field_that_the_code_no_longer_has_is_no_obstacle(store_url: str) -> None:
    register(store_url, 1)
    rewrite(store_url, 1, lambda state: state.update(nickname="Annie"))
    assert misfits(store_url) == []
    register(store_url, 2)


def test_an_event_of_each_class_version_is_read(store_url: str) -> None:
    register(store_url, 1, 2, 3)
    rewrite(store_url, 5, lambda state: state.pop("class_version"))
    rewrite(store_url, 5, lambda state: state.update(class_version=2))
    assert misfits(store_url) == []
    rewrite(store_url, 5, lambda state: state.update(title=7))
    (found,) = misfits(store_url)
    assert found.topic == f"{HERE}:Customer.Renamed"


def test_an_event_late_in_a_long_stream_is_decoded_only(store_url: str) -> None:
    register(store_url, 1)
    customers = Customers(env(store_url))
    try:
        customer: Any = customers.repository.get(UUID(int=1))
        for _ in range(MAX_APPLIED):
            customer.trigger_event(Customer.Moved, street="High Street")
        customer.trigger_event(Customer.Left, reason="bored")
        customers.save(customer)
    finally:
        customers.close()
    assert misfits(store_url) == []
    register(store_url, 2)
    rewrite(store_url, MAX_APPLIED + 4, lambda state: state.pop("reason"))
    (found,) = misfits(store_url)
    assert found.reason.startswith("reason: ")


def test_a_class_that_is_gone_is_named_where_its_aggregate_is_not(store_url: str) -> None:
    register(store_url, 1)
    rewrite(store_url, 2, lambda state: None, topic=f"{HERE}:Customer.Married")
    (found,) = misfits(store_url)
    assert found.topic == f"{HERE}:Customer.Married"


def test_what_the_librarys_own_transcoder_has_written_is_named_so(store_url: str) -> None:
    register(store_url, 1)
    stamp = {"_type_": "datetime_iso", "_data_": "2026-01-01T00:00:00+00:00"}
    rewrite(store_url, 1, lambda state: state.update(timestamp=stamp))
    (found,) = misfits(store_url)
    assert "written by the library's own JSON transcoder" in found.reason


def test_a_start_reads_the_samples_and_not_the_log(store_url: str) -> None:
    register(store_url, *range(1, 20))
    with outside(store_url) as connection:
        found = connection.execute(text("SELECT topic, shape, id FROM event_samples")).all()
    ids = {topic.rpartition(".")[2]: id_ for topic, shape, id_ in found if ":" in shape}
    assert ids == {"Registered": 1, "Renamed": 2, "Moved": 3}
    assert {topic for topic, _, _ in found if not topic} == {""}


def test_a_store_of_before_is_searched_once(store_url: str) -> None:
    register(store_url, 1, 2)
    with outside(store_url) as connection:
        connection.execute(text("DROP TABLE event_samples"))
    rewrite(store_url, 1, lambda state: state.pop("age"))
    with pytest.raises(StoreUnusable, match=r"Registered in Customers: age: "):
        register(store_url)
    rewrite(store_url, 1, lambda state: state.update(age=31))
    register(store_url)
    with outside(store_url) as connection:
        found = connection.execute(text("SELECT id FROM event_samples WHERE topic <> ''"))
        assert {id_ for (id_,) in found} == {1, 2, 3}


def test_of_a_transaction_that_is_rolled_back_no_sample_stays(store_url: str) -> None:
    customers = Customers(env(store_url))
    try:
        with pytest.raises(VersionConflict):
            register_twice(customers)
        customers.register(Register(customer_id=UUID(int=2)))
    finally:
        customers.close()
    with outside(store_url) as connection:
        assert len(connection.execute(text("SELECT id FROM event_samples")).all()) == 3


def test_of_a_class_that_changes_each_shape_has_a_sample(store_url: str) -> None:
    customers = Customers(env(store_url))
    try:
        customers.register(Register(customer_id=UUID(int=1)))
        customers.recorder.samples = SampleWriter(customers.datastore, "customers_events")
        customers.recorder.samples.shape_of = lambda topic: "1:another"
        customers.register(Register(customer_id=UUID(int=2)))
        customers.register(Register(customer_id=UUID(int=3)))
        with customers.datastore.read() as connection:
            assert samples_of(connection, "customers_events").ids == {1, 2, 3, 4, 5, 6}
    finally:
        customers.close()


def test_the_shape_of_a_class_follows_from_its_version_and_its_fields() -> None:
    shape = shape_of(f"{HERE}:Customer.Renamed")
    assert shape.startswith("3:")
    assert shape == shape_of(f"{HERE}:Customer.Renamed")
    assert shape != shape_of(f"{HERE}:Customer.Moved")
    assert shape_of("antigravity:Flown") == ""
