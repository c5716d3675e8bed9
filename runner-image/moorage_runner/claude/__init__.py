"""Claude Code as a process: the one place that touches claude_agent_sdk and what it leaves behind.

Modules: command (how it is started), pipes (its process and streams), sdk (the SDK's import),
process (one CLI after the other, its messages), transcript (what it wrote down of the
conversation), records (where that is read from), orphans (a CLI that outlived its runner).
"""

from moorage_runner.claude.command import Conversation, build_command
from moorage_runner.claude.process import Claude, ClaudeGoneError

__all__ = ["Claude", "ClaudeGoneError", "Conversation", "build_command"]
