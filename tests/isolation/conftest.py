"""One siege for all tests: its outcomes, and the table of them."""

import uuid
from collections.abc import Iterator

import httpx2
import pytest

from deployment.login import known_login
from isolation import siege
from isolation.attempts import Outcome, table
from isolation.hostile import Owner
from isolation.siege import Siege


@pytest.fixture(scope="session")
def owner() -> Iterator[Owner]:
    """Somebody who registers, logs in and makes an API key: a siege outlasts an access token."""
    url = known_login().url
    with httpx2.Client(base_url=f"{url}/api/auth", timeout=30, trust_env=False) as auth:
        account = {"email": f"{uuid.uuid4().hex[:12]}@example.com", "password": uuid.uuid4().hex}
        assert auth.post("/register", json=account | {"name": "Eve"}).status_code == 201
        somebody = Owner(url, auth.post("/login", json=account))
        signed_in = {"Authorization": somebody.client.headers["Authorization"]}
        made = auth.post("/api-keys", json={"name": "siege", "expiresInDays": 1}, headers=signed_in)
        somebody.client.headers["Authorization"] = f"Bearer {made.json()['key']}"
    yield somebody
    somebody.client.close()


@pytest.fixture(scope="session")
def over(owner: Owner, pytestconfig: pytest.Config) -> Siege:
    """Everything was tried; the table of it is printed."""
    with siege.laid(owner) as laid:
        siege.run(laid)
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        print(f"\n\n{table(laid.outcomes())}\n\n{laid.lateness}\n")
    return laid


@pytest.fixture(scope="session")
def outcomes(over: Siege) -> dict[str, Outcome]:
    """What came of every attempt, by its name."""
    return {each.attempt.name: each for each in over.outcomes()}
