"""The page of the benchmarks says what the document beside it says."""

import json
from pathlib import Path

import pytest

from benchmarks import table
from benchmarks.figure import Asked, Baseline, Figure
from benchmarks.machine import machine
from benchmarks.table import BEGIN, END, KEPT, PAGE, page


def test_the_table_of_the_page_is_made_of_the_document_beside_it() -> None:
    before = PAGE.read_text("utf-8")
    assert before.count(BEGIN) == before.count(END) == 1
    assert page(before, json.loads(KEPT.read_text("utf-8"))) == before


def test_a_document_is_written_into_the_page_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(table, "KEPT", tmp_path / "kept.json")
    table.PAGE.write_text(f"before\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n")
    fast = Figure(
        "speed",
        "m/s",
        [1000.0, 1200.0, 1100.0],
        Asked("ratio >= 20"),
        Baseline("the other one", [55.5, 60.0, 50.0]),
        ["a word on it"],
    )
    document = {"machine": machine(), "figures": [fast.document(), _bare().document()]}
    (tmp_path / "printed.json").write_text(json.dumps(document))
    table.main(str(tmp_path / "printed.json"))
    written = table.PAGE.read_text()
    assert json.loads(table.KEPT.read_text()) == document
    assert written.startswith(f"before\n\n{BEGIN}\n\n| figure |")
    assert written.endswith(f"\n\n{END}\n\nafter\n")
    assert (
        "| speed | 1,100 (1,000 to 1,200) m/s | the other one | 55.5 (50 to 60) m/s | 20 "
        "| ratio >= 20 | yes |\n"
        "| weight | 0.0123 (0.0123 to 0.0123) kg |  |  |  |  |  |\n"
        "\n"
        "- speed: a word on it\n"
    ) in written
    assert "old" not in written


def _bare() -> Figure:
    return Figure("weight", "kg", [0.01234])
