"""Asking the outside world: concurrently, bounded, with a time limit, outside any transaction."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

AT_ONCE = 16
"""Calls of ports under way at the same time."""

LIMIT = 30.0
"""Seconds that a batch waits for its ports; what has not answered by then has faulted."""


@dataclass(frozen=True)
class Fault:
    """A port did not answer: nobody knows whether the effect took place."""

    reason: str


class Asking:
    """Calls ports for a batch of commands at once.

    A failing port is no failure of the batch: its answer is a `Fault`.
    """

    def __init__(self, name: str, at_once: int = AT_ONCE, limit: float = LIMIT) -> None:
        self._name = name
        self._at_once = at_once
        self._limit = limit
        self._pool: ThreadPoolExecutor | None = None

    def ask(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """The answers, in the order of the calls."""
        if not calls:
            return []
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._at_once, thread_name_prefix=f"{self._name}-port")
        futures = [self._pool.submit(each) for each in calls]
        wait(futures, timeout=self._limit)
        return [self._answer(each) for each in futures]

    def close(self) -> None:
        """Lets the threads go; a call that hangs is left behind."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _answer(self, future: Future[Any]) -> Any:
        if not future.done():
            future.cancel()
            return Fault(f"no answer within {self._limit:g} s")
        error = future.exception()
        if error is None:
            return future.result()
        return Fault(f"{type(error).__name__}: {error}")
