"""Measured values beside their targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Target:
    """What a value should be: at most or at least so much."""

    bound: Literal["<=", ">="]
    value: float

    def verdict(self, measured: float) -> str:
        """Say that it is met, or by how much it is missed."""
        good = measured <= self.value if self.bound == "<=" else measured >= self.value
        if good:
            return "met"
        if self.value == 0:
            return f"missed by {measured:g}"
        return f"missed by {abs(measured - self.value) / self.value:.0%}"


def at_most(value: float) -> Target:
    """Make a target that smaller values meet."""
    return Target("<=", value)


def at_least(value: float) -> Target:
    """Make a target that larger values meet."""
    return Target(">=", value)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value."""

    bench: str
    name: str
    value: float
    unit: str
    target: Target | None = None
    reference: str = ""
    """What others reach, where that is known."""

    @property
    def verdict(self) -> str:
        """Say how it stands to its target; empty where there is none."""
        return self.target.verdict(self.value) if self.target else ""

    def as_json(self) -> dict[str, Any]:
        """Return it for the report's file."""
        return {
            "bench": self.bench,
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "target": f"{self.target.bound} {self.target.value:g}" if self.target else None,
            "verdict": self.verdict or None,
            "reference": self.reference or None,
        }


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run gave: the figures, and everything for the report's file."""

    figures: list[Figure]
    details: dict[str, Any]


def median_run(runs: Sequence[Measured]) -> Measured:
    """Return the run whose first figure is the median, of an even number the higher one."""
    return sorted(runs, key=lambda run: run.figures[0].value)[len(runs) // 2]
