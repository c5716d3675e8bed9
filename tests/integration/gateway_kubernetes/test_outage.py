"""The API server is away for a while: reads go on from memory, writes say what is the matter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage_testing.controlplane.options import Options
from moorage_testing.controlplane.plane import ControlPlane, running_control_plane
from moorage_testing.operating.gateway import gateways
from moorage_testing.operating.sessions import REPOSITORY
from moorage_testing.operating.stage import stage

BODY = {"projectPath": REPOSITORY["url"]}


@pytest.fixture(autouse=True)
def _tidy() -> None:
    """Leave the other tests' scene alone: nothing of it is needed here."""


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """Return a control plane of the test's own, to be stopped."""
    with running_control_plane(Options()) as made:
        yield made


def test_an_api_server_that_is_gone_for_a_while(plane: ControlPlane, tmp_path: Path) -> None:
    database = f"sqlite+aiosqlite:///{tmp_path / 'moorage.db'}"
    with stage(plane) as made, gateways(made, database, tmp_path) as several:
        gateway = several.make()
        gateway.start()
        ada_id, ada = gateway.user("ada")
        before = ada.post("/sessions", BODY)["id"]
        plane.apiserver.kill()
        assert ada.ids() == [before]
        refused = ada.http.post("/sessions", json=BODY)
        assert (refused.status_code, refused.json()["code"]) == (503, "BACKEND_UNAVAILABLE")
        assert ada.http.delete(f"/sessions/{before}").status_code == 503
        assert ada.ids() == [before]
        health = ada.http.get("/health/live")
        assert health.is_success
        plane.start_apiserver()
        applied = made.sessions().create("applied", owner=ada_id)
        ada.await_ids(lambda ids: applied in ids)
        gateway.await_ready()
        ada.delete(f"/sessions/{before}")
        assert before not in ada.ids()
        made.sessions().delete("applied")
        ada.await_ids(lambda ids: ids == [])
        assert gateway.stop() == 0
