"""A port at work: its calls, those that wait and those that are under way, and its limits."""

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from heapq import heappop, heappush
from math import inf
from time import monotonic
from typing import Any, Final

from sagaline.messaging.retry import Retry
from sagaline.ports.fault import PortFault
from sagaline.ports.latch import Latch
from sagaline.ports.limits import DEFAULT_LIMITS, Breaker, PortLimits

BURST = 0.1
"""The part of a second whose calls may begin at once."""

ROUNDING = 1e-6
"""What sums of times may lack of a whole call: without it, a call would wait for one more tick."""

PROMPT_SHARE = 0.9
"""How much of a port's promptness one more call leaves as it was."""

MAX_WAITING = 2_000
"""Calls that wait in memory for their turn, of each port: any others are in the store alone."""

ONCE = Retry(attempts=1)


UNANSWERED: Final = object()
"""The answer of a call that has none yet."""


class PortCall:
    """A call of a port, for one command or for several at once.

    `function` makes the call; it returns a coroutine where the port is one of an event loop.
    """

    __slots__ = (
        "answer",
        "attempt",
        "begun_at",
        "cancel",
        "count",
        "function",
        "latch",
        "not_before",
        "on_answer",
        "port",
    )

    def __init__(
        self,
        port: "Port",
        function: Callable[[], Any],
        count: int = 1,
        on_answer: Callable[[], Any] = lambda: None,
    ) -> None:
        self.port = port
        self.function = function
        self.count = count
        """How many commands it serves."""
        self.on_answer = on_answer
        self.answer: Any = UNANSWERED
        self.attempt = 1
        self.begun_at = 0.0
        self.not_before = 0.0
        self.latch: Latch | None = None
        self.cancel: Callable[[], Any] = lambda: None
        """Ends it, where it can be ended."""

    @property
    def is_answered(self) -> bool:
        """Whether its answer is there."""
        return self.answer is not UNANSWERED


class Port:
    """The calls of one port, and the limits that hold for them. Its owner holds a lock."""

    def __init__(
        self, name: str, limits: PortLimits = DEFAULT_LIMITS, is_async: bool = False
    ) -> None:
        self.name = name
        self.is_async = is_async
        """Whether its calls are coroutines."""
        limits = limits.over(DEFAULT_LIMITS)
        assert limits.concurrency is not None
        assert limits.timeout is not None
        self.concurrency: int = limits.concurrency
        self.timeout = limits.timeout.total_seconds()
        self._retry: Retry = limits.retry or ONCE
        self._breaker: Breaker | None = limits.breaker
        self._rate = limits.per_second or inf
        self._burst = max(1.0, self._rate * BURST)
        self._allowance = self._burst
        self._allowed_at = monotonic()
        self._waiting: deque[PortCall] = deque()
        self._paused: list[tuple[float, int, PortCall]] = []
        self._under_way: dict[PortCall, None] = {}
        self._abandoned = 0
        self._faults = 0
        self._closed_until = 0.0
        self._promptness = 1.0

    @property
    def is_full(self) -> bool:
        """Whether no further call should wait in memory."""
        return len(self._waiting) >= MAX_WAITING

    @property
    def is_prompt(self) -> bool:
        """Whether most of its calls were answered within the patience of a batch."""
        return self._promptness > 0.5

    def add(self, call: PortCall) -> None:
        """Adds a call that waits for its turn."""
        self._waiting.append(call)

    def begin(self, now: float) -> PortCall | None:
        """The next call that may begin now; it counts as begun."""
        while self._paused and self._paused[0][0] <= now:
            self._waiting.appendleft(heappop(self._paused)[2])
        if not self._waiting or self._is_busy or self._is_closed(now) or not self._takes_turn(now):
            return None
        call = self._waiting.popleft()
        call.begun_at = now
        self._under_way[call] = None
        return call

    def end(self, call: PortCall, answer: object, now: float, patience: float) -> bool:
        """Notes what a call has brought; returns whether that is its answer.

        It is not where the call has ended before, by its time limit, and where a fault is tried
        again.
        """
        if call not in self._under_way:
            self._abandoned -= 1
            return False
        del self._under_way[call]
        return self._note(call, answer, now, patience)

    def overdue(self, now: float) -> list[PortCall]:
        """The calls whose time is up: each has ended with a fault, unless it is tried again."""
        late = [each for each in self._under_way if now - each.begun_at >= self.timeout]
        ended = []
        for call in late:
            del self._under_way[call]
            self._abandoned += 1
            call.cancel()
            if self._note(call, PortFault(f"no answer within {self.timeout:g} s"), now, 0.0):
                ended.append(call)
        return ended

    def next_due(self, now: float) -> float:
        """When time alone changes something."""
        due = min((each.begun_at for each in self._under_way), default=inf) + self.timeout
        if self._paused:
            due = min(due, self._paused[0][0])
        if self._waiting and not self._is_busy:
            due = min(due, max(self._closed_until, now + (1 - self._allowance) / self._rate))
        return due

    @property
    def _is_busy(self) -> bool:
        """Whether all its turns are taken: a call that hangs keeps a turn of its own so long."""
        hanging = max(0, self._abandoned - self.concurrency)
        return len(self._under_way) + hanging >= self.concurrency

    def _is_closed(self, now: float) -> bool:
        """Whether the breaker is open; once its pause is over, one call may try."""
        if self._breaker is None or self._faults < self._breaker.failures:
            return False
        return now < self._closed_until or bool(self._under_way)

    def _takes_turn(self, now: float) -> bool:
        if self._rate == inf:
            return True
        gained = (now - self._allowed_at) * self._rate
        self._allowance, self._allowed_at = min(self._burst, self._allowance + gained), now
        if self._allowance < 1 - ROUNDING:
            return False
        self._allowance -= 1
        return True

    def _note(self, call: PortCall, answer: object, now: float, patience: float) -> bool:
        was_prompt = now - call.begun_at <= patience
        self._promptness = PROMPT_SHARE * self._promptness + (1 - PROMPT_SHARE) * was_prompt
        if not isinstance(answer, PortFault):
            self._faults, call.answer = 0, answer
            return True
        self._faults += 1
        if self._breaker is not None and self._faults >= self._breaker.failures:
            self._closed_until = now + self._breaker.pause.total_seconds()
        pause: timedelta | None = self._retry.pause(call.attempt)
        if pause is None:
            call.answer = answer
            return True
        call.attempt += 1
        heappush(self._paused, (now + pause.total_seconds(), id(call), call))
        return False
