"""Writes lines of input as commands, in batches; each printed answer is on disk."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import count
from threading import Event
from typing import Any, BinaryIO, Final, cast

from eventsourcing.persistence import PersistenceError

from application.cli.json_lines import Accepted, Rejected
from application.cli.live_input import LiveInput
from domain.errors import DomainError
from sagaline import Application, Command, CommandConflict, Receipt, Retry
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.gc_tuning import tune_garbage_collector
from sagaline.cli.output import as_json, counted, print_note
from sagaline.cli.signals import signals_deferred
from sagaline.storage.sql.errors import STORAGE_FAULTS

BATCH_SIZE: Final = 500
"""Lines in one transaction: more gain little, and delay the first answer until the last."""

TIMEOUT: Final = 60.0
"""Seconds to wait for a store that does not answer; lines without an answer can be given again."""

BACKOFF: Final = Retry(1_000, first=timedelta(seconds=0.1), longest=timedelta(seconds=5))
"""The pauses between attempts on such a store."""

REJECTED: Final = "rejected"

Line = Accepted[Any] | Rejected
Answer = dict[str, Any]


class BatchWriter:
    """Writes lines to an application, in their order.

    `done` is the status of a line that was written, `fields` are those of the command that an
    answer repeats, and `tell` is called with each answer when it is on disk.
    """

    def __init__(
        self,
        application: Application,
        done: str,
        fields: Sequence[str],
        tell: Callable[[Answer], None],
    ) -> None:
        self._application = application
        self._done = done
        self._fields = fields
        self._tell = tell
        self._batch: list[Line] = []
        self._counts: Counter[str] = Counter()

    def write(self, lines: LiveInput, read: Callable[[BinaryIO], Iterator[Line]]) -> None:
        """Writes all lines, and reports the counts; some rejected lines are exit status 1."""
        tune_garbage_collector()
        lines.before_waiting = self._flush
        for line in read(cast("BinaryIO", lines)):
            self._batch.append(line)
            if len(self._batch) >= BATCH_SIZE:
                self._flush()
        self._flush()
        counts = ", ".join(f"{number:,} {status}" for status, number in self._counts.items())
        print_note(f"{counted(self._counts.total(), 'line')}: {counts or 'nothing to do'}")
        needs_attention(when=bool(self._counts[REJECTED]))

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        with signals_deferred() as stop:
            receipts = iter(self._execute(batch, stop))
            for line in batch:
                self._answer(line, next(receipts) if isinstance(line, Accepted) else None)
            sys.stdout.flush()

    def _execute(self, batch: Sequence[Line], stop: Event) -> list[Receipt]:
        commands = [line.command for line in batch if isinstance(line, Accepted)]
        receipts = self._written(commands, stop) if commands else []
        for each in receipts:
            if isinstance(each.error, PersistenceError):
                raise each.error  # the store's fault, not the line's
        return receipts

    def _written(self, commands: Sequence[Command], stop: Event) -> list[Receipt]:
        """Executes commands, again and again while the store does not answer.

        Where a commit succeeded and its answer was lost, the commands are duplicates of themselves:
        each has one effect.
        """
        deadline = time.monotonic() + TIMEOUT
        for attempt in count(1):
            try:
                return self._application.execute(commands)
            except STORAGE_FAULTS as fault:
                pause = BACKOFF.pause(attempt)
                if pause is None or time.monotonic() + pause.total_seconds() > deadline:
                    raise
                print_note(
                    f"The store does not answer, again in {pause.total_seconds():.1f} s: {fault}"
                )
            if stop.wait(pause.total_seconds()):
                break
        raise SystemExit(0)

    def _answer(self, line: Line, receipt: Receipt | None) -> None:
        about = line.command if isinstance(line, Accepted) else line
        error = line.reason if isinstance(line, Rejected) else None
        if receipt is not None and receipt.error is not None:
            error = _reason(receipt.error)
        status, position = REJECTED, None
        if receipt is not None and error is None:
            status = "duplicate" if receipt.duplicate else self._done
            position = receipt.position
        self._counts[status] += 1
        fields = {name: getattr(about, name, None) for name in self._fields}
        answer = {"status": status, "position": position, "error": error}
        self._tell({"line": line.line_number, **fields, **answer})


def print_answer(answer: Answer) -> None:
    """Prints an answer as a line of JSON."""
    sys.stdout.write(f"{as_json(answer)}\n")


def say_rejected(answer: Answer) -> None:
    """Tells people about a line that was rejected."""
    if answer["status"] == REJECTED:
        print_note(f"line {answer['line']}: {answer['error']}")


def _reason(error: BaseException) -> str:
    """Why a command was refused, in words for the sender of the line."""
    if isinstance(error, CommandConflict):
        return "its id was used before, with other content"
    message = str(error).rstrip(".")
    return message if isinstance(error, DomainError) else f"{type(error).__name__}: {message}"
