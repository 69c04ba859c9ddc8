"""The runner: one thread that runs all followers of a system over their logs."""

import threading
import time
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from eventsourcing import system as upstream
from eventsourcing.application import TApplication
from eventsourcing.utils import EnvType
from typing_extensions import override

from sagaline.application.receipt import Receipt
from sagaline.application.saga_queries import ask
from sagaline.application.saga_signals import signal
from sagaline.errors import RunnerDied, SagalineError, WrongCall, describe_error
from sagaline.messaging.backoff import Backoff
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import named
from sagaline.messaging.logbook import fields, logger_of
from sagaline.runner.arguments import refuse_misfits, refuse_no_number
from sagaline.runner.bootstrap import OpenedSystem
from sagaline.runner.held_up import HeldUp, held_up, log_held_up
from sagaline.runner.lag import FollowerLag, count_calls_under_way, fences, is_timer_pending
from sagaline.runner.options import Options
from sagaline.runner.run_loop import RunLoop
from sagaline.saga.definition import Saga
from sagaline.saga.queries import Query, R
from sagaline.storage import Datastore
from sagaline.storage.sql import forks
from sagaline.storage.sql.lock_waits import WaitLimit, limit_waits
from sagaline.system.environment import environment
from sagaline.system.system import System, refuse_no_system

SETTLED_CHECKS: Final = Backoff(first=0.001, longest=0.1)
"""Pauses between two checks whether a system is settled, while its runner has nothing to do."""

log = logger_of(__name__)


class Runner(upstream.Runner[UUID], upstream.RecordingEventReceiver[UUID]):
    """Runs a system here: `with Runner(system) as runner: runner.get(Orders).place(...)`.

    At start it catches up from the recorded positions. It reads what other processes write, and
    continues after faults of the store. Several runners on one store share the followers. `env` is
    upstream's environment (SQLALCHEMY_URL, SQLALCHEMY_SCHEMA, ORDERS_SQLALCHEMY_URL, ...); the read
    tables are in SAGALINE_VIEWS, or with the logs. `only` names the followers to run; `now` is the
    clock of timers, by default the PostgreSQL server's, or else this machine's. `options` are read
    from the environment and pyproject.toml where they are not given: see `Options`.

    Raises a `StoreUnusable` where the store cannot be opened, was made for another system or by a
    newer version, or holds events that the loaded code does not define; nothing is changed then.
    """

    def __init__(
        self,
        system: System,
        env: EnvType | None = None,
        *,
        only: Collection[str] = (),
        now: Callable[[], datetime] | None = None,
        options: Options | None = None,
    ) -> None:
        refuse_no_system(system, "Runner")
        refuse_misfits(now, options)
        super().__init__(system, environment(env))
        self.options = Options.from_environment(self.env or {}) if options is None else options
        self._opened = OpenedSystem(system, self.env or {}, only, now, self.options)
        self._now = self._opened.now
        self._where = ", ".join(each.address for each in self._opened.datastores)
        self._thread: threading.Thread | None = None
        self._loop: RunLoop | None = None
        self._limit = WaitLimit()
        self._make_signals()
        self._stopped = False
        self.failure: BaseException | None = None
        """What its thread has died of; None while it is well."""
        self.apps = self._opened.apps
        self.windows = self._opened.windows
        self.followers = self._opened.followers
        self.views = self._opened.views
        for app in self.apps.values():
            app.lead(self)
        forks.join(self)

    @property
    def datastores(self) -> list[Datastore]:
        """The stores of the system, each once: those of the logs, and that of the read tables."""
        return self._opened.datastores

    def start(self) -> None:
        """Starts to run the followers, in a thread of its own.

        Raises LogTooShort, UnknownEvents and SagasIncompatible, and upstream's
        RunnerAlreadyStartedError: a runner starts once only.
        """
        if self.is_started:
            raise upstream.RunnerAlreadyStartedError("A runner starts once: make another.")
        try:
            self._opened.check()
        except BaseException:
            self._close()
            raise
        super().start()
        name = self._opened.system.name
        log.info("Runs %s on %s", name, self._where, extra=fields(system=name))
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs, and the one that renews its leases."""
        is_supervised = self._loop is None or self._loop.is_supervised
        return self._thread is not None and self._thread.is_alive() and is_supervised

    @override
    def __exit__(self, *args: object, **kwargs: Any) -> None:
        """Stops. Raises RunnerDied, with the cause, where its thread has died in the block."""
        self.stop()
        if args[0] is None:
            self._refuse_dead()

    def stop(self, timeout: float | None = None) -> None:
        """Stops after the transaction under way, and closes all connections.

        It waits at most `timeout` seconds (by default the option `stop_timeout`): after half of
        them the statement under way is cancelled. What still goes on then is logged; it ends in its
        own thread, which closes the connections, and its leases run out.
        """
        seconds = self.options.stop_timeout if timeout is None else timeout
        self._stopping.set()
        self._wake.set()
        if self._thread is None:
            self._close()
        else:
            self._end(self._thread, seconds / 2)

    def get(self, cls: type[TApplication]) -> TApplication:
        """The application of that class. Raises WrongCall where the system has none."""
        app = self.apps.get(getattr(cls, "name", ""))
        if app is None:
            cure = f"Name the class of one of {', '.join(self.apps)}."
            problem = f"{named(cls)} is no application of the system {self._opened.system.name}"
            raise WrongCall(where="Runner.get", problem=problem, cure=cure)
        return cast("TApplication", app)

    def query(self, saga: type[Saga], key: Any, query: Query[R]) -> R:
        """What an instance tells about itself, whoever leads it; see `sagaline.query`.

        Raises SagaUnknown, QueryUnknown and QueryFailed.
        """
        return ask(self.apps, saga, key, query)

    def signal(self, command: Command) -> Receipt:
        """Tells a running saga something: see `hears` and `wait_for`. The same id counts once.

        Raises WrongCall where no saga hears such a command, SagaUnknown and SignalTooLate.
        """
        return signal(self.apps, command)

    def receive_recording_event(self, new_recording_event: upstream.RecordingEvent[UUID]) -> None:
        """Wakes the loop: this process has recorded an event."""
        self._wake.set()

    def lag(self) -> list[FollowerLag]:
        """The position and lag of each follower of the system, judged from the stores.

        Those of tables that are out of date are left out: the loaded code does not move them.
        """
        outdated = self._opened.tables_out_of_date()
        return [each for each in self._opened.lag() if each.follower not in outdated]

    def settled(self, horizon: float | None = None) -> bool:
        """Whether every follower is caught up and no timer is pending (within `horizon` s)."""
        refuse_no_number("Runner.settled", 0 if horizon is None else horizon)
        before = fences(self.datastores)
        if any(each.lag for each in self.lag()) or count_calls_under_way(self.datastores):
            return False
        if is_timer_pending(self.datastores, self._now().timestamp(), horizon):
            return False
        # A timer that fires between these two reads is in neither, nor is what follows from it.
        return fences(self.datastores) == before

    def settle(self, timeout: float = 60.0, horizon: float | None = None) -> list[HeldUp]:
        """Waits until the system is settled. Raises TimeoutError when it takes longer.

        Returns what waits behind dead letters, and logs it: nothing moves it but an operator.
        Raises RunnerDied, with the cause, where the thread of the runner has died.
        """
        refuse_no_number("Runner.settle", timeout)
        deadline, checks = time.monotonic() + timeout, 0
        while True:
            self._refuse_dead()
            self._idle.clear()
            self._wake.set()
            self._idle.wait(max(0.0, min(deadline - time.monotonic(), 1.0)))
            if self._idle.is_set():
                if self.settled(horizon):
                    return log_held_up(held_up(self._opened.system, self.datastores))
                checks += 1
                pause = min(SETTLED_CHECKS.pause(checks), deadline - time.monotonic())
                self._stopping.wait(max(0.0, pause))
            if time.monotonic() > deadline:
                raise TimeoutError(f"Not settled after {timeout:g} s: {self._obstacles()}")

    def before_fork(self) -> None:
        """Does nothing: its thread stays in this process."""

    after_fork_in_parent = before_fork

    def after_fork_in_child(self) -> None:
        """Has signals of its own: a thread of the parent may have held the locks of the others."""
        self._make_signals()

    def _make_signals(self) -> None:
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._stopping = threading.Event()

    def _obstacles(self) -> str:
        """What keeps the system from being settled, for people."""
        lags = [each for each in self.lag() if each.lag]
        found = [f"{each.follower} is {each.lag} behind {each.leader}" for each in lags]
        calls = count_calls_under_way(self.datastores)
        if calls:
            found.append(f"{calls} port call{'s' * (calls > 1)} without an answer")
        return ", ".join(found) or "timers pending"

    def _refuse_dead(self) -> None:
        """Raises RunnerDied where its thread is gone."""
        reason = None if self.failure is None else describe_error(self.failure)
        is_gone = self._thread is not None and not self._thread.is_alive()
        if reason is None and is_gone and not self._stopping.is_set():
            reason = "its thread did not follow a fork: start a Runner in this process"
        if reason is not None:
            raise RunnerDied(system=self._opened.system.name, reason=reason) from self.failure

    def _log_death(self, error: BaseException) -> None:
        """Logs what has ended the thread, with a traceback where it is a bug."""
        trace = None if isinstance(error, SagalineError) else error
        name, reason = self._opened.system.name, describe_error(error)
        extra = fields(system=name)
        log.critical("The runner of %s ends: %s", name, reason, exc_info=trace, extra=extra)

    def _end(self, thread: threading.Thread, half: float) -> None:
        self._limit.at = time.monotonic() + half
        thread.join(half)
        if thread.is_alive():
            forks.interrupt(thread.ident)
            thread.join(half)
        if not thread.is_alive():
            self._close()
        elif self._loop is not None:
            self._loop.abandon()
            text = "%s has stopped, and does not wait for %s, which is still at work"
            name, current = self._opened.system.name, self._loop.current
            log.warning(text, name, current, extra=fields(system=name, part=current))

    def _close(self) -> None:
        if not self._stopped:
            self._stopped = True
            self._opened.close()
            if self.is_started:
                name = self._opened.system.name
                log.info("Stopped %s on %s", name, self._where, extra=fields(system=name))

    def _work(self) -> None:
        limit_waits(self._limit)
        try:
            self._loop = self._new_loop()
            self._run(self._loop)
        except BaseException as error:
            self.failure = error
            self._log_death(error)
        finally:
            if self._loop is not None:
                self._loop.close()
            if self._stopping.is_set():
                self._close()

    def _new_loop(self) -> RunLoop:
        signals = self._wake, self._stopping, self._limit
        return RunLoop(self._opened, self.options, self._now, *signals)

    def _run(self, loop: RunLoop) -> None:
        while not self._stopping.is_set():
            if not loop.run_once():
                loop.save()
                self._idle.set()
                loop.wait()
        loop.save()
