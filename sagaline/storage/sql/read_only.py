"""Keeps the code of handlers from writing in transactions of its own."""

from contextvars import ContextVar, Token
from types import TracebackType

from sagaline.errors import WriteInHandler


class ReadOnly:
    """While it is entered, its context opens no transaction that writes.

    Handlers run inside it. What they change is written after them, with the position; what they
    wrote by themselves would stay when the batch is rolled back, and be there twice when it runs
    again. `name` is that of the follower or application.
    """

    __slots__ = ("_token", "name")

    _token: "Token[ReadOnly | None]"

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self._token = _entered.set(self)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        _entered.reset(self._token)


_entered: ContextVar[ReadOnly | None] = ContextVar("sagaline_read_only", default=None)


def read_only() -> ReadOnly | None:
    """What this context has entered last; None where it may write."""
    return _entered.get()


def refuse_in_handler(action: str) -> None:
    """Raises WriteInHandler if the caller is the code of a handler."""
    entered = _entered.get()
    if entered is not None:
        raise WriteInHandler(name=entered.name, action=action)
