"""What a follower writes with its positions: effects, timers, dead letters and port calls."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from sagaline.codec import TypedMapper
from sagaline.errors import FencedOut
from sagaline.followers.log_window import LogWindow
from sagaline.followers.parking import dead_letter, protected
from sagaline.followers.processor import Processor
from sagaline.followers.timers import timer_id, timer_ids
from sagaline.followers.unanswered import Passed
from sagaline.messaging.message import Message
from sagaline.storage.tables.dead_letters import Letter, add_letters, delete_letter
from sagaline.storage.tables.port_calls import CallRow, add_calls, delete_calls
from sagaline.storage.tables.timers import delete_timers, hold_timers

Write = Callable[[Connection], None]
"""Writes in the transaction that moves a follower's positions."""


class BatchWriter:
    """Makes the writes of one follower, each for one transaction."""

    def __init__(
        self, processor: Processor, leaders: Mapping[str, LogWindow], mapper: TypedMapper | None
    ) -> None:
        self._processor = processor
        self._name = processor.name
        self._leaders = leaders
        self._mapper = mapper

    def batch(self, passed: Passed, queued: Sequence[Message]) -> Write:
        """Writes what has followed from a batch, of which some messages are queued or wait."""
        letters = [dead_letter(self._name, each, None, 0) for each in queued]
        timers = timer_ids(passed.handled)
        held = timer_ids([*queued, *passed.waiting])

        def write(connection: Connection) -> None:
            # Timers come first: a handler may set one of the same id again.
            delete_timers(connection, self._name, timers)
            hold_timers(connection, self._name, held)
            self._processor.write(connection)
            add_letters(connection, letters)
            delete_calls(connection, passed.deleted)
            add_calls(connection, passed.added)

        return write

    def parked(self, message: Message, letter: Letter, calls: Sequence[CallRow]) -> Write:
        """Writes the dead letter of a message, which waits for no port any more."""

        def write(connection: Connection) -> None:
            hold_timers(connection, self._name, timer_ids([message]))
            add_letters(connection, [self._protected(letter)])
            delete_calls(connection, calls)

        return write

    def retried(self, letter: Letter) -> Write:
        """Writes what has followed from a parked event. Raises FencedOut where it is done."""

        def write(connection: Connection) -> None:
            if not delete_letter(connection, letter):
                raise FencedOut(follower=self._name)  # another runner has retried it
            if letter.position == 0:
                # The deletion comes first: the handler may set a timer of the same id.
                delete_timers(connection, self._name, [timer_id(letter.leader)])
            self._processor.write(connection)

        return write

    def failed_again(self, letter: Letter) -> Write:
        """Writes a dead letter whose retry has failed."""
        return lambda connection: add_letters(connection, [self._protected(letter)])

    def mapper_of(self, message: Message) -> TypedMapper | None:
        """The mapper of the log that a message is of; else that of the follower's timers."""
        window = self._leaders.get(message.application) if message.id else None
        return self._mapper if window is None else window.mapper

    def _protected(self, letter: Letter) -> Letter:
        """A letter as it is stored: what an error says of an encrypted event is encrypted too."""
        window = self._leaders.get(letter.leader)
        return protected(letter, self._mapper if window is None else window.mapper)
