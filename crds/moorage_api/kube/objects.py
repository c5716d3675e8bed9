"""Objects of the Kubernetes API, and how one is named. Free of the client library."""

from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]
"""An object of the API as JSON."""


@dataclass(frozen=True, slots=True)
class Target:
    """An object to read, patch or delete; with a UID, that one and no other of its name."""

    kind: str
    namespace: str
    name: str
    uid: str | None = None
