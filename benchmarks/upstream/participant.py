"""What the applications of the baseline have in common."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.application import ProcessingEvent
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, Transcoder
from eventsourcing.system import ProcessApplication
from eventsourcing.utils import EnvType, get_topic, strtobool
from typing_extensions import override

from benchmarks.upstream import transcodings
from benchmarks.upstream.mapper import PydanticMapper

TOPIC_FILTERS = "TOPIC_FILTERS"
"""In the environment: whether followers name the events that they want to see."""

TYPED_EVENTS = "TYPED_EVENTS"
"""In the environment: whether pydantic writes the events, or the library's transcoder."""

Processing = ProcessingEvent[UUID]
Happened = DomainEventProtocol[UUID]


class Participant(ProcessApplication[UUID]):
    """A process application that can be tuned by its environment."""

    log_section_size = 500
    pull_section_size = 500

    hears: ClassVar[Sequence[type[Any]]] = ()
    """The events that the policy does something about."""

    def __init__(self, env: EnvType | None = None) -> None:
        super().__init__(env)
        if strtobool(self.env.get(TOPIC_FILTERS, "n")):
            self.topics = [get_topic(each) for each in self.hears]

    @override
    def construct_mapper(self) -> Mapper[UUID]:
        """Pydantic's, if that was asked for."""
        if strtobool(self.env.get(TYPED_EVENTS, "n")):
            return self.factory.mapper(self.construct_transcoder(), mapper_class=PydanticMapper)
        return super().construct_mapper()

    @override
    def construct_transcoder(self) -> Transcoder:
        """The library's, which knows the shop's values."""
        transcoder = super().construct_transcoder()
        assert isinstance(transcoder, JSONTranscoder)
        transcodings.register(transcoder)
        return transcoder
