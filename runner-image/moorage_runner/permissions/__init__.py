"""Requests for permission: asked, waited for, decided; the same after a restart.

Modules: requests (waiting and deciding), approval_ids (which request is which), wording (what a
person reads, and the diff), rules (what is allowed without asking again).
"""

from moorage_runner.permissions.requests import KnownApprovals, Permissions

__all__ = ["KnownApprovals", "Permissions"]
