"""What one run came to: a value, and the processor time beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from typing_extensions import override


class Sample(NamedTuple):
    """One measurement. The processor time is of all processes of the system, where it is known."""

    value: float
    processor: float | None = None

    @override
    def __str__(self) -> str:
        return f"{self.value:,.4g}"


@dataclass(frozen=True)
class Heat:
    """One run of a system: its first burst of orders, and one after the warm-up."""

    cold: Sample
    warm: Sample

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Heat":
        """What `run_bursts` returned: orders a second, and milliseconds of processor an order."""
        return cls(_rate(told["cold"]), _rate(told["warm"]))

    @override
    def __str__(self) -> str:
        return f"warm {self.warm}, cold {self.cold}"


def _rate(burst: Mapping[str, float]) -> Sample:
    orders = burst["orders"]
    return Sample(orders / burst["seconds"], 1000 * burst["processor"] / orders)


def warm(taken: Sequence[Heat]) -> list[Sample]:
    """The warm figures of some runs."""
    return [each.warm for each in taken]


def cold(taken: Sequence[Heat]) -> list[Sample]:
    """The cold figures of some runs."""
    return [each.cold for each in taken]
