"""A figure: what was measured, against what, and whether it is as good as was asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import ge, le
from statistics import median
from typing import Any

from benchmarks.sample import Sample

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
    samples: Sequence[Sample]


@dataclass(frozen=True)
class Figure:
    """Some measurements of one thing, in the order in which they were taken.

    The value is their median and the spread goes from the least to the greatest. The ratio is the
    median of the ratios of the pairs: what disturbs a machine for a while disturbs both of a pair.
    `processor` is the unit of the processor time, where that was measured.
    """

    name: str
    unit: str
    samples: Sequence[Sample]
    asked: Asked | None = None
    baseline: Baseline | None = None
    processor: str | None = None
    notes: Sequence[str] = field(default=())

    def document(self) -> dict[str, Any]:
        """The figure as the contract has it."""
        values = _values(self.samples)
        ratio = self._ratio()
        return {
            "name": self.name,
            "unit": self.unit,
            "value": rounded(median(values)),
            "spread": spread(values),
            "baseline": self.baseline and _told(self.baseline),
            "ratio": None if ratio is None else rounded(ratio),
            "asked": self.asked and self.asked.text,
            "met": None if self.asked is None else self.asked.is_met(median(values), ratio),
            "processor": self._processor(),
            "notes": list(self.notes),
        }

    def _ratio(self) -> float | None:
        if self.baseline is None:
            return None
        return pair_ratio(_values(self.samples), _values(self.baseline.samples))

    def _processor(self) -> dict[str, Any] | None:
        """The processor time beside the value, that of the baseline, and the ratio of the two."""
        ours = _spent(self.samples)
        if self.processor is None or not ours:
            return None
        theirs = _spent(self.baseline.samples) if self.baseline else []
        return {
            "unit": self.processor,
            "value": rounded(median(ours)),
            "baseline": rounded(median(theirs)) if theirs else None,
            "ratio": rounded(pair_ratio(ours, theirs)) if theirs else None,
        }


def pair_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios, pair by pair."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def rounded(number: float) -> float:
    """The number with as many digits as mean something."""
    return float(f"{number:.{DIGITS}g}")


def spread(values: Sequence[float]) -> list[float]:
    """From the least to the greatest."""
    return [rounded(min(values)), rounded(max(values))]


def _values(samples: Sequence[Sample]) -> list[float]:
    return [each.value for each in samples]


def _spent(samples: Sequence[Sample]) -> list[float]:
    """The processor times, where each measurement has one."""
    spent = [each.processor for each in samples if each.processor is not None]
    return spent if len(spent) == len(samples) else []


def _told(baseline: Baseline) -> dict[str, Any]:
    values = _values(baseline.samples)
    return {
        "name": baseline.name,
        "value": rounded(median(values)),
        "spread": spread(values),
    }
