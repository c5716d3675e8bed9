"""The log says what went wrong where, never in the words of a user, a tool or a model."""

import json
from collections.abc import Iterator
from io import StringIO

import pytest

from moorage_runner import logs
from moorage_runner.lines import LineWriter
from moorage_testing.logging_state import restored_logging


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    with restored_logging():
        yield


def fail() -> None:
    try:
        int("a secret")
    except ValueError as error:
        raise ExceptionGroup("several secrets", [RuntimeError("secret")]) from error


def test_an_exception_is_logged_without_its_words() -> None:
    stream = StringIO()
    writer = LineWriter(stream, "test")
    logs.configure(writer, "session-1")
    try:
        fail()
    except ExceptionGroup:
        logs.get_logger().exception("failed")
    writer.close()
    line = json.loads(stream.getvalue())
    assert line["session"] == "session-1"
    kinds = [trace.split()[0] for trace in line["exceptions"]]
    assert kinds == ["ExceptionGroup", "RuntimeError", "ValueError"]
    assert "secret" not in stream.getvalue()


class Slow(StringIO):
    def write(self, text: str) -> int:
        raise OSError(text)


def test_a_reader_that_is_gone_holds_nobody_up() -> None:
    writer = LineWriter(Slow(), "gone")
    for number in range(5_000):
        writer.write(str(number))
    writer.close(timeout=0.1)
