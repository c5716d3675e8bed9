"""Dead letters: what was given up, kept for an admin to read, retry or delete."""
