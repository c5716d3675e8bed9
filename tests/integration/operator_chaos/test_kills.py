"""Killed at every single write of a session's life, before it is done or after."""

import pytest

from moorage_api.resources import Phase
from moorage_testing.controlplane.processes import until
from moorage_testing.operating.member import Member
from moorage_testing.operating.sessions import Sessions
from moorage_testing.operating.stage import Stage

from .moves import Moves


class Killer:
    """Kills the operator at its next write, and again, until the session is where it should be."""

    def __init__(self, stage: Stage, *, done: bool) -> None:
        self.stage = stage
        self.kills = 0
        self._done = done

    def until_phase(self, sessions: Sessions, phase: Phase) -> None:
        """Kill and start again until the session is in a phase: each life one write longer.

        A new life tries again what may have been done before, so a fixed length would not get on.
        """
        (operator,) = self.stage.operators
        proxy, lives = self.stage.proxy, 1
        proxy.halt_at_write(lives, done=self._done)
        while True:
            until(f"{phase.value} or a write", 40, lambda: self._pending(sessions, phase))
            if not proxy.halted.is_set():
                return
            operator.kill()
            self.kills += 1
            lives += 1
            proxy.halt_at_write(lives, done=self._done)
            operator.revive()

    def _pending(self, sessions: Sessions, phase: Phase) -> str | None:
        if self.stage.proxy.halted.is_set() or sessions.get().status.phase is phase:
            return None
        return sessions.get().status.phase.value


@pytest.mark.parametrize("done", [True, False])
def test_killed_at_every_write(done: bool, chaos: Stage, moves: Moves) -> None:
    sessions, killer = moves.sessions, Killer(chaos, done=done)
    uid = sessions.create(retry={"limit": 100, "backoff": "100ms"})
    killer.until_phase(sessions, Phase.READY)
    sessions.change(suspend=True)
    killer.until_phase(sessions, Phase.SUSPENDED)
    sessions.change(suspend=False)
    killer.until_phase(sessions, Phase.READY)
    chaos.crew.tell(uid, Member.works)
    chaos.crew.end(uid, "exited", message='{"reason": "RefNotFound", "message": "Not there."}')
    killer.until_phase(sessions, Phase.FAILED)
    chaos.proxy.heal()
    chaos.operators[0].revive()
    session = sessions.get()
    assert session.status.message == "Not there."
    assert len(chaos.record.pods[uid]) == 2
    assert chaos.record.doubles == []
    assert killer.kills > 5
