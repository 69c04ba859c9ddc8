"""The commands are imported when they are invoked."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from sagaline.cli.commands import COMMANDS
from sagaline.cli.program import program


def names_of_commands() -> list[list[str]]:
    found = []
    for each in COMMANDS:
        inner = getattr(each, "commands", {})
        found += [[str(each.name), name] for name in inner] or [[str(each.name)]]
    return found


@pytest.mark.parametrize("names", names_of_commands(), ids=" ".join)
def test_each_command_can_be_imported_and_shows_its_help(names: list[str]) -> None:
    done = CliRunner().invoke(program, [*names, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert f"Usage: root {' '.join(names)}" in done.output
    assert "--help" in done.output


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("sagaline.cli", {"pydantic_settings", "rich", "sqlalchemy"}),
        ("sagaline.cli.commands.status", {"rich", "sagaline.rebuilding", "sagaline.runner.runner"}),
        ("sagaline.cli.commands.sagas", {"rich", "sagaline.rebuilding", "sagaline.runner.runner"}),
    ],
)
def test_a_command_imports_only_what_it_uses(module: str, without: set[str]) -> None:
    script = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert without.isdisjoint(done.stdout.splitlines())
