"""The event loop that makes the port calls of coroutines."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from threading import Lock, Thread
from typing import Any

from sagaline.ports.fault import PortFault
from sagaline.storage.sql import forks

Ended = Callable[[Any], None]
"""Takes the answer of a call."""


class CallLoop:
    """Runs coroutines in one event loop, in a thread of its own, which starts with the first.

    It has nothing to do with a loop that the caller may have: a port may use a client that belongs
    to a loop, if it makes that client in its first call.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(
        self, function: Callable[[], Coroutine[Any, Any, Any]], end: Ended
    ) -> Callable[[], Any]:
        """Runs a coroutine, and calls `end` with its answer; returns what cancels it."""
        loop, task = self._started(), _Task()
        loop.call_soon_threadsafe(task.start, loop, function, end)
        return partial(_cancel, loop, task)

    def result(self, function: Callable[[], Coroutine[Any, Any, Any]], timeout: float) -> Any:
        """The result of a coroutine, which the caller waits for. Raises what it raises."""
        found = asyncio.run_coroutine_threadsafe(function(), self._started())
        try:
            return found.result(timeout)
        except TimeoutError as error:
            if found.done():
                raise
            found.cancel()
            raise TimeoutError(f"no answer within {timeout:g} s") from error

    def close(self) -> None:
        """Stops the loop: calls that are under way are let go."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(_stop, self._loop)
                self._loop = None

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                name = "sagaline-port-loop"
                Thread(target=_run, args=(self._loop,), name=name, daemon=True).start()
            return self._loop


class _Task:
    """One coroutine in the loop, which keeps a weak reference to it only."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._is_cancelled = False

    def start(
        self,
        loop: asyncio.AbstractEventLoop,
        function: Callable[[], Coroutine[Any, Any, Any]],
        end: Ended,
    ) -> None:
        """Starts the coroutine, unless it is cancelled already."""
        if self._is_cancelled:
            end(PortFault("cancelled"))
            return
        self._task = loop.create_task(_answered(function, end))

    def cancel(self) -> None:
        """Cancels the coroutine."""
        self._is_cancelled = True
        if self._task is not None:
            self._task.cancel()


async def _answered(function: Callable[[], Coroutine[Any, Any, Any]], end: Ended) -> None:
    process = os.getpid()
    try:
        answer = await function()
    except BaseException as error:
        answer = PortFault.of(error)
    forks.end_child_of(process)
    end(answer)


def _cancel(loop: asyncio.AbstractEventLoop, task: _Task) -> None:
    with suppress(RuntimeError):  # the loop is closed, and the task with it
        loop.call_soon_threadsafe(task.cancel)


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    """Cancels all tasks, and stops once they have heard of it."""
    for each in asyncio.all_tasks(loop):
        each.cancel()
    loop.call_soon(loop.call_soon, loop.stop)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Runs the loop until it is stopped, whatever a task that a port has left behind raises."""
    while True:
        try:
            loop.run_forever()
            break
        except BaseException:
            continue
    loop.close()
