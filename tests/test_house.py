"""The rooms of `sagaline/`: how many, how large, and what each loads."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.house import FLOORS, ROOT, circles_of, floors_of, read_house, report, upward_of

SOURCE = sorted((ROOT / "sagaline").rglob("*.py"))


def test_the_house_is_seen_at_a_glance() -> None:
    found = report(read_house(ROOT / "sagaline"))
    assert found["rooms"] == sum(map(len, FLOORS)) <= 18
    assert int(str(found["floors"])) <= 10
    assert (found["circles"], found["upward"]) == (0, 0), found["plan"]


def test_contributing_gives_the_figures_of_the_house() -> None:
    found = report(read_house(ROOT / "sagaline"))
    said = " ".join((ROOT / "CONTRIBUTING.md").read_text("utf-8").split())
    assert f"{found['rooms']} rooms on {found['floors']} floors, {found['arrows']} arrows" in said


def test_make_house_prints_one_document() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.house"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert json.loads(done.stdout).keys() >= {"rooms", "floors", "arrows", "circles", "upward"}


def test_a_circle_is_found_and_shares_a_floor() -> None:
    rooms = {"top": {"left"}, "left": {"right"}, "right": {"left", "ground"}, "ground": set()}
    assert circles_of(rooms) == [["left", "right"]]
    assert floors_of(rooms) == {"ground": 1, "left": 2, "right": 2, "top": 3}


def test_an_arrow_upwards_is_found() -> None:
    assert upward_of({"storage": {"runner"}, "runner": {"storage"}}) == ["storage -> runner"]


def test_an_import_is_found_however_it_is_written(tmp_path: Path) -> None:
    package = tmp_path / "hut"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("def late() -> None:\n    import hut.b\n")
    (package / "b.py").write_text("from hut import c\n")
    (package / "c.py").write_text("from hut.a import late\n")
    assert read_house(package).rooms == {"__init__": set(), "a": {"b"}, "b": {"c"}, "c": {"a"}}


def test_files_are_short() -> None:
    lengths = {str(path): len(path.read_text("utf-8").splitlines()) for path in SOURCE}
    assert [name for name, length in lengths.items() if length > 300] == []
    assert median(lengths.values()) <= 110


def test_functions_are_short() -> None:
    assert [name for name, length in functions() if length > 40] == []


def functions() -> Iterator[tuple[str, int]]:
    for path in SOURCE:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{path.name}:{node.name}", node.end_lineno - node.lineno + 1


PURE = ["sagaline", "sagaline.saga", "sagaline.saga.engine", "sagaline.messaging.timers"]


@pytest.mark.parametrize("module", PURE)
def test_what_is_pure_loads_no_database(module: str) -> None:
    assert not {"sqlalchemy", "sqlite3", "psycopg"} & loaded_by(f"import {module}")


def test_a_saga_is_declared_without_a_database() -> None:
    declared = "from sagaline import Command, NO_EFFECT, PIVOT, Saga, step, on_compensated, Retry"
    assert not {"sqlalchemy", "sqlite3"} & loaded_by(declared)


def test_the_terminal_is_loaded_by_none_but_the_command_line() -> None:
    assert not {"typer", "rich"} & loaded_by("from sagaline import *")


def loaded_by(statement: str) -> set[str]:
    """The modules that a new process has after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    # Coverage of the process would load modules of its own, sqlite3 among them.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, check=True, text=True
    )
    return set(done.stdout.split())


NOT_ON_WINDOWS = """
import os, select, signal, socket, sys, time
MODULES = ("fcntl", "grp", "pwd", "resource", "syslog", "termios", "tty", "inotify_simple")
for module in MODULES:
    sys.modules[module] = None
for module, names in (
    (os, ("register_at_fork", "fork", "getuid", "killpg", "setsid", "mkfifo", "sched_getaffinity")),
    (select, ("poll", "epoll")),
    (signal, ("SIGALRM", "SIGKILL", "setitimer", "ITIMER_REAL", "pthread_sigmask", "SIGHUP")),
    (socket, ("AF_UNIX",)),
    (time, ("tzset",)),
):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
"""


@pytest.mark.parametrize(
    "statement", ["from sagaline import *", "import sagaline.cli.commands.run"]
)
def test_nothing_is_imported_that_windows_lacks(statement: str) -> None:
    assert "sagaline" in loaded_by(f"{NOT_ON_WINDOWS}\n{statement}")


PAGES = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_files_that_are_there(page: Path) -> None:
    named = re.findall(
        r"\b(?:sagaline|tests|domain|application)/[\w/]+\.py", page.read_text("utf-8")
    )
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_the_glossary_has_each_term_once() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    terms = re.findall(r"^\| ([a-z ]+) \|", page, flags=re.MULTILINE)
    assert len(terms) == len(set(terms)) > 40
