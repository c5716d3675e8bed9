"""Limits on running sessions: who runs, who waits, in which place, and whose turn comes next."""

import time

import pytest

from moorage_api.resources import ClaudeSession, Phase
from moorage_testing.controlplane.processes import until
from moorage_testing.operating.sessions import Sessions, condition
from moorage_testing.operating.stage import Stage

IN_NAMESPACE = "running sessions in this namespace"


@pytest.fixture(scope="module")
def more_settings() -> dict[str, str]:
    return {"LIMITS__PER_NAMESPACE": "3", "LIMITS__PER_OWNER": "2"}


def test_an_owner_waits_for_their_own_and_holds_up_nobody(
    operated: Stage, sessions: Sessions
) -> None:
    for name in ("a1", "a2"):
        sessions.create(name, owner="ada")
        sessions.await_phase(Phase.READY, name)
    sessions.create("a3", owner="ada")
    await_next_second()
    sessions.create("a4", owner="ada")
    await_place(sessions, "a3", 1, "running sessions per owner")
    await_place(sessions, "a4", 2, "running sessions per owner")
    sessions.create("b1", owner="bob")
    sessions.await_phase(Phase.READY, "b1")
    sessions.delete("b1")
    sessions.delete("a1")
    sessions.await_phase(Phase.READY, "a3")
    await_place(sessions, "a4", 1, "running sessions per owner")


def test_a_namespace_is_full_and_its_line_is_fair(operated: Stage, sessions: Sessions) -> None:
    for number in range(3):
        sessions.create(f"runs-{number}", owner=f"r{number}")
        sessions.await_phase(Phase.READY, f"runs-{number}")
    for number in range(3):
        sessions.create(f"waits-{number}", owner=f"w{number}")
        waits = await_place(sessions, f"waits-{number}", number + 1, IN_NAMESPACE)
        assert waits.status.phase is Phase.PENDING
        assert sessions.pod(waits) is None
        assert sessions.secret(waits) is None
        await_next_second()
    sessions.change("runs-1", suspend=True)
    sessions.await_phase(Phase.READY, "waits-0")
    await_place(sessions, "waits-1", 1, IN_NAMESPACE)
    await_place(sessions, "waits-2", 2, IN_NAMESPACE)
    sessions.change("runs-1", suspend=False)
    await_place(sessions, "runs-1", 3, IN_NAMESPACE)
    sessions.delete("waits-1")
    await_place(sessions, "waits-2", 1, IN_NAMESPACE)
    sessions.delete("runs-0")
    sessions.await_phase(Phase.READY, "waits-2")
    await_place(sessions, "runs-1", 1, IN_NAMESPACE)


def await_next_second() -> None:
    """Wait for another second: creationTimestamp knows no less, and it makes the order."""
    second = int(time.time())
    until("the next second", 5, lambda: None if int(time.time()) > second else "the same")


def test_one_that_is_started_again_keeps_its_place(operated: Stage, sessions: Sessions) -> None:
    uids = [
        sessions.create(f"s{number}", owner=f"o{number}", retry={"backoff": "100ms"})
        for number in range(3)
    ]
    for number in range(3):
        sessions.await_phase(Phase.READY, f"s{number}")
    sessions.create("waits", owner="wim")
    await_place(sessions, "waits", 1, IN_NAMESPACE)
    operated.crew.end(uids[0], "oom")
    sessions.await_that(
        lambda each: each.status.attempts == 1 and each.status.phase is Phase.READY, "s0"
    )
    await_place(sessions, "waits", 1, IN_NAMESPACE)
    operated.crew.end(uids[1], "succeeded")
    sessions.await_phase(Phase.SUCCEEDED, "s1")
    sessions.await_phase(Phase.READY, "waits")


def test_never_more_than_may(operated: Stage, sessions: Sessions) -> None:
    """As many as come at once: never more than three of them run."""
    names = [f"s{number}" for number in range(9)]
    for name in names:
        sessions.create(name, owner=name)
    for _ in names:
        running = sessions.await_some(Phase.READY, 1)
        phases = list(sessions.names().values())
        assert phases.count("Ready") + phases.count("Starting") <= 3
        sessions.delete(running[0])
        sessions.await_absent(running[0])


def await_place(sessions: Sessions, name: str, place: int, limit: str) -> ClaudeSession:
    """Return the session once its Admitted condition tells of the place."""

    def holds(session: ClaudeSession) -> bool:
        admitted = condition(session, "Admitted")
        words = f"number {place} in line"
        return (
            admitted.status == "False" and words in admitted.message and limit in admitted.message
        )

    return sessions.await_that(holds, name, what=f"is number {place}")
