"""Refuses functions that a call does not run: coroutines and generators.

The engine calls plain functions. A call of an `async def` or of a generator function only makes an
object, so the code of its user would be passed over without an error.
"""

import inspect
from collections.abc import Awaitable, Iterable, Sequence
from functools import partial, partialmethod, singledispatchmethod
from types import AsyncGeneratorType, GeneratorType
from typing import Any, Final, TypeVar

from sagaline.errors import DefinitionError, NeverRun, WrongCall

T = TypeVar("T")

_AWAITABLE: Final = (Awaitable, AsyncGeneratorType)
_UNRUN: Final = (*_AWAITABLE, GeneratorType, map, filter, zip)
"""What a call returns that has run nothing yet."""

_PLAIN_RESULT: Final = "write a plain def, without async and yield"
_PLAIN: Final = f"{_PLAIN_RESULT.capitalize()}."


def refuse_lazy(function: Any, where: str, *, may_yield: bool = False, cure: str = _PLAIN) -> None:
    """Refuses a function that a call does not run; a generator function unless it `may_yield`.

    It looks inside partials, bound methods and callable objects. Raises DefinitionError.
    """
    if is_lazy(function, may_yield=may_yield):
        raise DefinitionError(where=where, problem="it does not run when it is called", cure=cure)


def is_lazy(function: Any, *, may_yield: bool = False) -> bool:
    """Whether a call only makes a coroutine, or a generator that no one is expected to read."""
    found = _inner(function)
    if inspect.iscoroutinefunction(found) or inspect.isasyncgenfunction(found):
        return True
    return not may_yield and inspect.isgeneratorfunction(found)


def is_coroutine(function: Any) -> bool:
    """Whether a call makes a coroutine."""
    return inspect.iscoroutinefunction(_inner(function))


def refuse_unrun(
    where: str, *returned: Any, may_yield: bool = False, cure: str = _PLAIN_RESULT
) -> None:
    """Refuses coroutines, and generators unless they are read, among the results of a function.

    Raises NeverRun.
    """
    unrun = _AWAITABLE if may_yield else _UNRUN
    found = [each for each in returned if isinstance(each, unrun)]
    for each in found:
        close = getattr(each, "close", None)
        if close is not None:
            close()  # or Python warns of a coroutine that was never awaited
    if found:
        raise NeverRun(where=where, kind=type(found[0]).__name__, cure=cure)


def flattened(found: Sequence[Iterable[T]], where: str) -> list[T]:
    """The values of all, which generators may give; a coroutine is refused. Raises NeverRun."""
    try:
        return [each for some in found for each in some]
    except TypeError:
        refuse_unrun(where, *found, may_yield=True)
        given: Sequence[Any] = found
        bad = [each for each in given if not isinstance(each, Iterable)]
        if not bad:
            raise
        problem = f"it returned {bad[0]!r}"
        raise WrongCall(where=where, problem=problem, cure="Return a list.") from None


def name_of(function: Any) -> str:
    """The name of a function for messages; partials and callable objects have none of their own."""
    found = _inner(function)
    name: str = getattr(found, "__qualname__", type(found).__name__)
    return name


def _inner(function: Any) -> Any:
    """The function that a call runs."""
    while True:
        if isinstance(function, partial | partialmethod | singledispatchmethod):
            function = function.func
        elif inspect.ismethod(function) or isinstance(function, staticmethod | classmethod):
            function = function.__func__
        else:
            break
    if inspect.isroutine(function) or isinstance(function, type) or not callable(function):
        return function
    # An object may say that it makes coroutines, whatever its method is.
    return function if inspect.iscoroutinefunction(function) else type(function).__call__
