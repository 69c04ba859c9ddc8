"""The kit for tests in plain pytest.

`given(X, *history).when(...).then(...)` tests one aggregate, saga or read model; `Scenario` a whole
system or a saga on a clock that the test moves; `fault_matrix` a saga, or all sagas of a system,
with every fault that can happen to them.
"""

from functools import reduce
from typing import Any, Final, overload

from eventsourcing.domain import BaseAggregate

from sagaline.messaging.declaring import refuse_given
from sagaline.read_model.definition import ReadModel
from sagaline.saga.definition import Saga
from sagaline.saga.interventions import Operator
from sagaline.testing.answering import Answering
from sagaline.testing.fault_matrix.fault_matrix import fault_matrix
from sagaline.testing.fault_matrix.matrix import Matrix
from sagaline.testing.given.aggregates import GivenAggregate
from sagaline.testing.given.happened import LONG_AGO, SOMEONE, Happened, happened
from sagaline.testing.given.read_models import GivenReadModel, Recorded, recorded
from sagaline.testing.given.sagas import GivenSaga
from sagaline.testing.scenario import Scenario
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
    "Recorded",
    "Scenario",
    "SimulatedParticipant",
    "fault_matrix",
    "given",
    "happened",
    "recorded",
]


@overload
def given(subject: type[Saga], *history: Any) -> GivenSaga: ...
@overload
def given(subject: type[ReadModel], *history: Any) -> GivenReadModel: ...
@overload
def given(subject: type[Any], *history: Any) -> GivenAggregate: ...
def given(subject: type[Any], *history: Any) -> GivenAggregate | GivenReadModel | GivenSaga:
    """Starts a test of an aggregate, saga or read model class with a history.

    The history of an aggregate is events, `happened(...)` and functions of the aggregate; that of
    a saga is events, `happened(...)` and event classes, the first of which starts it; that of a
    read model is events, `happened(...)` and `recorded(...)`.
    """
    if not isinstance(subject, type):
        refuse_given(subject, "given", _SUBJECTS)
    if issubclass(subject, BaseAggregate):
        return GivenAggregate(subject, history)
    if issubclass(subject, Saga):
        return reduce(GivenSaga.when, history, GivenSaga(subject))
    if issubclass(subject, ReadModel):
        return GivenReadModel(subject, history)
    refuse_given(subject, "given", _SUBJECTS)


_SUBJECTS: Final = "Write given(Order, ...): the class of an aggregate, a saga or a read model."
