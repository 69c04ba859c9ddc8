"""What a saga is willing to tell about itself: methods that are called and change nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar, overload

from sagaline.codec import returned_value
from sagaline.errors import DefinitionError
from sagaline.messaging.declaring import refuse_no_method
from sagaline.messaging.lazy import refuse_unrun
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


class Result(Query[R]):
    """A query whose answer at its end a saga hands to the sagas that it is a step of."""

    def of(self, saga: Any) -> str:
        """What an instance hands on, as JSON. Raises ValueError where it misfits the annotation."""
        found = self.answer(saga)
        refuse_unrun(f"{type(saga).__name__}.{self.name}", found)
        return self.written(found)

    def written(self, value: R) -> str:
        """A value that is handed on, as JSON. Raises ValueError where it misfits the annotation."""
        return returned_value(self.answer, self.name).dump_json(value, warnings="error").decode()

    def read(self, text: str) -> R:
        """What was handed on. Raises ValueError where the annotation has changed since."""
        value: R = returned_value(self.answer, self.name).validate_json(text)
        return value


def query(answer: Callable[[Any], R] | None = None) -> Query[R]:
    """Declares a method that answers a question about an instance: ``runner.query(...)``.

    It takes no arguments, and reads what steps read: ``self[Event]``, ``self.key``, the steps. It
    must be pure. What it returns is annotated: a pydantic model, a dataclass, or a plain value.
    """
    method = _method(answer, "@query")
    return Query(method.__name__, method)


def result(answer: Callable[[Any], R] | None = None) -> Result[R]:
    """Declares what a completed saga hands to the sagas that it is a step of.

    It is a query beside that. It is called once, when the saga has completed, and recorded; the
    parent reads it as ``self.book_flight.result``, and of items in ``self.book.done``.
    """
    method = _method(answer, "@result")
    return Result(method.__name__, method)


def _method(answer: Callable[[Any], R] | None, decorator: str) -> Callable[[Any], R]:
    if answer is None:
        cure = f"Write {decorator} alone above a def."
        raise DefinitionError(where=decorator, problem="it is given no method", cure=cure)
    refuse_no_method(answer, "self")
    return answer
