"""A session's stream as people read it: text as it comes, one line for each thing that happens."""

import json
from functools import singledispatchmethod
from typing import Final

from moorage_api import events
from moorage_gateway.embedded.terminal import Style, Terminal, clean, clean_line

_WIDTH: Final = 100
_RESULT_LINES: Final = 4
_DIFF_LINES: Final = 40
_TELLING: Final = ("command", "file_path", "path", "pattern", "query", "url", "description")


class Transcript:
    """Writes events to a terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._started: set[str] = set()
        self._phase: object = None
        self._block: object = None

    @singledispatchmethod
    def show(self, event: object) -> None:
        """Write one event; kinds not named below say nothing to a reader."""

    @show.register
    def _(self, event: events.SessionStatusEvent) -> None:
        data = event.data
        if data.phase == self._phase:
            return
        self._phase = data.phase
        words = f"{data.phase}: {clean_line(data.message, 400)}" if data.message else data.phase
        self._terminal.line(f"· {words}", Style.RED if data.phase == "Failed" else Style.DIM)

    @show.register
    def _(self, event: events.SystemEvent) -> None:
        text = clean_line(event.data.message, 400)
        if event.data.subtype == "clone_progress":
            self._terminal.passing(f"· {text}")
        else:
            self._terminal.line(f"· {text}", Style.DIM)

    @show.register
    def _(self, event: events.MessageStartEvent) -> None:
        again = event.data.message_id in self._started
        self._started.add(event.data.message_id)
        if again:
            self._terminal.line("· cut off, it comes anew:", Style.YELLOW)

    @show.register
    def _(self, event: events.MessageDeltaEvent) -> None:
        self._flow(event.data, None)

    @show.register
    def _(self, event: events.ThinkingDeltaEvent) -> None:
        self._flow(event.data, Style.DIM)

    def _flow(self, delta: events.DeltaData, style: Style | None) -> None:
        """Write on; another block of content begins on a line of its own."""
        block = (delta.message_id, delta.index, style)
        if block != self._block:
            self._block = block
            self._terminal.fresh()
        self._terminal.write(clean(delta.text), style)

    @show.register
    def _(self, event: events.MessageStopEvent) -> None:
        if event.data.role == "user":
            self._terminal.line(f"> {clean_line(event.data.content, _WIDTH * 3)}", Style.BOLD)
        else:
            self._terminal.fresh()

    @show.register
    def _(self, event: events.ToolUseEvent) -> None:
        name, what = clean_line(event.data.name, 60), _telling(event.data.input)
        self._terminal.line(f"● {name}  {what}", Style.CYAN)

    @show.register
    def _(self, event: events.ToolResultEvent) -> None:
        lines = clean(event.data.content[:8000]).strip("\n").split("\n")
        style = Style.RED if event.data.is_error else Style.DIM
        for line in lines[:_RESULT_LINES]:
            self._terminal.line(f"  │ {clean_line(line, _WIDTH)}", style)
        if len(lines) > _RESULT_LINES or event.data.truncated:
            self._terminal.line(f"  │ … {len(lines) - _RESULT_LINES} more lines", style)

    @show.register
    def _(self, event: events.WebSearchStartEvent) -> None:
        self._terminal.line(f"● WebSearch  {clean_line(event.data.query, _WIDTH)}", Style.CYAN)

    @show.register
    def _(self, event: events.WebSearchResultEvent) -> None:
        for hit in event.data.results[:_RESULT_LINES]:
            self._terminal.line(f"  │ {clean_line(f'{hit.title} {hit.url}', _WIDTH)}", Style.DIM)

    @show.register
    def _(self, event: events.PermissionRequestedEvent) -> None:
        summary = clean_line(event.data.summary, _WIDTH * 2)
        self._terminal.line(f"? Claude asks: {summary}", Style.YELLOW)
        lines = clean(event.data.diff or "").splitlines()
        for line in lines[:_DIFF_LINES]:
            style = {"+": Style.GREEN, "-": Style.RED}.get(line[:1], Style.DIM)
            self._terminal.line(f"  {line[:_WIDTH]}", style)
        if len(lines) > _DIFF_LINES:
            self._terminal.line(f"  … {len(lines) - _DIFF_LINES} more lines", Style.DIM)

    @show.register
    def _(self, event: events.PermissionResolvedEvent) -> None:
        words = {"allow": "allowed", "deny": "denied"}
        outcome = words.get(event.data.outcome, event.data.outcome)
        self._terminal.line(f"  {outcome}", Style.YELLOW)

    @show.register
    def _(self, event: events.UsageEvent) -> None:
        data = event.data
        self._terminal.line(
            f"· {data.outcome} in {data.duration_ms / 1000:.1f} s: "
            f"{data.turn.input_tokens:,} tokens in, {data.turn.output_tokens:,} out, "
            f"${data.turn.cost_usd:.4f}",
            Style.DIM,
        )

    @show.register
    def _(self, event: events.ErrorEvent) -> None:
        self._terminal.line(f"! {clean_line(event.data.message, 400)}", Style.RED)

    @show.register
    def _(self, event: events.GapEvent) -> None:
        self._terminal.line(
            f"! Events are missing: {clean_line(event.data.message, 400)}", Style.RED
        )


def _telling(values: dict[str, object]) -> str:
    """Return the one value of a tool's input that says most of what it does."""
    for name in _TELLING:
        value = values.get(name)
        if isinstance(value, str) and value:
            return clean_line(value, _WIDTH)
    return clean_line(json.dumps(values, ensure_ascii=False), _WIDTH) if values else ""
