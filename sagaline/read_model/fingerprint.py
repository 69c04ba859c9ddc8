"""The fingerprint of a read model: whether its table is what its code would make."""

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from sqlalchemy import Table

from sagaline.messaging.topics import former_topic
from sagaline.read_model.definition import ReadModel

_CONSTANTS = (str, bytes, int, float, bool, type(None), tuple, frozenset)


def fingerprint(model: type[ReadModel]) -> str:
    """Names what a read model's rows follow from: its code and its table.

    It is the same in every process, and does not mind comments, docstrings or layout. Code is
    followed into functions of the same package that the handlers name; a change of the domain's
    code, or of the framework's, is not seen.
    """
    if model.declared_fingerprint is not None:
        return model.declared_fingerprint
    lines = [*_schema_lines(model.table)]
    for event, projection in model.projections.items():
        lines.append(f"{former_topic(event)} -> {projection.name}")
    seen: set[object] = set()
    for base in model.__mro__[: model.__mro__.index(ReadModel)]:
        for name, value in sorted(vars(base).items()):
            lines += [f"{name}:", *_code_lines(value, seen, _package(model.__module__))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _schema_lines(table: Table) -> Iterator[str]:
    yield table.name
    for each in table.columns:
        default = getattr(each.default, "arg", None)
        yield f"{each.name} {each.type!r} {each.nullable} {each.primary_key} {default!r}"
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        yield f"{index.name} {index.unique} {[str(each) for each in index.expressions]}"


def _code_lines(value: Any, seen: set[object], package: str) -> Iterator[str]:
    """The code of a function, and of the functions and constants of its package that it names."""
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
    yield _written(function)
    for name in sorted(_names(function.__code__)):
        named = function.__globals__.get(name)
        if isinstance(named, _CONSTANTS):
            yield f"{name} = {_constant(named)}"
        elif callable(named):
            yield from _code_lines(named, seen, package)


def _written(function: FunctionType) -> str:
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
    # The order of a set differs from process to process.
    return str(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _names(code: CodeType) -> set[str]:
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _package(module: str) -> str:
    return module.partition(".")[0]
