"""Names of a base class of the framework, which the classes of its users must not replace."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from sagaline.errors import DefinitionError
from sagaline.messaging.namespace import (
    Hook,
    method,
    refuse_assigned,
    refuse_constructor,
    refuse_reserved,
    reserved_names,
)

T = TypeVar("T")

HOOKS = {
    "label": Hook("a text", lambda value: isinstance(value, str), 'label = "..."'),
    "sort": method("items", "descending", example="def sort(self, items, descending)"),
}


class Upstream:
    def close(self) -> None: ...


class Base(Upstream):
    label: ClassVar[str]
    started: bool
    _state: int = 0

    def __init_subclass__(cls) -> None:
        refuse_reserved(cls, Base, HOOKS)
        refuse_constructor(cls)

    def start(self) -> None: ...

    def sort(self, items: list[Any], descending: bool) -> Iterable[Any]:
        return sorted(items, reverse=descending)

    def __getitem__(self, item: str) -> str:
        return item


class Starting:
    def start(self) -> None: ...


class Sorting:
    def sort(self, items: list[Any], descending: bool) -> Iterable[Any]:
        return items


class Labelled:
    label = "labelled"


def define(*bases: type, **names: Any) -> type[Base]:
    return type("Own", (*bases, Base), names)


def function(*args: Any) -> None: ...


async def later(self: Any, items: Any, descending: Any) -> None: ...


COLLISIONS = {
    "a method": ({"start": function}, "start"),
    "a property": ({"start": property(function)}, "start"),
    "a cached property": ({"start": cached_property(function)}, "start"),
    "a static method": ({"start": staticmethod(function)}, "start"),
    "a class method": ({"start": classmethod(function)}, "start"),
    "an attribute": ({"start": 1}, "start"),
    "an attribute that is None": ({"start": None}, "start"),
    "a nested class": ({"start": Labelled}, "start"),
    "a slot": ({"__slots__": ("started",)}, "started"),
    "an annotation": ({"__annotations__": {"start": "int"}}, "start"),
    "a name that the base annotates alone": ({"started": True}, "started"),
    "a private name": ({"_state": 1}, "_state"),
    "an operator": ({"__getitem__": function}, "__getitem__"),
    "a name of the base's own base": ({"close": function}, "close"),
}


@pytest.mark.parametrize(("names", "name"), COLLISIONS.values(), ids=COLLISIONS.keys())
def test_a_name_that_the_base_class_uses_is_refused(names: dict[str, Any], name: str) -> None:
    with pytest.raises(DefinitionError) as refusal:
        define(**names)
    assert str(refusal.value) == f"Own.{name}: Base has a {name} of its own. Rename it."


@pytest.mark.parametrize("bases", [(Starting, Base), (Base, Starting)], ids=["before", "after"])
def test_a_name_that_is_inherited_from_a_mixin_is_refused(bases: tuple[type, ...]) -> None:
    with pytest.raises(DefinitionError, match=r"^Own\.start \(of Starting\): Base has a start"):
        type("Own", bases, {})


def test_a_subclass_of_a_users_class_is_checked_too() -> None:
    with pytest.raises(DefinitionError, match=r"^Later\.start: Base has"):
        type("Later", (define(),), {"start": function})


WRONG_HOOKS = {
    "an attribute of another type": ({"label": 7}, 'label: it is not a text. Write label = "..."'),
    "a value for a method": (
        {"sort": "name"},
        "sort: it is not a method that takes (self, items, descending). Write def sort(self, item",
    ),
    "a method with too few parameters": ({"sort": lambda self: []}, "sort: it is not a method"),
    "a method that needs more": ({"sort": lambda self, a, b, c: []}, "sort: it is not a method"),
    "a property for a method": ({"sort": property(function)}, "sort: it is not a method"),
    "a class for a method": ({"sort": Labelled}, "sort: it is not a method"),
    "a coroutine": ({"sort": later}, "sort: it is not a method"),
    "a static method with a self": (
        {"sort": staticmethod(lambda self, items, descending: [])},
        "sort: it is not a method",
    ),
}


@pytest.mark.parametrize(("names", "said"), WRONG_HOOKS.values(), ids=WRONG_HOOKS.keys())
def test_a_hook_of_the_wrong_kind_is_refused(names: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError) as refusal:
        define(**names)
    assert str(refusal.value).startswith(f"Own.{said}")


RIGHT = {
    "a hook that is an attribute": {"label": "own"},
    "a hook that is annotated": {"__annotations__": {"label": "str"}},
    "a hook that is a method": {"sort": lambda self, items, descending: items},
    "a method with more parameters": {"sort": lambda self, items, descending, more=1: items},
    "a static method": {"sort": staticmethod(lambda items, descending: items)},
    "a class method": {"sort": classmethod(lambda cls, items, descending: items)},
    "names of its own": {"stop": function, "_own": 1, "__annotations__": {"count": "int"}},
    "operators of its own": {"__len__": function, "__eq__": function, "__doc__": "Own."},
    "slots of its own": {"__slots__": ("count",)},
}


@pytest.mark.parametrize("names", RIGHT.values(), ids=RIGHT.keys())
def test_names_of_its_own_and_hooks_of_the_right_kind_are_free(names: dict[str, Any]) -> None:
    assert issubclass(define(**names), Base)


def test_abstract_and_generic_classes_are_free() -> None:
    class Counting(Base, ABC):
        @abstractmethod
        def count(self) -> int: ...

    class Holding(Base, Generic[T]):
        held: T

    assert reserved_names(Counting) - reserved_names(Base) == {"count"}
    assert reserved_names(Holding) - reserved_names(Base) == {"held"}


def test_a_hook_of_a_mixin_is_used_or_refused() -> None:
    assert vars(Sorting)["sort"] == define(Sorting).sort

    class Own(Base, Labelled): ...

    assert Own.label == "labelled"
    with pytest.raises(DefinitionError) as refusal:
        type("Own", (Base, Sorting), {})
    assert str(refusal.value) == (
        "Own.sort (of Sorting): Base stands before it, and its own sort would be used. "
        "Write class Own(Sorting, Base)."
    )


def test_an_attribute_that_init_assigns_is_refused() -> None:
    class Own(Base):
        def __init__(self, more: int = 1) -> None:
            self.more = more
            self.started = True

    with pytest.raises(DefinitionError, match=r"^Own\.started: __init__ assigns it, and Base has"):
        refuse_assigned(Own(), Base)


def test_a_constructor_that_needs_arguments_is_refused() -> None:
    def init(self: Any, rate: int, *, place: str) -> None: ...

    with pytest.raises(DefinitionError) as refusal:
        define(__init__=init)
    assert str(refusal.value) == (
        "Own.__init__: the framework calls Own(): missing a required argument: 'rate'. "
        "Give every other parameter of __init__ a default, or set it on the class."
    )
    with pytest.raises(DefinitionError, match=r"calls Own\(env\): too many positional arguments"):
        refuse_constructor(define(), "env")
