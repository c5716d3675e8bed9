"""``python -m performance``: run the benches, print the table, write the file."""

import argparse
import resource
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from performance import machine, report
from performance.benches import BENCHES, FULL, QUICK
from performance.figures import Figure

_FILES = 16_384


def main() -> int:
    """Run what the arguments name; 1 if something could not be measured."""
    arguments = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    _allow_many_files()
    started = datetime.now(UTC)
    facts = machine.facts()
    names = arguments.only or list(BENCHES)
    figures, details, failures = _run(names, quick=arguments.quick)
    report.write(
        arguments.output,
        {
            "date": started.isoformat(timespec="seconds"),
            "command": " ".join(["python -m performance", *sys.argv[1:]]),
            "machine": facts,
            "figures": [figure.as_json() for figure in figures],
            "details": details,
            "failures": failures,
        },
    )
    _print(facts, started, figures, failures)
    return 1 if failures else 0


def _run(
    names: list[str], *, quick: bool
) -> tuple[list[Figure], dict[str, list[dict[str, Any]]], dict[str, str]]:
    figures: list[Figure] = []
    details: dict[str, list[dict[str, Any]]] = {}
    failures: dict[str, str] = {}
    for name in names:
        print(f"performance: {name}", file=sys.stderr, flush=True)
        try:
            for measured in BENCHES[name](QUICK if quick else FULL):
                figures += measured.figures
                details.setdefault(name, []).append(measured.details)
        except Exception as error:  # one bench that fails must not hide the others
            failures[name] = f"{type(error).__name__}: {error}"
    return figures, details, failures


def _print(
    facts: dict[str, Any], started: datetime, figures: list[Figure], failures: dict[str, str]
) -> None:
    changed = ", modified" if facts["modified"] else ""
    print(
        f"Moorage {facts['commit']}{changed}, {started:%Y-%m-%d %H:%M} UTC, "
        f"{facts['cores']} cores ({facts['processor']}), {facts['memoryGiB']} GiB, "
        f"load {facts['loadAverage']} before\n"
    )
    print(report.table(figures))
    for name, sentence in failures.items():
        print(f"\n{name} could not be measured: {sentence}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="performance", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds for each figure")
    parser.add_argument("--only", action="append", choices=BENCHES, help="may be repeated")
    parser.add_argument("--output", type=Path, default=Path("bench-results/bench.json"))
    return parser.parse_args()


def _allow_many_files() -> None:
    """Allow this process and its children as many open files as thousands of clients need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _end(number: int, _: FrameType | None) -> NoReturn:
    """Leave by an exception, so that every process and folder is cleaned up on the way."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
