"""Asking the outside world: concurrently, bounded, with a time limit, outside any transaction."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic
from typing import Any

from sagaline.errors import describe_error

AT_ONCE = 16
"""Calls of ports under way at the same time."""

LIMIT = 30.0
"""Seconds that a batch waits for one call; what has not answered by then has faulted."""

BEAT = 0.5
"""Seconds between two looks how far the calls are."""


@dataclass(frozen=True)
class PortFault:
    """A port did not answer: nobody knows whether the effect took place."""

    reason: str


class PortCalls:
    """Calls ports for a batch of commands at once.

    A failing port is no failure of the batch: its answer is a `PortFault`. `meanwhile` is called
    about twice a second while the calls are under way.
    """

    def __init__(
        self,
        name: str,
        at_once: int = AT_ONCE,
        limit: float = LIMIT,
        meanwhile: Callable[[], Any] = lambda: None,
    ) -> None:
        self.meanwhile = meanwhile
        self._name = name
        self._at_once = at_once
        self._limit = limit

    def call(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """The answers, in the order of the calls."""
        if not calls:
            return []
        turn = _Turn(calls, PortFault(f"no answer within {self._limit:g} s"))
        for number in range(min(self._at_once, len(calls))):
            turn.help(f"{self._name}-port-{number}")
        while not turn.done.wait(min(BEAT, self._limit / 4)):
            if turn.longest() > self._limit:
                break
            self.meanwhile()
        return turn.answers()


class _Turn:
    """The calls of one batch, and the threads that work on them.

    The threads are of this turn alone, and die with the process: a call that hangs takes them from
    no later batch, and keeps no process from its end.
    """

    def __init__(self, calls: Sequence[Callable[[], Any]], silence: PortFault) -> None:
        self.done = Event()
        self._todo = deque(enumerate(calls))
        self._answers: list[Any] = [silence] * len(calls)
        self._begun: dict[int, float] = {}
        self._answered: deque[int] = deque()

    def help(self, name: str) -> None:
        """One more thread that works on the calls."""
        Thread(target=self._work, name=name, daemon=True).start()

    def longest(self) -> float:
        """How many seconds the oldest call takes that is under way."""
        return monotonic() - min(self._begun.copy().values(), default=monotonic())

    def answers(self) -> list[Any]:
        """What has been answered so far; what comes later is not heard, and nothing more begins."""
        self._todo.clear()
        return list(self._answers)

    def _work(self) -> None:
        while True:
            try:
                index, call = self._todo.popleft()
            except IndexError:
                return
            self._begun[index] = monotonic()
            self._answers[index] = call_port(call)
            del self._begun[index]
            self._answered.append(index)
            if len(self._answered) == len(self._answers):
                self.done.set()


def call_port(call: Callable[[], Any]) -> Any:
    """What a port says, or the `PortFault` that it is."""
    try:
        return call()
    except BaseException as error:
        return PortFault(describe_error(error))


def split_answer(said: Any, count: int) -> Sequence[Any]:
    """The answers to so many questions of one call: where it failed, they all have."""
    if isinstance(said, PortFault):
        return [said] * count
    return [
        PortFault(describe_error(each)) if isinstance(each, Exception) else each for each in said
    ]
