"""A tree of the project with an environment of its own: the one here, or that of another commit."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.process import HOUSE, LIMIT, TOLD, WentWrong, environment

ENTRY = Path("benchmarks") / "one_process"
"""What is run in each tree; where a tree has none, this one's is laid into it."""


@dataclass(frozen=True)
class Tree:
    """The files of a commit, and the Python that has what they need."""

    name: str
    folder: Path
    python: str

    @classmethod
    def here(cls) -> "Tree":
        """This tree as it stands, with what is not committed yet."""
        changed = _git("status", "--porcelain", "--untracked-files=no")
        name = _git("rev-parse", "HEAD") + (" with changes" if changed else "")
        return cls(name, HOUSE, sys.executable)

    def one_process(self, *arguments: str) -> dict[str, Any]:
        """What this tree's `benchmarks.one_process` prints. Raises WentWrong."""
        done = subprocess.run(
            [self.python, "-m", "benchmarks.one_process", *arguments],
            cwd=self.folder,
            env={**environment(), "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        if done.returncode != 0:
            raise WentWrong(f"{arguments!r} failed in {self.name}: {done.stderr[-TOLD:]}")
        told: dict[str, Any] = json.loads(done.stdout)
        return told


def commit_of(rev: str) -> str:
    """The full name of a commit. Raises WentWrong where there is none of that name."""
    return _git("rev-parse", "--verify", "--quiet", f"{rev}^{{commit}}")


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A worktree of a commit, which is gone afterwards."""
    with TemporaryDirectory(prefix="compare-") as parent:
        folder = Path(parent) / "tree"
        _git("worktree", "add", "--detach", str(folder), commit)
        try:
            yield folder
        finally:
            _git("worktree", "remove", "--force", str(folder))


def with_environment(commit: str, folder: Path) -> Tree:
    """Makes the environment of a worktree, by its own `make setup` and this very Python."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = Path(sys.base_prefix) / "bin" / name
    subprocess.run(
        ["make", "-s", "setup", f"PYTHON={python}"],
        cwd=folder,
        env=_without_make(os.environ),
        stdout=sys.stderr,
        check=True,
    )
    return Tree(commit, folder, str(folder / ".venv" / "bin" / "python"))


def lay_in_entry(folder: Path) -> bool:
    """Gives a tree that has no `benchmarks.one_process` the one of this tree; says whether it did.

    It names nothing but what is public, and what every such tree has.
    """
    if (folder / ENTRY).exists():
        return False
    shutil.copytree(HOUSE / ENTRY, folder / ENTRY, ignore=shutil.ignore_patterns("__pycache__"))
    return True


def _without_make(env: Mapping[str, str]) -> dict[str, str]:
    """Without what one make tells another that it starts."""
    return {name: value for name, value in env.items() if not name.startswith(("MAKE", "MFLAGS"))}


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=HOUSE, capture_output=True, text=True)
    if done.returncode != 0:
        raise WentWrong(f"git {' '.join(arguments)}: {done.stderr.strip() or 'nothing found'}")
    return done.stdout.strip()
