"""A runner for tests: it does what the session's prompt says, step by step, and then waits.

`python stand_in_runner.py [--warm]`, Contract 4's variables in the environment or on stdin.
Steps stand between semicolons: ready, working, mute, orphan, stubborn, fail-until N,
terminate REASON TEXT, exit N. SIGTERM ends it with 75.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from redis import Redis

from moorage_api.base import now
from moorage_api.keys import SessionKeys
from moorage_api.resources import Activity, Phase
from moorage_api.state import FIELD, HEARTBEAT_FIELD, SessionState, encode_state


class Runner:
    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = variables
        self._workspace = Path(variables["MOORAGE_WORKSPACE"])
        self._keys = SessionKeys(variables["MOORAGE_SESSION_ID"])
        self._redis = Redis.from_url(variables["MOORAGE_REDIS_URL"])
        with (self._workspace / "starts").open("a") as file:
            file.write(f"{os.getpid()}\n")
        self._starts = len((self._workspace / "starts").read_text().splitlines())
        Path(self._workspace / "environment.json").write_text(
            json.dumps({"process": dict(os.environ), "binding": variables})
        )

    def run(self, prompt: str) -> None:
        for step in filter(None, map(str.strip, prompt.split(";"))):
            word, _, rest = step.partition(" ")
            getattr(self, "_" + word.replace("-", "_"))(rest)
        while True:
            signal.pause()

    def _ready(self, _: str) -> None:
        self._say(Activity.IDLE)

    def _working(self, _: str) -> None:
        self._say(Activity.WORKING)

    def _say(self, activity: Activity) -> None:
        state = SessionState(
            phase=Phase.READY,
            activity=activity,
            claude_session_id="claude-1",
            last_activity_at=now(),
            last_turn_id="t1",
        )
        fields: dict[Any, Any] = {FIELD: encode_state(state), HEARTBEAT_FIELD: f"{time.time():.3f}"}
        self._redis.hset(self._keys.state, mapping=fields)
        self._redis.publish(self._keys.notify, "state")

    def _orphan(self, _: str) -> None:
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        (self._workspace / "orphan").write_text(str(child.pid))

    def _stubborn(self, _: str) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def _fail_until(self, starts: str) -> None:
        if self._starts < int(starts):
            sys.exit(1)

    def _terminate(self, words: str) -> None:
        reason, _, text = words.partition(" ")
        body = json.dumps({"reason": reason, "message": text})
        Path(self._variables["MOORAGE_TERMINATION_LOG"]).write_text(body)

    def _exit(self, code: str) -> None:
        sys.exit(int(code))

    def _again_until(self, starts: str) -> None:
        if self._starts < int(starts):
            sys.exit(75)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
    variables = dict(os.environ)
    if "--warm" in sys.argv:
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        variables |= json.loads(line)
    print("stand-in runs", flush=True)
    spec = json.loads(Path(variables["MOORAGE_SESSION_SPEC"]).read_text())
    Runner(variables).run(spec["prompt"])


if __name__ == "__main__":
    main()
