"""Tests in business words: ``given(X, *history).when(...).then(...)``, in plain pytest.

One module for each kind of `X`; `given` finds it by the type.
"""

from typing import Any, overload

from eventsourcing.domain import BaseAggregate

from sagaline.saga import Saga
from sagaline.testing.aggregates import GivenAggregate, Happened, happened
from sagaline.testing.sagas import GivenSaga, given_saga

__all__ = ["GivenAggregate", "GivenSaga", "Happened", "given", "happened"]


@overload
def given(subject: type[Saga], *history: Any) -> GivenSaga: ...
@overload
def given(subject: type[Any], *history: Any) -> GivenAggregate: ...
def given(subject: type[Any], *history: Any) -> GivenAggregate | GivenSaga:
    """Starts a test of `subject`, to which `history` has happened.

    An aggregate class takes events, `happened(...)` and functions of the aggregate as history; a
    saga takes events and `happened(...)`, of which the first is the event that starts it.
    """
    if issubclass(subject, BaseAggregate):
        return GivenAggregate(subject, history)
    if issubclass(subject, Saga):
        return given_saga(subject, *history)
    raise TypeError(f"there is no test kit for {subject.__name__}: it is no aggregate and no saga")
