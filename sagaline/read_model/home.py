"""The package that a read model's code is in, and the imports from it."""

import ast
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.util import resolve_name
from pathlib import PurePath
from types import FunctionType
from typing import Any

Module = dict[str, Any]
"""The names of a module."""


class Home:
    """The top-level package of a module; of a module without a package, those beside it too."""

    def __init__(self, module: str) -> None:
        self._top = module.partition(".")[0]
        self._folder = _folder_of(module)

    def has(self, module: str | None) -> bool:
        """Whether a module is of this package; code without a module counts as of it."""
        top = (module or self._top).partition(".")[0]
        return top == self._top or (self._folder is not None and _folder_of(top) == self._folder)

    def origin(self, node: ast.AST, module: Module) -> Module | None:
        """The module of this package that a statement imports from; None for others."""
        if not isinstance(node, ast.ImportFrom):
            return None
        name = "." * node.level + (node.module or "")
        try:
            name = resolve_name(name, module.get("__package__") or "")
            return vars(import_module(name)) if self.has(name) else None
        except ImportError:
            return None


def original_name(node: ast.ImportFrom | ast.Import, name: str) -> str:
    """The name in its own module of what an import binds to a name."""
    return {each.asname or each.name: each.name for each in node.names}.get(name, name)


def imported_as(node: ast.ImportFrom | ast.Import, name: str) -> str:
    """What an import binds to a name, whatever else it imports."""
    where = "" if isinstance(node, ast.Import) else f"{'.' * node.level}{node.module or ''}"
    return f"import {where}:{original_name(node, name)}"


def imported_in(
    nodes: Iterable[ast.AST], home: Home, module: Module
) -> dict[str, tuple[Module, str]]:
    """What the imports inside of functions bind: by name, the module and its name there."""
    found: dict[str, tuple[Module, str]] = {}
    for node in (each for tree in nodes for each in ast.walk(tree)):
        origin = home.origin(node, module)
        if isinstance(node, ast.ImportFrom) and origin is not None:
            found |= {each.asname or each.name: (origin, each.name) for each in node.names}
        elif isinstance(node, ast.Import):
            for each in (each for each in node.names if home.has(each.name)):
                loaded = import_module(each.name)
                top = loaded if each.asname else sys.modules[each.name.partition(".")[0]]
                name = each.asname or top.__name__
                found[name] = ({name: top}, name)
    return found


def module_of(cls: type) -> Module:
    """The names of the module that defines a class."""
    functions = [each for each in vars(cls).values() if isinstance(each, FunctionType)]
    own = [each.__globals__ for each in functions if each.__module__ == cls.__module__]
    module = sys.modules.get(cls.__module__)
    return own[0] if own else vars(module) if module else {}


def _folder_of(module: str) -> PurePath | None:
    """The folder of a module without a package, where it is a project's own."""
    found = sys.modules.get(module)
    file = getattr(found, "__file__", None)
    if "." in module or file is None or hasattr(found, "__path__"):
        return None
    folder = PurePath(file).parent
    return None if folder.name in ("site-packages", "dist-packages") else folder
