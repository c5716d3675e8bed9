"""Sessions of a test's own, gone when it ends; users of a test's own."""

import re
import uuid
from collections.abc import Callable, Iterator

import httpx2
import pytest

from deployment.login import Login, known_login
from e2e.kubectl import PATIENCE, Session
from moorage_testing.sessions_client import SessionsClient


@pytest.fixture(scope="session")
def login() -> Login:
    """The admin's, as `make up` printed it."""
    return known_login()


class User(SessionsClient):
    """Somebody who is logged in."""

    patience = PATIENCE

    def __init__(self, url: str, answer: httpx2.Response) -> None:
        super().__init__(url)
        assert answer.is_success, answer.text
        self.id: str = answer.json()["user"]["id"]
        self.client.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"


@pytest.fixture
def user(login: Login) -> Iterator[User]:
    """Somebody who registers and logs in, as everybody does."""
    with httpx2.Client(base_url=f"{login.url}/api/auth", timeout=30, trust_env=False) as auth:
        account = {"email": f"{uuid.uuid4().hex[:12]}@example.com", "password": uuid.uuid4().hex}
        assert auth.post("/register", json=account | {"name": "Ada"}).status_code == 201
        somebody = User(login.url, auth.post("/login", json=account))
    yield somebody
    for session in somebody.client.get("/sessions").json()["sessions"]:
        somebody.client.delete(f"/sessions/{session['id']}")
    somebody.client.close()


@pytest.fixture
def admin(login: Login) -> Iterator[User]:
    """The admin, who sees all sessions."""
    body = {"email": login.email, "password": login.password}
    answer = httpx2.post(f"{login.url}/api/auth/login", json=body, timeout=30, trust_env=False)
    somebody = User(login.url, answer)
    yield somebody
    somebody.client.close()


@pytest.fixture
def new_session(request: pytest.FixtureRequest) -> Iterator[Callable[[], Session]]:
    """Give sessions names of their own, and delete them in the end."""
    made: list[Session] = []
    stem = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:30]

    def make() -> Session:
        made.append(Session(f"{stem.strip('-')}-{uuid.uuid4().hex[:6]}"))
        return made[-1]

    yield make
    for session in made:
        session.delete()


@pytest.fixture
def session(new_session: Callable[[], Session]) -> Session:
    """One."""
    return new_session()
