"""Fingerprints as version 0.1.0 computed them, to recognise tables that it made."""

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any, Final

from sqlalchemy import Table

from sagaline.messaging.topics import former_topic
from sagaline.read_model.definition import ReadModel, projections_of

_CONSTANTS: Final = (str, bytes, int, float, bool, type(None), tuple, frozenset)

_FORMER_ATTRIBUTES: Final = dict.fromkeys(("_key_of", "catch_all", "projections"))
"""Class attributes of version 0.1.0: their names stay in, so that no fingerprint changes."""


def former_fingerprint(model: type[ReadModel]) -> str:
    """The fingerprint that version 0.1.0 has recorded for the table of an unchanged read model.

    It may differ between versions of Python, and does not cover all that the handlers read.
    """
    lines = [*_schema_lines(model.table)]
    for event, projection in projections_of(model).by_event.items():
        lines.append(f"{former_topic(event)} -> {projection.name}")
    seen: set[object] = set()
    for base in model.__mro__[: model.__mro__.index(ReadModel)]:
        for name, value in sorted(_attributes(base).items()):
            lines += [f"{name}:", *_code_lines(value, seen, _package(model.__module__))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _attributes(base: type) -> Mapping[str, Any]:
    if not issubclass(base, ReadModel):
        return vars(base)
    own = {name: value for name, value in vars(base).items() if name != "_sagaline_declaration"}
    return {**_FORMER_ATTRIBUTES, **own}


def _schema_lines(table: Table) -> Iterator[str]:
    yield table.name
    for each in table.columns:
        default = getattr(each.default, "arg", None)
        yield f"{each.name} {each.type!r} {each.nullable} {each.primary_key} {default!r}"
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        yield f"{index.name} {index.unique} {[str(each) for each in index.expressions]}"


def _code_lines(value: Any, seen: set[object], package: str) -> Iterator[str]:
    """The code of a function, and of the functions and constants of its package that it uses."""
    value = getattr(value, "__func__", getattr(value, "fget", value))
    registry = getattr(value, "registry", {})
    for kind, function in sorted(registry.items(), key=lambda each: former_topic(each[0])):
        yield former_topic(kind)
        yield from _code_lines(function, seen, package)
    function = inspect.unwrap(value) if callable(value) else value
    if not isinstance(function, FunctionType) or function in seen:
        return
    if _package(function.__module__ or package) != package:
        return
    seen.add(function)
    yield _source(function)
    for name in sorted(_names(function.__code__)):
        named = function.__globals__.get(name)
        if isinstance(named, _CONSTANTS):
            yield f"{name} = {_constant(named)}"
        elif callable(named):
            yield from _code_lines(named, seen, package)


def _source(function: FunctionType) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):
        return _compiled(function.__code__)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _compiled(code: CodeType) -> str:
    constants = [
        _compiled(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _constant(value: object) -> str:
    # The order of a set differs between processes.
    return str(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _names(code: CodeType) -> set[str]:
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _package(module: str) -> str:
    return module.partition(".")[0]
