"""Changes the engine of sagas in one place after another, and runs its fast tests: `make mutants`.

It prints each change that no test notices; most of those change nothing that can be seen. Each
change is made in a fork that has the project and pytest in memory already.
"""

import ast
import copy
import io
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from signal import SIG_DFL, SIGALRM, alarm, signal
from types import CodeType, ModuleType
from typing import Any, Final, NamedTuple

import pytest

MODULES: Final = ("sagaline.saga.engine", "sagaline.saga.progression", "sagaline.saga.matching")
KILLERS: Final = (
    *("tests/sagaline/saga", "tests/sagas/test_order_fulfilment.py", "tests/sagas/test_picnic.py"),
    *("tests/sagas/test_approval.py", "tests/sagas/test_holiday.py", "tests/sagas/test_signals.py"),
)
PATIENCE: Final = 60
"""Seconds after which a change counts as noticed: the tests do not end."""

OPERATORS: Final[dict[type, type]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Lt: ast.LtE, ast.LtE: ast.Lt,
    ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add,
}  # fmt: skip


class Change(NamedTuple):
    """One place of a module that is changed, and the code of the function around it."""

    module: ModuleType
    function: str
    text: str
    code: CodeType


def changes(module: ModuleType) -> Iterator[Change]:
    """All changes of a module, each compiled."""
    source = Path(module.__file__ or "").read_text()
    count = sum(1 for _ in ast.walk(ast.parse(source)))
    for number in range(count):
        tree = ast.parse(source)
        node = list(ast.walk(tree))[number]
        before = ast.unparse(node) if isinstance(node, ast.expr | ast.stmt) else ""
        if not _change(node):
            continue
        for name, code in _functions(compile(tree, str(module.__file__), "exec"), ""):
            if code.co_firstlineno <= node.lineno <= _last_line(code):  # type: ignore[attr-defined]  # it is an expression or a statement
                line = f"{module.__name__}:{node.lineno}"  # type: ignore[attr-defined]  # as above
                yield Change(module, name, f"{line} {before}  ->  {ast.unparse(node)}", code)


def _change(node: ast.AST) -> bool:
    """Changes a node in place; whether it is one that can be changed."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        node.ops[0] = OPERATORS[type(node.ops[0])]()
    elif isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in OPERATORS:
        node.op = OPERATORS[type(node.op)]()
    elif isinstance(node, ast.If | ast.IfExp):
        node.test = ast.fix_missing_locations(
            ast.copy_location(ast.UnaryOp(ast.Not(), copy.copy(node.test)), node.test)
        )
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        node.value = not node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        node.value += 1
    elif (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)) or (
        isinstance(node, ast.Return) and node.value is not None
    ):
        node.value = ast.copy_location(ast.Constant(None), node.value)
    else:
        return False
    return True


def _functions(code: CodeType, prefix: str) -> Iterator[tuple[str, CodeType]]:
    for each in code.co_consts:
        if isinstance(each, CodeType) and not each.co_name.startswith("<"):
            is_class = "__module__" in each.co_names and "__qualname__" in each.co_names
            if is_class:
                yield from _functions(each, f"{each.co_name}.")
            else:
                yield f"{prefix}{each.co_name}", each


def _last_line(code: CodeType) -> int:
    return max((line for _, _, line in code.co_lines() if line is not None), default=0)


def is_noticed(change: Change | None) -> bool:
    """Whether a test fails with this change, or without one, in a fork."""
    child = os.fork()
    if child == 0:
        signal(SIGALRM, SIG_DFL)
        alarm(PATIENCE)
        if change is not None:
            _make(change)
        os._exit(_run_killers())
    _, status = os.waitpid(child, 0)
    return status != 0


def _make(change: Change) -> None:
    target: Any = change.module
    for name in change.function.split("."):
        target = vars(target)[name]
    target = target.fget if isinstance(target, property) else target
    target.__code__ = change.code


def _run_killers() -> int:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        options = ("-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "--no-cov")
        return int(pytest.main([*options, *KILLERS]))


def main(words: list[str]) -> None:
    """Tries all changes of the modules, or of those that are named; prints what goes unnoticed."""
    import_module("sagaline.testing")
    if is_noticed(None):
        raise SystemExit("the tests fail without a change")
    found = [each for name in words or MODULES for each in changes(import_module(name))]
    unnoticed = 0
    for number, change in enumerate(found, 1):
        if not is_noticed(change):
            unnoticed += 1
            print(f"{change.text}", flush=True)
        print(f"{number} of {len(found)}, {unnoticed} unnoticed", end="\r", file=sys.stderr)
    print(f"{len(found)} changes, {unnoticed} unnoticed")


if __name__ == "__main__":
    main(sys.argv[1:])
