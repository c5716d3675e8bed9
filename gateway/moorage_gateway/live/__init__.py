"""Live: what happens in sessions, brought to any number of clients by one reader per process."""
