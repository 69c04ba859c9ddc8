"""The names that an instance locks while it is open."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, overload

from sagaline.messaging.declaring import refuse_no_method, refuse_wrong
from sagaline.messaging.namespace import SagaPart


@dataclass(frozen=True)
class Locks(SagaPart):
    """The names that a saga instance locks from its start to its end."""

    name: str
    names: Callable[[Any], Iterable[str]]
    wait: bool


@overload
def locks(names: Callable[[Any], Iterable[str]]) -> Locks: ...
@overload
def locks(*, wait: bool) -> Callable[[Callable[[Any], Iterable[str]]], Locks]: ...
def locks(names: Any = None, *, wait: bool = True) -> Any:
    """Declares the method that returns the names to lock, as ``customer:42``.

    The method can read the event that starts the saga. The instance acquires all names together,
    before its first step, and releases them with its end. Another instance that wants one of them
    waits in a queue, or compensates at once with ``wait=False``; its reason says which instance
    holds the lock. Sagas of all classes whose logs are in one store share the names.
    """
    refuse_wrong(wait, bool, "@locks(wait=...)", "Write wait=False.")

    def declare(names: Callable[[Any], Iterable[str]]) -> Locks:
        refuse_no_method(names, "self", may_yield=True)
        return Locks(names.__name__, names, wait)

    return declare if names is None else declare(names)
