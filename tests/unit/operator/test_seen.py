"""What the API server and Redis hold, read as it comes from them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from moorage_operator.build import Login, Subject, build_pod, build_secret
from moorage_operator.build.pod import mark_patch
from moorage_operator.digest import spec_digest
from moorage_operator.observed import ContainerSeen, PodSeen
from moorage_operator.seen import node_ready, parse_time, pod_seen, secret_seen

from .builders import session
from .test_build import LOGIN, POD

STARTED = datetime(2026, 1, 31, 11, 50, tzinfo=UTC)


def body(**status: Any) -> dict[str, Any]:
    built = build_pod(Subject(session(), session().spec), POD)
    return built | {"metadata": built["metadata"] | {"uid": "u"}, "status": status}


def test_a_pod_that_was_just_created_is_pending() -> None:
    assert pod_seen(body()) == PodSeen("u")


def test_a_running_pod() -> None:
    seen = pod_seen(
        body(
            phase="Running",
            containerStatuses=[
                {"name": "agent", "state": {"waiting": {"reason": "ContainerCreating"}}},
                {"name": "runner", "state": {"running": {"startedAt": "2026-01-31T11:50:00Z"}}},
            ],
        )
    )
    assert seen.container("runner") == ContainerSeen("runner", "running", started_at=STARTED)
    assert seen.container("agent") == ContainerSeen("agent", "waiting", "ContainerCreating")
    assert seen.container("other") == ContainerSeen("other")


def test_a_container_that_ended() -> None:
    terminated = {"exitCode": 1, "reason": "Error", "message": "{}", "startedAt": None}
    ended = {"name": "runner", "state": {"terminated": terminated}}
    seen = pod_seen(body(phase="Failed", containerStatuses=[ended]))
    assert seen.over
    assert seen.containers == (ContainerSeen("runner", "terminated", "Error", "{}", 1),)


@pytest.mark.parametrize(
    ("condition", "field", "value"),
    [
        (
            {"type": "PodScheduled", "status": "False", "message": "0/3 nodes."},
            "unschedulable",
            "0/3 nodes.",
        ),
        ({"type": "PodScheduled", "status": "True"}, "unschedulable", ""),
        (
            {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"},
            "disrupted",
            "EvictionByEvictionAPI",
        ),
        ({"type": "DisruptionTarget", "status": "False", "message": "x"}, "disrupted", ""),
    ],
)
def test_conditions(condition: dict[str, str], field: str, value: str) -> None:
    assert getattr(pod_seen(body(conditions=[condition])), field) == value


@pytest.mark.parametrize(
    ("phase", "seen"), [(None, "Pending"), ("Succeeded", "Succeeded"), ("New", "Unknown")]
)
def test_phases(phase: str | None, seen: str) -> None:
    assert pod_seen(body(phase=phase)).phase == seen


def test_what_the_mark_says_is_read_again() -> None:
    marked = body()
    marked["metadata"] |= mark_patch(safe_to_evict=False)["metadata"]
    assert not pod_seen(marked).safe_to_evict
    assert pod_seen(body()).safe_to_evict


def test_a_deletion_is_seen() -> None:
    going = body()
    going["metadata"] |= {"deletionTimestamp": "2026-01-31T12:00:00Z"}
    assert pod_seen(going).deleting


def test_a_secret_that_was_built_is_up_to_date() -> None:
    subject = Subject(session(), session().spec)
    login = Login(LOGIN.redis_url, LOGIN.token)
    assert secret_seen(build_secret(subject, login)).spec_digest == spec_digest(subject.spec)
    assert secret_seen({}).spec_digest == ""


@pytest.mark.parametrize(
    ("conditions", "ready"),
    [
        ([{"type": "Ready", "status": "True"}], True),
        ([{"type": "Ready", "status": "Unknown"}], False),
        ([{"type": "Ready", "status": "False"}], False),
        ([{"type": "MemoryPressure", "status": "True"}], False),
        (None, False),
    ],
)
def test_a_node_answers_if_it_says_so(conditions: Any, ready: bool) -> None:
    assert node_ready({"status": {"conditions": conditions}}) is ready


@pytest.mark.parametrize("text", [None, "", "soon", "2026-01-31T12:00:00", 5])
def test_what_is_no_time_is_none(text: object) -> None:
    assert parse_time(text) is None
