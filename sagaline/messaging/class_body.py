"""The bodies of applications and sagas: a part refuses what only parts of another kind have."""

from abc import ABCMeta
from collections.abc import Iterator, Mapping
from inspect import signature
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from sagaline.errors import DefinitionError
from sagaline.messaging.namespace import PART_OF

_MARKS: Final = {
    "asks": "@handles(PlaceOrder)",
    "asks_all": "@handles(PlaceOrder)",
    "undo": "@step(done=Order.Paid)",
    "reminder": "@step(done=Order.Paid)",
}
"""What a marked method has, and the mark: a plain one would raise an AttributeError."""

_METHODS: Final = (FunctionType, staticmethod, classmethod)


class _Refusal:
    """Stands in a part for what it lacks, while the body of its class runs."""

    def __init__(self, where: str, name: str) -> None:
        self._where = where
        self._name = name

    def __call__(self, *_: object, **__: object) -> NoReturn:
        raise DefinitionError(
            where=self._where,
            problem=f"it has no {self._name}",
            cure=f"Use {self._name} of a method that is marked with {_MARKS[self._name]}.",
        )


class _Body(dict[str, Any]):
    """The names of a class, as its body defines them."""

    def __init__(self, of: str) -> None:
        super().__init__()
        self._of = of

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        if _is_part(value):
            for each in _MARKS:
                if not hasattr(value, each):
                    vars(value)[each] = _Refusal(f"{self._of}.{name}", each)


class _Declaring(ABCMeta):
    """Reads the body of a class, and refuses a head that its base class does not take."""

    @classmethod
    def __prepare__(cls, name: str, bases: tuple[type, ...], /, **_: Any) -> _Body:
        return _Body(name)

    def __new__(
        mcs, name: str, bases: tuple[type, ...], body: dict[str, Any], /, **head: Any
    ) -> Any:
        for part, refused in list(_refusals(body)):
            del vars(part)[refused]
        for base in bases[:1]:
            if isinstance(base.__init_subclass__, MethodType):  # not that of `object`
                _refuse_head(name, base, head)
        return super().__new__(mcs, name, bases, body, **head)


def _is_part(value: Any) -> bool:
    return isinstance(value, _METHODS) or hasattr(value, PART_OF)


def _refusals(body: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    for part in {id(each): each for each in body.values() if _is_part(each)}.values():
        yield from ((part, name) for name in _MARKS if isinstance(vars(part).get(name), _Refusal))


def _refuse_head(name: str, base: type, head: Mapping[str, Any]) -> None:
    try:
        signature(base.__init_subclass__).bind(**head)
    except TypeError as error:
        raise DefinitionError(
            where=name,
            problem=f"its head does not fit {base.__name__}: {error}",
            cure=f"Give it what {base.__name__} asks for.",
        ) from error


if TYPE_CHECKING:

    class Declaring:
        """A class whose head the type checker compares with its `__init_subclass__`.

        It does so only where there is no metaclass.
        """

else:

    class Declaring(metaclass=_Declaring):
        """A class whose parts refuse what only parts of another kind have."""
