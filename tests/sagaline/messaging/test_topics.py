"""Topics of the framework's own classes are fixed, and those of version 0.1.0 are read."""

import inspect
from uuid import uuid4

import pytest
from eventsourcing.utils import construct_topic, resolve_topic

from sagaline.application import reactions
from sagaline.codec import codec_for, command_class, loaded_class
from sagaline.followers.timers import retry_topics
from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.timers import RetryTimer
from sagaline.messaging.topics import current_topic, former_topic, stored_topics
from sagaline.read_model.fingerprint import fingerprint
from sagaline.saga import timers
from sagaline.saga.instance import Journal
from sagaline.saga.timers import StepDue
from sagaline.system.saga_list import SagaList

EVENTS: list[type] = [
    each
    for each in vars(Journal).values()
    if inspect.isclass(each) and issubclass(each, Journal.Event | Journal.Created)
]
STORED: list[type] = [
    *(each for each in EVENTS if each not in (Journal.Event, Journal.Created, Journal.Requested)),
    Journal,
    CommandFaulted,
    timers.StepTimedOut,
    timers.StepDue,
    timers.LocksFreed,
    reactions.RepeatCommand,
]


@pytest.mark.parametrize("cls", STORED, ids=lambda each: each.__qualname__)
def test_no_stored_name_is_a_module_path(cls: type) -> None:
    topic = construct_topic(cls)
    assert topic.startswith("sagaline:")
    assert "." not in topic


def test_fixed_topics_are_all_different() -> None:
    assert len({construct_topic(each) for each in STORED}) == len(STORED)


@pytest.mark.parametrize(
    ("topic", "cls"),
    [
        ("sagaline.journal:Journal", Journal),
        ("sagaline.journal:Journal.Started", Journal.Started),
        ("sagaline.journal:Journal.Ended", Journal.Ended),
        ("sagaline.faults:CommandFaulted", CommandFaulted),
        ("sagaline.timers:StepTimedOut", timers.StepTimedOut),
        ("sagaline.timers:StepDue", timers.StepDue),
        ("sagaline.timers:LocksFreed", timers.LocksFreed),
        ("sagaline.reactions:Repeat", reactions.RepeatCommand),
    ],
)
def test_the_topics_of_version_0_1_are_read(topic: str, cls: type) -> None:
    assert loaded_class(topic) is cls
    assert resolve_topic(topic) is cls
    assert topic in stored_topics(cls)
    assert current_topic(topic) == construct_topic(cls)
    assert former_topic(cls) == topic


def test_a_timer_of_version_0_1_is_a_command_of_today() -> None:
    assert command_class("sagaline.timers:StepDue") is StepDue
    assert {"sagaline.timers:StepDue", "sagaline.reactions:Repeat"} <= set(retry_topics())
    assert {construct_topic(each) for each in RetryTimer.__subclasses__()} <= set(retry_topics())


def test_new_rows_have_the_fixed_topic() -> None:
    codec = codec_for(Journal.Awaited)
    (event,) = Journal.await_start("BookTrip", str(uuid4())).collect_events()
    assert codec.topic == "sagaline:SagaAwaited"
    assert b'"originator_topic":"sagaline:Saga"' in codec.encode(event)


def test_the_table_of_sagas_of_version_0_1_is_not_out_of_date() -> None:
    assert fingerprint(SagaList) == "0fffa626fa20a525"
