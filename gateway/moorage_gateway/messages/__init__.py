"""Messages: send one, read the conversation."""
