"""This tree against another commit, in interleaved pairs: one JSON document on stdout.

    python -m benchmarks.compare REV [--pairs N] [--only NAME ...]

REV is checked out into a temporary worktree, with an environment of its own made by its own `make
setup`. Each measurement runs `python -m benchmarks.one_process` in one of the trees, by turns, so
that each commit is measured by its own code. A commit that has no such program gets this tree's. A
ratio is this tree's value by that of REV: the median of the pairs, with the least and the greatest.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from benchmarks.compared import Compared
from benchmarks.laboratory import Laboratory
from benchmarks.machine import machine
from benchmarks.pairs import say
from benchmarks.process import WentWrong
from benchmarks.quiet import Quiet
from benchmarks.sample import Sample
from benchmarks.single import MEASURES, Measure, Single
from benchmarks.sizes import COMPARED, Sizes
from benchmarks.tree import Tree, checked_out, commit_of, lay_in_entry, with_environment

LEAST_PAIRS = 3

Pair = tuple[Mapping[str, Sample], Mapping[str, Sample]]
"""What one measurement came to with REV, and here: by figure."""


def main(arguments: Sequence[str], sizes: Sizes = COMPARED) -> int:
    """Compares, prints; returns the exit status."""
    given = _given(arguments)
    try:
        commit = commit_of(given.rev)
    except WentWrong:
        say(f"There is no commit {given.rev}.")
        return 2
    sizes = replace(sizes, rounds=given.pairs)
    with Laboratory(sizes) as laboratory, checked_out(commit) as folder:
        say(f"making the environment of {commit}")
        rev = with_environment(commit, folder)
        if lay_in_entry(folder):
            say("  it has no benchmarks.one_process: this tree's is used in it")
        print(json.dumps(compared(laboratory, rev, Tree.here(), given.only), indent=2))
    return 0


def _given(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rev", metavar="REV")
    parser.add_argument("--pairs", type=int, default=LEAST_PAIRS)
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES))
    given = parser.parse_args(arguments)
    if given.pairs < LEAST_PAIRS:
        parser.error(f"at least {LEAST_PAIRS} pairs")
    return given


def compared(laboratory: Laboratory, rev: Tree, here: Tree, names: Sequence[str]) -> dict[str, Any]:
    """The document: what was compared, on which machine, and each figure."""
    quiet = Quiet(laboratory.server_seconds, laboratory.sizes.quiet_seconds)
    quiet.tell()
    on = machine()
    with _prepared(laboratory, rev) as theirs, _prepared(laboratory, here) as ours:
        figures = list(_figures(theirs, ours, [MEASURES[each] for each in names], quiet))
    quiet.ended()
    quiet.tell()
    _tell(figures)
    return {
        "rev": rev.name,
        "here": here.name,
        "pairs": laboratory.sizes.rounds,
        "machine": {**on, **quiet.document()},
        "figures": [each.document() for each in figures],
    }


@contextmanager
def _prepared(laboratory: Laboratory, tree: Tree) -> Iterator[Single]:
    """With a long log that the tree has written itself: its store may not be the other one's."""
    say(f"making a log of {laboratory.sizes.many_events:,} events with {tree.name}")
    with Single.on(laboratory, tree) as single:
        yield single


def _figures(
    rev: Single, here: Single, measures: Sequence[Measure], quiet: Quiet
) -> Iterator[Compared]:
    pairs: dict[Measure, list[Pair]] = {each: [] for each in measures}
    for number in range(1, rev.sizes.rounds + 1):
        for each in measures:
            pair = (each.run(rev), each.run(here))
            pairs[each].append(pair)
            _tell_pair(number, rev.sizes.rounds, pair)
        quiet.passed(f"pair {number}")
    for each, taken in pairs.items():
        for name in taken[0][0]:
            theirs, ours = ([of[name] for of in column] for column in zip(*taken, strict=True))
            yield Compared(name, each.unit, each.processor, theirs, ours)


def _tell_pair(number: int, pairs: int, pair: Pair) -> None:
    for name, theirs in pair[0].items():
        say(f"  pair {number} of {pairs}, {name}: {theirs}, here {pair[1][name]}")


def _tell(figures: Sequence[Compared]) -> None:
    """The ratios, for people."""
    for each in figures:
        told = each.document()
        wall, processor = (
            f"{of['ratio']:.3f} ({of['spread'][0]:.3f} to {of['spread'][1]:.3f})"
            for of in (told, told["processor"])
        )
        say(f"{each.name}: {each.unit} here by REV {wall}, processor time {processor}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
