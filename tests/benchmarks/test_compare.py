"""Another commit is measured by its own code, in pairs with this tree."""

import ast
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.compare import compared, main
from benchmarks.compared import Compared
from benchmarks.laboratory import Laboratory
from benchmarks.process import HOUSE, WentWrong
from benchmarks.sample import Sample
from benchmarks.single import MEASURES, PROTOCOL, Single
from benchmarks.sizes import MINIATURE
from benchmarks.tree import ENTRY, Tree, checked_out, commit_of, lay_in_entry

PUBLIC = {
    "application.commands",
    "application.inventory",
    "application.orders",
    "application.system",
    "benchmarks.basket",
    "benchmarks.growth",
    "benchmarks.latency",
    "domain.money",
    "domain.order",
    "projections.tables",
    "sagaline",
}
"""What every tree has, and what keeps its name when others move."""


@pytest.fixture
def older() -> Iterator[Tree]:
    """The last commit as one that has no program of its own to be measured by."""
    commit = commit_of("HEAD")
    with checked_out(commit) as folder:
        shutil.rmtree(folder / ENTRY, ignore_errors=True)
        assert lay_in_entry(folder)
        yield Tree(commit, folder, sys.executable)


def test_a_commit_is_compared_with_this_tree(
    older: Tree, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Laboratory(replace(MINIATURE, rounds=1), postgres_url) as laboratory:
        document = compared(laboratory, older, Tree.here(), list(MEASURES))
    assert [each["name"] for each in document["figures"]] == [
        "orders_per_second/sqlite",
        "orders_per_second/sqlite/cold",
        "orders_per_second/postgresql",
        "orders_per_second/postgresql/cold",
        "rebuild/order_list",
        "latency/p50",
        "latency/p99",
        "cost_of_event",
    ]
    for each in document["figures"]:
        for told in (each, each["processor"]):
            assert told["ratio"] == pytest.approx(told["here"] / told["rev"], rel=0.01)
    assert (document["rev"], document["pairs"]) == (older.name, 1)
    assert "quiet" in document["machine"]
    assert "pair 1 of 1, cost_of_event: " in capsys.readouterr().err


def test_the_ratio_is_the_median_of_the_pairs_and_the_spread_theirs() -> None:
    rev = [Sample(10.0, 1.0), Sample(50.0, 2.0), Sample(20.0, 4.0)]
    here = [Sample(11.0, 1.0), Sample(40.0, 3.0), Sample(24.0, 2.0)]
    assert Compared("speed", "orders/s", "ms/order", rev, here).document() == {
        "name": "speed",
        "unit": "orders/s",
        "better": "higher",
        "rev": 20.0,
        "here": 24.0,
        "ratio": 1.1,
        "spread": [0.8, 1.2],
        "processor": {
            "unit": "ms/order",
            "rev": 2.0,
            "here": 2.0,
            "ratio": 1.0,
            "spread": [0.5, 1.5],
        },
    }


def test_the_code_of_a_worktree_is_run_and_not_that_of_this_tree(older: Tree) -> None:
    broken = older.folder / "sagaline" / "__init__.py"
    broken.write_text("raise RuntimeError('this is the older one')\n")
    with pytest.raises(WentWrong, match="this is the older one"):
        older.one_process("log", "sqlite://", "1")


def test_a_tree_that_measures_something_else_is_not_compared(older: Tree) -> None:
    entry = older.folder / ENTRY / "__main__.py"
    source = entry.read_text()
    assert f"\nPROTOCOL = {PROTOCOL}\n" in source
    entry.write_text(source.replace(f"\nPROTOCOL = {PROTOCOL}\n", "\nPROTOCOL = 99\n"))
    with (
        Laboratory(MINIATURE) as laboratory,
        pytest.raises(WentWrong, match="by protocol 99, not by"),
        Single.on(laboratory, older),
    ):
        pass


def test_a_tree_that_has_a_program_of_its_own_keeps_it(tmp_path: Path) -> None:
    (tmp_path / ENTRY).mkdir(parents=True)
    assert not lay_in_entry(tmp_path)
    assert list((tmp_path / ENTRY).iterdir()) == []


def test_a_worktree_is_gone_afterwards() -> None:
    with checked_out(commit_of("HEAD")) as folder:
        assert (folder / "Makefile").exists()
    assert not folder.exists()


def test_what_is_laid_into_older_trees_names_only_what_is_public() -> None:
    rooms = ("application", "benchmarks", "domain", "projections", "sagaline", "sagas")
    found = {
        node.module
        for file in (HOUSE / ENTRY).glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    ours = {each for each in found if each.partition(".")[0] in rooms}
    assert {each for each in ours if not each.startswith("benchmarks.one_process")} <= PUBLIC


def test_a_commit_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-commit"]) == 2
    assert capsys.readouterr().err == "There is no commit no-such-commit.\n"


def test_fewer_than_three_pairs_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["HEAD", "--pairs", "2"])
    assert "at least 3 pairs" in capsys.readouterr().err
