"""The pages that show figures say what the document beside them says."""

import json
from pathlib import Path

import pytest

from benchmarks.figure import Asked, Baseline, Figure
from benchmarks.machine import machine
from benchmarks.sample import Sample
from benchmarks.table import BEGIN, DOCS, END, KEPT, PAGES, main, written

QUIET = {"quiet": True, "disturbances": []}
DISTURBED = {"quiet": False, "disturbances": ["before: the load was 2.02", "after: others"]}


@pytest.mark.parametrize("name", PAGES)
def test_the_table_of_a_page_is_made_of_the_document_beside_it(name: str) -> None:
    before = (DOCS / name).read_text("utf-8")
    assert before.count(BEGIN) == before.count(END) == 1
    assert written(before, PAGES[name](json.loads(KEPT.read_text("utf-8")))) == before


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for name in PAGES:
        (tmp_path / name).write_text(f"before\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n")
    return tmp_path


def write(docs: Path, quiet: dict[str, object], *figures: Figure) -> None:
    """As `make bench` and the script do it, one after the other."""
    document = {"machine": machine() | quiet, "figures": [each.document() for each in figures]}
    (docs / "printed.json").write_text(json.dumps(document))
    main(str(docs / "printed.json"), docs)
    assert json.loads((docs / KEPT.name).read_text()) == document


def test_a_document_is_written_into_the_pages_and_kept(docs: Path) -> None:
    fast = Figure(
        "speed",
        "m/s",
        [Sample(1000.0, 2.0), Sample(1200.0, 3.0), Sample(1100.0, 2.5)],
        Asked("ratio >= 20"),
        Baseline("the other one", [Sample(55.5, 20.0), Sample(60.0, 20.0), Sample(50.0, 20.0)]),
        "ms/m",
        ["a word on it"],
    )
    write(docs, QUIET, fast, Figure("weight", "kg", [Sample(0.01234)]))
    page = (docs / "benchmarks.md").read_text()
    assert page.startswith(f"before\n\n{BEGIN}\n\n| figure |")
    assert page.endswith(f"\n\n{END}\n\nafter\n")
    assert (
        "| speed | 1,100 (1,000 to 1,200) m/s | the other one | 55.5 (50 to 60) m/s | 20 "
        "| ratio >= 20 | yes | 2.5 ms/m, that one 20: 0.125 of it |\n"
        "| weight | 0.0123 (0.0123 to 0.0123) kg |  |  |  |  |  |  |\n"
        "\n"
        "- speed: a word on it\n"
    ) in page
    assert "old" not in page


def test_both_kinds_of_saga_stand_side_by_side_on_a_page_of_their_own(docs: Path) -> None:
    held = Baseline("choreography", [Sample(12.0)])
    write(docs, QUIET, Figure("two_kinds/events_an_order", "events", [Sample(18.0)], None, held))
    page = (docs / "two-kinds-of-saga.md").read_text()
    assert "| events an order | 18 (18 to 18) | 12 (12 to 12) | 1.5 |\n" in page


def test_a_page_without_figures_says_so(docs: Path) -> None:
    write(docs, QUIET)
    for name in PAGES:
        assert "\n\nNot taken yet.\n\n" in (docs / name).read_text()


def test_the_page_says_whether_the_machine_was_quiet(docs: Path) -> None:
    weight = Figure("weight", "kg", [Sample(1.0)])
    write(docs, QUIET, weight)
    assert " The machine was quiet. " in (docs / "benchmarks.md").read_text()
    write(docs, DISTURBED, weight)
    said = "**The machine was not quiet**: before: the load was 2.02; after: others."
    assert said in (docs / "benchmarks.md").read_text()
