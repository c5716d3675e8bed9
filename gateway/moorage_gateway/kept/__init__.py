"""Answers that are kept while nothing that they were made of changes (decision record 0076)."""
