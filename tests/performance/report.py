"""The report: a table for people, one for a page of the documentation, a file for machines."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from performance.figures import Figure

_COLUMNS = ("figure", "value", "unit", "target", "verdict", "others")


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as a table of fixed width, one block for each bench."""
    blocks: dict[str, list[tuple[str, ...]]] = {}
    for figure in figures:
        blocks.setdefault(figure.bench, []).append(_row(figure))
    rows = [_COLUMNS, *(row for block in blocks.values() for row in block)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = [_line(_COLUMNS, widths)]
    for name, block in blocks.items():
        lines += ["", name, *(_line(row, widths) for row in block)]
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    target = f"{figure.target.bound} {figure.target.value:,g}" if figure.target else ""
    return (
        figure.name,
        f"{figure.value:,.6g}",
        figure.unit,
        target,
        figure.verdict,
        figure.reference,
    )


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [f"{row[0]:<{widths[0]}}", f"{row[1]:>{widths[1]}}"]
    cells += [f"{cell:<{width}}" for cell, width in zip(row[2:], widths[2:], strict=True)]
    return "  " + "  ".join(cells).rstrip()


def markdown(figures: Iterable[Figure]) -> str:
    """Return the figures as a Markdown table, as docs/performance.md has them."""
    lines = ["| figure | measured | target | | others |", "|---|---|---|---|---|"]
    for figure in figures:
        _, value, unit, target, verdict, reference = _row(figure)
        cells = (f"{figure.bench}: {figure.name}", f"{value} {unit}", target, verdict, reference)
        lines.append(f"| {' | '.join(cell.strip() for cell in cells)} |")
    return "\n".join(lines)


def write(path: Path, report: dict[str, Any]) -> None:
    """Write everything measured as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(report, indent=2) + "\n")
    partial.replace(path)
