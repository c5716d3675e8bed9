"""What the record of pods takes for two at once."""

from typing import Any

from moorage_api.names import LABEL_SESSION_UID
from moorage_testing.operating.record import PodRecord


def pod(uid: str, phase: str = "Running") -> dict[str, Any]:
    metadata = {"name": "session-a", "uid": uid, "labels": {LABEL_SESSION_UID: "a"}}
    return {"metadata": metadata, "status": {"phase": phase}}


def test_one_after_the_other_is_well() -> None:
    record = PodRecord()
    record.hear("ADDED", pod("1", "Pending"))
    record.hear("MODIFIED", pod("1", "Failed"))
    record.hear("ADDED", pod("2"))
    record.hear("DELETED", pod("1", "Failed"))
    record.hear("DELETED", pod("2"))
    record.hear("ADDED", pod("3"))
    assert record.doubles == []
    assert record.pods == {"a": ["1", "2", "3"]}


def test_two_at_once_are_told() -> None:
    record = PodRecord()
    record.hear("ADDED", pod("1"))
    record.hear("ADDED", pod("2", "Pending"))
    (told,) = record.doubles
    assert "session a had the pods" in told
