"""The source of definitions, as text that is the same on every Python, and the names in it.

`ast.unparse`, `ast.dump` and bytecode differ between versions of Python. The syntax tree does not,
once the parts of f-strings are joined.
"""

import ast
import linecache
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

Path = tuple[str, ...]
"""A name and the attributes that are read from it: ``rates.EUR`` is ``("rates", "EUR")``."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DOCUMENTED: Final = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES: Final = (*_DOCUMENTED, ast.Lambda, *_COMPREHENSIONS)
_LEFT_OUT: Final = {"ctx", "kind", "type_comment"}


class Source:
    """The definitions of one file: its functions by name and first line, all by qualified name."""

    def __init__(self, text: str) -> None:
        self.functions: defaultdict[tuple[str, int], list[_Function]] = defaultdict(list)
        self.bindings: defaultdict[str, list[ast.stmt]] = defaultdict(list)
        """The statements that bind a name; under ``*`` the imports of all names of a module."""
        self._add(ast.parse(text), "")

    def _add(self, tree: ast.AST, scope: str) -> None:
        for node in ast.iter_child_nodes(tree):
            inner = scope
            if isinstance(node, ast.ClassDef):
                inner = f"{scope}{node.name}."
            elif isinstance(node, _Function):
                name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
                inner = f"{scope}{name}.<locals>."
                self.functions[name, _first_line(node)].append(node)
            if isinstance(node, ast.stmt):
                for name in _bound_by(node):
                    self.bindings[f"{scope}{name}"].append(node)
            self._add(node, inner)


def read_source(filename: str, module: dict[str, Any]) -> Source | None:
    """The source of a file of a module with these names; None where there is none."""
    if filename in ("", "<string>"):  # the code of any `exec`
        return None
    linecache.checkcache(filename)
    text = "".join(linecache.getlines(filename, module))
    try:
        return Source(text) if text else None
    except SyntaxError:
        return None


def text_of(node: Any) -> str:
    """A syntax tree as text, without docstrings, comments and layout."""
    if isinstance(node, list):
        return f"[{', '.join(map(text_of, node))}]"
    if isinstance(node, ast.Constant):
        return f"{type(node.value).__name__} {node.value!a}"
    if not isinstance(node, ast.AST):
        return ascii(node)
    fields = [
        f"{name}={text_of(_normal(node, name, value))}"
        for name, value in ast.iter_fields(node)
        if name not in _LEFT_OUT and value is not None and value != []
    ]
    return f"{type(node).__name__}({', '.join(fields)})"


def _normal(node: ast.AST, name: str, value: Any) -> Any:
    if isinstance(node, ast.JoinedStr):
        return _joined(value)
    if isinstance(node, ast.FormattedValue) and isinstance(value, ast.JoinedStr):
        return _joined(value.values)  # an empty format is none
    if isinstance(node, _DOCUMENTED) and name == "body":
        return value if ast.get_docstring(node, clean=False) is None else value[1:]
    return value


def _joined(parts: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string: versions of Python divide the text between values differently."""
    found: list[ast.expr] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, ast.Constant) and isinstance(last, ast.Constant):
            found[-1] = ast.Constant(str(last.value) + str(part.value))
        elif not (isinstance(part, ast.Constant) and part.value == ""):
            found.append(part)
    return found


def paths_in(node: ast.AST) -> set[Path]:
    """What a definition reads from outside of it: names that are not its own, with attributes."""
    if isinstance(node, ast.Attribute | ast.Name):
        path = _path(node)
        return _paths_in_all(ast.iter_child_nodes(node)) if path is None else {path}
    if isinstance(node, _Function):
        inner = node.body if isinstance(node.body, list) else [node.body]
        own = {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
        rest = [each for each in ast.iter_child_nodes(node) if each not in inner]
        return _paths_in_all(rest) | _without(inner, own | _stored(inner))
    if isinstance(node, _COMPREHENSIONS):
        first = node.generators[0]
        own = _stored([each.target for each in node.generators])
        return paths_in(first.iter) | _without(ast.iter_child_nodes(node), own)
    return _paths_in_all(ast.iter_child_nodes(node))


def _paths_in_all(nodes: Iterable[ast.AST]) -> set[Path]:
    return set().union(*map(paths_in, nodes))


def _without(nodes: Iterable[ast.AST], own: set[str]) -> set[Path]:
    return {path for path in _paths_in_all(nodes) if path[0] not in own}


def _path(node: ast.AST) -> Path | None:
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        path = _path(node.value)
        return None if path is None else (*path, node.attr)
    return None


def _stored(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that a scope binds itself, but for imports and what it declares as global."""
    found: set[str] = set()
    declared: set[str] = set()
    for node in _in_scope(nodes):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                found.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add(name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                declared.update(names)
    return found - declared


def _in_scope(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    for node in nodes:
        yield node
        if not isinstance(node, _SCOPES):
            yield from _in_scope(ast.iter_child_nodes(node))


def _bound_by(node: ast.stmt) -> set[str]:
    """The names that a statement binds, or whose value it changes."""
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {each.asname or each.name.partition(".")[0] for each in names}
        case ast.Assign(targets=targets):
            return {
                each.id for to in targets for each in ast.walk(to) if isinstance(each, ast.Name)
            }
        case ast.AnnAssign(target=to) | ast.AugAssign(target=to):
            return {each.id for each in ast.walk(to) if isinstance(each, ast.Name)}
    return set()


def _first_line(node: _Function) -> int:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min(each.lineno for each in (node, *decorators))
