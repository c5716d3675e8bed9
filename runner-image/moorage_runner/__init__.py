"""The process in a session's pod: it drives Claude Code and tells what happens."""
