"""Idempotency keys: one request, one object, however often and wherever it is sent."""
