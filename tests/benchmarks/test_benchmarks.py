"""Each benchmark runs in miniature: its figures mean nothing, but they are there, and are sane."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.durable_steps import figures, installed, skipped
from benchmarks.laboratory import SQLITE, Laboratory
from benchmarks.orders_per_second import ONE_PROCESS, TWO_WORKERS
from benchmarks.sample import Heat, Sample
from benchmarks.sizes import MINIATURE

WAYS = ("", "/cold", "/one_process", "/one_process/cold")
"""What a figure's name adds: two workers or one process of ours, warm or cold."""


def ways(name: str, asked: str | None) -> dict[str, str | None]:
    """The figures of one baseline: the same is asked of all of them."""
    return {f"{name}{way}": asked for way in WAYS}


def library(store: str, asked: str) -> dict[str, str | None]:
    """The figures on a store, against the library in each way in which it is run."""
    name = f"orders_per_second/{store}"
    return {
        **ways(name, asked),
        **ways(f"{name}/native", None),
        **ways(f"{name}/pushed", None),
        **ways(f"{name}/as_documented", None),
    }


FIGURES: dict[str, dict[str, str | None]] = {
    "orders_per_second/sqlite": library("sqlite", "ratio >= 20"),
    "orders_per_second/real_baskets": ways("orders_per_second/real_baskets", None),
    "orders_per_second/postgresql": {
        **library("postgresql", "ratio >= 30"),
        **ways("durable_steps/postgresql", "ratio >= 10"),
        "workers/postgresql": "ratio >= 1.4",
    },
    "latency": {"latency/p50": "value <= 20", "latency/p99": "value <= 60"},
    "idle": {"idle/sqlite": "value <= 1", "idle/postgresql": "value <= 1"},
    "memory": {
        "memory/runner_doing_the_work": "value <= 300",
        "memory/runner_folding_read_tables": "value <= 300",
        "memory/rebuild": "value <= 300",
    },
    "rebuild": {
        "rebuild/order_list": "ratio >= 60",
        "rebuild/order_list/one_process": "ratio >= 60",
        "rebuild/order_list/native": None,
        "rebuild/order_list/native/one_process": None,
        "rebuild/order_list/floor": "ratio >= 0.3",
        "rebuild/order_list/floor/one_process": "ratio >= 0.3",
    },
    "start": {"start/runner": "value <= 1", "start/process": None},
    "stop/worst": {
        "stop/worst/sqlite": "value <= 3",
        "stop/ended_well/sqlite": "value >= 100",
        "stop/worst/postgresql": "value <= 3",
        "stop/ended_well/postgresql": "value >= 100",
    },
    "ports/slow_share": {
        "ports/slow_share/p50": None,
        "ports/slow_share/p99": "value <= 200",
    },
    "ports/throughput": {
        "ports/throughput/async": "value >= 1000",
        "ports/memory/async": "value <= 300",
        "ports/throughput/def": "value >= 350",
        "ports/memory/def": "value <= 300",
    },
    "cost_of_event": {"cost_of_event": "ratio <= 1.1"},
    "two_kinds": {
        "two_kinds/orders_per_second": None,
        "two_kinds/events_an_order": None,
        "two_kinds/transactions_of_contexts_and_saga": None,
        "two_kinds/transactions_of_read_models": None,
        "two_kinds/one_order_alone": None,
    },
}
"""What each benchmark tells, and what is asked of it."""

WITH_PROCESSOR_TIME = ("orders_per_second", "durable_steps", "workers", "cost_of_event")
"""Where processor time stands beside wall time."""

KEYS = ["name", "unit", "value", "spread", "baseline", "ratio", "asked", "met"]
KEYS += ["processor", "notes"]


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
    assert_says_whether_it_was_quiet(document["machine"], said.err)
    figures = document["figures"]
    assert {each["name"]: each["asked"] for each in figures} == FIGURES[name]
    for each in figures:
        assert_is_sane(each)
    assert f"{name}\n  " in said.err


def test_a_benchmark_that_fails_is_named_and_takes_no_other_figures_with_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nobody_there = "postgresql+psycopg://postgres@127.0.0.1:1/postgres"
    assert main(["orders_per_second/postgresql", "start"], MINIATURE, nobody_there) == 1
    said = capsys.readouterr()
    figures = json.loads(said.out)["figures"]
    assert [each["name"] for each in figures] == ["start/runner", "start/process"]
    assert "Connection refused" in said.err
    assert "\nFailed: orders_per_second/postgresql." in said.err


def assert_is_sane(figure: dict[str, Any]) -> None:
    assert list(figure) == KEYS
    assert_is_measured(figure)
    assert (figure["asked"] is None) == (figure["met"] is None)
    if figure["name"].startswith(WITH_PROCESSOR_TIME):
        assert figure["processor"]["value"] > 0
        assert figure["processor"]["baseline"] > 0
    if figure["baseline"] is not None:
        assert_is_measured(figure["baseline"])
        assert figure["ratio"] == pytest.approx(
            figure["value"] / figure["baseline"]["value"], rel=0.01
        )


def assert_says_whether_it_was_quiet(machine: dict[str, Any], said: str) -> None:
    assert machine["quiet"] == (machine["disturbances"] == [])
    assert list(machine["use"]) == ["before", "during", "after"]
    for use in machine["use"].values():
        assert list(use) == ["load", "others", "steal"]
    for each in machine["disturbances"]:
        assert f"The machine is not quiet: {each}." in said


def assert_is_measured(told: dict[str, Any]) -> None:
    least, most = told["spread"]
    assert 0 < least <= told["value"] <= most


def heat(warm: float) -> list[Heat]:
    return [Heat(Sample(warm / 2), Sample(warm))]


def runs(**engines: float) -> dict[str, list[Heat]]:
    theirs = {name: heat(rate) for name, rate in engines.items()}
    return {TWO_WORKERS: heat(50), ONE_PROCESS: heat(30), **theirs}


def test_the_best_engine_is_the_baseline_and_the_others_are_told_of() -> None:
    first, *others = figures(runs(one=5, two=10), ["one", "two"], [])
    told = first.document()
    assert (told["baseline"]["name"], told["ratio"]) == ("two", 5.0)
    assert told["notes"] == ["one: 5 orders/s"]
    assert [each.document()["ratio"] for each in others] == [5.0, 3.0, 3.0]


def test_an_engine_that_is_not_installed_is_skipped_with_a_word() -> None:
    engines = {"json": "here", "no_such_module": "not-here"}
    assert installed(engines) == {"json": "here"}
    told = next(figures(runs(), [], skipped(engines))).document()
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
