"""A stage with an operator at work, and a gateway over it. One for each module of tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from moorage_api.events import FIELD, encode_entry
from moorage_api.keys import SessionKeys
from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.controlplane.processes import until
from moorage_testing.history import asked, said
from moorage_testing.operating.gateway import Gateway, Gateways, User, gateways
from moorage_testing.operating.stage import Stage, stage


@dataclass(frozen=True)
class Scene:
    """What a test of the gateway in a cluster has."""

    stage: Stage
    gateways: Gateways
    gateway: Gateway
    ada_id: str
    ada: User

    def says(self, session_id: str, question: str, answer: str) -> None:
        """Have events of a whole turn in the session's stream, as its runner writes them."""
        with self.stage.redis_client() as redis:
            for event in (asked("turn-1", question), said("turn-1", 1, answer)):
                redis.xadd(SessionKeys(session_id).events, {FIELD: encode_entry(event)})


def conversation(user: User, session_id: str) -> list[str]:
    """Return what was said in a session, in its order."""
    messages = user.get(f"/sessions/{session_id}/messages")["messages"]
    return [one["content"] for each in messages for one in (each, *each["children"])]


def await_conversation(user: User, session_id: str, expected: list[str]) -> None:
    """Wait until this was said, as far as the history knows."""

    def pending() -> str | None:
        found = conversation(user, session_id)
        return None if found == expected else str(found)

    until(f"the history {expected}", 60, pending)


@pytest.fixture(scope="module")
def scene(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a stage on which an operator leads and a gateway is ready."""
    folder: Path = tmp_path_factory.mktemp("gateways")
    database = f"sqlite+aiosqlite:///{folder / 'moorage.db'}"
    with stage(control_plane, namespaces=2) as made, gateways(made, database, folder) as several:
        made.operator().start()
        gateway = several.make()
        gateway.start()
        ada_id, ada = gateway.user("ada")
        yield Scene(made, several, gateway, ada_id, ada)


@pytest.fixture(autouse=True)
def _tidy(scene: Scene) -> Iterator[None]:
    """Delete the test's own sessions; show what was logged if it failed."""
    told, said = len(scene.gateways.logs()), len(scene.stage.logs())
    yield
    print(scene.gateways.logs()[told:], scene.stage.logs()[said:])  # shown if the test failed
    for number in range(len(scene.stage.namespaces)):
        scene.stage.sessions(number).delete_all()
    scene.stage.crew.check()
