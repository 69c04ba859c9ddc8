"""A second process for a rebuild: it folds a part of the keys, and the first writes the rows."""

import logging
import os
import signal
import threading
from contextlib import ExitStack, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from typing import NamedTuple

from eventsourcing.utils import EnvType

from sagaline.application import Application
from sagaline.assembly import environment, views_at
from sagaline.folding import Folded, Folding
from sagaline.projector import Projector, copy_of
from sagaline.read_model import ReadModel
from sagaline.storage import Datastore, Part
from sagaline.system import System

log = logging.getLogger(__name__)

PART = Part(frozenset("012345678"))
"""What the twin folds: half of the keys and a little more, where they are UUIDs or numbers. The
first process has to write the rows of both."""

AHEAD = 8
"""Pages that the twin may have folded and that are not written yet: it keeps all their rows."""


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


class Alone:
    """Nobody beside the process that rebuilds: it folds everything by itself."""

    is_alive: bool = False
    leaves: Part | None = None
    """What is left to the first process; None for everything."""

    def begin(self, task: Task) -> None:
        """Says what is to be folded next."""

    def folded(self) -> Folded:
        """What came of its part of the next page."""
        return Folded(0, [])

    def written(self) -> None:
        """Says that these are on disk."""

    def close(self) -> None:
        """Ends it."""


class Twin(Alone):
    """A process beside the one that rebuilds, which folds the events of most keys.

    It is made by a fork, so it knows the system without being told; therefore it must be made
    before a store is opened or a thread begins. All that is of account is done by the first
    process: positions, rows and the swap are written there, in one transaction as ever. So the twin
    can be lost, or in the wrong, at any time: then the first one does its page again, and goes on
    alone.
    """

    leaves = PART._replace(rest=True)

    def __init__(self, system: System, env: EnvType | None = None) -> None:
        context = get_context("fork")
        self._pipe, others = context.Pipe()
        serve = _Serving(system, env, others, self._pipe).run
        self._process = context.Process(target=serve, name="sagaline-twin", daemon=True)
        self._process.start()
        others.close()
        self.is_alive = True

    def begin(self, task: Task) -> None:
        """Says what is to be folded next."""
        self._send(task)

    def folded(self) -> Folded:
        """What came of its part of the next page. Raises `TwinFailed`."""
        try:
            found: Folded | None = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise TwinFailed from error
        if found is None:
            raise TwinFailed
        return found

    def written(self) -> None:
        """Says that these are on disk."""
        self._send(None)

    def close(self) -> None:
        """Ends it."""
        self.is_alive = False
        self._pipe.close()  # which it notices when it has done its page
        self._process.join(GRACE)
        self._process.kill()
        self._process.join()

    def _send(self, what: Task | None) -> None:
        with suppress(OSError):  # it is gone: `folded` says so
            self._pipe.send(what)


class TwinFailed(Exception):
    """The twin is gone, or could not do its part."""


def twin_of(system: System, env: EnvType | None = None) -> Alone:
    """A second process for `rebuild`, where there is a processor for it and a safe way to make it.

    Make it before stores are opened and threads begun, and close it:
    ``with closing(twin_of(system, env)) as twin: rebuild(system, env, beside=twin)``. Elsewhere the
    rebuild is by one process, with the same rows.
    """
    can_fork = hasattr(os, "fork") and threading.active_count() == 1
    return Twin(system, env) if can_fork and (os.cpu_count() or 1) > 1 else Alone()


def folds_by_key(model: type[ReadModel]) -> bool:
    """Whether a read model says that each event is for the row of its message's key."""
    return model.keys_of is ReadModel.keys_of and bool(model.cached_rows)


class _Serving:
    """The twin's own side."""

    def __init__(self, system: System, env: EnvType | None, pipe: Pipe, others: Pipe) -> None:
        self._system = system
        self._env = environment(env)
        self._pipe = pipe
        self._others = others
        self._opened = ExitStack()
        self._datastore: Datastore | None = None
        self._apps: dict[str, Application] = {}

    def run(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process decides
        self._others.close()  # else the end of the first process would not be noticed
        with self._opened, suppress(EOFError, OSError):
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
            self._pipe.send(Folded(len(page.rows), folding.hand_over()))
            after, ahead = page.head, ahead + 1
            if ahead == AHEAD or after >= task.upto:
                for _ in range(ahead):
                    self._pipe.recv()  # each says that one is written
                folding.committed()
                ahead = 0

    def _folding_of(self, task: Task) -> Folding:
        (model,) = (each for each in self._system.read_models if each.table.name == task.view)
        table = copy_of(model.table, task.table)
        projector = Projector(model, self._views(), table, rebuilding=True)
        projector.topics = task.topics
        return Folding(projector, {task.leader: self._app(task.leader)}, PART)

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
