"""A figure: what was measured, against what, and whether it is as good as was asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import ge, le
from statistics import median
from typing import Any

_COMPARISONS = {">=": ge, "<=": le}

DIGITS = 4
"""Digits that are told of a measured number: more would only be noise."""


@dataclass(frozen=True)
class Asked:
    """What a figure must come up to, as it is written: ``ratio >= 20`` or ``value <= 300``."""

    text: str

    def is_met(self, value: float, ratio: float | None) -> bool:
        """Whether it does."""
        subject, comparison, bound = self.text.split()
        measured = value if subject == "value" else ratio
        return measured is not None and _COMPARISONS[comparison](measured, float(bound))


@dataclass(frozen=True)
class Baseline:
    """What a figure is held against: one measurement for each of the figure's own, in pairs."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class Figure:
    """Some measurements of one thing, in the order in which they were taken.

    The value is their median and the spread goes from the least to the greatest. The ratio is the
    median of the ratios of the pairs: what disturbs a machine for a while disturbs both of a pair.
    """

    name: str
    unit: str
    values: Sequence[float]
    asked: Asked | None = None
    baseline: Baseline | None = None
    notes: Sequence[str] = field(default=())

    @property
    def value(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def ratios(self) -> list[float]:
        """This against the baseline, pair by pair."""
        if self.baseline is None:
            return []
        return [a / b for a, b in zip(self.values, self.baseline.values, strict=True)]

    def document(self) -> dict[str, Any]:
        """The figure as the contract has it."""
        ratio = median(self.ratios) if self.ratios else None
        return {
            "name": self.name,
            "unit": self.unit,
            "value": rounded(self.value),
            "spread": spread(self.values),
            "baseline": self.baseline and _told(self.baseline),
            "ratio": None if ratio is None else rounded(ratio),
            "asked": self.asked and self.asked.text,
            "met": None if self.asked is None else self.asked.is_met(self.value, ratio),
            "notes": list(self.notes),
        }


def rounded(number: float) -> float:
    """The number with as many digits as mean something."""
    return float(f"{number:.{DIGITS}g}")


def spread(values: Sequence[float]) -> list[float]:
    """From the least to the greatest."""
    return [rounded(min(values)), rounded(max(values))]


def _told(baseline: Baseline) -> dict[str, Any]:
    return {
        "name": baseline.name,
        "value": rounded(median(baseline.values)),
        "spread": spread(baseline.values),
    }
