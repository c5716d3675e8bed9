"""From Claude Code's messages to events. Pure: no I/O, no clock; the moment is passed in.

Modules: translator (which message is which, in which order events come), draft (one assistant
message in the making), blocks (one block of it), content (blocks as text and tool calls), system
(what is no part of the conversation), result (how a turn ended and what it used), limits (no event
is ever too large).

It reads the messages as the CLI prints them, not claude_agent_sdk's parsed ones: those leave out
web searches in whole messages, the mark of an aborted one, and what a single turn cost.
"""

from moorage_runner.translate.result import TurnResult, read_result
from moorage_runner.translate.translator import Translator

__all__ = ["Translator", "TurnResult", "read_result"]
