"""`fault_matrix`: plays a saga, or a system of them, with all that can go wrong."""

from collections.abc import Mapping
from typing import Any, Final

from sagaline.errors import WrongCall
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga, refuse_no_saga
from sagaline.saga.step_timers import Timing
from sagaline.system.system import System
from sagaline.testing.fault_matrix.dates import without_dates
from sagaline.testing.fault_matrix.matrix import Matrix
from sagaline.testing.fault_matrix.saga_matrix import SagaMatrix
from sagaline.testing.fault_matrix.starts import starts_of, with_children
from sagaline.testing.fault_matrix.system_matrix import SystemMatrix
from sagaline.testing.simulation.script import ParticipantFactory
from sagaline.testing.simulation.system_run import Part

STORIES: Final = 300
"""How many stories of a system are played, where a test does not say."""

Participants = Mapping[str, ParticipantFactory]
"""What replaces simulated participants, by the name of the step."""


def fault_matrix(
    subject: type[Saga] | System,
    *,
    start: Any = None,
    participants: Participants | None = None,
    timings: Mapping[str, Timing] | None = None,
    stories: int | None = None,
    seed: int = 0,
) -> Matrix:
    """Runs a saga, or all sagas of a system together, with every fault and every pair of faults.

    Each case must end as allowed, with no effect duplicated or left over: completed or
    compensated, or parked at a permanent fault, and ended after the repair and an operator's retry.
    Commands and people may refuse, fault or be late; everything may crash at each commit.

    The sagas of a system, and a saga with those that are its steps, run together on a store; at
    most `stories` are played, 300 if it is not given, and of the pairs a sample by `seed`.

    `start` is the event that the saga starts on, or a list of them where conditions depend on it;
    of a system, all events and commands that a story begins with. The default: an example of each.
    `participants` replace simulated ones by the name of their step, in a system as ``Fulfil.pay``.
    `timings` override the declared times. Raises AssertionError with the shortest transcript of a
    case that fails; a story of a system is shrunk first to the least that still fails.
    """
    replaced, times, most = participants or {}, timings or {}, stories or STORIES
    if isinstance(subject, System):
        _check_system(subject, timings)
        parts = _parts_of(subject, replaced)
        unlocked = [each.saga for each in subject.processes if not each.takes_locks]
        together = SystemMatrix(subject.name, parts, unlocked, most, seed)
        return together.play(starts_of(subject.sagas, start))
    refuse_no_saga(subject, "fault_matrix", "Write fault_matrix(Fulfil), or fault_matrix(system).")
    sagas = with_children(subject)
    if len(sagas) > 1 or stories is not None:
        parts = [Part(subject, times, replaced), *(Part(each, {}, {}) for each in sagas[1:])]
        together = SystemMatrix(subject.__name__, parts, (), most, seed)
        return together.play(starts_of(sagas, start))
    starts = starts_of(sagas, start)
    return SagaMatrix(subject, starts, replaced, without_dates(subject, times)).run()


def _check_system(system: System, timings: object) -> None:
    """Refuses a system without sagas, and times beside its own. Raises WrongCall."""
    if not system.sagas:
        problem, cure = f"the system {system.name} has no saga", "Write fault_matrix(Fulfil)."
    elif timings is not None:
        problem = f"the system {system.name} has times of its own"
        cure = "Write System(..., timings=...), and leave them out here."
    else:
        return
    raise WrongCall(where="fault_matrix", problem=problem, cure=cure)


def _parts_of(system: System, participants: Participants) -> list[Part]:
    """The sagas of a system, each with its times and the participants that are replaced."""
    left = dict(participants)
    parts: list[Part] = []
    for process in system.processes:
        declaration = saga_declaration(process.saga)
        names = {f"{process.saga.__name__}.{each}": each for each in declaration.commands}
        given = {name: left.pop(full) for full, name in names.items() if full in left}
        parts.append(Part(process.saga, process.timings, given))
    for name in left:
        problem = f"no saga of the system {system.name} has a step {name}"
        cure = 'Write participants={"Fulfil.pay": ...}: the saga, a dot and the step.'
        raise WrongCall(where="fault_matrix", problem=problem, cure=cure)
    return parts
