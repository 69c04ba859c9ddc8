"""Each benchmark runs in miniature: its figures mean nothing, but they are there, and are sane."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.durable_steps import figure, installed, skipped
from benchmarks.laboratory import SQLITE, Laboratory
from benchmarks.orders_per_second import OURS
from benchmarks.sizes import MINIATURE

FIGURES = {
    "orders_per_second/sqlite": {
        "orders_per_second/sqlite": "ratio >= 20",
        "orders_per_second/sqlite/pushed": None,
        "orders_per_second/sqlite/as_documented": None,
    },
    "orders_per_second/real_baskets": {"orders_per_second/real_baskets": None},
    "orders_per_second/postgresql": {
        "orders_per_second/postgresql": "ratio >= 30",
        "orders_per_second/postgresql/pushed": None,
        "orders_per_second/postgresql/as_documented": None,
    },
    "durable_steps": {"durable_steps/postgresql": "ratio >= 10"},
    "latency": {"latency/p50": "value <= 20", "latency/p99": "value <= 60"},
    "idle": {"idle/sqlite": "value <= 1", "idle/postgresql": "value <= 1"},
    "workers": {"workers/postgresql": "ratio >= 1.4"},
    "memory": {"memory/runner": "value <= 300", "memory/rebuild": "value <= 300"},
    "rebuild": {"rebuild/order_list": "ratio >= 60", "rebuild/order_list/floor": "ratio >= 0.3"},
    "start": {"start/runner": "value <= 1", "start/process": None},
    "cost_of_event": {"cost_of_event": "ratio <= 1.1"},
}
"""What each benchmark tells, and what is asked of it."""

KEYS = ["name", "unit", "value", "spread", "baseline", "ratio", "asked", "met", "notes"]


def test_it_tells_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"], MINIATURE) == 0
    said = capsys.readouterr().out
    assert "python -m benchmarks [NAME ...]" in said
    assert all(each in said for each in FIGURES)


def test_every_benchmark_is_known_here() -> None:
    assert BENCHMARKS.keys() == FIGURES.keys()


@pytest.mark.parametrize("name", FIGURES)
def test_a_benchmark_prints_one_document_with_its_figures(
    name: str, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name], MINIATURE, postgres_url) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert list(document) == ["machine", "figures"]
    assert document["machine"]["cores"] >= 1
    figures = document["figures"]
    assert {each["name"]: each["asked"] for each in figures} == FIGURES[name]
    for each in figures:
        assert_is_sane(each)
    assert said.err.startswith(f"{name}\n  ")


def test_a_benchmark_that_fails_is_named_and_takes_no_other_figures_with_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nobody_there = "postgresql+psycopg://postgres@127.0.0.1:1/postgres"
    assert main(["workers", "start"], MINIATURE, nobody_there) == 1
    said = capsys.readouterr()
    figures = json.loads(said.out)["figures"]
    assert [each["name"] for each in figures] == ["start/runner", "start/process"]
    assert "Connection refused" in said.err
    assert "\nFailed: workers." in said.err


def assert_is_sane(figure: dict[str, Any]) -> None:
    assert list(figure) == KEYS
    assert_is_measured(figure)
    assert (figure["asked"] is None) == (figure["met"] is None)
    if figure["baseline"] is not None:
        assert_is_measured(figure["baseline"])
        assert figure["ratio"] == pytest.approx(
            figure["value"] / figure["baseline"]["value"], rel=0.01
        )


def assert_is_measured(told: dict[str, Any]) -> None:
    least, most = told["spread"]
    assert 0 < least <= told["value"] <= most


def test_the_best_engine_is_the_baseline_and_the_others_are_told_of() -> None:
    taken = {OURS: [50.0], "one": [5.0], "two": [10.0]}
    told = figure(taken, []).document()
    assert (told["baseline"]["name"], told["ratio"]) == ("two", 5.0)
    assert told["notes"] == ["one: 5 orders/s"]


def test_an_engine_that_is_not_installed_is_skipped_with_a_word() -> None:
    engines = {"json": "here", "no_such_module": "not-here"}
    assert installed(engines) == {"json": "here"}
    told = figure({OURS: [50.0]}, skipped(engines)).document()
    assert (told["baseline"], told["ratio"], told["met"]) == (None, None, False)
    assert told["notes"] == ["not-here is not installed: skipped"]


def test_a_benchmark_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["latency", "speed"], MINIATURE) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "There is no benchmark speed." in said.err


def test_a_laboratory_leaves_nothing_behind() -> None:
    with Laboratory(MINIATURE) as laboratory:
        with laboratory.store(SQLITE) as store:
            path = Path(store.removeprefix("sqlite:///"))
            path.write_text("")
        assert not path.exists()
        assert laboratory.folder.exists()
    assert not laboratory.folder.exists()
