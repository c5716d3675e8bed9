"""Who did what: an append-only table and a log line, written with the act itself."""
