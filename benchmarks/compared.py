"""What the pairs of one figure say: this tree by another commit, wall and processor time."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.figure import rounded, spread
from benchmarks.sample import Sample


@dataclass(frozen=True)
class Compared:
    """What the pairs of one figure say."""

    name: str
    unit: str
    processor: str
    rev: Sequence[Sample]
    here: Sequence[Sample]

    def document(self) -> dict[str, Any]:
        """Wall time and processor time beside each other."""
        return {
            "name": self.name,
            "unit": self.unit,
            "better": "higher" if self.unit.endswith("/s") else "lower",
            **_held([each.value for each in self.rev], [each.value for each in self.here]),
            "processor": {
                "unit": self.processor,
                **_held(_spent(self.rev), _spent(self.here)),
            },
        }


def _held(rev: Sequence[float], here: Sequence[float]) -> dict[str, Any]:
    ratios = [ours / theirs for theirs, ours in zip(rev, here, strict=True)]
    return {
        "rev": rounded(median(rev)),
        "here": rounded(median(here)),
        "ratio": rounded(median(ratios)),
        "spread": spread(ratios),
    }


def _spent(samples: Sequence[Sample]) -> list[float]:
    return [each.processor for each in samples if each.processor is not None]
