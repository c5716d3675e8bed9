"""Writes by the word of the API server."""

import json
from pathlib import Path
from typing import Any

from performance.operator.audit import AuditLog, Writes


def line(verb: str, resource: str, subresource: str = "", code: int = 200) -> str:
    about: dict[str, Any] = {"resource": resource}
    event = {
        "verb": verb,
        "objectRef": about | ({"subresource": subresource} if subresource else {}),
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": "2026-11-25T21:00:00.000100Z",
        "stageTimestamp": "2026-11-25T21:00:00.012100Z",
    }
    return json.dumps(event)


def test_writes_are_told_apart_by_what_they_do_and_what_became_of_them() -> None:
    writes = Writes.of(
        [
            line("create", "pods", code=201),
            line("create", "pods", code=409),
            line("patch", "claudesessions", "status"),
            line("patch", "claudesessions", "status"),
        ]
    )
    assert writes.done == {"create pods": 1, "patch claudesessions/status": 2}
    assert writes.refused == {"create pods: 409": 1}
    assert writes.total == 4
    assert writes.median_ms["create pods"] == 12


def test_only_what_comes_after_a_mark_is_read(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, "someone")
    assert log.since(log.mark()).total == 0
    path = tmp_path / "audit.log"
    path.write_text(line("create", "pods") + "\n")
    mark = log.mark()
    with path.open("a") as file:
        file.write(line("delete", "pods") + "\n")
    assert log.since(mark).done == {"delete pods": 1}
