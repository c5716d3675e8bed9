"""What may stand where Claude Code does in an agent that is not to be trusted.

    python -I -S hostile_claude.py DEED SOCKET

It answers the SDK's first request as Claude Code does, unless the deed begins with `first-`, and
then does what the deed says, and leaves a file `done` in TMPDIR. It stays until it is killed.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

MEGABYTE = 1024 * 1024
NOISE = b"\x00\xff garbage that is no JSON \xf0\x28\x8c\x28\n"


def greet() -> None:
    """Answer the request that the SDK begins with."""
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("type") == "control_request":
            answer = {"subtype": "success", "request_id": request["request_id"], "response": {}}
            print(json.dumps({"type": "control_response", "response": answer}), flush=True)
            return


def flood(descriptor: int, block: bytes, megabytes: int) -> None:
    """Write so much, however slowly it is read."""
    block *= MEGABYTE // len(block)
    for _ in range(megabytes):
        rest = block
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def tell_events() -> None:
    """Say what Claude Code could say, in a great hurry."""
    text = {"type": "text_delta", "text": "x"}
    delta = {"type": "content_block_delta", "index": 0, "delta": text}
    frame = {"type": "stream_event", "event": delta, "session_id": "s", "parent_tool_use_id": None}
    flood(1, json.dumps(frame).encode() + b"\n", 10)


def close_everything() -> None:
    """Let go of the streams, and live on."""
    for descriptor in (0, 1, 2):
        os.close(descriptor)


def answer_back() -> None:
    """Write to standard input, which may be a socket, as far as that takes it."""
    os.set_blocking(0, False)
    try:
        flood(0, NOISE, 200)
    except OSError:
        os.set_blocking(0, True)


def become_the_agent() -> None:
    """Put a socket of one's own in the place of the agent's; say nothing sensible there."""
    path = Path(sys.argv[2])
    path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    if os.fork() == 0:
        while True:
            connection, _ = listener.accept()
            connection.sendall(b"\xff" * 4096)
            connection.close()


DEEDS: dict[str, Callable[[], object]] = {
    "stay": lambda: None,
    "garbage": lambda: flood(1, NOISE, 200),
    "endless-line": lambda: flood(1, b"x", 200),
    "complain": lambda: flood(2, b"x", 200),
    "events": tell_events,
    "close": close_everything,
    "answer-back": answer_back,
    "impostor": become_the_agent,
    "exit": lambda: sys.exit(3),
}


def main(deed: str) -> None:
    """Do it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not deed.startswith("first-"):
        greet()
    DEEDS[deed.removeprefix("first-")]()
    (Path(os.environ["TMPDIR"]) / "done").touch()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main(sys.argv[1])
