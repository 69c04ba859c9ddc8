"""Handling one batch: as a whole, or event by event, until the one that fails is parked."""

from collections.abc import Mapping, Sequence

from sagaline.errors import FencedOut, VersionConflict
from sagaline.followers.batch_writer import BatchWriter
from sagaline.followers.follower_log import log_attempt, log_batch, log_parked
from sagaline.followers.parking import dead_letter, split_parked
from sagaline.followers.processor import HandlerFailed, Processor, run_handlers
from sagaline.followers.progress import Progress
from sagaline.followers.unanswered import Passed, Unanswered, positions_after
from sagaline.messaging.interruption import raise_interruption
from sagaline.messaging.message import Message
from sagaline.storage.sql.errors import raise_store_failure

MAX_EVENT_ATTEMPTS = 3
"""How often a failing event is tried alone before it is parked."""

MAX_CONFLICTS = 10
"""How often a batch is tried again after a version conflict, before other followers run."""


class BatchHandling:
    """Handles the batches of one follower, each in one transaction."""

    def __init__(
        self,
        processor: Processor,
        progress: Progress,
        unanswered: Unanswered,
        writer: BatchWriter,
        max_attempts: int,
    ) -> None:
        self._processor = processor
        self._progress = progress
        self._unanswered = unanswered
        self._writer = writer
        self._max_attempts = max_attempts

    def handle(self, messages: Sequence[Message], reached: Mapping[str, int]) -> None:
        """Handles a batch; if it fails, the part before the failing event, then that one alone."""
        try:
            self._attempt(messages, reached)
        except HandlerFailed as failed:
            if len(messages) == 1:
                self._handle_alone(messages[0])
            elif failed.message is None:
                for message in messages:
                    self.handle([message], self._positions_after([message]))
            else:
                before = messages[: messages.index(failed.message)]
                if before:
                    self.handle(before, self._positions_after(before))
                self._handle_alone(failed.message)

    def _positions_after(self, messages: Sequence[Message]) -> dict[str, int]:
        return positions_after(messages, self._unanswered.rows)

    def _handle_alone(self, message: Message) -> None:
        error: BaseException | None = None
        name = self._processor.name
        for attempt in range(1, self._max_attempts + 1):
            try:
                self._attempt([message], self._positions_after([message]))
                return
            except HandlerFailed as failed:
                error = failed.__cause__
                log_attempt(name, message, error, attempt, self._writer.mapper_of(message))
        self._park(message, error)

    def _park(self, message: Message, error: BaseException | None) -> None:
        letter = dead_letter(self._processor.name, message, error, self._max_attempts)
        calls = self._unanswered.rows_of([message])
        write = self._writer.parked(message, letter, calls)
        self._progress.commit(self._positions_after([message]), write)
        self._unanswered.commit(Passed([message], [], calls, []))
        if message.key is not None:
            self._progress.parked.add(message.key)
        log_parked(letter, message, error, self._writer.mapper_of(message))

    def _attempt(self, messages: Sequence[Message], reached: Mapping[str, int]) -> None:
        """Handles a batch, and again after a version conflict.

        Raises HandlerFailed where a handler fails, and VersionConflict where a single event meets
        another writer each time: neither the event nor the store is at fault, so it is read again.
        """
        free, queued = split_parked(messages, self._progress.parked)
        free, later = self._unanswered.split(free)
        conflict: VersionConflict | None = None
        for _ in range(MAX_CONFLICTS):
            try:
                self._run(free, queued, later, reached)
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
                return
        assert conflict is not None
        if len(messages) == 1:
            raise conflict
        raise HandlerFailed(None) from conflict

    def _run(
        self,
        free: Sequence[Message],
        queued: Sequence[Message],
        later: Sequence[Message],
        reached: Mapping[str, int],
    ) -> None:
        """Handles the free messages of a batch, and writes what becomes of all of them."""
        waiting = run_handlers(self._processor, free)
        passed = self._unanswered.passed(free, queued, [*waiting, *later])
        if reached or queued or passed.is_written:
            self._progress.commit(reached, self._writer.batch(passed, queued))
        self._processor.after_commit()
        self._unanswered.commit(passed)
        log_batch(self._processor.name, passed.handled, reached)
