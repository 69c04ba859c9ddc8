"""The topics of a follower: all that resolve to one of its event classes."""

import sys
from types import ModuleType

import pytest
from eventsourcing.domain import Aggregate
from eventsourcing.utils import register_topic

from sagaline import Command
from sagaline.codec import WantedTopics, command_class, event_class_of, united
from sagaline.errors import UnknownTopic
from sagaline.saga.instance import Journal
from sagaline.saga.requests import request_class

HERE = __name__


class Parcel(Aggregate):
    class Sent(Aggregate.Created):
        to: str

    class Lost(Aggregate.Event): ...


Parcel.Posted = Parcel.Sent  # type: ignore[attr-defined]  # the former name


class Crate(Parcel): ...


class Weigh(Command, key="parcel"):
    parcel: str


class Scan(Command, key="parcel"):
    parcel: str


SENT = f"{HERE}:Parcel.Sent"
LOST = f"{HERE}:Parcel.Lost"


def test_the_topic_of_a_class_is_wanted_and_no_other() -> None:
    topics = WantedTopics([Parcel.Sent])
    assert topics[SENT]
    assert not topics[LOST]
    assert topics.others == [LOST]


def test_a_former_topic_that_was_registered_is_wanted() -> None:
    register_topic("former:Parcel.Shipped", Parcel.Sent)
    assert WantedTopics([Parcel.Sent])["former:Parcel.Shipped"]


def test_the_events_of_a_renamed_aggregate_are_wanted() -> None:
    register_topic("former:Box", Parcel)
    topics = WantedTopics([Parcel.Sent])
    assert topics["former:Box.Sent"]
    assert not topics["former:Box.Lost"]


def test_the_events_of_a_moved_module_are_wanted() -> None:
    register_topic("former.depot", sys.modules[HERE])
    assert WantedTopics([Parcel.Sent])["former.depot:Parcel.Sent"]


def test_a_former_name_that_the_module_or_the_class_still_has_is_wanted() -> None:
    shim = ModuleType("former_shim")
    shim.Package = Parcel  # type: ignore[attr-defined]
    sys.modules["former_shim"] = shim
    try:
        topics = WantedTopics([Parcel.Sent])
        assert topics["former_shim:Package.Sent"]
        assert topics[f"{HERE}:Parcel.Posted"]
    finally:
        del sys.modules["former_shim"]


def test_the_events_of_a_subclass_of_the_aggregate_are_wanted() -> None:
    assert WantedTopics([Parcel.Sent])[f"{HERE}:Crate.Sent"]
    assert not WantedTopics([Crate.Sent])[SENT]


def test_the_topic_of_a_subclass_that_is_defined_later_is_wanted() -> None:
    topics = WantedTopics([Parcel.Lost])
    late = f"{HERE}:LostAtSea"
    assert not topics[late]
    globals()["LostAtSea"] = type("LostAtSea", (Parcel.Lost,), {"__module__": HERE})
    assert topics[late]


def test_a_topic_without_a_class_is_not_wanted_and_not_remembered() -> None:
    topics = WantedTopics([Parcel.Sent])
    assert not topics["former:Nothing"]
    assert topics.others == []


def test_the_topic_of_an_aggregate_is_no_event() -> None:
    assert not WantedTopics([Parcel.Sent])[f"{HERE}:Parcel"]


def test_the_topics_of_several_followers_are_united() -> None:
    both = united([WantedTopics([Parcel.Sent]), WantedTopics([Parcel.Lost])])
    assert both is not None
    assert both[SENT]
    assert both[LOST]
    assert united([both, None]) is None
    nobody = united([])
    assert nobody is not None
    assert not nobody[SENT]


def test_a_renamed_command_is_found_by_its_former_topic_in_a_saga_s_log_and_in_a_timer() -> None:
    requested = request_class(Weigh)
    register_topic("former:PutOnScales", Weigh)
    assert event_class_of("former:PutOnScales") is requested
    assert event_class_of(f"{HERE}:Weigh") is requested
    assert WantedTopics([Journal.Requested])["former:PutOnScales"]
    assert command_class("former:PutOnScales") is Weigh
    assert command_class(f"{HERE}:Weigh") is Weigh


def test_a_command_that_no_saga_issues_is_no_event() -> None:
    with pytest.raises(UnknownTopic):
        event_class_of(f"{HERE}:Scan")
    with pytest.raises(UnknownTopic):
        command_class(SENT)
