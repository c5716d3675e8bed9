"""A session's stream in a terminal: readable, and never able to command it."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_api.base import now
from moorage_api.events import EVENT
from moorage_gateway.embedded.terminal import Style, Terminal, clean, clean_line
from moorage_gateway.embedded.transcript import Transcript

HOSTILE = "\x1b]0;title\x07\x1b[2J\x9b31m\r\x08\x7f\u202etxt"


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(*bodies: dict[str, Any], terminal: bool = False) -> str:
    stream = FakeTerminal() if terminal else io.StringIO()
    transcript = Transcript(Terminal(stream, {"TERM": "xterm"}))
    for body in bodies:
        transcript.show(EVENT.validate_python({"timestamp": now(), **body}))
    return stream.getvalue()


def delta(text: str, kind: str = "message:delta", index: int = 0) -> dict[str, Any]:
    return {"type": kind, "data": {"messageId": "m", "index": index, "text": text}}


def stop(role: str, content: str) -> dict[str, Any]:
    data = {"messageId": "m", "role": role, "turnId": "t", "content": content}
    return {"type": "message:stop", "data": data}


def tool(name: str, **values: Any) -> dict[str, Any]:
    data = {"messageId": "m", "turnId": "t", "toolUseId": "u", "name": name, "input": values}
    return {"type": "tool:use", "data": data}


def result(content: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "tool:result",
        "data": {"turnId": "t", "toolUseId": "u", "content": content, **more},
    }


def status(phase: str, message: str | None = None) -> dict[str, Any]:
    return {"type": "session:status", "data": {"phase": phase, "message": message}}


def permission(summary: str, diff: str) -> dict[str, Any]:
    data = {
        "approvalId": "a",
        "turnId": "t",
        "tool": "Write",
        "input": {},
        "summary": summary,
        "diff": diff,
        "requestedAt": now(),
        "expiresAt": now(),
    }
    return {"type": "permission:requested", "data": data}


def test_a_turn_reads_from_top_to_bottom() -> None:
    usage = {"inputTokens": 1200, "outputTokens": 34, "costUsd": 0.01}
    ended = {"turnId": "t", "outcome": "completed", "turn": usage, "total": usage}
    assert shown(
        status("Starting"),
        status("Starting"),
        {"type": "system:event", "data": {"subtype": "clone_progress", "message": "50 %"}},
        status("Ready"),
        stop("user", "Look at\nit."),
        delta("Hm", "thinking:delta"),
        delta("m.", "thinking:delta"),
        delta("I ", index=1),
        delta("see.", index=1),
        tool("Bash", command="ls\n-l", description="List"),
        result("a\nb\nc\nd\ne\nf\n"),
        delta("Done.", index=2),
        stop("assistant", "I see.Done."),
        {"type": "usage", "data": {**ended, "durationMs": 2100}},
    ) == (
        "· Starting\n· Ready\n> Look at it.\nHmm.\nI see.\n● Bash  ls -l\n"
        "  │ a\n  │ b\n  │ c\n  │ d\n  │ … 2 more lines\nDone.\n"
        "· completed in 2.1 s: 1,200 tokens in, 34 out, $0.0100\n"
    )


def test_a_failure_is_said_with_its_sentence() -> None:
    assert shown(status("Failed", "There is no such repository.")) == (
        "· Failed: There is no such repository.\n"
    )


def test_a_request_is_shown_with_its_diff() -> None:
    assert shown(permission("Write a.txt", "@@\n-old\n+new")) == (
        "? Claude asks: Write a.txt\n  @@\n  -old\n  +new\n"
    )


def test_progress_is_written_over_on_a_terminal_only() -> None:
    progress = {"type": "system:event", "data": {"subtype": "clone_progress", "message": "50 %"}}
    assert shown(progress) == ""
    assert "\r\033[K" in shown(progress, status("Ready"), terminal=True)


@pytest.mark.parametrize(
    "body",
    [
        delta(HOSTILE),
        delta(HOSTILE, "thinking:delta"),
        stop("user", HOSTILE),
        tool(HOSTILE, command=HOSTILE),
        tool("Other", **{HOSTILE: HOSTILE}),
        result(HOSTILE),
        status("Failed", HOSTILE),
        permission(HOSTILE, HOSTILE),
        {"type": "error", "data": {"code": HOSTILE, "message": HOSTILE}},
        {"type": "system:event", "data": {"subtype": "x", "message": HOSTILE}},
        {"type": "gap", "data": {"reason": "lost", "message": HOSTILE}},
    ],
)
def test_no_escape_reaches_the_terminal(body: dict[str, Any]) -> None:
    assert harmless(shown(body))


def harmless(text: str) -> bool:
    allowed = {"\n", "\t"}
    turning = {chr(each) for each in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
    return not any(
        (ord(each) < 0x20 and each not in allowed) or 0x7F <= ord(each) < 0xA0 or each in turning
        for each in text
    )


@given(st.text())
def test_clean_text_is_harmless(text: str) -> None:
    assert harmless(clean(text))
    assert len(clean_line(text, 20)) <= 20


def test_letters_of_all_scripts_stay_as_they_are() -> None:
    text = "Grüße, мир, 世界, 🛳\n\tعربي"
    assert clean(text) == text


def test_colours_appear_on_a_terminal_that_wants_them() -> None:
    for environment, coloured in (
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ):
        stream = FakeTerminal()
        Terminal(stream, environment).line("text", Style.RED)
        assert ("\033[31m" in stream.getvalue()) == coloured


def test_a_reader_that_goes_away_is_no_harm() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    terminal = Terminal(Gone(), {})
    terminal.line("one")
    terminal.line("two")
