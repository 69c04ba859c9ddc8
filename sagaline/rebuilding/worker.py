"""A second process for a rebuild: it folds a part of the keys, and the first writes the rows."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection as Pipe
from typing import Final, NamedTuple

from typing_extensions import override

from sagaline.application.application import Application
from sagaline.read_model.projector import Projector, copy_of
from sagaline.rebuilding.replay import Replay, ReplayedPage
from sagaline.storage import Datastore, Part
from sagaline.system.environment import views_at
from sagaline.system.system import System

log = logging.getLogger(__name__)

PART = Part(frozenset("01234abcd"))
"""What the twin folds: of UUIDs nine in sixteen, and of numbers every second. The first process has
to write the rows of both."""

AHEAD = 8
"""Pages that the twin may have folded and that are not written yet: it keeps all their rows."""

PATIENCE = 60.0
"""Seconds that a page of the twin's may take. Then it hangs: much longer than the lease lasts."""

GRACE = 1.0
"""Seconds that the twin has to end by itself."""


class Task(NamedTuple):
    """Which events to fold: a log's, behind `after` and up to `upto`, for the rows of `table`."""

    view: str
    table: str
    topics: frozenset[str] | None
    leader: str
    after: int
    upto: int


class NoWorker:
    """What stands beside the process that rebuilds: here nothing, so that it folds everything."""

    is_alive: bool = False
    leaves: Part | None = None
    """What is left to the first process; None for everything."""

    def open(self, env: Mapping[str, str]) -> None:
        """Says which stores are meant."""

    def begin(self, task: Task) -> None:
        """Says what is to be folded next."""

    def folded(self, head: int) -> ReplayedPage:
        """What came of its part of the next page, which goes up to `head`."""
        return ReplayedPage(head, 0, [])

    def written(self) -> None:
        """Says that these are on disk."""

    def close(self) -> None:
        """Ends it."""


NO_WORKER: Final = NoWorker()


class RebuildWorker(NoWorker):
    """A process beside the one that rebuilds, which folds the events of about half the keys.

    It is made by a fork, so it knows the system without being told; therefore it must be made
    before a store is opened or a thread begins. All that is of account is done by the first
    process: positions, rows and the swap are written there, in one transaction as ever. So the twin
    can be lost, or in the wrong, at any time: then the first one does its page again, and goes on
    alone.
    """

    leaves = PART._replace(rest=True)

    def __init__(self, system: System) -> None:
        context = get_context("fork")
        self._pipe, others = context.Pipe()
        serve = _Serving(system, others, self._pipe).run
        self._process = context.Process(target=serve, name="sagaline-twin", daemon=True)
        with _interrupts_later():
            self._process.start()
        others.close()
        self.is_alive = True

    @override
    def open(self, env: Mapping[str, str]) -> None:
        self._send(dict(env))

    @override
    def begin(self, task: Task) -> None:
        self._send(task)

    @override
    def folded(self, head: int) -> ReplayedPage:
        """What came of its part of the next page. Raises `WorkerFailed`."""
        try:
            found: ReplayedPage | None = self._pipe.recv() if self._pipe.poll(PATIENCE) else None
        except (EOFError, OSError) as error:
            raise WorkerFailed from error
        if found is None or found.head != head:
            raise WorkerFailed
        return found

    @override
    def written(self) -> None:
        self._send(None)

    @override
    def close(self) -> None:
        self.is_alive = False
        self._pipe.close()  # which it notices when it has done its page
        self._process.join(GRACE)
        self._process.kill()
        self._process.join()

    def _send(self, what: dict[str, str] | Task | None) -> None:
        with suppress(OSError):  # it is gone: `folded` says so
            self._pipe.send(what)


class WorkerFailed(Exception):
    """The twin is gone, or hangs, or could not do its part."""


def rebuild_worker(system: System) -> NoWorker:
    """A second process for `rebuild`, where there is a processor for it and a safe way to make it.

    Make it before stores are opened and threads begun: ``rebuild(system, env, beside=twin_of(
    system))``. Elsewhere the rebuild is by one process, with the same rows.
    """
    # Other systems have fork too, but their own libraries do not bear it.
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return NO_WORKER
    if threading.active_count() > 1 or current_process().daemon:
        return NO_WORKER
    try:
        return RebuildWorker(system)
    except OSError:  # no more processes are to be had
        return NO_WORKER


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Keeps Ctrl-C waiting until a new process has said what it thinks of it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Serving:
    """The twin's own side."""

    def __init__(self, system: System, pipe: Pipe, others: Pipe) -> None:
        self._system = system
        self._env: dict[str, str] = {}
        self._pipe = pipe
        self._others = others
        self._opened = ExitStack()
        self._datastore: Datastore | None = None
        self._apps: dict[str, Application] = {}

    def run(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process decides
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        self._others.close()  # else the end of the first process would not be noticed
        with self._opened, suppress(EOFError, OSError):
            self._env = self._pipe.recv()
            while True:
                self._serve(self._pipe.recv())

    def _serve(self, task: Task) -> None:
        try:
            self._fold(task)
        except (EOFError, OSError):
            raise
        except Exception as error:
            log.info("The second process of a rebuild gives up: %r", error)
            self._pipe.send(None)
            raise EOFError from error

    def _fold(self, task: Task) -> None:
        """Folds a page after the other, and does not go far ahead of the first process.

        What is not written yet must not be read from the table: until it is, every row that was
        asked for stays in memory.
        """
        folding = self._folding_of(task)
        after, ahead = task.after, 0
        while after < task.upto:
            page = folding.page(task.leader, after, task.upto)
            folding.fold(task.leader, page.rows)
            self._pipe.send(ReplayedPage(page.head, len(page.rows), folding.hand_over()))
            after, ahead = page.head, ahead + 1
            if ahead == AHEAD or after >= task.upto:
                for _ in range(ahead):
                    self._pipe.recv()  # each says that one is written
                folding.after_commit()
                ahead = 0

    def _folding_of(self, task: Task) -> Replay:
        (model,) = (each for each in self._system.read_models if each.table.name == task.view)
        table = copy_of(model.table, task.table)
        projector = Projector(model, self._views(), table, rebuilding=True)
        projector.topics = task.topics
        return Replay(projector, {task.leader: self._app(task.leader)}, PART)

    def _views(self) -> Datastore:
        if self._datastore is None:
            self._datastore = Datastore.open(*views_at(self._env))
            self._opened.callback(self._datastore.close)
        return self._datastore

    def _app(self, name: str) -> Application:
        if name not in self._apps:
            (found,) = (each for each in self._system.members if each.name == name)
            self._apps[name] = found(env=self._env)
            self._opened.callback(self._apps[name].close)
        return self._apps[name]
