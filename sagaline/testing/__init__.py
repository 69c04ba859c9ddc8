"""Tests in business words, in plain pytest.

``given(X, *history).when(...).then(...)`` tests one aggregate, saga or read model by itself (one
module for each kind of `X`; `given` finds it by the type), `Scenario` a whole system or a saga with
time that passes, and `fault_matrix` a saga with everything that can go wrong.
"""

from typing import Any, overload

from eventsourcing.domain import BaseAggregate

from sagaline.read_model.definition import ReadModel
from sagaline.saga.definition import Saga
from sagaline.saga.interventions import Operator
from sagaline.testing.fault_matrix.fault_matrix import Matrix, fault_matrix
from sagaline.testing.given.aggregates import LONG_AGO, SOMEONE, GivenAggregate, Happened, happened
from sagaline.testing.given.read_models import GivenReadModel, Told, told
from sagaline.testing.given.sagas import GivenSaga, given_saga
from sagaline.testing.scenario import Answering, Scenario
from sagaline.testing.simulation.participants import Effects, SimulatedParticipant

__all__ = [
    "LONG_AGO",
    "SOMEONE",
    "Answering",
    "Effects",
    "GivenAggregate",
    "GivenReadModel",
    "GivenSaga",
    "Happened",
    "Matrix",
    "Operator",
    "Scenario",
    "SimulatedParticipant",
    "Told",
    "fault_matrix",
    "given",
    "happened",
    "told",
]


@overload
def given(subject: type[Saga], *history: Any) -> GivenSaga: ...
@overload
def given(subject: type[ReadModel], *history: Any) -> GivenReadModel: ...
@overload
def given(subject: type[Any], *history: Any) -> GivenAggregate: ...
def given(subject: type[Any], *history: Any) -> GivenAggregate | GivenReadModel | GivenSaga:
    """Starts a test of `subject`, to which `history` has happened.

    An aggregate class takes events, `happened(...)` and functions of the aggregate as history; a
    saga takes events and `happened(...)`, of which the first is the event that starts it; a read
    model takes events, `happened(...)` and `told(...)`.
    """
    if issubclass(subject, BaseAggregate):
        return GivenAggregate(subject, history)
    if issubclass(subject, Saga):
        return given_saga(subject, *history)
    if issubclass(subject, ReadModel):
        return GivenReadModel(subject, history)
    raise TypeError(f"{subject.__name__} is no aggregate, no saga and no read model")
