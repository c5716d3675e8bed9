"""The operator: turns ClaudeSession resources into isolated pods and keeps their status true."""
