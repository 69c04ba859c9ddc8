"""What went wrong by chance is refused in words, and nothing that was right is lost for it.

`MUTATIONS=10000 .venv/bin/python -m pytest tests/test_mutations.py` tries ten thousand in all.
"""

import json
import os
from pathlib import Path
from typing import Final

import pytest

from sagaline import SagalineError
from sagaline.storage import Datastore
from tests.cli.command_line import CommandLine, Said, clean_environment
from tests.cli.conftest import settled  # noqa: F401  (a fixture)
from tests.cli.looks import LOOKS
from tests.cli.orders import order
from tests.mutated import SECRET, Mutations

pytestmark = pytest.mark.slow

COUNT: Final = int(os.environ.get("MUTATIONS", "600"))
"""Mutations in all; each kind has a share."""

COMMANDS: Final = (*LOOKS, ("rebuild", "--verify"))
URLS: Final = (
    f"postgresql+psycopg://shop:{SECRET}@localhost:5432/shop?application_name=shop",
    f"postgresql+psycopg://shop:{SECRET}@/shop?host=/nowhere",
    "sqlite:///shop.db",
    "sqlite:///shop.db?timeout=5&mode=rwc&uri=true",
)


def share(percent: int) -> int:
    return max(1, COUNT * percent // 100)


def refusal_of(url: str) -> str:
    """What a user is told who opens it; nothing where it opens."""
    try:
        Datastore.open(url).close()
    except SagalineError as refused:
        return str(refused)
    return ""


def must_be_said_in_words(said: Said, what: object) -> None:
    assert said.status in (0, 1, 2), what
    assert "Traceback" not in said.errors, (what, said.errors)
    if said.status == 2:
        assert said.errors.strip() or said.output.strip(), what


def test_each_changed_order_line_has_one_answer_and_the_same_again(tmp_path: Path) -> None:
    run = CommandLine(tmp_path, clean_environment(), f"sqlite:///{tmp_path / 'shop.db'}")
    changed, file = Mutations(17), tmp_path / "orders.jsonl"
    for first in range(0, share(80), 500):
        rows = range(first, min(first + 500, share(80)))
        orders = [order(f"00000000-0000-4000-8000-{number:012}") for number in rows]
        file.write_bytes(b"".join(changed.line(json.dumps(each)) + b"\n" for each in orders))
        said, again = (run.application("place", str(file)) for _ in range(2))
        must_be_said_in_words(said, file)
        answers = list(zip(said.json_lines, again.json_lines, strict=True))
        assert len(answers) == len(orders)
        for (one, other), given in zip(answers, orders, strict=True):
            assert one["status"] in ("placed", "duplicate", "rejected"), one
            assert bool(one.get("error")) is (one["status"] == "rejected"), one
            if one["order_id"] == given["order_id"] and one["status"] == "placed":
                assert (other["status"], other["position"]) == ("duplicate", one["position"])
    assert run.sagaline("check").status == 0


def test_each_changed_url_is_refused_or_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    changed = Mutations(18)
    for _ in range(share(13)):
        url = changed.text(changed.of(URLS))
        refusal = refusal_of(url)
        assert "\n" not in refusal, url
        assert SECRET not in refusal, url


def test_each_line_of_arguments_is_answered(tmp_path: Path) -> None:
    run = CommandLine(tmp_path, clean_environment(), f"sqlite:///{tmp_path / 'shop.db'}")
    changed = Mutations(19)
    for _ in range(share(3)):
        words = changed.words()
        command = changed.of((run.sagaline, run.application))
        must_be_said_in_words(command(*words), words)


@pytest.mark.parametrize("kind", ["row", "file"])
def test_each_damaged_store_is_looked_at_or_refused(
    settled: CommandLine,  # noqa: F811
    tmp_path: Path,
    kind: str,
) -> None:
    assert settled.store is not None
    whole = Path(settled.store.removeprefix("sqlite:///")).read_bytes()
    changed, path = Mutations(20), tmp_path / "damaged.db"
    for _ in range(share(2)):
        for each in tmp_path.iterdir():
            each.unlink()
        path.write_bytes(whole)
        what = changed.damage_row(path) if kind == "row" else changed.damage_file(path)
        look = changed.of(COMMANDS)
        must_be_said_in_words(settled.on(f"sqlite:///{path}").sagaline(*look), (what, look))
