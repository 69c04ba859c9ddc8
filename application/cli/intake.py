"""Taking in orders and stock: batches of commands, each with an answer that is on disk."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any, BinaryIO, cast

import typer
from eventsourcing.persistence import PersistenceError

from application.cli.json_lines import Accepted, Rejected
from application.cli.live_input import LiveInput
from application.cli.options import environment_of, system_of
from domain.errors import DomainError
from sagaline import Application, Command, CommandConflict, Receipt
from sagaline.assembly import environment, log_at, tables_at
from sagaline.cli.program import needs_attention
from sagaline.cli.signals import undivided
from sagaline.cli.terminal import as_json, counted, say
from sagaline.follower import STORAGE_FAULTS
from sagaline.garbage import leave_in_peace
from sagaline.storage import Datastore, check
from sagaline.storage.store import refuse_another

BATCH = 500
"""Lines taken in by one transaction: more gain little, and make the first wait for the last."""

PATIENCE = 60.0
"""Seconds to wait for a store that does not answer; then it is an error, and no line is lost: those
without an answer can be given again."""

LONGEST_PAUSE = 5.0
"""Seconds between two attempts on such a store."""

REJECTED = "rejected"

Line = Accepted[Any] | Rejected
Answer = dict[str, Any]


@contextmanager
def writing(application: type[Application], ctx: typer.Context) -> Iterator[Application]:
    """An application to give commands to, which nobody follows in this process.

    Raises StoreUnusable, before anything is created, for a store that is not for it.
    """
    env = environment(environment_of(ctx))
    where = log_at(env, application)
    datastore = Datastore.open(*where)
    try:
        system = system_of(ctx, datastore)
        refuse_another(datastore, system.name, tables_at(where, system, env))
        check(datastore, application.name)
        opened = application(env=env)
    finally:
        datastore.close()
    try:
        yield opened
    finally:
        opened.close()


class Intake:
    """Lines on their way into an application, in order, some hundreds at a time.

    `describe` says what a line was about, and `tell` is given each answer when it is on disk.
    """

    def __init__(
        self,
        application: Application,
        done: str,
        describe: Callable[[Line], Answer],
        tell: Callable[[Answer], None],
    ) -> None:
        self._application = application
        self._done = done
        self._describe = describe
        self._tell = tell
        self._batch: list[Line] = []
        self.counts: Counter[str] = Counter()
        """How many lines there were of each status."""

    def take(self, lines: LiveInput, read: Callable[[BinaryIO], Iterator[Line]]) -> None:
        """Takes in all lines of a file."""
        leave_in_peace()
        lines.before_waiting = self._flush
        for line in read(cast("BinaryIO", lines)):
            self._batch.append(line)
            if len(self._batch) >= BATCH:
                self._flush()
        self._flush()

    def _flush(self) -> None:
        """Writes what has come in, then says so."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        with undivided() as stop:
            receipts = iter(self._execute(batch, stop))
            for line in batch:
                receipt = next(receipts) if isinstance(line, Accepted) else None
                self._answer(line, receipt)
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
        pause, deadline = 0.1, time.monotonic() + PATIENCE
        while True:
            try:
                return self._application.execute(commands)
            except STORAGE_FAULTS as fault:
                if time.monotonic() + pause > deadline:
                    raise
                say(f"The store does not answer, again in {pause:.1f} s: {fault}")
            if stop.wait(pause):
                raise SystemExit(0)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _answer(self, line: Line, receipt: Receipt | None) -> None:
        status, position = self._done, None
        error = line.reason if isinstance(line, Rejected) else None
        if receipt is not None and receipt.error is not None:
            error = _reason(receipt.error)
        elif receipt is not None:
            status = "duplicate" if receipt.duplicate else self._done
            position = receipt.position
        status = status if error is None else REJECTED
        self.counts[status] += 1
        answer = {"status": status, "position": position, "error": error}
        self._tell({"line": line.line_number, **self._describe(line), **answer})


def _reason(error: Exception) -> str:
    """Why a command was refused, in words for whoever sent it."""
    if isinstance(error, CommandConflict):
        return "its id was used before, with other content"
    said = str(error).rstrip(".")
    return said if isinstance(error, DomainError) else f"{type(error).__name__}: {said}"


def tell_json(answer: Answer) -> None:
    """One answer, as a line of JSON."""
    sys.stdout.write(f"{as_json(answer)}\n")


def sum_up(counts: Counter[str]) -> None:
    """Says beside the output what became of all lines; some rejected are status 1."""
    said = ", ".join(f"{count:,} {status}" for status, count in counts.items())
    say(f"{counted(counts.total(), 'line')}: {said or 'nothing to do'}")
    needs_attention(when=bool(counts[REJECTED]))
