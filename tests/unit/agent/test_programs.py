"""What the agent runs, and with which environment."""

import pytest

from moorage_agent.programs import Programs, RefusedError
from moorage_agent.protocol import Request


def request(program: str = "git", folder: str = "/", **environment: str) -> Request:
    return Request(program, folder, [], environment)


@pytest.mark.parametrize("program", ["git", "claude", "transcript", "forget-transcript"])
def test_these_are_run(program: str) -> None:
    Programs({}).check(request(program, A="1"))


@pytest.mark.parametrize(
    "refused",
    [
        request("sh"),
        request("/bin/sh"),
        request("../bin/claude"),
        request(""),
        request("attend"),
        request(folder="workspace"),
        request(folder=""),
        request(MOORAGE_AGENT_CLAUDE="/bin/sh"),
    ],
)
def test_others_are_not(refused: Request) -> None:
    with pytest.raises(RefusedError):
        Programs({}).check(refused)
