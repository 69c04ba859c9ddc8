"""The pool of port calls: begins them, ends those whose time is up, and tells that answers came."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import inf
from threading import Lock
from time import monotonic
from typing import Any

from sagaline.ports.event_loop import CallLoop
from sagaline.ports.fault import PortFault
from sagaline.ports.latch import Latch
from sagaline.ports.limits import PortLimits
from sagaline.ports.port import Port, PortCall
from sagaline.ports.threads import CallThreads
from sagaline.storage.sql import forks

MAX_THREADS = 256
"""Threads that make calls, for all ports of a runner together."""

PATIENCE = 0.02
"""Seconds that a batch waits for its next answer: a quick port is answered in the same batch."""

PATIENCE_FOR_EACH = 0.001
"""More seconds for each further command of a call."""

MAX_WAIT = 0.25
"""Most seconds that a batch waits for its answers, while they come in."""


class PortPool:
    """Makes the port calls of a runner: in threads, or in one event loop where they are async.

    No call holds another port up, nor whoever begins it: `wait` gives up on those that take long,
    and `on_answer` tells when one of them has ended. The owner calls `tick` from time to time.
    """

    def __init__(
        self,
        threads: int = MAX_THREADS,
        patience: float = PATIENCE,
        on_answer: Callable[[], Any] = lambda: None,
    ) -> None:
        self.on_answer = on_answer
        self.patience = patience
        self._most_threads = threads
        self.after_fork_in_child()
        forks.join(self)

    def port(self, name: str, limits: PortLimits, is_async: bool = False) -> Port:
        """The port of a name, with these limits where it is new."""
        with self._lock:
            if name not in self.ports:
                self.ports[name] = Port(name, limits, is_async)
            return self.ports[name]

    def begin(self, calls: Sequence[PortCall]) -> None:
        """Begins calls, each when its port has a turn."""
        with self._lock:
            for call in calls:
                call.port.add(call)
            ready = self._ready({each.port for each in calls})
        self._make(ready)

    def wait(self, calls: Iterable[PortCall]) -> None:
        """Waits while calls are answered at once, and gives up on the others.

        It waits for no port that has mostly been slow, and `MAX_WAIT` seconds at most.
        """
        with self._lock:
            left = [each for each in calls if not each.is_answered and each.port.is_prompt]
            latch = Latch(len(left))
            for each in left:
                each.latch = latch
        until = monotonic() + max(MAX_WAIT, self.patience)
        patience, count = max(map(self._patience, left), default=0.0), latch.count
        while count and not latch.opened.wait(min(patience, until - monotonic())):
            if latch.count == count or monotonic() >= until:
                return
            count = latch.count

    def wait_for_all(self, calls: Sequence[PortCall]) -> None:
        """Waits until all calls are answered, by their time limits at last."""
        while not all(each.is_answered for each in calls):
            self.wait(calls)
            self.tick()

    def result(self, function: Callable[[], Any], timeout: float) -> Any:
        """The result of a coroutine function, which the caller waits for. Raises what it raises."""
        return self._loop.result(function, timeout)

    def answer_of(self, call: PortCall) -> Any:
        """The answer of a call that is made at once; a `PortFault` for what it raises."""
        if not call.port.is_async:
            return call_port(call.function)
        return call_port(partial(self.result, call.function, call.port.timeout))

    def tick(self) -> None:
        """Ends the calls whose time is up, and begins those whose time has come."""
        if not self.ports:
            return
        now = monotonic()
        with self._lock:
            ended = [call for port in self.ports.values() for call in port.overdue(now)]
            ready = self._ready(self.ports.values())
        for call in ended:
            self._tell(call)
        self._make(ready)

    def next_due(self) -> float:
        """Seconds until `tick` has something to do."""
        now = monotonic()
        with self._lock:
            return min((each.next_due(now) for each in self.ports.values()), default=inf) - now

    def close(self) -> None:
        """Drops the calls that are under way; the runner that leads next makes them again."""
        self._loop.close()

    def before_fork(self) -> None:
        """Does nothing: its threads stay in this process."""

    after_fork_in_parent = before_fork

    def after_fork_in_child(self) -> None:
        """Begins anew: the threads of the parent are not here."""
        self._threads = CallThreads(self._most_threads)
        self._loop = CallLoop()
        self._lock = Lock()
        self.ports: dict[str, Port] = {}
        """The ports at work, by their names."""

    def _ready(self, ports: Iterable[Port]) -> list[PortCall]:
        ready: list[PortCall] = []
        now = monotonic()
        for port in ports:
            while (call := port.begin(now)) is not None:
                ready.append(call)
        return ready

    def _make(self, calls: Iterable[PortCall]) -> None:
        for call in calls:
            if call.port.is_async:
                call.cancel = self._loop.run(call.function, partial(self._end, call))
            else:
                self._threads.run(partial(self._call, call))

    def _call(self, call: PortCall) -> None:
        self._end(call, call_port(call.function))

    def _end(self, call: PortCall, answer: Any) -> None:
        with self._lock:
            is_ended = call.port.end(call, answer, monotonic(), self._patience(call))
            ready = self._ready([call.port])
        if is_ended:
            self._tell(call)
        self._make(ready)

    def _tell(self, call: PortCall) -> None:
        call.on_answer()
        with self._lock:
            if call.latch is not None:
                call.latch.count_down()
        self.on_answer()

    def _patience(self, call: PortCall) -> float:
        return self.patience + PATIENCE_FOR_EACH * call.count


def call_port(call: Callable[[], Any]) -> Any:
    """The answer of a port, or a `PortFault` for what it raises; a fork of its own ends here."""
    process = os.getpid()
    try:
        answer = call()
    except BaseException as error:
        answer = PortFault.of(error)
    forks.end_child_of(process)
    return answer
