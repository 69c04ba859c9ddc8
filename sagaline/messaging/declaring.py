"""Checks of what decorators and class heads are given: classes, events and methods."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from inspect import signature
from types import BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType
from typing import Any, Final, NoReturn

from eventsourcing.domain import BaseAggregate

from sagaline.errors import DefinitionError, WrongCall
from sagaline.messaging.commands import Command
from sagaline.messaging.lazy import name_of, refuse_lazy

_NO_METHODS: Final = (type, staticmethod, classmethod, property)

_BUILT_IN: Final = (BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType)
"""Functions of Python's own, whose parameters cannot always be seen."""


def named(given: object) -> str:
    """What was given, for messages: the name of a class or function, or else the value, short."""
    text: str = getattr(given, "__qualname__", None) or repr(given)
    return text if len(text) <= 60 else _with_article(type(given).__name__)


def refuse_given(given: object, where: str, cure: str) -> NoReturn:
    """Refuses an argument of a call. Raises WrongCall."""
    raise WrongCall(where=where, problem=f"it is given {named(given)}", cure=cure)


def is_command_class(given: Any) -> bool:
    """Whether it is a class of commands of its own."""
    return isinstance(given, type) and issubclass(given, Command) and given is not Command


def refuse_no_command(given: Any, where: str, cure: str) -> None:
    """Refuses what is no class of commands. Raises DefinitionError."""
    if not is_command_class(given):
        problem = f"{named(given)} is not a class of commands"
        raise DefinitionError(where=where, problem=problem, cure=cure)


def refuse_no_events(
    given: Iterable[Any], where: str, cure: str, *, or_signals: bool = False
) -> None:
    """Refuses what is no class of events; a class that events derive from is one, too.

    With `or_signals` a class of commands with a key serves too. Raises DefinitionError.
    """
    for each in given:
        if or_signals and is_command_class(each) and each.key_field is not None:
            continue
        if not isinstance(each, type) or issubclass(each, Command | BaseAggregate):
            problem = f"{named(each)} is not an event class"
            raise DefinitionError(where=where, problem=problem, cure=cure)


def refuse_wrong(value: Any, kind: type, where: str, cure: str) -> None:
    """Refuses a value of another type. Raises DefinitionError."""
    if not isinstance(value, kind):
        problem = f"{named(value)} is not a {kind.__name__}"
        raise DefinitionError(where=where, problem=problem, cure=cure)


def refuse_no_duration(value: Any, where: str, example: str) -> None:
    """Refuses what is no time, or one below zero; None is one that was not given.

    Raises DefinitionError.
    """
    if not (value is None or (isinstance(value, timedelta) and value >= timedelta(0))):
        cure = f"Write {example}."
        raise DefinitionError(where=where, problem=f"{named(value)} is no time", cure=cure)


def refuse_no_moment(value: Any, where: str) -> None:
    """Refuses what is no date, or one without a time zone. Raises DefinitionError."""
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return
    naive = isinstance(value, datetime)
    problem = f"{value} has no time zone" if naive else f"{named(value)} is no datetime"
    cure = "Give one with its zone, as in datetime(2027, 1, 31, 12, tzinfo=UTC)."
    raise DefinitionError(where=where, problem=problem, cure=cure)


def refuse_no_method(function: Any, *parameters: str, may_yield: bool = False) -> None:
    """Refuses what cannot be a method with these parameters, in a part of that name.

    Raises DefinitionError.
    """
    where = name_of(function)
    refuse_lazy(function, where, may_yield=may_yield)
    if not hasattr(function, "__name__"):
        _refuse_kind(function, where)
    refuse_built_in(function, where)
    refuse_misfit(function, where, *parameters)


def refuse_built_in(function: Any, where: str) -> None:
    """Refuses a function of Python's own, such as `dict.update`. Raises DefinitionError."""
    if isinstance(function, _BUILT_IN):
        _refuse_kind(function, where)


def refuse_late(is_placed: bool, where: str, decorator: str) -> None:
    """Refuses a part that is added once its class is defined and checked. Raises DefinitionError.

    It would hold for no class, or for all that derive from it.
    """
    if is_placed:
        cure = f"Write {decorator} inside the class, below what it belongs to."
        raise DefinitionError(where=where, problem="its class is defined already", cure=cure)


def refuse_misfit(function: Any, where: str, *parameters: str) -> None:
    """Refuses what cannot be called with these positional arguments. Raises DefinitionError."""
    ours = type(function).__module__.startswith("sagaline.")
    if ours or isinstance(function, _NO_METHODS) or not callable(function):
        _refuse_kind(function, where)
    missing = missing_arguments(function, *parameters)
    if parameters and missing:
        given = ", ".join(parameters)
        problem = f"it is called with ({given}), and does not fit: {missing}"
        raise DefinitionError(
            where=where, problem=problem, cure=f"Write def {_name(function)}({given})."
        )


def missing_arguments(called: Callable[..., Any], *arguments: str) -> str:
    """Why a call with these positional arguments would fail; empty where it would not."""
    try:
        declared = signature(called)
    except ValueError:
        return ""  # Some functions written in C have no signature.
    try:
        declared.bind(*arguments)
    except TypeError as error:
        return str(error)
    return ""


def refuse_unknown_arguments(cls: type, unknown: Iterable[str], known: str) -> None:
    """Refuses arguments in the head of a class that no base class takes. Raises DefinitionError."""
    if names := ", ".join(unknown):
        problem = f"its head has the unknown argument {names}"
        raise DefinitionError(where=cls.__name__, problem=problem, cure=f"It may have {known}.")


def refuse_wrapped(cls: type, *kinds: type) -> None:
    """Refuses parts of a class that no one would find: wrapped, or without their method.

    Raises DefinitionError.
    """
    for name, value in vars(cls).items():
        inner = getattr(value, "__func__", getattr(value, "fget", None))
        if isinstance(inner, kinds):
            problem, cure = f"a {type(value).__name__} hides it", "Mark a plain method."
        elif _waits_for_method(value):
            decorator = value.__qualname__.partition(".<locals>")[0]
            problem = f"{decorator}(...) was not given a method"
            cure = f"Write @{decorator}(...) above a def."
        else:
            continue
        raise DefinitionError(where=f"{cls.__name__}.{name}", problem=problem, cure=cure)


def _waits_for_method(value: Any) -> bool:
    module = getattr(value, "__module__", None) or ""
    return module.startswith("sagaline.") and "<locals>.declare" in getattr(
        value, "__qualname__", ""
    )


def _with_article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _name(function: Any) -> str:
    name: str = getattr(function, "__name__", "...")
    return name if name.isidentifier() else "..."


def _refuse_kind(function: Any, where: str) -> None:
    kind = "class" if isinstance(function, type) else type(function).__name__
    problem = f"{_with_article(kind)} is no method"
    raise DefinitionError(where=where, problem=problem, cure="Write a def, which has a name.")
