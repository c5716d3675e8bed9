"""The administrator's commands, as processes of their own on the gateway's database."""

import json
import os
import subprocess
import sys
from pathlib import Path

from moorage_testing.accounts import PASSWORD, SECRET, ask, works
from moorage_testing.gateway import Gateway


def command(gateway: Gateway, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    settings = gateway.context.settings
    environment = {
        "PATH": os.environ["PATH"],
        "MOORAGE_HOME": str(settings.home),
        "MOORAGE_DATABASE_URL": settings.database_location,
        "MOORAGE_REDIS_URL": "redis://localhost",
        "MOORAGE_LOGIN__SECRET": SECRET,
    }
    program = str(Path(sys.executable).parent / "moorage-gateway")
    return subprocess.run(
        [program, *arguments],
        input=given,
        env=environment,
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )


def recorded(done: subprocess.CompletedProcess[str]) -> list[str | None]:
    """Return what the one line in a command's log says of who did what."""
    line = json.loads(done.stderr)
    return [line["action"], line["via"], line["actor_id"]]


async def login(
    gateway: Gateway, email: str, password: str = PASSWORD
) -> tuple[int, dict[str, str]]:
    answer = await ask(gateway, "POST", "/login", body={"email": email, "password": password})
    return answer.status_code, answer.json()


async def test_the_first_admin_is_made(gateway: Gateway) -> None:
    email = "Root@Example.com"
    done = command(gateway, "create-admin", email, "--name", "Root", given=f"{PASSWORD}\n")
    assert done.returncode == 0
    assert recorded(done) == ["user.admin", "command_line", None]
    assert PASSWORD not in done.stdout + done.stderr
    status, pair = await login(gateway, email)
    assert status == 200
    answer = (await ask(gateway, "GET", "/me", pair["accessToken"])).json()
    assert (answer["role"], answer["name"]) == ("admin", "Root")

    again = command(gateway, "create-admin", email, given="another password\n")
    assert again.returncode == 0
    assert "was there" in again.stdout
    assert (await login(gateway, email))[0] == 401
    assert (await login(gateway, email, "another password"))[0] == 200
    refused = command(gateway, "create-admin", email, given="short\n")
    assert (refused.returncode, "at least 8" in refused.stderr) == (2, True)
    refused = command(gateway, "create-admin", "nobody", given=f"{PASSWORD}\n")
    assert (refused.returncode, "email address" in refused.stderr) == (2, True)


async def test_keys_are_rotated(gateway: Gateway) -> None:
    body = {"email": "ada@example.com", "password": PASSWORD}
    before = (await ask(gateway, "POST", "/register", body=body)).json()
    done = command(gateway, "rotate-keys")
    assert done.returncode == 0
    assert recorded(done) == ["signing_key.rotate", "command_line", None]
    assert "good until they expire" in done.stdout
    assert await works(gateway, before["accessToken"])
