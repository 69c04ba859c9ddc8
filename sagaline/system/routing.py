"""Which application records an event, and which handles a command."""

from collections.abc import Iterable

from sagaline.application.application import Application
from sagaline.application.declaration import declaration_of
from sagaline.application.ownership import events_of
from sagaline.errors import DefinitionError
from sagaline.messaging.commands import Command
from sagaline.saga.instance import Journal


def is_of_sagas(event: type) -> bool:
    """Whether an event is recorded by sagas, in their own logs."""
    return issubclass(event, Journal.Event | Journal.Created)


def recorders_of(applications: Iterable[type[Application]]) -> dict[type, type[Application]]:
    """Event class -> the application that records it. Raises `DefinitionError` for two."""
    found: dict[type, type[Application]] = {}
    for application in applications:
        for aggregate in declaration_of(application).aggregates:
            for event in events_of(aggregate):
                if found.setdefault(event, application) is not application:
                    raise DefinitionError(
                        where=application.__name__,
                        problem=f"{aggregate.__name__} is recorded by {found[event].__name__} too",
                        cure="Name each aggregate in one application of a system.",
                    )
    return found


def _refuse_unresolved(command: type[Command]) -> None:
    """Refuses a command with an annotation that names nothing. Raises DefinitionError."""
    try:
        command.model_rebuild()
    except NameError as error:
        raise DefinitionError(
            where=command.__name__,
            problem=f"one of its annotations names {error.name}, which is not defined",
            cure=f"Define {error.name} in its module, or import it there.",
        ) from error


def handlers_of(applications: Iterable[type[Application]]) -> dict[type, type[Application]]:
    """Command class -> the application that handles it. Raises `DefinitionError` for two."""
    found: dict[type, type[Application]] = {}
    for application in applications:
        for command in declaration_of(application).handlers:
            _refuse_unresolved(command)
            if command in found:
                raise DefinitionError(
                    where=application.__name__,
                    problem=f"{command.__name__} is handled by {found[command].__name__} too",
                    cure="Give each command one handler in a system.",
                )
            found[command] = application
    return found
