"""What the operator writes to the Kubernetes API, by the word of the API server: its audit log.

Only writes of the operator's own account are logged, without bodies; its Lease is left out.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import yaml

_WRITES: Final = ("create", "update", "patch", "delete", "deletecollection")
_BAD: Final = 400


class AuditLog:
    """The file that the API server writes, one event a line."""

    def __init__(self, folder: Path, account: str) -> None:
        self._log = folder / "audit.log"
        self._policy = folder / "audit.yaml"
        rules: list[dict[str, Any]] = [
            {"level": "None", "resources": [{"group": "coordination.k8s.io"}]},
            {"level": "Metadata", "users": [account], "verbs": list(_WRITES)},
            {"level": "None"},
        ]
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": rules,
        }
        self._policy.write_text(yaml.safe_dump(policy))

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of the API server that make it write the log."""
        return (
            f"--audit-policy-file={self._policy}",
            f"--audit-log-path={self._log}",
            "--audit-log-maxsize=1000",
        )

    def mark(self) -> int:
        """Return where the log ends now."""
        return self._log.stat().st_size if self._log.exists() else 0

    def since(self, mark: int) -> "Writes":
        """Return the writes after a mark."""
        if not self._log.exists():
            return Writes.of(())
        with self._log.open("rb") as log:
            log.seek(mark)
            return Writes.of(log)


@dataclass(frozen=True, slots=True)
class Writes:
    """Writes by what was done to what; how many were refused; how long the API server took."""

    done: dict[str, int]
    refused: dict[str, int]
    median_ms: dict[str, float]

    @classmethod
    def of(cls, lines: Iterable[str | bytes]) -> "Writes":
        """Read lines of the log."""
        done, refused = Counter[str](), Counter[str]()
        took = defaultdict[str, list[float]](list)
        for line in lines:
            event = json.loads(line)
            what, code = _what(event), event["responseStatus"]["code"]
            if code >= _BAD:
                refused[f"{what}: {code}"] += 1
            else:
                done[what] += 1
                took[what].append(_milliseconds(event))
        medians = {what: round(median(times), 2) for what, times in took.items()}
        return cls(dict(done), dict(refused), medians)

    @property
    def total(self) -> int:
        """How many were asked for, whatever became of them."""
        return sum(self.done.values()) + sum(self.refused.values())

    def as_json(self) -> dict[str, Any]:
        """Return them for the report's file."""
        return {"done": self.done, "refused": self.refused, "medianMs": self.median_ms}


def _what(event: dict[str, Any]) -> str:
    about = event["objectRef"]
    part = f"/{about['subresource']}" if about.get("subresource") else ""
    return f"{event['verb']} {about['resource']}{part}"


def _milliseconds(event: dict[str, Any]) -> float:
    begun, ended = (
        datetime.fromisoformat(event[each])
        for each in ("requestReceivedTimestamp", "stageTimestamp")
    )
    return (ended - begun).total_seconds() * 1000
