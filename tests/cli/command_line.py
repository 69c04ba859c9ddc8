"""Runs `sagaline` and `python -m application`, in this process or in one of its own."""

import gc
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
from eventsourcing import utils

from application.cli import main as shop
from sagaline.cli import main as framework

HOUSE = Path(__file__).parents[2]
SHOP = "application.system:system"
LIMIT = 300.0
"""Seconds after which a command counts as hanging, however loaded the machine is."""

A_DAY = "86400"
"""Seconds, as a variable of the environment has them: longer than all tests take."""


def clean_environment() -> dict[str, str]:
    """The environment of this process without what would decide in place of an option."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SAGALINE_", "SHOP_", "COLUMNS")) and "SQLALCHEMY_" not in name
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
        return self._inside(framework, "sagaline", arguments)

    def application(self, *arguments: str, input: str = "") -> Said:
        """Runs the shop's own command line in this process."""
        return self._inside(shop, "application", arguments, input)

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

    def _inside(
        self, main: Callable[[], None], module: str, arguments: tuple[str, ...], input: str = ""
    ) -> Said:
        with ExitStack() as stack:
            stdin, stdout, stderr = (
                stack.enter_context(TemporaryFile("w+", encoding="utf-8")) for _ in range(3)
            )
            stdin.write(input)
            stdin.seek(0)
            with self._as_in_a_process() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
                patch.setattr(sys, "stdin", stdin)
                patch.setattr(sys, "argv", [module, *self._options(module), *arguments])
                status = _status_of(main)
            return Said(status, _written(stdout), _written(stderr))

    @contextmanager
    def _as_in_a_process(self) -> Iterator[pytest.MonkeyPatch]:
        """The folder, the environment and the modules as a new process has them."""
        with pytest.MonkeyPatch.context() as patch, _own_modules(self.folder), _own_collector():
            patch.chdir(self.folder)
            patch.setattr(sys, "path", [*sys.path])
            patch.setattr(sys, "dont_write_bytecode", True)
            for name in os.environ.keys() - self.env.keys():
                patch.delenv(name)
            for name, value in self.env.items():
                patch.setenv(name, value)
            yield patch

    def _options(self, module: str) -> list[str]:
        if self.store is None:
            return []
        return [*(["--app", SHOP] if module == "sagaline" else []), "--store", self.store]


def _status_of(main: Callable[[], None]) -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _written(file: Any) -> str:
    file.flush()
    file.seek(0)
    return str(file.read())


@contextmanager
def _own_modules(folder: Path) -> Iterator[None]:
    """Import anew what reads the environment as it is imported, and what stands in the folder."""
    package, name = SHOP.partition(":")[0].split(".")
    before = sys.modules.pop(f"{package}.{name}", None)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.modules.pop(f"{package}.{name}", None)
        if before is not None:
            sys.modules[f"{package}.{name}"] = before
            setattr(sys.modules[package], name, before)
        _forget_modules_of(folder)


def _forget_modules_of(folder: Path) -> None:
    """Forget modules that a test wrote: the next command may find them changed."""
    written = {each.stem for each in folder.glob("*.py")} & sys.modules.keys()
    for each in written:
        del sys.modules[each]
    for topic in [*utils._topic_cache]:
        if topic.partition(":")[0] in written:
            del utils._topic_cache[topic]


@contextmanager
def _own_collector() -> Iterator[None]:
    """Put the settings of the garbage collector back, which a program changes for its process.

    It also collects once: what the tests hold is left out, which it would look through each time.
    """
    before = gc.get_threshold()
    gc.freeze()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
