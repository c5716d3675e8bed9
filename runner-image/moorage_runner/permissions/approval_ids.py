"""Which request is which: the same question in the same turn has the same id, restarts or not."""

import hashlib
import json
from typing import Any


def request_hash(tool: str, value: dict[str, Any]) -> str:
    """Return 12 hex digits that stand for a tool and its input."""
    canonical = json.dumps([tool, value], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def approval_id(turn_id: str, digest: str, count: int) -> str:
    """Return the id of the `count`-th time that this is asked in this turn."""
    return f"{turn_id}:{digest}:{count}"


def turn_of(approval: str) -> str:
    """Return the turn an approval belongs to."""
    return approval.rsplit(":", 2)[0]
