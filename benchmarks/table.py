"""Puts what the benchmarks printed into the pages of the docs, as tables.

    python -m benchmarks.table FILE

FILE is the document that `make -s bench` printed. It is kept in docs/benchmarks.json, and what
stands between the two marks of docs/benchmarks.md and docs/two-kinds-of-saga.md is written from it
anew, so that both pages are of one run; nothing there is written by hand.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
KEPT = DOCS / "benchmarks.json"

BEGIN = "<!-- written by python -m benchmarks.table -->"
END = "<!-- written until here -->"

NOT_TAKEN = "Not taken yet."
KINDS = "two_kinds/"
"""What the figures of docs/two-kinds-of-saga.md begin with."""

Told = Mapping[str, Any]


def main(file: str, docs: Path = DOCS) -> None:
    """Writes the pages, and the document beside them."""
    document = json.loads(Path(file).read_text("utf-8"))
    (docs / KEPT.name).write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    for name, write in PAGES.items():
        page = docs / name
        page.write_text(written(page.read_text("utf-8"), write(document)), "utf-8")


def written(before: str, table: str) -> str:
    """The page with this in place of what it has between the marks."""
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table}\n\n{END}{tail}"


def all_figures(document: Told) -> str:
    """All figures, the notes on them, and what they were taken on."""
    figures = document["figures"]
    if not figures:
        return NOT_TAKEN
    rows = [
        "| figure | measured | against | that one | ratio | asked | met | processor time |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(each) for each in figures),
    ]
    notes = [f"- {each['name']}: {note}" for each in figures for note in each.get("notes", ())]
    parts = ["\n".join(rows), "\n".join(notes), _machine(document["machine"])]
    return "\n\n".join(part for part in parts if part)


def two_kinds(document: Told) -> str:
    """Orchestration beside choreography, and what they were taken on."""
    figures = [each for each in document["figures"] if each["name"].startswith(KINDS)]
    if not figures:
        return NOT_TAKEN
    rows = [
        "| | orchestration | choreography | ratio |",
        "| --- | --- | --- | --- |",
        *(_kinds_row(each) for each in figures),
    ]
    return "\n\n".join(["\n".join(rows), _machine(document["machine"])])


PAGES: Mapping[str, Callable[[Told], str]] = {
    "benchmarks.md": all_figures,
    "two-kinds-of-saga.md": two_kinds,
}


def _row(figure: Told) -> str:
    unit, baseline = figure["unit"], figure["baseline"]
    return _cells(
        figure["name"],
        f"{_measured(figure)} {unit}",
        baseline["name"] if baseline else "",
        f"{_measured(baseline)} {unit}" if baseline else "",
        "" if figure["ratio"] is None else _number(figure["ratio"]),
        figure["asked"] or "",
        {True: "yes", False: "no", None: ""}[figure["met"]],
        _processor(figure.get("processor")),
    )


def _kinds_row(figure: Told) -> str:
    label = figure["name"].removeprefix(KINDS).replace("_", " ")
    if figure["unit"] not in label:
        label = f"{label}, {figure['unit']}"
    return _cells(label, _measured(figure), _measured(figure["baseline"]), _number(figure["ratio"]))


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _measured(taken: Told) -> str:
    least, most = taken["spread"]
    return f"{_number(taken['value'])} ({_number(least)} to {_number(most)})"


def _processor(spent: Told | None) -> str:
    if spent is None:
        return ""
    told = f"{_number(spent['value'])} {spent['unit']}"
    if spent["baseline"] is None:
        return told
    return f"{told}, that one {_number(spent['baseline'])}: {_number(spent['ratio'])} of it"


def _number(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _machine(machine: Told) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    return (
        f"Taken on {machine['cores']} cores of {machine['processor']} ({machine['system']}, "
        f"{machine['architecture']}), with a load of {machine['load']} before it began; "
        f"{machine['sync_ms']} ms to have 4 KB on disk. {_quiet(machine)} Python "
        f"{machine['python']}, SQLite {machine['sqlite']}, {versions}."
    )


def _quiet(machine: Told) -> str:
    """Whether others were at work on it; runs of before did not look."""
    if "quiet" not in machine:
        return "Whether the machine was quiet was not recorded."
    if machine["quiet"]:
        return "The machine was quiet."
    disturbances = "; ".join(machine["disturbances"])
    return f"**The machine was not quiet**: {disturbances}."


if __name__ == "__main__":
    main(sys.argv[1])
