"""docs/sizing.md tells what the chart's defaults ask for, and no other amounts."""

import pytest

from moorage_api.quantities import parse_quantity
from moorage_chart.base import Workload
from moorage_chart.values import Values
from moorage_testing.controlplane.processes import ROOT

PAGE = (ROOT / "docs" / "sizing.md").read_text()
NAMES = {"proxy": "credential proxy", "redis": "Redis", "postgres": "PostgreSQL"}
COMPONENTS = {NAMES.get(name, name): part for name, part in Values() if isinstance(part, Workload)}


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_asks_for_what_the_page_says(name: str) -> None:
    asked, allowed = (COMPONENTS[name].resources[kind] for kind in ("requests", "limits"))
    row = f"| {name} | 1 | {asked['cpu']}, {asked['memory']} | {allowed['memory']} |"
    assert row in PAGE


def test_the_page_has_the_sums() -> None:
    asked = [part.resources["requests"] for part in COMPONENTS.values()]
    cpu, memory = (sum(parse_quantity(each[kind]) for each in asked) for kind in ("cpu", "memory"))
    told = f"asks for {cpu * 1000:.0f}m of a processor and {memory / 2**20:.0f} MiB of memory"
    assert told in " ".join(PAGE.split())
