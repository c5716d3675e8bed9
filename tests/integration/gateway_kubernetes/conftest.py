"""A stage with an operator at work, and a gateway over it. One for each module of tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from moorage_testing.controlplane.plane import ControlPlane
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
