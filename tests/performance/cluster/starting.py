"""Measures how soon a session works whose pod is cold, on nodes that hold the images."""

import asyncio
import time
from functools import partial
from typing import Final

import httpx2

from deployment.login import known_login
from deployment.model import SAMPLE
from deployment.release import SESSIONS
from performance import messages
from performance.answers import quantile
from performance.cluster.watching import Seen, Watch, is_running, is_true, watching
from performance.figures import Figure, Measured, Target, at_most

WORKSPACES: Final = ("ephemeral", "persistent")
_STEPS: Final = {
    "answered": "API: request answered",
    "pod": "operator: pod created",
    "scheduled": "scheduler: node chosen",
    "running": "sandbox: containers run",
    "cloned": "clone: repository there",
    "ready": "connect: Ready",
    "answer": "model: first event",
}
_AIMS: Final = {"ready": at_most(3000), "answer": at_most(4000)}
_SEEN_OF_PODS: Final[dict[str, Seen]] = {
    "pod": lambda _: True,
    "scheduled": is_true("PodScheduled"),
    "running": is_running,
}
_SEEN_OF_SESSIONS: Final[dict[str, Seen]] = {
    "cloned": is_true("RepositoryCloned"),
    "ready": is_true("Ready"),
}
Course = dict[str, float]
"""When what was first seen, in milliseconds since the request was sent."""


def measure(count: int, workspace: str) -> Measured:
    """Make sessions one after the other, each when the one before is gone."""
    with watching("pods", SESSIONS) as pods, watching("claudesessions", SESSIONS) as sessions:
        courses = asyncio.run(_courses(count, workspace, pods, sessions))
    bench = f"cold pod, {workspace} workspace, {count} sessions one at a time"
    figure = partial(_quantiles, bench, courses)
    figures = [
        *figure("ready", "create to Ready", _AIMS["ready"]),
        *figure("answer", "create to first model event", _AIMS["answer"]),
        *_split(bench, courses),
    ]
    return Measured(figures, {"workspace": workspace, "courses": courses})


def _quantiles(
    bench: str, courses: list[Course], step: str, name: str, target: Target
) -> list[Figure]:
    times = [course[step] for course in courses]
    return [
        Figure(bench, f"{name}, p50", round(quantile(times, 0.5)), "ms", target),
        Figure(bench, f"{name}, p99", round(quantile(times, 0.99)), "ms"),
    ]


def _split(bench: str, courses: list[Course]) -> list[Figure]:
    """Return where the time goes: from one step to the next, at the median."""
    figures, before = [], None
    for step, name in _STEPS.items():
        times = [course[step] - (course[before] if before else 0) for course in courses]
        figures.append(Figure(bench, name, round(quantile(times, 0.5)), "ms"))
        before = step
    return figures


async def _courses(count: int, workspace: str, pods: Watch, sessions: Watch) -> list[Course]:
    login = known_login()
    async with httpx2.AsyncClient(base_url=login.url, timeout=60, trust_env=False) as http:
        body = {"email": login.email, "password": login.password}
        answer = await http.post("/api/auth/login", json=body)
        http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['accessToken']}"
        return [await _course(http, workspace, pods, sessions) for _ in range(count)]


async def _course(http: httpx2.AsyncClient, workspace: str, pods: Watch, sessions: Watch) -> Course:
    since = time.monotonic()
    session = await messages.create(http, SAMPLE, workspace={"kind": workspace})
    answered = (time.monotonic() - since) * 1000
    async with messages.following(http, session, since) as follower:
        await follower.until("usage")
    passed: Course = {}
    for watch, steps in ((pods, _SEEN_OF_PODS), (sessions, _SEEN_OF_SESSIONS)):
        moments = await asyncio.to_thread(watch.firsts, session, steps)
        passed |= {step: (moment - since) * 1000 for step, moment in moments.items()}
    (await http.delete(f"{messages.BASE}/sessions/{session}")).raise_for_status()
    await asyncio.to_thread(pods.wait_until_gone, session)
    return {"answered": answered, **passed, "answer": follower.first["answer"]}
