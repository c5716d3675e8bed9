"""What the API server tells of sessions and pods, with the moment at which it came.

Kubernetes' own timestamps are whole seconds; a watch from this machine is exact to milliseconds.
"""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from cluster.places import kubeconfig
from cluster.tools import tool

Body = dict[str, Any]
Seen = Callable[[Body], bool]
"""Something that can be seen of an object."""

_PATIENCE: Final = 120.0


class Watch:
    """The objects of one kind, as they came."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._seen: list[tuple[float, Body]] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(lines,), daemon=True)
        self._thread.start()

    def firsts(self, uid: str, steps: Mapping[str, Seen]) -> dict[str, float]:
        """Return when each was first seen of a session, or of its pod; waits until all were.

        Raises:
            TimeoutError: if one does not come.
        """
        return {name: self._first(uid, seen) for name, seen in steps.items()}

    def wait_until_gone(self, uid: str) -> None:
        """Wait until the session, or its pod, was deleted.

        Raises:
            TimeoutError: if it is not.
        """
        self._await(lambda: any(event["type"] == "DELETED" for _, event in self._of(uid)))

    def _first(self, uid: str, seen: Seen) -> float:
        self._await(lambda: any(seen(event["object"]) for _, event in self._of(uid)))
        return next(moment for moment, event in self._of(uid) if seen(event["object"]))

    def _await(self, holds: Callable[[], bool]) -> None:
        with self._changed:
            if not self._changed.wait_for(holds, _PATIENCE):
                raise TimeoutError("what was expected of a session was not seen")

    def _of(self, uid: str) -> Iterator[tuple[float, Body]]:
        for moment, event in list(self._seen):
            meta = event["object"]["metadata"]
            if uid in {meta["uid"], meta.get("labels", {}).get("moorage.dev/session-uid")}:
                yield moment, event

    def _read(self, lines: Iterable[str]) -> None:
        """Read one event a line."""
        for line in lines:
            with self._changed:
                self._seen.append((time.monotonic(), json.loads(line)))
                self._changed.notify_all()


def is_true(condition: str) -> Seen:
    """Return what tells that a condition is true."""

    def seen(body: Body) -> bool:
        conditions = body.get("status", {}).get("conditions", ())
        return any(each["type"] == condition and each["status"] == "True" for each in conditions)

    return seen


def is_running(body: Body) -> bool:
    """Return whether all containers of a pod run."""
    statuses = body.get("status", {}).get("containerStatuses", ())
    return bool(statuses) and all("running" in each["state"] for each in statuses)


@contextmanager
def watching(kind: str, namespace: str) -> Iterator[Watch]:
    """Watch the objects of a kind in a namespace."""
    with subprocess.Popen(
        [
            tool("kubectl"),
            f"--kubeconfig={kubeconfig()}",
            f"--namespace={namespace}",
            *("get", kind, "--watch", "--output-watch-events", "--output=json"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield Watch(process.stdout)
        finally:
            process.terminate()
