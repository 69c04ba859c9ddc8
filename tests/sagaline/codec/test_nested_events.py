"""Events in fields of events."""

import sys
from dataclasses import dataclass
from typing import Any

import pytest
from eventsourcing.domain import DomainEvent
from pydantic import TypeAdapter

from domain.payment import Payment
from sagaline.codec import LazyField, LazyNestedEvent, dump, load
from sagaline.errors import NotStorable, UnknownTopic, Unreadable
from tests.sagaline.codec.events import (
    ORDER,
    Answer,
    Noted,
    again,
    captured,
    happened,
    mapper,
    one_field,
    shape,
    stored,
)
from tests.sagaline.codec.values import Mood


def test_a_nested_event_is_stored_whole_and_typed() -> None:
    heard = captured()
    noted = happened(Noted, answer=Answer("pay", heard))
    assert shape(again(noted)) == shape(noted)
    assert type(again(noted).answer.event) is Payment.Captured
    assert again(happened(Noted, answer=Answer("pay", None))).answer.event is None


def test_a_nested_event_has_its_topic_id_version_and_state_in_the_json() -> None:
    tree = TypeAdapter(Answer).dump_python(Answer("pay", captured()))["event"]
    assert tree.keys() == {"topic", "originator_id", "originator_version", "state"}
    assert tree["topic"] == "domain.payment:Payment.Captured"
    assert tree["originator_id"] == str(Payment.id_of(ORDER))
    assert tree["state"]["amount"] == {"amount": "9.99", "currency": "USD"}
    assert load(tree) == captured().__class__(**vars(load(tree)))


def test_a_nested_event_round_trips_through_python_and_json() -> None:
    adapter, answer = TypeAdapter(Answer), Answer("pay", captured())
    assert adapter.validate_python(adapter.dump_python(answer)) == answer
    assert adapter.validate_python(adapter.dump_python(answer, mode="json")) == answer
    assert adapter.validate_json(adapter.dump_json(answer)) == answer
    assert adapter.validate_python({"step": "pay", "event": answer.event}) == answer


def test_a_nested_event_that_cannot_be_stored_is_refused_with_its_own_reason() -> None:
    for wrong in (happened(one_field(str), it=Mood.GOOD), 5):
        with pytest.raises(NotStorable, match="Noted cannot be stored: answer"):
            mapper.to_stored_event(happened(Noted, answer=Answer("pay", wrong)))
    noted = happened(Noted, answer=Answer("pay", happened(one_field(str), it=Mood.GOOD)))
    with pytest.raises(NotStorable, match=r"it is <Mood\.GOOD: 'good'>"):
        mapper.to_stored_event(noted)


@pytest.mark.parametrize("data", [5, {}, {"topic": "x"}, {"topic": 1}, "event"])
def test_data_that_is_not_a_nested_event_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="an event has"):
        load(data)


def test_a_nested_event_of_an_unknown_topic_is_refused() -> None:
    tree = dump(captured()) | {"topic": "domain.payment:Payment.Forged"}
    with pytest.raises(UnknownTopic):
        load(tree)


@dataclass(frozen=True)
class Remembered:
    step: str
    event: LazyNestedEvent | None = LazyField()


class Recalled(DomainEvent):
    answer: Remembered


def test_a_lazy_field_decodes_its_event_when_it_is_read() -> None:
    recalled = happened(Recalled, answer=Remembered("pay", captured()))
    read = again(recalled)
    assert type(vars(read.answer)["event"]) is dict
    assert type(read.answer.event) is Payment.Captured
    assert read.answer.event is read.answer.event
    assert shape(read) == shape(recalled)
    assert read.answer == recalled.answer
    assert again(happened(Recalled, answer=Remembered("pay", None))).answer.event is None


def test_a_lazy_field_that_was_not_read_is_written_as_it_was() -> None:
    stored_first = mapper.to_stored_event(happened(Recalled, answer=Remembered("pay", captured())))
    read: Any = mapper.to_domain_event(stored_first)
    assert mapper.to_stored_event(read).state == stored_first.state


def test_a_lazy_field_raises_unreadable_when_it_is_read() -> None:
    written = mapper.to_stored_event(happened(Recalled, answer=Remembered("pay", captured())))
    broken = written.state.replace(b'"amount":"9.99"', b'"amount":"much"')
    read: Any = mapper.to_domain_event(stored(written.topic, broken))
    for _ in range(2):
        with pytest.raises(Unreadable, match=r"Payment\.Captured .* is unreadable: amount"):
            _ = read.answer.event
    shapeless = written.state.replace(b'"originator_version":1', b'"originator_version":"1"')
    with pytest.raises(Unreadable, match="an event has a topic"):
        mapper.to_domain_event(stored(written.topic, shapeless))


def test_a_lazy_field_cannot_name_a_module_to_import(evil: str) -> None:
    written = mapper.to_stored_event(happened(Recalled, answer=Remembered("pay", captured())))
    forged = written.state.replace(b"domain.payment:Payment.Captured", f"{evil}:E".encode())
    read: Any = mapper.to_domain_event(stored(written.topic, forged))
    with pytest.raises(UnknownTopic, match=evil):
        _ = read.answer.event
    assert evil not in sys.modules
