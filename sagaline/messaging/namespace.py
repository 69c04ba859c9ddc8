"""Checks that a user's class defines no name that its base class of the framework uses.

`Application`, `Saga` and `ReadModel` share one namespace with the classes that derive from them: a
method of a user's class that is named like one of the framework's would replace it without an
error. Such a class is refused when it is defined.
"""

from abc import ABC
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import get_annotations
from typing import Any, Final, Generic, NoReturn, TypeVar

from sagaline.errors import DefinitionError
from sagaline.messaging.declaring import missing_arguments
from sagaline.messaging.lazy import is_lazy

T = TypeVar("T")

_FRAMEWORK: Final = "sagaline."
"""The modules whose classes may define what they like: the framework knows its own names."""


PART_OF: Final = "_sagaline_part_of"
"""The attribute of a part that names the base class of the classes that read it."""


class ApplicationPart:
    """A part of a class that only an application reads."""

    _sagaline_part_of = "Application"


class SagaPart:
    """A part of a class that only a saga reads."""

    _sagaline_part_of = "Saga"


class _Empty(ABC, Generic[T]):
    """A class that defines nothing."""

    annotated: None


_IN_EVERY_CLASS: Final = frozenset(dir(_Empty)) | {"__static_attributes__", "__firstlineno__"}
"""Names that Python puts into a class; the last two from version 3.13 on."""


@dataclass(frozen=True)
class Hook:
    """A name of a base class that subclasses may define, with a value that passes `accepts`.

    The error for any other value is "it is not {kind}. Write {example}."
    """

    kind: str
    accepts: Callable[[Any], bool]
    example: str


def method(*parameters: str, example: str, may_yield: bool = False) -> Hook:
    """A hook that is called on an instance with these positional arguments.

    It may be a generator where the engine reads all that it gives.
    """

    def accepts(value: Any) -> bool:
        function = getattr(value, "__func__", value)
        if not callable(function) or isinstance(function, type):
            return False
        if is_lazy(function, may_yield=may_yield):
            return False
        arguments = [*parameters] if isinstance(value, staticmethod) else ["self", *parameters]
        return missing_arguments(function, *arguments) == ""

    return Hook(f"a method that takes ({', '.join(['self', *parameters])})", accepts, example)


def refuse_reserved(cls: type, base: type, hooks: Mapping[str, Hook] | None = None) -> None:
    """Refuses a subclass of `base` that defines a name of `base` which is no hook.

    It checks methods, properties, attributes, nested classes and annotations, of the class and of
    every other class that it inherits from. `hooks` names those that a subclass may define, and
    the kind of value that each takes. Parts that only another base class reads are refused too.
    Call it in `__init_subclass__` of `base`.

    Raises `DefinitionError`.
    """
    _refuse_misplaced(cls, base)
    reserved = reserved_names(base)
    for owner in cls.__mro__:
        if owner in base.__mro__ or owner.__module__.startswith(_FRAMEWORK):
            continue
        if owner is not cls and issubclass(owner, base):
            continue  # It was checked when it was defined.
        for name in _names(owner):
            if name not in reserved:
                continue
            hook = (hooks or {}).get(name)
            if hook is None:
                _refuse(cls, name, owner, f"{base.__name__} has a {name} of its own", "Rename it.")
            if name in vars(owner):
                _check_hook(cls, name, owner, base, hook)


def refuse_assigned(instance: object, base: type) -> None:
    """Refuses an instance whose `__init__` has assigned an attribute with a name of `base`.

    Call it before the framework assigns attributes of its own. Raises `DefinitionError`.
    """
    for name in sorted(vars(instance).keys() & reserved_names(base)):
        problem = f"__init__ assigns it, and {base.__name__} has a {name} of its own"
        _refuse(type(instance), name, type(instance), problem, "Rename it.")


def refuse_constructor(cls: type, *arguments: str) -> None:
    """Refuses a class that cannot be called with these positional arguments alone.

    Raises `DefinitionError`.
    """
    missing = missing_arguments(cls, *arguments)
    if missing:
        call = f"{cls.__name__}({', '.join(arguments)})"
        cure = "Give every other parameter of __init__ a default, or set it on the class."
        raise DefinitionError(
            where=f"{cls.__name__}.__init__",
            problem=f"the framework calls {call}: {missing}",
            cure=cure,
        )


def reserved_names(base: type) -> frozenset[str]:
    """The names that `base` and its own base classes define or annotate."""
    return frozenset(name for each in base.__mro__ for name in _names(each)) - _IN_EVERY_CLASS


def _refuse_misplaced(cls: type, base: type) -> None:
    """Refuses a part that is marked by a decorator of another base class: no one would read it."""
    for name, part in vars(cls).items():
        wanted = getattr(part, PART_OF, base.__name__)
        if wanted != base.__name__:
            problem = f"it is marked as a part of a class that derives from {wanted}"
            _refuse(cls, name, cls, problem, f"Move it there: {cls.__name__} would not read it.")


def _names(cls: type) -> Iterator[str]:
    yield from dict.fromkeys([*vars(cls), *get_annotations(cls)])


def _check_hook(cls: type, name: str, owner: type, base: type, hook: Hook) -> None:
    if not hook.accepts(vars(owner)[name]):
        _refuse(cls, name, owner, f"it is not {hook.kind}", f"Write {hook.example}.")
    before_base = cls.__mro__.index(owner) < cls.__mro__.index(base)
    if not before_base and any(name in vars(each) for each in base.__mro__):
        problem = f"{base.__name__} stands before it, and its own {name} would be used"
        cure = f"Write class {cls.__name__}({owner.__name__}, {base.__name__})."
        _refuse(cls, name, owner, problem, cure)


def _refuse(cls: type, name: str, owner: type, problem: str, cure: str) -> NoReturn:
    where = f"{cls.__name__}.{name}"
    if owner is not cls:
        where += f" (of {owner.__name__})"
    raise DefinitionError(where=where, problem=problem, cure=cure)


__all__ = [
    "ApplicationPart",
    "Hook",
    "SagaPart",
    "method",
    "refuse_assigned",
    "refuse_constructor",
    "refuse_reserved",
    "reserved_names",
]
