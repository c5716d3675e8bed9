"""Stands in for the runners of the session pods that KWOK runs: a Member for each.

A member starts when its pod runs and ends when its containers do, when its pod is being deleted or
is gone. On a test's command it works, asks, falls silent, or its pod ends (``end``).
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

import aiohttp

from moorage_api.names import LABEL_SESSION_UID
from moorage_testing.controlplane.api import Object
from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.controlplane.processes import until
from moorage_testing.operating.background import Background
from moorage_testing.operating.member import Member, Post
from moorage_testing.operating.record import PODS
from moorage_testing.operating.watching import Watch, connected

OUTCOME: Final = "testing.moorage.dev/outcome"
CODE: Final = "testing.moorage.dev/exit-code"
MESSAGE: Final = "testing.moorage.dev/message"
DELETION: Final = "testing.moorage.dev/deletion"
_MERGE: Final = {"Content-Type": "application/merge-patch+json"}
_PATIENCE: Final = 40.0


class Crew:
    """All runners of the session pods of some namespaces: of the others another may be there."""

    def __init__(
        self, background: Background, plane: ControlPlane, namespaces: Collection[str]
    ) -> None:
        self._background = background
        self._plane = plane
        self._namespaces = frozenset(namespaces)
        self._members: dict[str, Member] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._client: aiohttp.ClientSession | None = None
        self._failures: list[BaseException] = []
        self._ending: set[asyncio.Task[None]] = set()
        self.secrets: set[str] = set()
        """Every value that ever was in a pod's Secret and must not be told: logins and tokens."""

    def start(self) -> None:
        """Be there from now on, until the background ends."""
        self._background.spawn(self._follow())

    def member(self, session_id: str) -> Member:
        """Return the session's runner, once there is one."""

        def absent() -> str | None:
            self.check()
            return None if self._of(session_id) else f"crew of {len(self._members)}"

        until(f"a runner of session {session_id}", _PATIENCE, absent)
        found = self._of(session_id)
        assert found is not None
        return found

    def here(self, session_id: str) -> bool:
        """Whether the session has a runner now."""
        return self._of(session_id) is not None

    def tell(self, session_id: str, what: Callable[[Member], Awaitable[None]]) -> None:
        """Have the session's runner do something; return when it is done and stands in Redis."""
        member = self.member(session_id)

        async def done() -> None:
            await member.begun.wait()  # else what it does at first would come after it
            await what(member)

        self._background.run(done())

    def end(self, session_id: str, outcome: str, **more: str) -> Member:
        """End the session's pod as KWOK's stages know it; ``code`` and ``message`` for exited."""
        member = self.member(session_id)
        annotations = {OUTCOME: outcome}
        annotations |= {f"testing.moorage.dev/{key}": value for key, value in more.items()}
        self._background.run(self._annotate(member.post, annotations))
        return member

    def check(self) -> None:
        """Raise what a member, or the crew itself, failed with."""
        self._background.check()
        if self._failures:
            raise self._failures[0]

    async def _follow(self) -> None:
        try:
            async with connected(self._plane.server, self._plane.administrator) as client:
                self._client = client
                await Watch(client, PODS, self._hear, LABEL_SESSION_UID).follow()
        finally:
            for uid in list(self._tasks):
                self._dismiss(uid)
            await asyncio.gather(*self._ending, return_exceptions=True)

    def _of(self, session_id: str) -> Member | None:
        members = list(self._members.values())
        return next((each for each in members if each.post.session_id == session_id), None)

    def _hear(self, kind: str, pod: Object) -> None:
        if pod["metadata"]["namespace"] not in self._namespaces:
            return
        uid = pod["metadata"]["uid"]
        runs = (
            pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
        )
        if kind == "DELETED" or not runs:
            self._dismiss(uid)
        elif uid not in self._tasks:
            self._tasks[uid] = asyncio.create_task(self._serve(pod))
            self._tasks[uid].add_done_callback(self._note)

    def _dismiss(self, uid: str) -> None:
        self._members.pop(uid, None)
        if (task := self._tasks.pop(uid, None)) is not None:
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            task.cancel()

    def _note(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failures.append(error)

    async def _serve(self, pod: Object) -> None:
        post = await self._post(pod)
        annotations = {OUTCOME: "succeeded"}
        member = Member(post, lambda: self._annotate(post, annotations))
        self._members[post.pod_uid] = member
        await member.run()

    async def _post(self, pod: Object) -> Post:
        """Read what the kubelet would give to the pod's containers."""
        meta = pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/secrets/{meta['name']}"
        data = await self._secret(path)
        spec: dict[str, Any] = json.loads(data["spec.json"])
        self.secrets |= {value for key, value in data.items() if key != "spec.json"}
        return Post(
            meta["labels"][LABEL_SESSION_UID],
            meta["uid"],
            meta["namespace"],
            meta["name"],
            data["redis-url"],
            spec,
        )

    async def _secret(self, path: str) -> dict[str, str]:
        """Read a Secret; a pod waits for one that is not there yet, and so does this."""
        assert self._client is not None
        while True:
            try:
                async with self._client.get(path) as answer:
                    answer.raise_for_status()
                    body = await answer.json()
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
                continue
            return {key: base64.b64decode(value).decode() for key, value in body["data"].items()}

    async def _annotate(self, post: Post, annotations: dict[str, str]) -> None:
        assert self._client is not None
        patch = json.dumps({"metadata": {"uid": post.pod_uid, "annotations": annotations}})
        while True:
            try:
                async with self._client.patch(post.path, data=patch, headers=_MERGE) as answer:
                    if answer.status not in {404, 409}:  # it is gone, or another has its name
                        answer.raise_for_status()
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
