"""The account to log in with: an admin whose password is made once and kept for its owner alone."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import httpx2

from cluster.places import home
from deployment.kube import run_kubectl

EMAIL: Final = "admin@moorage.local"
_TIMEOUT: Final = 30.0


@dataclass(frozen=True)
class Login:
    """Who may log in where."""

    url: str
    email: str
    password: str


def ensure_admin(url: str, namespace: str) -> Login:
    """Return the admin's login; the account is made unless it is good already.

    Raises:
        Refused: if the gateway cannot make it.
    """
    login = Login(url, EMAIL, _password())
    if not _is_good(login):
        words = ("exec", "--stdin", f"--namespace={namespace}", "deployment/moorage-gateway", "--")
        command = ("/opt/moorage/bin/moorage-gateway", "create-admin", EMAIL, "--name", "Admin")
        run_kubectl(*words, *command, given=f"{login.password}\n")
    return login


def known_login() -> Login:
    """Return the login of the last `up`."""
    return Login(**json.loads(_file().read_text()))


def remember(login: Login) -> None:
    """Keep it for who asks later: the e2e tests, the next `up`."""
    _file().touch(0o600)
    _file().write_text(json.dumps(asdict(login)))


def _is_good(login: Login) -> bool:
    body = {"email": login.email, "password": login.password}
    answer = httpx2.post(
        f"{login.url}/api/auth/login", json=body, timeout=_TIMEOUT, trust_env=False
    )
    return answer.status_code == httpx2.codes.OK


def _password() -> str:
    try:
        return known_login().password
    except (FileNotFoundError, ValueError, TypeError):
        return secrets.token_urlsafe(15)


def _file() -> Path:
    return home() / "login.json"
