"""Runs `sagaline` and `python -m application`, in this process or in one of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from application.cli import program as shop
from sagaline.cli import program as framework

HOUSE = Path(__file__).parents[2]
SHOP = "application.system:system"
LIMIT = 60.0
"""Seconds after which a command counts as hanging."""


def clean_environment() -> dict[str, str]:
    """The environment of this process without what would decide in place of an option."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SAGALINE_", "SHOP_")) and "SQLALCHEMY_" not in name
    }
    # Pauses before retries are not what is tested here.
    return {**own, "PYTHONPATH": str(HOUSE), "SHOP_RETRY_BASE": "0.02", "TERM": "dumb"}


@dataclass(frozen=True)
class Said:
    """What a command said, and the status that it ended with."""

    status: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.output)

    @property
    def json_lines(self) -> list[Any]:
        """Its lines of JSON."""
        return [json.loads(line) for line in self.output.splitlines()]


@dataclass(frozen=True)
class CommandLine:
    """Runs commands in a folder, on a store if one is given."""

    folder: Path
    env: Mapping[str, str]
    store: str | None = None

    def on(self, store: str) -> "CommandLine":
        """The same, with a store given as an option."""
        return replace(self, store=store)

    def given(self, **variables: str) -> "CommandLine":
        """The same, with these variables in the environment."""
        return replace(self, env={**self.env, **variables})

    def sagaline(self, *arguments: str) -> Said:
        """Runs `sagaline` in this process."""
        return self._inside(framework, "sagaline", *arguments)

    def application(self, *arguments: str) -> Said:
        """Runs the shop's own command line in this process."""
        return self._inside(shop, "application", *arguments)

    def process(self, module: str, *arguments: str, input: str = "") -> Said:
        """Runs a module as a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", module, *self._options(module), *arguments],
            input=input,
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def started(self, module: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """A process that is still running, with its ends in our hands."""
        process = subprocess.Popen(
            [sys.executable, "-m", module, *self._options(module), *arguments],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def _inside(self, program: typer.Typer, module: str, *arguments: str) -> Said:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "path", [*sys.path])
            for name in os.environ.keys() - self.env.keys():
                patch.delenv(name)
            done = CliRunner().invoke(
                program, [*self._options(module), *arguments], env=self.env, prog_name=module
            )
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Said(done.exit_code, done.stdout, done.stderr)

    def _options(self, module: str) -> list[str]:
        if self.store is None:
            return []
        return [*(["--app", SHOP] if module == "sagaline" else []), "--store", self.store]
