"""Measures requests: how many a second as fast as they are answered, how late at half the target.

Each kind goes to all sessions in turn, over 32 connections that are kept.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

from moorage_gateway.app import BASE
from performance.figures import Figure, Measured, at_least, at_most
from performance.gateway.recording import take_messages
from performance.gateway.stage import Serving
from performance.generator import Json, generating
from performance.toolchain import load_generator

_CONNECTIONS: Final = 32
_LIMIT_SECONDS: Final = 180.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request, with what is wanted of it and what others reach."""

    name: str
    path: str
    per_second: float
    p99_ms: float
    others: str
    method: str = "GET"
    body: str = ""


KINDS: Final = (
    Kind("GET of a session", f"{BASE}/sessions/{{id}}", 2200, 10, "1,893"),
    Kind("list of 20 sessions", f"{BASE}/sessions?limit=20", 1700, 12, "1,525"),
    Kind("history of 100 messages", f"{BASE}/sessions/{{id}}/messages", 900, 20, "739"),
    Kind(
        "POST of a message", f"{BASE}/sessions/{{id}}/messages", 700, 25, "628",
        "POST", '{"content":"Why does the test of the lamp fail now and then?"}',
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Length:
    """How long one run takes, in seconds."""

    warm_up: float
    measured: float


def requests(serving: Serving, kind: Kind, length: Length) -> Measured:
    """Measure one kind of request, in both ways."""
    most = _run(serving, kind, length, 0)
    half = _run(serving, kind, length, kind.per_second / 2)
    figure = partial(Figure, kind.name)
    cores, memory = most["cores"], round(serving.replica.rss_mib(), 1)
    figures = [
        figure(
            "answered", round(most["perSecond"]), "1/s", at_least(kind.per_second), kind.others
        ),
        figure(
            f"p99 at {kind.per_second / 2:g} a second", half["latencyMs"]["p99"], "ms",
            at_most(kind.p99_ms),
        ),
        figure(f"p50 at {kind.per_second / 2:g} a second", half["latencyMs"]["p50"], "ms"),
        figure("answers other than wanted", _refused(most) + _refused(half), "", at_most(0)),
        figure("gateway, as fast as it can", cores["gateway"], "cores"),
        figure("gateway's CPU a request", _cpu_ms(most), "ms"),
        figure("gateway's memory afterwards", memory, "MiB"),
    ]  # fmt: skip
    return Measured(figures, {"most": most, "half": half, "cores": cores})


def _run(serving: Serving, kind: Kind, length: Length, rate: float) -> Json:
    take_messages(serving)
    listed = serving.stage.folder / "sessions.txt"
    listed.write_text("\n".join(serving.sessions))
    flags = {
        "gateway": serving.replica.address,
        "path": kind.path,
        "method": kind.method,
        "body": kind.body,
        "header": f"Authorization: Bearer {serving.token}",
        "sessions": listed,
        "clients": _CONNECTIONS,
        "rate": rate,
        "warm-up": f"{length.warm_up}s",
        "duration": f"{length.measured}s",
    }
    with generating(load_generator(), "requests", flags, _LIMIT_SECONDS) as generator:
        generator.reach("measuring")
        watch = serving.stopwatch(generator=generator.pid)
        generator.reach("measured")
        cores = watch.read()
        return generator.result() | {"cores": cores}


def _refused(result: Json) -> int:
    return sum(result["refused"].values())


def _cpu_ms(result: Json) -> float:
    return round(1000 * float(result["cores"]["gateway"]) / float(result["perSecond"]), 3)
