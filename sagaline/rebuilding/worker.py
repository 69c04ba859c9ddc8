"""A second process for a rebuild: it replays the events of some keys, the first writes the rows."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection as Pipe
from typing import Final, NamedTuple

from typing_extensions import override

from sagaline.application.application import Application
from sagaline.errors import describe_error
from sagaline.messaging.logbook import logger_of
from sagaline.read_model.projector import Projector, copy_of
from sagaline.rebuilding.replay import Replay, ReplayedPage
from sagaline.rebuilding.stores import open_logs
from sagaline.storage import Datastore, Part
from sagaline.system.environment import views_at
from sagaline.system.system import System, refuse_no_system

log = logger_of(__name__)

WORKER_PART = Part(frozenset("01234abcd"))
"""The keys of the worker: nine in sixteen UUIDs, and every second number. The first process writes
the rows of all keys, so it replays fewer."""

MAX_PAGES_AHEAD = 8
"""Pages that the worker replays before the first process has written them: it keeps their rows."""

PAGE_TIMEOUT = 60.0
"""Seconds to wait for a page of the worker, which hangs then: much longer than the lease lasts."""

STOP_TIMEOUT = 1.0
"""Seconds that the worker has to end by itself."""


class ReplayTask(NamedTuple):
    """The events to replay: of the log `leader`, after the id `after` and up to `upto`.

    Those of the topics `without` are not among them. They are applied to the rows of `table`,
    which is a shadow of the read table `view`.
    """

    view: str
    table: str
    without: list[str]
    leader: str
    after: int
    upto: int


class NoWorker:
    """No second process: the first replays all events."""

    is_alive: bool = False
    leaves: Part | None = None
    """The keys that are left to the first process; None for all."""

    def open(self, env: Mapping[str, str]) -> None:
        """Send the environment that names the stores."""

    def start(self, task: ReplayTask) -> None:
        """Send the next events to replay."""

    def receive(self, head: int) -> ReplayedPage:
        """Receive the worker's part of the next page, which goes up to the log id `head`."""
        return ReplayedPage(head, 0, [])

    def page_written(self) -> None:
        """Send that its changes are committed."""

    def close(self) -> None:
        """End the worker."""


NO_WORKER: Final = NoWorker()


class RebuildWorker(NoWorker):
    """A second process, which replays the events of about half the keys.

    It is a fork, so it has the system without a transfer; therefore it must be made before a store
    is opened or a thread started. The first process writes the positions, the rows and the swap in
    one transaction, as it does alone. So the worker may die or err at any time: then the first
    process replays the page again, and continues alone.
    """

    leaves = WORKER_PART._replace(rest=True)

    def __init__(self, system: System) -> None:
        context = get_context("fork")
        self._pipe, worker_pipe = context.Pipe()
        target = _WorkerProcess(system, worker_pipe, self._pipe).run
        self._process = context.Process(target=target, name="sagaline-rebuild-worker", daemon=True)
        with _interrupts_held():
            self._process.start()
        worker_pipe.close()
        self.is_alive = True

    @override
    def open(self, env: Mapping[str, str]) -> None:
        self._send(dict(env))

    @override
    def start(self, task: ReplayTask) -> None:
        self._send(task)

    @override
    def receive(self, head: int) -> ReplayedPage:
        """Receive the worker's part of the next page. Raises `WorkerFailed`."""
        try:
            found: ReplayedPage | None = (
                self._pipe.recv() if self._pipe.poll(PAGE_TIMEOUT) else None
            )
        except (EOFError, OSError) as error:
            raise WorkerFailed from error
        if found is None or found.head != head:
            raise WorkerFailed
        return found

    @override
    def page_written(self) -> None:
        self._send(None)

    @override
    def close(self) -> None:
        self.is_alive = False
        self._pipe.close()  # the worker notices it at the end of its page
        self._process.join(STOP_TIMEOUT)
        self._process.kill()
        self._process.join()

    def _send(self, what: dict[str, str] | ReplayTask | None) -> None:
        with suppress(OSError):  # the worker has died: `receive` raises it
            self._pipe.send(what)


class WorkerFailed(Exception):
    """The worker died, hangs, or could not replay its part."""


def rebuild_worker(system: System) -> NoWorker:
    """Start a second process for `rebuild`, where there is a processor and a safe way to fork.

    Start it before stores are opened and threads started:
    ``rebuild(system, env, worker=rebuild_worker(system))``. Elsewhere one process rebuilds alone,
    with the same rows.
    """
    refuse_no_system(system, "rebuild_worker")
    # Other systems have fork too, but their own libraries do not survive it.
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return NO_WORKER
    if threading.active_count() > 1 or current_process().daemon:
        return NO_WORKER
    try:
        return RebuildWorker(system)
    except OSError:  # the limit of processes is reached
        return NO_WORKER


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back until a new process has set its handler."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _WorkerProcess:
    """The worker's side of the pipe."""

    def __init__(self, system: System, pipe: Pipe, others: Pipe) -> None:
        self._system = system
        self._pipe = pipe
        self._others = others

    def run(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends both
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        self._others.close()  # else `recv` would not notice the end of the first process
        with suppress(EOFError, OSError):
            try:
                self._replay_tasks()
            except (EOFError, OSError):
                raise
            except Exception as error:
                log.warning("The second process of a rebuild stops: %s", describe_error(error))
                self._pipe.send(None)

    def _replay_tasks(self) -> None:
        """Replay one task after the other, until the first process closes the pipe."""
        env, task = self._pipe.recv(), self._pipe.recv()
        views = Datastore.open(*views_at(env))
        with closing(views), open_logs(self._system, env) as logs:
            while True:
                self._send_pages(self._replay_of(task, views, logs), task)
                task = self._pipe.recv()

    def _send_pages(self, replay: Replay, task: ReplayTask) -> None:
        """Replay page by page, at most `MAX_PAGES_AHEAD` ahead of the first process.

        The table lacks the rows that are not written yet, so they stay in memory until then.
        """
        after, ahead = task.after, 0
        while after < task.upto:
            page = replay.page(task.leader, after, task.upto)
            replay.apply(task.leader, page.rows)
            self._pipe.send(ReplayedPage(page.head, len(page.rows), replay.detach_changes()))
            after, ahead = page.head, ahead + 1
            if ahead == MAX_PAGES_AHEAD or after >= task.upto:
                for _ in range(ahead):
                    self._pipe.recv()  # one for each page that is written
                replay.after_commit()
                ahead = 0

    def _replay_of(
        self, task: ReplayTask, views: Datastore, logs: Mapping[str, Application]
    ) -> Replay:
        (model,) = (each for each in self._system.read_models if each.table.name == task.view)
        projector = Projector(model, views, copy_of(model.table, task.table), rebuilding=True)
        if projector.topics is not None:
            projector.topics.update(dict.fromkeys(task.without, False))
        return Replay(projector, logs, WORKER_PART)
