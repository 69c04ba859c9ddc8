"""Tests in business words: ``given(X, *history).when(...).then(...)``, in plain pytest.

One module for each kind of `X`; `given` finds it by the type.
"""

from typing import Any

from eventsourcing.domain import BaseAggregate

from sagaline.testing.aggregates import GivenAggregate, Happened, happened

__all__ = ["GivenAggregate", "Happened", "given", "happened"]


def given(subject: type[Any], *history: Any) -> GivenAggregate:
    """Starts a test of `subject`, to which `history` has happened.

    An aggregate class takes events, `happened(...)` and functions of the aggregate as history.
    """
    if issubclass(subject, BaseAggregate):
        return GivenAggregate(subject, history)
    raise TypeError(f"there is no test kit for {subject.__name__}: it is no aggregate")
