"""Calls of ports: concurrent, bounded, with a timeout, and outside any transaction."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic
from typing import Any

from sagaline.errors import describe_error

MAX_PORT_CALLS = 16
"""Port calls under way at the same time, in each application."""

PORT_CALL_TIMEOUT = 30.0
"""Seconds that a batch waits for one call; without an answer by then the call is a fault."""

PROGRESS_INTERVAL = 0.5
"""Seconds between two checks of the calls under way."""


@dataclass(frozen=True)
class PortFault:
    """A port call without an answer: whether its effect took place is unknown."""

    reason: str
    error: BaseException | None = field(default=None, compare=False, repr=False)
    """What the call has raised, for the log."""

    @classmethod
    def of(cls, error: BaseException) -> "PortFault":
        """The fault that a call has raised."""
        return cls(describe_error(error), error)


class PortCalls:
    """Calls ports for all commands of a batch at the same time.

    A failing port does not fail the batch: its answer is a `PortFault`. `meanwhile` is called about
    twice a second while calls are under way.
    """

    def __init__(
        self,
        name: str,
        max_calls: int = MAX_PORT_CALLS,
        timeout: float = PORT_CALL_TIMEOUT,
        meanwhile: Callable[[], Any] = lambda: None,
    ) -> None:
        self.meanwhile = meanwhile
        self._name = name
        self._max_calls = max_calls
        self._timeout = timeout

    def call(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """The answers, in the order of the calls."""
        if not calls:
            return []
        pool = _Pool(calls, PortFault(f"no answer within {self._timeout:g} s"))
        for number in range(min(self._max_calls, len(calls))):
            pool.add_thread(f"{self._name}-port-{number}")
        while not pool.done.wait(min(PROGRESS_INTERVAL, self._timeout / 4)):
            if pool.longest() > self._timeout:
                break
            self.meanwhile()
        return pool.answers()


class _Pool:
    """The calls of one batch, and the daemon threads that make them.

    Each batch has threads of its own: a call that hangs takes none from a later batch, and does not
    keep the process from ending.
    """

    def __init__(self, calls: Sequence[Callable[[], Any]], default: PortFault) -> None:
        self.done = Event()
        self._todo = deque(enumerate(calls))
        self._answers: list[Any] = [default] * len(calls)
        self._started_at: dict[int, float] = {}
        self._answered: deque[int] = deque()

    def add_thread(self, name: str) -> None:
        """Starts one more thread for the calls."""
        Thread(target=self._work, name=name, daemon=True).start()

    def longest(self) -> float:
        """The age, in seconds, of the oldest call under way."""
        return monotonic() - min(self._started_at.copy().values(), default=monotonic())

    def answers(self) -> list[Any]:
        """The answers so far. Later ones are dropped, and no further call starts."""
        self._todo.clear()
        return list(self._answers)

    def _work(self) -> None:
        while True:
            try:
                index, call = self._todo.popleft()
            except IndexError:
                return
            self._started_at[index] = monotonic()
            self._answers[index] = call_port(call)
            del self._started_at[index]
            self._answered.append(index)
            if len(self._answered) == len(self._answers):
                self.done.set()


def call_port(call: Callable[[], Any]) -> Any:
    """The answer of a port, or a `PortFault` for what it raises."""
    try:
        return call()
    except BaseException as error:
        return PortFault.of(error)


def split_answer(answer: Any, count: int) -> Sequence[Any]:
    """The `count` answers of one call for several commands; a fault of the call is one for each."""
    if isinstance(answer, PortFault):
        return [answer] * count
    return [PortFault.of(each) if isinstance(each, BaseException) else each for each in answer]
