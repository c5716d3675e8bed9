"""The operator's log: JSON lines on stderr, from the least level on, without secrets."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from moorage_operator import logs
from moorage_operator.settings import LogSettings
from moorage_testing.logging_state import restored_logging


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    with restored_logging():
        yield


def test_a_line_is_json_in_one_form_whoever_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings(), ["bekanntes-geheim"])
    with structlog.contextvars.bound_contextvars(session="s-1"):
        structlog.get_logger("moorage_operator.x").info("done", what="bekanntes-geheim")
        logging.getLogger("a.library").warning("it is %s", "bekanntes-geheim")
        structlog.get_logger("moorage_operator.x").debug("not shown")
    own, library = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {"session": "s-1", "level": "info", "event": "done", "what": "***"}.items() <= (
        own.items()
    )
    assert own["timestamp"].endswith("Z")
    assert (library["session"], library["level"]) == ("s-1", "warning")
    assert (library["logger"], library["event"]) == ("a.library", "it is ***")


def test_on_a_terminal_a_line_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings(format="console"), ["bekanntes-geheim"])
    structlog.get_logger("x").error("failed with bekanntes-geheim")
    told = capsys.readouterr().err
    assert "failed with ***" in told
    assert not told.startswith("{")
