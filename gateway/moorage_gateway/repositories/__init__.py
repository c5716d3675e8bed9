"""Repositories: which ones sessions may be created on, and by whom."""
