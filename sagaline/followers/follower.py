"""The follower: handles events of other logs in batches, each batch in one fenced transaction."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from sagaline.codec import TypedMapper, WantedTopics
from sagaline.errors import FencedOut, TableOutOfDate, VersionConflict
from sagaline.followers.batch_handling import MAX_EVENT_ATTEMPTS, BatchHandling
from sagaline.followers.batch_writer import BatchWriter
from sagaline.followers.log_window import LogWindow
from sagaline.followers.parking import retried_letter
from sagaline.followers.processor import HandlerFailed, Processor, RunnerStopping, run_handlers
from sagaline.followers.progress import Progress
from sagaline.followers.stored_messages import stored_messages
from sagaline.followers.timers import retry_topics, timer_message
from sagaline.followers.unanswered import Passed, Unanswered
from sagaline.messaging.message import Message
from sagaline.storage import Datastore
from sagaline.storage.sql.errors import STORE_FAILURES
from sagaline.storage.tables.dead_letters import Letter
from sagaline.storage.tables.followers import register
from sagaline.storage.tables.port_calls import CallRow, delete_calls
from sagaline.storage.tables.timers import due_timers

BATCH_SIZE = 2_000
"""Events per batch. A batch writes each page of an index once: with 500 events, an order costs a
tenth more time; with more than this, other followers wait too long for the store."""


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
        self.mapper = mapper
        """Reads the timers of the follower; None for a read model, which has none."""
        self._unanswered = Unanswered(self.name, processor.calls)
        self._writer = BatchWriter(processor, leaders, mapper)
        self._progress = Progress(datastore, self.name, leaders, processor.continues)
        self._batches = BatchHandling(
            processor, self._progress, self._unanswered, self._writer, max_attempts
        )

    def register(self) -> Mapping[str, int]:
        """Registers the follower; returns its positions, or none if its table is out of date."""
        with self.datastore.write() as connection:
            register(connection, self.name, list(self.leaders))
        with suppress(TableOutOfDate):
            self._load()
        return self.positions

    def step(self) -> bool:
        """Handles the next batch, of all its logs together; returns whether there may be another.

        Raises one of `STORAGE_FAULTS` with nothing skipped: call it again later.
        """
        return self._fenced(self._handle_next)

    def fire(self, now: float, at_head: bool = True) -> bool:
        """Fires the timers due by `now` (seconds since 1970); returns whether there were any.

        `at_head` says that every log has been read to its head, so that an answer that is already
        in a log is handled before the timeout that it prevents. Otherwise only retries fire.
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
            while waiting := run_handlers(self._processor, [message]):
                self._unanswered.wait_for(waiting)
            self._progress.commit({}, self._writer.retried(letter))
        except HandlerFailed as failed:
            self._processor.roll_back()
            error = failed.__cause__ or failed
            again = retried_letter(letter, message, error)
            self._progress.commit({}, self._writer.failed_again(again))
            raise error from None
        except BaseException:
            self.reset()
            raise
        self._processor.after_commit()

    def end_when(self, refuse_stop: Callable[[], None]) -> None:
        """Has batches end between two transactions: `refuse_stop` raises RunnerStopping then."""
        self._batches.refuse_stop = refuse_stop

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
        self._unanswered.load(self._progress.calls)

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
        is_resumed = self._resume()
        return is_resumed if self._unanswered.is_full else self._read_on() or is_resumed

    def _resume(self) -> bool:
        """Handles messages whose ports have answered, and those that were waiting behind them."""
        rows = self._unanswered.next(self.batch_size)
        if rows:
            found = self._messages_of(rows)
            gone = [each for each in rows if each.origin not in found]
            if gone:  # timers that were cancelled meanwhile
                self._progress.commit({}, lambda connection: delete_calls(connection, gone))
                self._unanswered.commit(Passed([], [], gone, []))
            self._batches.handle(list(found.values()), {})
        return bool(rows)

    def _messages_of(self, rows: Sequence[CallRow]) -> dict[str, Message]:
        """The messages of these rows, by their origins: from memory, or read again."""
        known = {each.origin: self._unanswered.message(each.origin) for each in rows}
        places = [(x.leader, x.position) for x in rows if known[x.origin] is None]
        read = stored_messages(places, self.leaders, self.datastore, self.name, self.mapper)
        found = {x.origin: known[x.origin] or read.get((x.leader, x.position)) for x in rows}
        return {origin: each for origin, each in found.items() if each is not None}

    def _read_on(self) -> bool:
        messages: list[Message] = []
        reached: dict[str, int] = {}
        for leader, window in self.leaders.items():
            after = self.positions[leader]
            if after == window.head:
                continue
            batch = window.read(after, self.batch_size, self.topics)
            messages += batch.messages
            if batch.upto != after:
                reached[leader] = batch.upto
        if messages:
            self._batches.handle(messages, reached)
            return bool(reached)
        self._progress.positions.update(reached)
        return bool(reached) and not self.caught_up

    def _fire(self, now: float, topics: list[str] | None) -> bool:
        with self.datastore.read() as connection:
            timers = due_timers(connection, self.name, now, self.batch_size, topics)
        messages = [timer_message(self.name, each, self.mapper) for each in timers]
        if messages:
            self._batches.handle(messages, {})
        return bool(messages)
