"""Approvals: what Claude asks to be allowed, and who decided what."""
