"""What the benches' command lines have in common: run some, print the table, write the files."""

import argparse
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, Generic, NoReturn, TypeVar

from performance import machine, report
from performance.figures import Figure, Measured

_FILES = 16_384
Effort = TypeVar("Effort")


@dataclass(frozen=True, slots=True)
class Suite(Generic[Effort]):
    """Benches that are run by one command."""

    command: str
    """As it is called: python -m COMMAND."""
    about: str | None
    benches: Mapping[str, Callable[[Effort], Iterator[Measured]]]
    full: Effort
    quick: Effort
    output: Path
    packages: tuple[str, ...]
    """Those whose versions a reader wants to know."""


@dataclass(slots=True)
class _Results:
    figures: list[Figure]
    details: dict[str, list[dict[str, Any]]]
    failures: dict[str, str]


def main(suite: Suite[Effort]) -> int:
    """Run what the command line names; 1 if something could not be measured."""
    arguments = _arguments(suite)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    _allow_many_files()
    started = datetime.now(UTC)
    facts = machine.facts(suite.packages)
    names = arguments.only or list(suite.benches)
    results = _run(suite, names, suite.quick if arguments.quick else suite.full)
    report.write(
        arguments.output,
        {
            "date": started.isoformat(timespec="seconds"),
            "command": " ".join([f"python -m {suite.command}", *sys.argv[1:]]),
            "machine": facts,
            "figures": [figure.as_json() for figure in results.figures],
            "details": results.details,
            "failures": results.failures,
        },
    )
    arguments.output.with_suffix(".md").write_text(report.markdown(results.figures) + "\n")
    _print(facts, started, results)
    return 1 if results.failures else 0


def _run(suite: Suite[Effort], names: list[str], effort: Effort) -> _Results:
    results = _Results([], {}, {})
    for name in names:
        print(f"performance: {name}", file=sys.stderr, flush=True)
        try:
            for measured in suite.benches[name](effort):
                results.figures += measured.figures
                results.details.setdefault(name, []).append(measured.details)
        except Exception as error:  # one bench that fails must not hide the others
            results.failures[name] = f"{type(error).__name__}: {error}"
    return results


def _print(facts: dict[str, Any], started: datetime, results: _Results) -> None:
    changed = ", modified" if facts["modified"] else ""
    print(
        f"Moorage {facts['commit']}{changed}, {started:%Y-%m-%d %H:%M} UTC, "
        f"{facts['cores']} cores ({facts['processor']}), {facts['memoryGiB']} GiB, "
        f"load {facts['loadAverage']} before\n"
    )
    print(report.table(results.figures))
    for name, sentence in results.failures.items():
        print(f"\n{name} could not be measured: {sentence}")


def _arguments(suite: Suite[Effort]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=suite.command, description=suite.about)
    parser.add_argument("--quick", action="store_true", help="a few seconds for each figure")
    parser.add_argument("--only", action="append", choices=suite.benches, help="may be repeated")
    parser.add_argument("--output", type=Path, default=suite.output)
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
