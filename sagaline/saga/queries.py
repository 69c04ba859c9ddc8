"""What a saga is willing to tell about itself: methods that are called and change nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar, overload

from sagaline.messaging.declaring import refuse_no_method
from sagaline.messaging.namespace import SagaPart

R = TypeVar("R")


@dataclass(frozen=True)
class Query(SagaPart, Generic[R]):
    """A method of a saga that answers a question about an instance."""

    name: str
    answer: Callable[[Any], R]

    @overload
    def __get__(self, saga: None, owner: type) -> Self: ...
    @overload
    def __get__(self, saga: object, owner: type) -> Callable[[], R]: ...
    def __get__(self, saga: Any, owner: type) -> Self | Callable[[], R]:
        """The query from the class; from a saga the method, as its other methods call it."""
        return self if saga is None else lambda: self.answer(saga)


def query(answer: Callable[[Any], R]) -> Query[R]:
    """Declares a method that answers a question about an instance: ``runner.query(...)``.

    It takes no arguments, and reads what steps read: ``self[Event]``, ``self.key``, the steps. It
    must be pure. What it returns is annotated: a pydantic model, a dataclass, or a plain value.
    """
    refuse_no_method(answer, "self")
    return Query(answer.__name__, answer)
