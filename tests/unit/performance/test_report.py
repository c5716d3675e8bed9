"""The tables of figures."""

from performance.figures import Figure, at_most
from performance.report import markdown, table

FIGURES = [
    Figure("resting", "memory", 512.0, "MiB", at_most(400), "Go 450"),
    Figure("resting", "writes", 0, ""),
]


def test_a_missed_target_is_told_with_how_much_and_what_others_reach() -> None:
    row = next(line for line in table(FIGURES).splitlines() if "memory" in line)
    assert row.split() == ["memory", "512", "MiB", "<=", "400", "missed", "by", "28%", "Go", "450"]


def test_the_table_of_the_documentation() -> None:
    assert markdown(FIGURES).splitlines() == [
        "| figure | measured | target | | others |",
        "|---|---|---|---|---|",
        "| resting: memory | 512 MiB | <= 400 | missed by 28% | Go 450 |",
        "| resting: writes | 0 |  |  |  |",
    ]
