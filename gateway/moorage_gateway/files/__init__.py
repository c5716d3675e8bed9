"""Files of a session's workspace, through its runner."""
