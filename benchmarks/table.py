"""Puts what the benchmarks printed into docs/benchmarks.md, as a table.

    python -m benchmarks.table FILE

FILE is the document that `make -s bench` printed. It is kept beside the page, and what stands
between the page's two marks is written from it anew; nothing there is written by hand.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "benchmarks.md"
KEPT = DOCS / "benchmarks.json"

BEGIN = "<!-- written by python -m benchmarks.table -->"
END = "<!-- written until here -->"

Told = Mapping[str, Any]


def main(file: str) -> None:
    """Writes the page, and the document beside it."""
    document = json.loads(Path(file).read_text("utf-8"))
    KEPT.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    PAGE.write_text(page(PAGE.read_text("utf-8"), document), "utf-8")


def page(before: str, document: Told) -> str:
    """The page with the table of this document in place of the one that it has."""
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table(document)}\n\n{END}{tail}"


def table(document: Told) -> str:
    """All figures, the notes on them, and what they were taken on."""
    figures = document["figures"]
    if not figures:
        return "Not taken yet."
    rows = [
        "| figure | measured | against | that one | ratio | asked | met |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(_row(each) for each in figures),
    ]
    notes = [f"- {each['name']}: {note}" for each in figures for note in each.get("notes", ())]
    parts = ["\n".join(rows), "\n".join(notes), _machine(document["machine"])]
    return "\n\n".join(part for part in parts if part)


def _row(figure: Told) -> str:
    unit, baseline = figure["unit"], figure["baseline"]
    cells = [
        figure["name"],
        f"{_measured(figure)} {unit}",
        baseline["name"] if baseline else "",
        f"{_measured(baseline)} {unit}" if baseline else "",
        "" if figure["ratio"] is None else _number(figure["ratio"]),
        figure["asked"] or "",
        {True: "yes", False: "no", None: ""}[figure["met"]],
    ]
    return f"| {' | '.join(cells)} |"


def _measured(taken: Told) -> str:
    least, most = taken["spread"]
    return f"{_number(taken['value'])} ({_number(least)} to {_number(most)})"


def _number(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _machine(machine: Told) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    return (
        f"Taken on {machine['cores']} cores of {machine['processor']} ({machine['system']}, "
        f"{machine['architecture']}), with a load of {machine['load']} before it began; "
        f"{machine['sync_ms']} ms to have 4 KB on disk. Python {machine['python']}, SQLite "
        f"{machine['sqlite']}, {versions}."
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
