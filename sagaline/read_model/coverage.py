"""What determines the rows of a read model, found by following what its code reads."""

import ast
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import partial
from hashlib import sha256
from inspect import unwrap
from types import BuiltinFunctionType, FunctionType, MappingProxyType, ModuleType
from typing import Any, Final

from sqlalchemy import Table

from sagaline.messaging.topics import former_topic
from sagaline.read_model.definition import ReadModel, projections_of
from sagaline.read_model.functions import (
    attributes_of,
    closure_of,
    compiled_text,
    defaults_of,
    is_message,
    names_in,
)
from sagaline.read_model.home import (
    Home,
    Module,
    imported_as,
    imported_in,
    module_of,
    original_name,
)
from sagaline.read_model.source import (
    Path,
    Source,
    paths_in,
    read_source,
    text_of,
)
from sagaline.read_model.values import fields_of, is_scalar, scalar_text, text_without_address

_MISSING: Final = object()


class Coverage:
    """Collects what the rows of a read model depend on.

    `blocks` are texts without an order: the table, and each definition and value that the code of
    the model reads, directly or not. `uncovered` names what cannot be covered, with the reason.
    """

    def __init__(self, model: type[ReadModel]) -> None:
        self.blocks: set[str] = set()
        self.uncovered: set[str] = set()
        self._home = Home(model.__module__)
        self._module = module_of(model)
        self._sources: dict[str, Source | None] = {}
        self._seen: dict[Any, Any] = {}
        self._open: set[int] = set()
        self._add_model(model)

    def _add_model(self, model: type[ReadModel]) -> None:
        self.blocks.add(self._table(model.table))
        for event, projection in projections_of(model).by_event.items():
            self.blocks.add(f"{former_topic(event)} -> {projection.name}")
        for place, base in enumerate(model.__mro__[: model.__mro__.index(ReadModel)]):
            self.blocks.add(
                f"{place} {'' if self._home.has(base.__module__) else former_topic(base)}"
            )
            if self._home.has(base.__module__):
                for name, value in attributes_of(base):
                    label = self._bound(self._module_of(base), f"{base.__qualname__}.{name}", value)
                    self.blocks.add(f"{place} {name} = {label}")

    def _bound(self, module: Module, path: str, value: Any) -> str:
        """Describes the value of a name of a module or class, with the statements that bind it."""
        where = f"{module.get('__name__')}.{path}"
        if self._is_complete(value):
            return self._describe(value, where, covered=True)
        statements = list(self._statements(module, path))
        imports = [each for each, _ in statements if isinstance(each, ast.Import | ast.ImportFrom)]
        if imports:
            # What the names of another package mean differs between its versions.
            return " ".join(imported_as(each, path) for each in imports)
        texts = [self._statement(*each) for each in statements]
        return " ".join([self._describe(value, where, bool(statements)), *texts])

    def _is_complete(self, value: Any) -> bool:
        """Whether the description of a value says all of it, so that its statement adds nothing."""
        if isinstance(value, FunctionType):
            return self._home.has(value.__module__)
        if isinstance(value, type):
            return is_message(value)
        return is_scalar(value) or isinstance(value, Table)

    def _statement(self, node: ast.stmt, module: Module) -> str:
        if self._is_new(id(node), node):
            for path in sorted(paths_in(node)):
                self._follow(module, path)
        return _digest(text_of(node))

    def _statements(
        self, module: Module, path: str, trail: frozenset[int] = frozenset()
    ) -> Iterator[tuple[ast.stmt, Module]]:
        """The statements that bind a name, where an import of this package ends."""
        source = self._source(str(module.get("__file__") or ""), module)
        if source is None or id(module) in trail:
            return
        imports_of_all = [] if "." in path else source.bindings.get("*", [])
        for node in source.bindings.get(path) or imports_of_all:
            origin = self._home.origin(node, module)
            if isinstance(node, ast.ImportFrom) and origin is not None:
                name = original_name(node, path)
                yield from self._statements(origin, name, trail | {id(module)})
            else:
                yield node, module

    def _follow(self, module: Module, path: Path) -> None:
        """Covers what a path means in a module, unless it is a builtin or of another package."""
        name, *rest = path
        value = module.get(name, _MISSING)
        while isinstance(value, ModuleType) and self._home.has(value.__name__):
            if not rest:
                self.uncovered.add(f"{value.__name__}: a module whose attributes are not named")
                return
            module, (name, *rest) = vars(value), rest
            value = module.get(name, _MISSING)
        if value is _MISSING or isinstance(value, ModuleType) or name.startswith("__"):
            return
        if self._is_new((id(module), name), module):
            self.blocks.add(f"{name} = {self._bound(module, name, value)}")

    def _describe(self, value: Any, where: str, covered: bool) -> str:
        """A value as text; covers the code in it.

        `covered` says that a statement which makes the value is in the fingerprint.
        """
        if is_scalar(value):
            return scalar_text(value)
        if isinstance(value, Table):
            return self._table(value)
        if isinstance(value, type):
            return self._class(value, where, covered)
        if isinstance(value, Enum):
            return f"{self._class(type(value), where, covered)}.{value.name}"
        if id(value) in self._open:
            return "itself"
        self._open.add(id(value))
        found = self._compound(value, where, covered)
        self._open.discard(id(value))
        return found or self._object(value, where, covered)

    def _compound(self, value: Any, where: str, covered: bool) -> str | None:
        """A value that is its parts; None for any other."""
        describe: Callable[[Any], str] = partial(self._describe, where=where, covered=covered)
        parts = fields_of(value)
        if parts is not None:
            texts = [f"{name}={describe(each)}" for name, each in parts.items()]
        elif isinstance(value, dict | MappingProxyType):
            texts = [f"{describe(key)}: {describe(each)}" for key, each in value.items()]
        elif isinstance(value, tuple | list | set | frozenset | deque):
            # Without the order, which may come from a set; the statement has it.
            texts = [describe(each) for each in value]
        else:
            return None
        kind = self._class(type(value), where, covered=True)
        return f"{kind}[{', '.join(sorted(texts))}]"

    def _object(self, value: Any, where: str, covered: bool) -> str:
        """A function, or an object that has one, or any other object."""
        self._add_dispatched(value, where, covered)
        inner = unwrap(value) if callable(value) else value
        if isinstance(inner, FunctionType):
            return self._function(inner, where)
        for name in ("__func__", "fget", "func"):
            if hasattr(inner, name):
                label = self._describe(getattr(inner, name), where, covered)
                return f"{type(inner).__name__} {label}"
        if isinstance(inner, BuiltinFunctionType):
            return inner.__name__
        if not covered:
            self.uncovered.add(f"{where}: an object of {type(inner).__qualname__}")
        if not self._home.has(type(inner).__module__):
            return "an object"
        return f"an object of {self._class(type(inner), where, covered=True)}"

    def _add_dispatched(self, value: Any, where: str, covered: bool) -> None:
        """Covers the functions of a `singledispatch`, which no name leads to."""
        registry = getattr(getattr(value, "dispatcher", value), "registry", None)
        if isinstance(registry, Mapping):
            for kind, function in registry.items():
                label = self._describe(function, where, covered)
                self.blocks.add(f"{self._class(kind, where, covered)} is dispatched to {label}")

    def _function(self, function: FunctionType, where: str) -> str:
        if not self._home.has(function.__module__):
            return function.__name__
        code, module = function.__code__, function.__globals__
        source = self._source(code.co_filename, module)
        found = source.functions.get((code.co_name, code.co_firstlineno)) if source else None
        nodes: list[ast.AST] = [*(found or ())]
        if self._is_new(id(function), function):
            if not nodes:
                self.uncovered.add(f"{where}: a function without source")
            paths = {path for each in nodes for path in paths_in(each)} or names_in(code)
            self._follow_all(
                paths, module, closure_of(function), imported_in(nodes, self._home, module)
            )
            for number, value in enumerate(defaults_of(function)):
                label = self._describe(value, where, covered=bool(nodes))
                self.blocks.add(f"{function.__name__} has {number} = {label}")
        text = " ".join(sorted(map(text_of, nodes))) or compiled_text(code)
        return f"{function.__name__} {_digest(text)}"

    def _class(self, cls: type, where: str, covered: bool) -> str:
        label = f"class {former_topic(cls)}"
        if is_message(cls):
            return label
        if not self._home.has(cls.__module__):
            return f"class {cls.__name__}"
        if self._is_new(id(cls), cls):
            module = self._module_of(cls)
            statements = list(self._statements(module, cls.__qualname__))
            if not (statements or covered):
                self.uncovered.add(f"{where}: a class without source")
            functions = [each for each in vars(cls).values() if isinstance(each, FunctionType)]
            own = {name: value for each in functions for name, value in closure_of(each).items()}
            for node, names in statements:
                self.blocks.add(f"{label} {_digest(text_of(node))}")
                self._follow_all(paths_in(node), names, own, {})
        return label

    def _follow_all(
        self,
        paths: Iterable[Path],
        module: Module,
        closure: Mapping[str, Any],
        imported: Mapping[str, tuple[Module, str]],
    ) -> None:
        for name, *rest in sorted(paths):
            if name in closure:
                where = f"{module.get('__name__')}.{name}"
                label = self._describe(closure[name], where, covered=False)
                self.blocks.add(f"{name} = {label}")
            elif name in imported:
                origin, original = imported[name]
                self._follow(origin, (original, *rest))
            else:
                self._follow(module, (name, *rest))

    def _table(self, table: Table) -> str:
        lines = [table.name]
        for each in table.columns:
            kind, where = each.type, f"{table.name}.{each.name}"
            default = self._describe(getattr(each.default, "arg", None), where, covered=False)
            text = f"{self._class(type(kind), where, covered=True)} {text_without_address(kind)}"
            lines += [f"{each.name} {text} {each.nullable} {each.primary_key} {default}"]
        indexes = sorted(table.indexes, key=lambda each: str(each.name))
        parts = [[str(part) for part in each.expressions] for each in indexes]
        lines += [f"{a.name} {a.unique} {b}" for a, b in zip(indexes, parts, strict=True)]
        return "\n".join(lines)

    def _module_of(self, cls: type) -> Module:
        # Another version of the model's own module may be loaded under its name.
        is_own = cls.__module__ == self._module.get("__name__")
        return self._module if is_own else module_of(cls)

    def _source(self, filename: str, module: Module) -> Source | None:
        if filename not in self._sources:
            self._sources[filename] = read_source(filename, module)
        return self._sources[filename]

    def _is_new(self, key: Any, kept: Any) -> bool:
        """Whether this is met for the first time; keeps it, so that no other gets its id."""
        if key in self._seen:
            return False
        self._seen[key] = kept
        return True


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
