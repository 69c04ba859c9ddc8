"""Checks of a system's parts when it is defined."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sagaline.application.application import Application
from sagaline.errors import DefinitionError
from sagaline.read_model.definition import ReadModel
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.step_timers import Timing


def check_names(
    system: str, members: Iterable[type[Application]], models: Iterable[type[ReadModel]]
) -> None:
    """Refuses two parts of one name, which would share a log or a follower.

    Raises `DefinitionError`.
    """
    names: set[str] = set()
    for name in [*(each.name for each in members), *(each.table.name for each in models)]:
        if name.lower() in names:
            raise DefinitionError(
                where=system,
                problem=f"it has two parts named {name}",
                cure="Give each application, saga and read table a name of its own.",
            )
        names.add(name.lower())


def check_removed(
    system: str, members: Iterable[type[Application]], removed: Collection[str]
) -> None:
    """Refuses a removed part that the system has. Raises `DefinitionError`."""
    names = [removed] if isinstance(removed, str) else removed
    for name in {each.name for each in members}.intersection(names):
        raise DefinitionError(
            where=system,
            problem=f"{name} is removed, and is one of its parts",
            cure="Take it out of `removed`, or out of the applications and sagas.",
        )
    if isinstance(removed, str):
        raise DefinitionError(
            where=system,
            problem=f"removed={removed!r} is one text",
            cure=f"Write removed=[{removed!r}].",
        )


def check_timings(
    name: str,
    sagas: Sequence[type[Saga]],
    timings: Mapping[type[Saga], Mapping[str, Timing]],
) -> None:
    """Refuses a timing of a step that no saga of the system has. Raises `DefinitionError`."""
    for saga, steps in timings.items():
        unknown = [
            each for each in steps if saga not in sagas or each not in saga_declaration(saga).steps
        ]
        if unknown:
            raise DefinitionError(
                where=f"the timings of {name}",
                problem=f"{saga.__name__} has no step {', '.join(unknown)} here",
                cure="Name a saga of the system, and its steps as they are declared.",
            )
