"""The follower: takes events of other logs in batches, each batch in one fenced transaction."""

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from sqlalchemy import Connection

from sagaline.errors import FencedOut, VersionConflict, describe_error, storable_text
from sagaline.followers.log_window import LogWindow
from sagaline.followers.timers import retries, timer_id, timer_message, timer_of
from sagaline.messaging.message import Message
from sagaline.storage import Datastore
from sagaline.storage.sql.errors import STORAGE_FAULTS
from sagaline.storage.tables.dead_letters import Letter, add_letters, delete_letter, parked_keys
from sagaline.storage.tables.followers import advance, follower_state, register
from sagaline.storage.tables.timers import delete_timers, due_timers, hold_timers

BATCH = 2_000
"""Events taken at once. What a batch writes in one place of an index is written once: with 500, an
order takes a tenth more time; with more than this, others wait too long for the store."""

ATTEMPTS = 3
"""How often an event that fails is tried alone before it is parked."""

CONFLICTS = 10
"""How often a batch is run again because another writer was first, before others get a turn."""

log = logging.getLogger(__name__)


class Processor(Protocol):
    """What a follower does with messages; the follower owns reading, transaction and positions."""

    @property
    def name(self) -> str:
        """The follower's name."""

    @property
    def topics(self) -> frozenset[str] | None:
        """The event types that it wants; None for all."""

    def prepare(self, messages: Sequence[Message]) -> None:
        """A batch is coming: read what it will need."""

    def handle(self, message: Message) -> None:
        """Takes one message, in memory. Raising means a bug in a handler."""

    def write(self, connection: Connection) -> None:
        """Writes what has changed, in the transaction of the follower."""

    def after_commit(self) -> None:
        """What was written is on disk."""

    def roll_back(self) -> None:
        """The batch was rolled back: forget it, and whatever may be stale."""


class _Failed(Exception):
    """A message could not be processed; None where it is not known which."""

    def __init__(self, message: Message | None) -> None:
        super().__init__(message)
        self.message = message


class Follower:
    """Leads one processor along the logs that it follows, each event exactly once.

    Handlers run in memory; then one transaction writes what they changed together with the new
    position. Its first statement moves the follower's fence: a runner that does not hold the
    newest fence writes nothing, drops what it had in memory, and reads again. So two runners on
    one follower may waste work, and never double an effect.
    """

    def __init__(
        self,
        processor: Processor,
        datastore: Datastore,
        leaders: Mapping[str, LogWindow],
        limit: int = BATCH,
    ) -> None:
        self.name = processor.name
        self.leaders = leaders
        self.datastore = datastore
        self._processor = processor
        self._limit = limit
        self._fence: int | None = None
        self._positions: dict[str, int] = {}
        self._saved: dict[str, int] = {}
        self._parked: set[str] = set()

    def register(self) -> Mapping[str, int]:
        """Makes the follower known to its store; returns the positions that it goes on from."""
        with self.datastore.write() as connection:
            register(connection, self.name, list(self.leaders))
        self._stand()
        return self._positions

    def step(self) -> bool:
        """Takes the next batch, of all its logs together; says whether it came any further.

        Raises one of `STORAGE_FAULTS` with nothing skipped: call it again later.
        """
        try:
            if self._fence is None:
                self._stand()
            return self._follow()
        except (FencedOut, VersionConflict):
            self.forget()
            return True
        except STORAGE_FAULTS:
            self.forget()
            raise

    def fire(self, now: float, at_head: bool = True) -> bool:
        """Fires the timers due by `now` (seconds since 1970); says whether there were any.

        `at_head` says that every log has been read to its head, so that an answer that is already
        in a log comes before the timeout that it beats. Else only retries fire.
        """
        try:
            if self._fence is None:
                self._stand()
            with self.datastore.read() as connection:
                topics = None if at_head else retries()
                timers = due_timers(connection, self.name, now, self._limit, topics)
            messages = [timer_message(self.name, each) for each in timers]
            if messages:
                self._run(messages, {})
            return bool(messages)
        except (FencedOut, VersionConflict):
            self.forget()
            return True
        except STORAGE_FAULTS:
            self.forget()
            raise

    def retake(self, letter: Letter, message: Message) -> None:
        """Takes a parked event after all, and its letter away; in which order, the caller knows.

        Raises FencedOut and VersionConflict where another writer was first, and what its handler
        raises, which the letter tells from then on.
        """
        self._stand()
        try:
            self._process([message])
            self._commit({}, partial(self._write_retaken, letter))
        except _Failed as failed:
            self._processor.roll_back()
            error = failed.__cause__ or failed
            again = self._letter(message, error, letter.attempts + 1)
            kept = letter._replace(
                error=again.error, traceback=again.traceback, attempts=again.attempts
            )
            self._commit({}, lambda connection: add_letters(connection, [kept]))
            raise error from None
        except BaseException:
            self.forget()
            raise
        self._processor.after_commit()
        self._fence = None  # which keys are still parked must be read again

    def _write_retaken(self, letter: Letter, connection: Connection) -> None:
        if not delete_letter(connection, letter):
            raise FencedOut(follower=self.name)  # somebody else has taken it
        if letter.position == 0:
            # Before what the handler sets, which may be a timer of the same id.
            delete_timers(connection, self.name, [timer_id(letter.leader)])
        self._processor.write(connection)

    def save(self) -> None:
        """Records how far it has come through events that it does not want."""
        if self._fence is None or self._positions == self._saved:
            return
        try:
            self._commit(self._positions, lambda _: None)
        except FencedOut:
            self.forget()

    def forget(self) -> None:
        """Drops all that is in memory: the store may have moved on without this runner."""
        self._processor.roll_back()
        self._fence = None

    @property
    def topics(self) -> frozenset[str] | None:
        """The event types that it wants; None for all."""
        return self._processor.topics

    @property
    def positions(self) -> Mapping[str, int]:
        """How far it has come along each of its logs."""
        return self._positions

    @property
    def caught_up(self) -> bool:
        """Whether it has come to the end of what is known of each log."""
        return self._fence is not None and all(
            self._positions[leader] >= window.head for leader, window in self.leaders.items()
        )

    @property
    def behind(self) -> int:
        """By how many events it is behind what is known of its logs."""
        return sum(window.head - self._positions.get(k, 0) for k, window in self.leaders.items())

    @property
    def unsaved(self) -> int:
        """By how many events it is further than its store says."""
        return sum(self._positions[each] - self._saved[each] for each in self._positions)

    def _stand(self) -> None:
        # What was read under an older fence may be stale, and the new one would let it be written.
        self._processor.roll_back()
        with self.datastore.read() as connection:
            found = follower_state(connection, self.name)
            self._parked = parked_keys(connection, self.name)
        self._fence = found.fence
        self._positions = {each: found.positions.get(each, 0) for each in self.leaders}
        self._saved = dict(self._positions)

    def _follow(self) -> bool:
        messages: list[Message] = []
        reached: dict[str, int] = {}
        for leader, window in self.leaders.items():
            after = self._positions[leader]
            batch = window.read(after, self._limit, self.topics)
            messages += batch.messages
            if batch.upto != after:
                reached[leader] = batch.upto
        if messages:
            self._run(messages, reached)
        else:
            self._positions.update(reached)
        return bool(reached)

    def _run(self, messages: Sequence[Message], reached: Mapping[str, int]) -> None:
        """Takes a batch; if it fails, the part before the failure, then the failing event alone."""
        try:
            self._attempt(messages, reached)
        except _Failed as failed:
            if len(messages) == 1:
                self._take_alone(messages[0])
            elif failed.message is None:
                for message in messages:
                    self._run([message], _places([message]))
            else:
                before = messages[: messages.index(failed.message)]
                if before:
                    self._run(before, _places(before))
                self._take_alone(failed.message)

    def _take_alone(self, message: Message) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._attempt([message], _places([message]))
                return
            except _Failed as failed:
                error = failed.__cause__
                said = describe_error(error) if error else ""
                log.warning("%s: %s failed, attempt %s: %s", self.name, message, attempt, said)
        self._park(message, error)

    def _park(self, message: Message, error: BaseException | None) -> None:
        letter = self._letter(message, error, ATTEMPTS)

        def write(connection: Connection) -> None:
            add_letters(connection, [letter])
            hold_timers(connection, self.name, _timers([message]))

        self._commit(_places([message]), write)
        if message.key is not None:
            self._parked.add(message.key)
        log.error("%s: parked %s: %s", self.name, message, letter.error)

    def _attempt(self, messages: Sequence[Message], reached: Mapping[str, int]) -> None:
        """Runs a batch until no other writer interferes.

        Raises _Failed where a handler fails, and VersionConflict where one event alone is
        overtaken all the time: that is neither its fault nor the store's, so it comes again.
        """
        free, behind = self._sort(messages)
        conflict: VersionConflict | None = None
        for _ in range(CONFLICTS):
            try:
                self._process(free)
                self._commit(reached, self._writing(free, behind))
            except VersionConflict as another:
                self._processor.roll_back()
                if str(another) == str(conflict):
                    # Nobody has moved the aggregate: the handler wants to write what is there.
                    raise _Failed(None) from another
                conflict = another
            except (_Failed, FencedOut, *STORAGE_FAULTS):
                self._processor.roll_back()
                raise
            except Exception as bug:
                self._processor.roll_back()
                raise _Failed(None) from bug
            else:
                self._processor.after_commit()
                return
        assert conflict is not None
        if len(messages) == 1:
            raise conflict
        raise _Failed(None) from conflict

    def _process(self, messages: Sequence[Message]) -> None:
        message: Message | None = None
        try:
            for message in messages:
                _ = message.event
            message = None
            if messages:
                self._processor.prepare(messages)
            for message in messages:
                self._processor.handle(message)
        except STORAGE_FAULTS:
            raise
        except Exception as bug:
            raise _Failed(message) from bug

    def _sort(self, messages: Sequence[Message]) -> tuple[Sequence[Message], Sequence[Message]]:
        """What waits behind a parked event of its key is parked too, in order."""
        if not self._parked:
            return messages, ()
        free = [each for each in messages if each.key not in self._parked]
        return free, [each for each in messages if each.key in self._parked]

    def _writing(
        self, messages: Sequence[Message], behind: Sequence[Message]
    ) -> Callable[[Connection], None]:
        letters = [self._letter(each, None, 0) for each in behind]

        def write(connection: Connection) -> None:
            # First, since a handler may set a timer of the same id again.
            delete_timers(connection, self.name, _timers(messages))
            hold_timers(connection, self.name, _timers(behind))
            self._processor.write(connection)
            add_letters(connection, letters)

        return write

    def _commit(self, positions: Mapping[str, int], write: Callable[[Connection], None]) -> None:
        fence = self._fence
        assert fence is not None
        ahead = {k: v for k, v in self._positions.items() if v != self._saved[k]}
        moved = {**ahead, **positions}
        with self.datastore.write() as connection:
            advance(connection, self.name, fence, moved)
            write(connection)
        self._fence = fence + 1
        self._positions.update(moved)
        self._saved.update(moved)

    def _letter(self, message: Message, error: BaseException | None, attempts: int) -> Letter:
        said = describe_error(error) if error else "waits behind an earlier event"
        trace = "".join(traceback.format_exception(error)) if error else ""
        return Letter(
            self.name,
            message.application if message.id else message.cause or "",
            message.id,
            message.key,
            message.topic,
            said,
            storable_text(trace),
            attempts,
            datetime.now(UTC),
        )


def _places(messages: Iterable[Message]) -> dict[str, int]:
    """How far along each log these messages reach; a timer that fired is in no log."""
    return {each.application: each.id for each in messages if each.id}


def _timers(messages: Iterable[Message]) -> list[str]:
    """The timers among the messages, by their ids."""
    return [timer_of(each) for each in messages if not each.id]
