"""What a session prints to harm whoever looks at it: people's terminals, and the record."""

from collections.abc import Callable
from typing import Final

from isolation.attempts import Attempt, Without
from isolation.hostile import HostileSession


def log(hostile: HostileSession, _: str) -> str:
    """Return the conversation as kubectl shows it: what came of what was printed."""
    return "\n".join(line for line in hostile.session.log.splitlines() if line.startswith("  | "))


def page(hostile: HostileSession, _: str) -> str:
    """Return as what the history comes to a browser that would rather have a page."""
    wish = {"Accept": "text/html"}
    path = f"/sessions/{hostile.id}/messages"
    hostile.owner.wait_until(
        lambda: "as a page" in hostile.owner.client.get(path).text, "it in the history"
    )
    answer = hostile.owner.client.get(path, headers=wish)
    return f"no: {answer.headers['content-type']}, {answer.headers['x-content-type-options']}"


def longest_line(hostile: HostileSession, told: str) -> str:
    """Return how long lines are, in the log and in the event."""
    longest = max(map(len, hostile.session.log.splitlines()))
    return f"no: {longest} letters in the log, {len(told)} in the event"


def size(hostile: HostileSession, told: str) -> str:
    """Return how much of it went into events."""
    results = [each for each in hostile.events if each.body.get("content") == told]
    return f"no: {len(told)} letters in {len(results)} event"


ATTEMPTS: Final[dict[Callable[[HostileSession, str], str], list[Attempt]]] = {
    log: [
        Attempt(
            "steer a terminal by escapes",
            r"printf '\033]0;pwned-title\007\033[2Jx\n'",
            "\N{REPLACEMENT CHARACTER}.0;pwned-title\N{REPLACEMENT CHARACTER}",
            Without.RECORD,
            "\033.0;pwned-title\007",
        ),
        Attempt(
            "overwrite a line of the log",
            r"printf 'honest-line\033[2K\033[1Aforged-line\n'",
            "honest-line\N{REPLACEMENT CHARACTER}.2K\N{REPLACEMENT CHARACTER}.1Aforged-line",
            Without.RECORD,
            "honest-line\033.2K\033.1Aforged-line",
        ),
    ],
    page: [
        Attempt(
            "run a script in a browser",
            "echo '<script>alert(1)</script> as a page'",
            "^no: application/json.*nosniff",
            Without.RECORD,
            "^<script>",
        )
    ],
    longest_line: [
        Attempt(
            "print a huge line",
            "head -c 5000000 /dev/zero | tr '\\0' x",
            r"^no: \d{1,4} letters in the log, \d{1,5} in the event",
            Without.RECORD,
            "^x{100000}",
        )
    ],
    size: [
        Attempt(
            "flood the events",
            "seq 400000",
            r"^no: \d{1,5} letters in 1 event",
            Without.RECORD,
            "^399999$",
        )
    ],
}
