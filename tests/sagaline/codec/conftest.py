"""A module that a row must not import."""

from pathlib import Path
from uuid import uuid4

import pytest


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that raises SystemExit when it is imported."""
    name = f"evil_{uuid4().hex}"
    (tmp_path / f"{name}.py").write_text("raise SystemExit('the row has run code')")
    monkeypatch.syspath_prepend(tmp_path)
    return name
