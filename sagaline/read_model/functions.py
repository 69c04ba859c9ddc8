"""What is in functions and classes, and around them."""

from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any, Final

from eventsourcing.domain import EventsourcingType, HasOriginatorIDVersion

from sagaline.messaging.commands import Command
from sagaline.read_model.definition import ReadModel

_NOT_CODE: Final = {"table", "cached_rows", "declared_fingerprint"}
"""Attributes of a read model that do not change its rows, or are covered as a table."""


def compiled_text(code: CodeType) -> str:
    """The bytecode of a function, for one that has no source; another Python has another one."""
    constants = [compiled_text(each) for each in code.co_consts if isinstance(each, CodeType)]
    values = [_constant(each) for each in code.co_consts if not isinstance(each, CodeType)]
    return f"{code.co_code.hex()} {code.co_names} {values} {constants}"


def names_in(code: CodeType) -> set[tuple[str, ...]]:
    """The names that bytecode reads."""
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return {(name,) for name in code.co_names}.union(*map(names_in, inner))


def _constant(value: object) -> str:
    # The order of a set differs between processes.
    return str(sorted(map(ascii, value))) if isinstance(value, frozenset) else ascii(value)


def attributes_of(cls: type) -> Iterator[tuple[str, Any]]:
    """The attributes of a read model, or of its base classes, that may change its rows."""
    for name, value in vars(cls).items():
        is_special = name.startswith(("__", "_sagaline_", "_abc_"))
        if not (is_special or name in _NOT_CODE):
            yield name, value


def is_message(cls: type) -> bool:
    """Whether a class is one of events, aggregates, commands or read models: its name counts."""
    is_named = issubclass(cls, HasOriginatorIDVersion | Command | ReadModel)
    return is_named or isinstance(cls, EventsourcingType)


def closure_of(function: FunctionType) -> dict[str, Any]:
    """The values of the variables of enclosing functions that a function uses."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    found: dict[str, Any] = {}
    for name, cell in cells:
        if name != "__class__":
            try:
                found[name] = cell.cell_contents
            except ValueError:  # it is assigned later
                continue
    return found


def defaults_of(function: FunctionType) -> list[Any]:
    """The default values of a function's parameters."""
    named = function.__kwdefaults__ or {}
    return [*(function.__defaults__ or ()), *(named[each] for each in sorted(named))]
