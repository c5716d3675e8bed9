"""Claude Code as a process: the one place that touches claude_agent_sdk and what it leaves behind.

Modules: sdk (its import), process (one CLI after the other, its messages), options (how it is
started), transcript (what it wrote down of the conversation), records (where that is read from),
orphans (a CLI that outlived its runner).
"""

from moorage_runner.claude.options import Conversation, build_options
from moorage_runner.claude.process import Claude, ClaudeGoneError

__all__ = ["Claude", "ClaudeGoneError", "Conversation", "build_options"]
