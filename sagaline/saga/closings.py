"""The last command of a saga: when all steps are done, or when all effects are undone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, overload

from sagaline.messaging.declaring import refuse_wrong
from sagaline.messaging.namespace import SagaPart
from sagaline.messaging.retry import Retry
from sagaline.saga.command_part import CommandMethod, refuse_no_maker
from sagaline.saga.steps import RETRY_CURE


@dataclass(frozen=True)
class Closing(SagaPart):
    """The last command of a saga: when all steps are done, or when all effects are undone."""

    name: str
    make_command: CommandMethod
    retry: Retry | None
    completed: bool


@overload
def on_compensated(make_command: CommandMethod) -> Closing: ...
@overload
def on_compensated(*, retry: Retry) -> Callable[[CommandMethod], Closing]: ...
def on_compensated(make_command: CommandMethod | None = None, *, retry: Retry | None = None) -> Any:
    """Declares the command that is issued when every effect has been undone.

    The method may return None for no command. `retry` says how often it is tried in all where
    the port faults: ten times in eight and a half minutes without it.
    """
    return _closing(make_command, retry, completed=False)


@overload
def on_completed(make_command: CommandMethod) -> Closing: ...
@overload
def on_completed(*, retry: Retry) -> Callable[[CommandMethod], Closing]: ...
def on_completed(make_command: CommandMethod | None = None, *, retry: Retry | None = None) -> Any:
    """Declares the command that is issued when every step is done; see `on_compensated`."""
    return _closing(make_command, retry, completed=True)


def _closing(make_command: CommandMethod | None, retry: Retry | None, *, completed: bool) -> Any:
    if retry is not None:
        refuse_wrong(retry, Retry, "@on_completed and @on_compensated", RETRY_CURE)

    def declare(make_command: CommandMethod) -> Closing:
        refuse_no_maker(make_command)
        return Closing(make_command.__name__, make_command, retry, completed)

    return declare if make_command is None else declare(make_command)
