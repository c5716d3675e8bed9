"""The relay: takes inputs from the outbox in SQL to the sessions' inboxes in Redis."""
