"""What the README and the docs show is run, and what they name is there."""

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from application import settings as shop_settings
from application.system import system
from benchmarks.__main__ import BENCHMARKS
from sagaline.cli import settings
from sagaline.runner.options import Options
from sagaline.system.saga_diagram import saga_diagram
from tests.cli.command_line import LIMIT, CommandLine, clean_environment

HOUSE = Path(__file__).parents[1]
README = HOUSE / "README.md"
PAGES = [README, *sorted((HOUSE / "docs").glob("*.md"))]
FIGURES = {each.partition("/")[0] for each in BENCHMARKS}
"""What figures are called, which have slashes as files have."""

COLUMNS = "160"
"""Wide enough that no table is cut off."""

REPLICA = {"options": "-c default_transaction_read_only=on"}
"""What a replica is to those who ask it: the same tables, which nobody may write."""

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (\w+\.py)\n")


@dataclass(frozen=True)
class Block:
    """Something that a page shows: Python, shell lines, or what they print."""

    language: str
    text: str


@dataclass(frozen=True)
class Section:
    """A part of a page, up to the next heading of two marks. Its blocks belong together."""

    page: Path
    heading: str
    text: str

    @property
    def blocks(self) -> list[Block]:
        return [Block(*found) for found in BLOCK.findall(self.text)]

    @property
    def shows(self) -> set[str]:
        return {each.language for each in self.blocks}

    def __str__(self) -> str:
        return f"{self.page.name}: {self.heading}"


def sections(page: Path) -> Iterator[Section]:
    for part in re.split(r"^## ", page.read_text("utf-8"), flags=re.MULTILINE):
        heading, _, text = part.partition("\n")
        yield Section(page, heading.lstrip("# "), text)


SECTIONS = [section for page in PAGES for section in sections(page)]
RUN = [each for each in SECTIONS if each.shows & {"python", "sh"}]


def section(heading: str) -> Section:
    (found,) = [each for each in sections(README) if each.heading == heading]
    return found


class Reader:
    """Someone who does what a page says, in a folder with the environment of `make setup`."""

    def __init__(self, folder: Path, databases: Mapping[str, str]) -> None:
        self.folder = folder
        self._databases = databases
        self._programs = folder / ".venv" / "bin"
        self._programs.mkdir(parents=True)
        self._program("python", f'exec "{sys.executable}" "$@"')
        self._program("sagaline", f'exec "{sys.executable}" -m sagaline "$@"')
        # What it would do takes minutes; that it would do something is looked up.
        self._program("make", f'for each; do grep -q "^$each:" "{HOUSE}/Makefile" || exit 2; done')
        self._program("activate", "true")
        known = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))["tool"]["sagaline"]
        lines = [f'{name} = "{value}"' for name, value in known.items()]
        (folder / "pyproject.toml").write_text("\n".join(["[tool.sagaline]", *lines]))

    def _program(self, name: str, script: str) -> None:
        program = self._programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def keep(self, block: Block) -> None:
        """Puts a file where the page says, or runs Python that is no file."""
        named = FILE.match(block.text)
        (self.folder / (named[1] if named else "snippet.py")).write_text(block.text, "utf-8")
        if named is None:
            self.run(Block("sh", "python snippet.py"))

    def run(self, block: Block) -> str:
        """Runs shell lines; what they say, on both ways, in order."""
        env = clean_environment() | {"COLUMNS": COLUMNS, "PYTHONDONTWRITEBYTECODE": "1"}
        env |= self._databases
        env["PATH"] = f"{self._programs}{os.pathsep}{env['PATH']}"
        with subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=self.folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as shell:
            try:
                said, _ = shell.communicate(timeout=LIMIT)
            finally:
                end_session(shell.pid)
        assert shell.returncode == 0, f"{block.text}\nsaid\n{said}"
        return said


def end_session(leader: int) -> None:
    """Ends what a page started in the background and, after a failure, did not end itself."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


CHANGING = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?"), "TIME"),
    (re.compile(r"\d+(\.\d+)? (ms|s|min)\b"), "LONG"),
    (re.compile(r" +"), " "),
)
"""What differs from one run to the next."""


def shape(text: str) -> list[str]:
    """The lines of an output without what differs from run to run, and without rules."""
    for pattern, name in CHANGING:
        text = pattern.sub(name, text)
    return [line.strip() for line in text.splitlines() if line.strip(" ─")]


def says(shown: str, said: str) -> bool:
    """Whether this was said; three dots stand for any text, and alone for any lines."""
    lines = [
        r"(.*\n)*?" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + r"\n"
        for line in shape(shown)
    ]
    return re.fullmatch("".join(lines), "".join(f"{line}\n" for line in shape(said))) is not None


def shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.mark.parametrize("section", RUN, ids=str)
def test_what_a_page_shows_runs_and_prints_what_it_says(
    section: Section, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    databases = {}
    if "PRIMARY" in section.text:
        primary = make_url(request.getfixturevalue("postgres_store"))
        databases = {
            "PRIMARY": shown(primary),
            "REPLICA": shown(primary.update_query_dict(REPLICA)),
        }
    reader = Reader(tmp_path, databases)
    said = ""
    for block in section.blocks:
        if block.language == "python":
            reader.keep(block)
        elif block.language == "sh":
            said = reader.run(block)
        elif block.language == "text" and said:
            assert says(block.text, said), f"shown:\n{block.text}\nsaid:\n{said}"


def test_the_demo_prints_what_the_readme_says(tmp_path: Path) -> None:
    (block,) = [b.text for b in section("Try it").blocks if b.language == "text"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.demo"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    assert says(block, done.stdout), done.stdout


def test_a_first_saga_takes_less_than_forty_lines_of_code_with_its_imports() -> None:
    files = [b.text for b in section("A first saga").blocks if b.language == "python"]
    lines = [each for each in files[0].splitlines() if each.strip() and not each.startswith("#")]
    assert "class OpenTrip(TripCommand):" in lines
    assert lines[-1].startswith("system = System(")
    assert f"in {len(lines)} lines" in section("A first saga").text
    assert len(lines) < 40
    assert "Runner(system" in files[1]


def test_the_python_of_the_readme_has_strict_types(tmp_path: Path) -> None:
    for block in section("A first saga").blocks:
        named = FILE.match(block.text)
        if named:
            (tmp_path / named[1]).write_text(block.text, "utf-8")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert checked.returncode == 0, checked.stdout


def test_the_diagram_of_the_readme_is_the_one_that_is_printed() -> None:
    (diagram,) = [b.text for b in section("The shop").blocks if b.language == "mermaid"]
    (saga,), (process,) = system.sagas, system.processes
    assert f"`sagaline diagram {saga.__name__}`" in section("The shop").text
    assert diagram.strip() == saga_diagram(saga, process.timings)


def paths_of(page: Path) -> Iterator[tuple[str, Path]]:
    """The files that a page links to, and those that it names together with a test in them."""
    text = page.read_text("utf-8")
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in link:
            yield link, page.parent / link
    for name in re.findall(r"`((?:\w+/)+[\w.-]*)(?:::\w+)?`", text):
        if name.partition("/")[0] not in FIGURES:
            yield name, HOUSE / name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    assert [name for name, path in paths_of(page) if not path.exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tests_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text("utf-8"))
    missing = [
        f"{file}::{test}"
        for file, test in named
        if f"def {test}(" not in (HOUSE / file).read_text("utf-8")
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_places_that_a_page_links_to_on_itself_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_every_setting_is_in_the_readme_and_no_other() -> None:
    told = set(re.findall(r"^\| `((?:SAGALINE|SHOP)_\w+)`", README.read_text("utf-8"), re.M))
    ours = {
        f"SAGALINE_{name}".upper()
        for name in settings.Settings.model_fields.keys() - Options.model_fields
    }
    shops = {f"SHOP_{name}".upper() for name in shop_settings.Settings.model_fields}
    assert told == ours | shops


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_that_a_page_names_are_there(page: Path, tmp_path: Path) -> None:
    named = re.findall(r"`sagaline ((?:[a-z][a-z-]*\b ?)+)", page.read_text("utf-8"))
    line = CommandLine(tmp_path, clean_environment(), "sqlite:///none.db")
    known = {each: line.sagaline(*each.split(), "--help").status for each in dict.fromkeys(named)}
    assert [each for each, status in known.items() if status != 0] == []
