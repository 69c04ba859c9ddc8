"""Refusals by name: which errors of the domain a handler answers with an event."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from inspect import get_annotations, signature
from typing import Any, Final

from eventsourcing.domain import DomainEvent

from sagaline.errors import DefinitionError, WrongCall
from sagaline.messaging.by_class import ByClass
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import named, refuse_misfit
from sagaline.messaging.ids import new_id
from sagaline.messaging.lazy import refuse_lazy

Refusing = type[Any] | Callable[[Any, Any], Any]
"""The event that an error becomes, or a function of the command and the error.

The function returns what a handler would: an aggregate, an event, or several.
"""

_ENVELOPE: Final = {"self", "originator_id", "originator_version", "timestamp"}
_EVERY_ERROR: Final = frozenset(dir(Exception))
_EVERYTHING: Final = (Exception, BaseException)
_CURE: Final = "Write refuses={NoSeat: Trip.SeatRefused}, with a class of errors and an event."
_BY_FUNCTION: Final = "give a function (command, error) that returns the refusal."


def checked_refusals(given: Any, command: type[Command], where: str) -> ByClass[Refusing]:
    """The event of each class of errors that a handler answers with one.

    Raises DefinitionError for what is no such mapping, and where an event has a field that neither
    the command nor the error can give.
    """
    if not isinstance(given, Mapping):
        raise DefinitionError(where=where, problem=f"{named(given)} is no mapping", cure=_CURE)
    for error, event in given.items():
        if not (isinstance(error, type) and issubclass(error, Exception)):
            problem = f"{named(error)} is not a class of errors"
            raise DefinitionError(where=where, problem=problem, cure=_CURE)
        if error in _EVERYTHING:
            problem = f"{error.__name__} would make a refusal of every bug"
            cure = "Name the errors with which the domain refuses the command."
            raise DefinitionError(where=where, problem=problem, cure=cure)
        _check_refusing(event, command, error, where)
    return ByClass(given)


def check_recorded(
    refuses: Mapping[type, Refusing | None], aggregates: Iterable[type], where: str
) -> None:
    """Refuses an event of no aggregate of the application: no saga would hear it.

    Raises DefinitionError.
    """
    known = [each for aggregate in aggregates for each in vars(aggregate).values()]
    for event in refuses.values():
        if isinstance(event, type) and event not in known:
            raise DefinitionError(
                where=where,
                problem=f"{event.__qualname__} is an event of none of its aggregates",
                cure="Name an event that is defined in one of them, or give it that aggregate.",
            )


def refusal(
    refusing: Refusing, command: Command, error: Exception, read: Sequence[Any], where: str
) -> Any:
    """What the handler of a command would return, had it refused the command by an event.

    The event goes to the aggregate of its class that the handler has read; without one it has a
    stream of its own. Raises WrongCall where that is not clear, and where a field is missing.
    """
    if not isinstance(refusing, type):
        returned = refusing(command, error)
        if returned is None:
            problem = f"the refusal of {type(error).__name__} returned nothing"
            raise WrongCall(where=where, problem=problem, cure="Return an event or an aggregate.")
        return returned
    fields = dict(_fields(refusing, command, error))
    missing = _required(refusing) - fields.keys()
    if missing:
        names = f"{type(error).__name__} has no {', '.join(sorted(missing))}"
        problem = f"{names} for {refusing.__qualname__}"
        cure = f"Set it in {type(error).__name__}, or {_BY_FUNCTION}"
        raise WrongCall(where=where, problem=problem, cure=cure) from error
    aggregate = _aggregate(refusing, command, read, where)
    if aggregate is None:
        return _of_its_own(refusing, fields)
    aggregate.trigger_event(refusing, **fields)
    return aggregate


def _check_refusing(event: Any, command: type[Command], error: type, where: str) -> None:
    if not isinstance(event, type):
        if not callable(event):
            problem = f"{named(event)} is neither an event class nor a function"
            raise DefinitionError(where=where, problem=problem, cure=_CURE)
        refuse_misfit(event, where, "command", "error")
        refuse_lazy(event, where)
        return
    if not issubclass(event, DomainEvent):
        problem = f"{named(event)} is not an event class"
        raise DefinitionError(where=where, problem=problem, cure=_CURE)
    missing = _required(event) - command.model_fields.keys() - _names_in(error)
    if missing:
        raise DefinitionError(
            where=where,
            problem=f"neither {command.__name__} nor {error.__name__} has "
            f"{', '.join(sorted(missing))}, a field of {event.__qualname__}",
            cure=f"Annotate it in {error.__name__}, or {_BY_FUNCTION}",
        )


def _names_in(error: type) -> set[str]:
    """The attributes that an error of this class may have: declared, or assigned when it is made.

    An error can always give a `reason`: its text.
    """
    found = {"reason", *dir(error)} - _EVERY_ERROR
    for each in error.__mro__:
        found |= get_annotations(each).keys()
        code = getattr(vars(each).get("__init__"), "__code__", None)
        if code is not None:
            found |= {*code.co_varnames, *code.co_names}
    return found


def _required(event: type) -> set[str]:
    declared = signature(event).parameters
    return {name for name, each in declared.items() if each.default is each.empty} - _ENVELOPE


def _fields(event: type, command: Command, error: Exception) -> Iterator[tuple[str, Any]]:
    for name in signature(event).parameters.keys() - _ENVELOPE:
        if name not in _EVERY_ERROR and hasattr(error, name):
            yield name, getattr(error, name)
        elif name in type(command).model_fields:
            yield name, getattr(command, name)
        elif name == "reason":
            yield name, str(error)


def _aggregate(event: type, command: Command, read: Collection[Any], where: str) -> Any:
    """The aggregate that refused: of several, the one that the command names. None for none."""
    found = [each for each in read if getattr(type(each), event.__name__, None) is event]
    if len(found) > 1:
        values = list(vars(command).values())
        found = [each for each in found if each.id in values]
        if len(found) != 1:
            problem = f"it has read several aggregates that have {event.__qualname__}"
            raise WrongCall(
                where=where, problem=problem, cure=f"Name one in the command, or {_BY_FUNCTION}"
            )
    return found[0] if found else None


def _of_its_own(event: type, fields: Mapping[str, Any]) -> Any:
    made: Any = event
    at = made.create_timestamp()
    return made(originator_id=new_id(), originator_version=1, timestamp=at, **fields)
