"""Topics resolve to loaded classes only; a row imports no module."""

import sys

import pytest
from eventsourcing.domain import Aggregate, DomainEvent, Snapshot
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from eventsourcing.utils import get_topic, register_topic

import domain
from domain.order import Order
from domain.payment import Payment
from domain.stock import Stock
from sagaline.codec import loaded_class
from sagaline.errors import UnknownTopic
from sagaline.messaging.commands import Command
from tests.sagaline.codec.events import (
    Answer,
    Noted,
    Renamed,
    again,
    captured,
    happened,
    mapper,
    stored,
)


class Ask(Command):
    pass


@pytest.mark.parametrize("kind", [Order, Order.Placed, Stock, Renamed, Ask, Aggregate, Snapshot])
def test_a_topic_resolves_to_a_loaded_class(kind: type) -> None:
    assert loaded_class(f"{kind.__module__}:{kind.__qualname__}") is kind


@pytest.mark.parametrize(
    "topic",
    [
        "",
        ":",
        "domain",
        "domain.order",
        "domain.order:",
        "domain.order:Order.",
        "domain.order:Order.Forged",
        "domain.order:Order.cancel",
        "domain.order:OrderLine",
        "domain.order:MAX_LINES",
        "os:system",
        "subprocess:Popen",
        "builtins:eval",
        "eventsourcing.persistence:StoredEvent",
        "domain.order:Order.__init__.__globals__",
        "not_there:Event",
    ],
)
def test_a_topic_of_anything_else_is_unknown(topic: str) -> None:
    with pytest.raises(UnknownTopic, match="is not loaded"):
        loaded_class(topic)
    with pytest.raises(UnknownTopic):
        mapper.to_domain_event(stored(topic))


@pytest.mark.parametrize("kind", [Order, Ask])
def test_a_row_with_the_topic_of_an_aggregate_or_a_command_is_refused(kind: type) -> None:
    with pytest.raises(UnknownTopic):
        mapper.to_domain_event(stored(f"{kind.__module__}:{kind.__qualname__}"))


def test_upstream_imports_the_module_that_a_row_names(evil: str) -> None:
    with pytest.raises(SystemExit, match="the row has run code"):
        Mapper(JSONTranscoder()).to_domain_event(stored(f"{evil}:Event"))


def test_a_row_cannot_name_a_module_to_import(evil: str) -> None:
    with pytest.raises(UnknownTopic):
        mapper.to_domain_event(stored(f"{evil}:Event"))
    assert evil not in sys.modules


def test_the_aggregate_topic_of_an_event_cannot_name_a_module_to_import(evil: str) -> None:
    state = mapper.to_stored_event(captured()).state
    forged = state.replace(b"domain.payment:Payment", f"{evil}:Payment".encode())
    with pytest.raises(UnknownTopic, match=evil):
        mapper.to_domain_event(stored("domain.payment:Payment.Captured", forged))
    not_one = state.replace(b"domain.payment:Payment", b"domain.payment:Payment.Captured")
    with pytest.raises(UnknownTopic, match="Captured"):
        mapper.to_domain_event(stored("domain.payment:Payment.Captured", not_one))
    assert evil not in sys.modules


def test_the_aggregate_topic_of_a_snapshot_cannot_name_a_module_to_import(evil: str) -> None:
    state = f'{{"timestamp":"2026-01-01T00:00:00Z","topic":"{evil}:Order","state":{{}}}}'
    with pytest.raises(UnknownTopic, match=evil):
        mapper.to_domain_event(stored("eventsourcing.domain:Snapshot", state.encode()))
    assert evil not in sys.modules


def test_a_nested_event_cannot_name_a_module_to_import(evil: str) -> None:
    noted = mapper.to_stored_event(happened(Noted, answer=Answer("pay", captured())))
    forged = noted.state.replace(b"domain.payment:Payment.Captured", f"{evil}:E".encode())
    with pytest.raises(UnknownTopic, match=evil):
        mapper.to_domain_event(stored(noted.topic, forged))
    assert evil not in sys.modules


def test_the_getattr_of_a_module_is_not_called(evil: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "__getattr__", lambda name: __import__(evil), raising=False)
    with pytest.raises(UnknownTopic):
        loaded_class("domain:Anything")
    assert evil not in sys.modules


def test_a_renamed_class_is_found_by_its_former_topics() -> None:
    register_topic("shop.old:Gone", Renamed)
    register_topic("shop.old:Bill", Payment)
    register_topic("shop.former", sys.modules["domain.payment"])
    register_topic("former", domain)
    state = mapper.to_stored_event(happened(Renamed, it=1)).state
    assert mapper.to_domain_event(stored("shop.old:Gone", state)) == happened(Renamed, it=1)
    assert loaded_class("shop.old:Bill") is Payment
    assert loaded_class("shop.old:Bill.Captured") is Payment.Captured
    assert loaded_class("shop.former:Payment.Captured") is Payment.Captured
    assert loaded_class("former.payment:Payment.Captured") is Payment.Captured


def test_an_event_under_a_former_topic_creates_its_aggregate() -> None:
    register_topic("shop.older:Bill", Payment)
    event = captured()
    row = mapper.to_stored_event(event)
    state = row.state.replace(b"domain.payment:Payment", b"shop.older:Bill")
    read = mapper.to_domain_event(
        StoredEvent(row.originator_id, 1, "shop.older:Bill.Captured", state)
    )
    assert isinstance(read, Payment.Captured)
    assert isinstance(read.mutate(None), Payment)


class Numbered(DomainEvent):
    TOPIC = "numbered-17"
    it: int


def test_an_explicit_topic_is_found_once_it_is_registered() -> None:
    with pytest.raises(UnknownTopic):
        loaded_class("numbered-17")
    assert get_topic(Numbered) == "numbered-17"
    assert loaded_class("numbered-17") is Numbered
    assert again(happened(Numbered, it=1)).it == 1


def test_a_registered_topic_wins_over_the_name_in_the_module() -> None:
    topic = f"{__name__}:Ask"
    assert loaded_class(topic) is Ask

    class Asked(DomainEvent):
        TOPIC = topic

    get_topic(Asked)
    assert loaded_class(topic) is Asked
