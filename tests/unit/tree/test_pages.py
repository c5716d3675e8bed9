"""What docs/security.md and docs/audit.md name is there, and nothing is left out."""

import re

import pytest

from moorage_gateway.audit.acts import Action
from moorage_testing.controlplane.processes import ROOT

PAGE = ROOT / "docs" / "security.md"
NAMED = sorted(set(re.findall(r"`(tests/[^`]+)`", PAGE.read_text())))
MEASURES = [
    line
    for line in PAGE.read_text()
    .partition("## Measures")[2]
    .partition("## Sandboxes")[0]
    .split("\n")
    if line.startswith("|") and not line.startswith(("| attempt", "|---"))
]


@pytest.mark.parametrize("path", NAMED)
def test_a_test_that_is_named_is_there(path: str) -> None:
    assert "def test_" in (ROOT / path).read_text()


@pytest.mark.parametrize("line", MEASURES)
def test_a_measure_names_what_shows_it(line: str) -> None:
    attempt, stops, shown = (cell.strip() for cell in line.strip("|").split("|"))
    assert attempt
    assert stops
    assert "`tests/" in shown


def test_every_action_of_the_audit_is_told() -> None:
    page = (ROOT / "docs" / "audit.md").read_text()
    assert [action.value for action in Action if f"`{action.value}`" not in page] == []
