"""Answers queries to saga instances from their journals in the store, and changes nothing."""

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from eventsourcing.application import project_aggregate

from sagaline.application.saga_process import SagaProcess
from sagaline.application.saga_runs import SagaRuns
from sagaline.codec import plain_value
from sagaline.errors import QueryFailed, QueryUnknown, SagaUnknown, WrongCall, describe_error
from sagaline.messaging.declaring import named
from sagaline.messaging.interruption import raise_interruption
from sagaline.messaging.keys import required_key
from sagaline.messaging.lazy import refuse_unrun
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga, refuse_no_saga
from sagaline.saga.instance import Journal
from sagaline.saga.queries import Query, R
from sagaline.saga.versions import version_for


def ask(apps: Mapping[str, Any], saga: type[Saga], key: Any, query: Query[R]) -> R:
    """What the instance of a saga for a key answers, read from its own stream.

    Raises WrongCall for a saga that the system does not have, SagaUnknown, QueryUnknown and
    QueryFailed.
    """
    refuse_no_saga(saga, "query", "Write runner.query(BookTrip, key, BookTrip.progress).")
    process = apps.get(saga_declaration(saga).name)
    if not isinstance(process, SagaProcess) or process.saga is not saga:
        problem = f"{named(saga)} is no saga of the system"
        raise WrongCall(where="query", problem=problem, cure="Name the class of one that is.")
    query_named(saga, getattr(query, "name", named(query)), query)
    text = required_key(key, f"the key of {saga.__name__}")
    journal = _read_journal(process, text)
    if journal is None:
        raise SagaUnknown(id=text)
    goes_by = version_for(saga, journal.fingerprint)
    asked: Query[R] = query_named(goes_by, query.name)
    return answered(goes_by, journal, asked)


def query_named(saga: type[Saga], name: str, given: object = None) -> Query[Any]:
    """The query of a saga with this name. Raises QueryUnknown, also for one of another saga."""
    queries = saga_declaration(saga).queries
    found = queries.get(name)
    if found is None or given not in (None, found):
        raise QueryUnknown(saga=saga.__name__, query=name, known=", ".join(queries) or "none")
    return found


def answered(saga: type[Saga], journal: Journal, query: Query[R]) -> R:
    """What an instance answers. Raises QueryFailed where the code of the query raises."""
    try:
        answer = query.answer(saga(journal))
    except BaseException as error:
        raise_interruption(error)
        raise _failed(journal, query, f"raises {describe_error(error)}") from error
    refuse_unrun(f"{saga.__name__}.{query.name}", answer)
    return answer


def plain_answer(saga: type[Saga], journal: Journal, query: Query[Any]) -> Any:
    """What an instance answers, as JSON has it.

    Raises QueryFailed where the code of the query raises, or returns no value of its annotation.
    """
    answer = answered(saga, journal, query)
    try:
        return plain_value(query.answer, f"{saga.__name__}.{query.name}", answer)
    except ValueError as error:
        problem = f"returns {named(answer)}, which does not fit its annotation"
        raise _failed(journal, query, problem) from error


def _failed(journal: Journal, query: Query[Any], problem: str) -> QueryFailed:
    return QueryFailed(saga=f"{journal.saga} {journal.key}", query=query.name, problem=problem)


def _read_journal(process: SagaProcess, key: str) -> Journal | None:
    """The instance as the store has it; None where it has none, or only an early answer."""
    decode: Any = process.mapper.to_domain_event  # a row has the fields of a stored event

    def read(id: UUID) -> Journal | None:
        rows = process.recorder.streams([id]).get(id, ())
        rebuilt: Any = project_aggregate(None, [decode(each) for each in rows])
        return cast("Journal | None", rebuilt)

    last = SagaRuns(process.name, read).last(key)
    return last if last is not None and last.started else None
