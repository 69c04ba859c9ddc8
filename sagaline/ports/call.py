"""One call of a port."""

from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sagaline.ports.port import Port

UNANSWERED: Final = object()
"""The answer of a call that has none yet."""


class Latch:
    """Is open once a number of calls have ended."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.opened = Event()

    def count_down(self) -> None:
        """Notes that one of them has ended."""
        self.count -= 1
        if self.count <= 0:
            self.opened.set()


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
