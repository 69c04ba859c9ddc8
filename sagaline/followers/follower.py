"""The follower: handles events of other logs in batches, each batch in one fenced transaction."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from sqlalchemy import Connection

from sagaline.codec import TypedMapper, WantedTopics
from sagaline.errors import FencedOut, TableOutOfDate, VersionConflict, describe_error
from sagaline.followers.log_window import LogWindow
from sagaline.followers.parking import dead_letter, protected, retried_letter, split_parked
from sagaline.followers.processor import HandlerFailed, Processor, RunnerStopping, run_handlers
from sagaline.followers.progress import Progress, positions_of
from sagaline.followers.timers import retry_topics, timer_id, timer_ids, timer_message
from sagaline.messaging.interruption import raise_interruption
from sagaline.messaging.message import Message
from sagaline.storage import Datastore
from sagaline.storage.sql.errors import STORE_FAILURES, raise_store_failure
from sagaline.storage.tables.dead_letters import Letter, add_letters, delete_letter
from sagaline.storage.tables.followers import register
from sagaline.storage.tables.timers import delete_timers, due_timers, hold_timers

BATCH_SIZE = 2_000
"""Events per batch: with 500, an order costs a tenth more time; with more, others wait too long."""

MAX_EVENT_ATTEMPTS = 3
"""How often a failing event is tried alone before it is parked."""

MAX_CONFLICTS = 10
"""How often a batch is tried again after a version conflict, before other followers run."""

log = logging.getLogger(__name__)


class Follower:
    """Runs one processor over the logs of its leaders, with each event handled exactly once.

    Handlers run in memory; one transaction writes what they changed with the new positions. Its
    first statement moves the follower's fence: a runner that does not hold the newest fence writes
    nothing and reads again. Two runners may so waste work, but never duplicate an effect.
    """

    def __init__(
        self,
        processor: Processor,
        datastore: Datastore,
        leaders: Mapping[str, LogWindow],
        batch_size: int = BATCH_SIZE,
        max_attempts: int = MAX_EVENT_ATTEMPTS,
        mapper: TypedMapper | None = None,
    ) -> None:
        self.name = processor.name
        self.leaders = leaders
        self.batch_size = batch_size
        self._processor = processor
        self._max_attempts = max_attempts
        self.mapper = mapper
        """Reads the timers of the follower; None for a read model, which has none."""
        self.refuse_stop: Callable[[], None] = lambda: None  # raises RunnerStopping
        self._progress = Progress(datastore, self.name, leaders, processor.continues)

    def register(self) -> Mapping[str, int]:
        """Registers the follower; returns its positions, or none if its table is out of date."""
        with self.datastore.write() as connection:
            register(connection, self.name, list(self.leaders))
        with suppress(TableOutOfDate):
            self._load()
        return self.positions

    def step(self) -> bool:
        """Handles the next batch, of all its logs together; returns whether a position moved.

        Raises one of `STORAGE_FAULTS` with nothing skipped: call it again later.
        """
        return self._fenced(self._handle_next)

    def fire(self, now: float, at_head: bool = True) -> bool:
        """Fires the timers due by `now` (seconds since 1970); returns whether there were any.

        Without `at_head` only retries fire: an answer that is in a log prevents its timeout.
        """
        return self._fenced(partial(self._fire, now, None if at_head else retry_topics()))

    def retry_letter(self, letter: Letter, message: Message) -> None:
        """Handles a parked event again and deletes its letter; the caller keeps their order.

        Raises FencedOut and VersionConflict where another writer was first, and whatever the
        handler raises, which the letter then records.
        """
        if not self._progress.is_loaded:
            self._load()
        try:
            run_handlers(self._processor, [message])
            self._progress.commit({}, partial(self._write_retried, letter))
        except HandlerFailed as failed:
            self._processor.roll_back()
            error = failed.__cause__ or failed
            kept = self._protected(retried_letter(letter, message, error))
            self._progress.commit({}, lambda connection: add_letters(connection, [kept]))
            raise error from None
        except BaseException:
            self.reset()
            raise
        self._processor.after_commit()

    def save(self) -> None:
        """Records the positions reached by skipping events of other topics."""
        if self._progress.is_loaded and self._progress.unsaved:
            try:
                self._progress.commit({}, lambda _: None)
            except FencedOut:
                self.reset()

    def reset(self) -> None:
        """Drops everything in memory: another runner may have written to the store."""
        self._processor.roll_back()
        self._progress.reset()

    @property
    def datastore(self) -> Datastore:
        """The store that it writes to; a simulation replaces it."""
        return self._progress.datastore

    @datastore.setter
    def datastore(self, datastore: Datastore) -> None:
        self._progress.datastore = datastore

    @property
    def topics(self) -> WantedTopics | None:
        """The event types that it handles; None for all."""
        return self._processor.topics

    @property
    def positions(self) -> Mapping[str, int]:
        """The position reached in the log of each leader."""
        return self._progress.positions

    @property
    def caught_up(self) -> bool:
        """Whether it has reached the known head of each log."""
        return self._progress.is_loaded and all(
            self.positions[leader] >= window.head for leader, window in self.leaders.items()
        )

    @property
    def lag(self) -> int:
        """How many ids it is behind the known heads of its logs."""
        return sum(window.head - self.positions.get(k, 0) for k, window in self.leaders.items())

    @property
    def unsaved(self) -> int:
        """How many ids its positions are ahead of those in the store."""
        return self._progress.unsaved

    def _load(self) -> None:
        # What was read under an older fence may be stale; the new fence would allow writing it.
        self._processor.roll_back()
        self._progress.load()

    def _fenced(self, action: Callable[[], bool]) -> bool:
        """Runs an action under the newest fence; drops what is in memory where it fails."""
        try:
            if not self._progress.is_loaded:
                self._load()
            return action()
        except (FencedOut, VersionConflict, RunnerStopping):
            self.reset()
            return True
        except TableOutOfDate:
            return False  # runners with the code that made it go on
        except STORE_FAILURES:
            self.reset()
            raise

    def _handle_next(self) -> bool:
        messages: list[Message] = []
        reached: dict[str, int] = {}
        for leader, window in self.leaders.items():
            after = self.positions[leader]
            batch = window.read(after, self.batch_size, self.topics)
            messages += batch.messages
            if batch.upto != after:
                reached[leader] = batch.upto
        if messages:
            self._handle(messages, reached)
        else:
            self._progress.positions.update(reached)
        return bool(reached)

    def _fire(self, now: float, topics: list[str] | None) -> bool:
        with self.datastore.read() as connection:
            timers = due_timers(connection, self.name, now, self.batch_size, topics)
        messages = [timer_message(self.name, each, self.mapper) for each in timers]
        if messages:
            self._handle(messages, {})
        return bool(messages)

    def _handle(self, messages: Sequence[Message], reached: Mapping[str, int]) -> None:
        """Handles a batch; if it fails, the part before the failing event, then that one alone."""
        try:
            self._attempt(messages, reached)
        except HandlerFailed as failed:
            if len(messages) == 1:
                self._handle_alone(messages[0])
            elif failed.message is None:
                for message in messages:
                    self._handle([message], positions_of([message]))
            else:
                before = messages[: messages.index(failed.message)]
                if before:
                    self._handle(before, positions_of(before))
                self._handle_alone(failed.message)

    def _handle_alone(self, message: Message) -> None:
        error: BaseException | None = None
        for attempt in range(1, self._max_attempts + 1):
            try:
                self._attempt([message], positions_of([message]))
                return
            except HandlerFailed as failed:
                error = failed.__cause__
                reason = describe_error(error) if error else ""
                log.warning("%s: %s failed, attempt %s: %s", self.name, message, attempt, reason)
        self._park(message, error)

    def _park(self, message: Message, error: BaseException | None) -> None:
        letter = dead_letter(self.name, message, error, self._max_attempts)

        def write(connection: Connection) -> None:
            hold_timers(connection, self.name, timer_ids([message]))
            add_letters(connection, [self._protected(letter)])

        self._progress.commit(positions_of([message]), write)
        if message.key is not None:
            self._progress.parked.add(message.key)
        log.error("%s: parked %s: %s", self.name, message, letter.error)

    def _protected(self, letter: Letter) -> Letter:
        """A letter as it is stored: what an error says of an encrypted event is encrypted too."""
        window = self.leaders.get(letter.leader)
        return protected(letter, self.mapper if window is None else window.mapper)

    def _attempt(self, messages: Sequence[Message], reached: Mapping[str, int]) -> None:
        """Handles a batch, and again after a version conflict.

        Raises HandlerFailed where a handler fails, and VersionConflict where a single event meets
        another writer each time: neither the event nor the store is at fault, so it is read again.
        """
        free, queued = split_parked(messages, self._progress.parked)
        conflict: VersionConflict | None = None
        for _ in range(MAX_CONFLICTS):
            self.refuse_stop()
            try:
                run_handlers(self._processor, free)
                self._progress.commit(reached, self._writing(free, queued))
            except VersionConflict as another:
                self._processor.roll_back()
                if str(another) == str(conflict):
                    # The aggregate has not moved: the handler writes a version that is there.
                    raise HandlerFailed(None) from another
                conflict = another
            except (HandlerFailed, FencedOut):
                self._processor.roll_back()
                raise
            except BaseException as bug:
                self._processor.roll_back()
                raise_interruption(bug)
                raise_store_failure(bug)
                raise HandlerFailed(None) from bug
            else:
                self._processor.after_commit()
                return
        assert conflict is not None
        if len(messages) == 1:
            raise conflict
        raise HandlerFailed(None) from conflict

    def _writing(
        self, messages: Sequence[Message], queued: Sequence[Message]
    ) -> Callable[[Connection], None]:
        letters = [dead_letter(self.name, each, None, 0) for each in queued]

        def write(connection: Connection) -> None:
            # Timers come first: a handler may set one of the same id again.
            delete_timers(connection, self.name, timer_ids(messages))
            hold_timers(connection, self.name, timer_ids(queued))
            self._processor.write(connection)
            add_letters(connection, letters)

        return write

    def _write_retried(self, letter: Letter, connection: Connection) -> None:
        if not delete_letter(connection, letter):
            raise FencedOut(follower=self.name)  # another runner has retried it
        if letter.position == 0:
            # The deletion comes first: the handler may set a timer of the same id.
            delete_timers(connection, self.name, [timer_id(letter.leader)])
        self._processor.write(connection)
