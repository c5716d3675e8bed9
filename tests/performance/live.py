"""Measures the live plane: from a write into Redis to the clients of the event streams.

The sessions have no runner: the load generator writes their events, in the runner's form.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from redis import Redis

from moorage_api.events import FIELD
from moorage_api.keys import EVENTS_MAXLEN, SessionKeys
from performance.figures import Figure, Measured, at_least, at_most
from performance.generator import Generator, Json, generating
from performance.procfs import Memory, Stopwatch

_PAYLOAD = 200
_SETTLE_SECONDS = 2.0
_LIMIT_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where is measured: a gateway of its own with its Redis, and sessions in both."""

    generator: Path
    gateway: str
    gateway_pid: int
    redis_socket: Path
    redis_pid: int
    sessions: list[str]
    folder: Path

    def flags(self, sessions: list[str], clients: int) -> Json:
        """Return the load generator's flags for clients of these sessions."""
        listed = self.folder / "sessions.txt"
        listed.write_text("\n".join(sessions))
        assert FIELD == b"event", "the load generator writes this field"
        return {
            "gateway": self.gateway,
            "redis": self.redis_socket,
            "key": SessionKeys("ID").events,
            "maxlen": EVENTS_MAXLEN,
            "bytes": _PAYLOAD,
            "sessions": listed,
            "clients": clients,
        }

    def stopwatch(self, generator: Generator) -> Stopwatch:
        """Measure the cores that each of the three processes keeps busy from now on."""
        return Stopwatch(gateway=self.gateway_pid, redis=self.redis_pid, generator=generator.pid)

    def reading_connections(self) -> int:
        """Return how many connections to Redis read streams."""
        with Redis(unix_socket_path=str(self.redis_socket)) as redis:
            return sum(entry["cmd"] == "xread" for entry in redis.client_list())


@dataclass(frozen=True, slots=True)
class Length:
    """How long one run takes, in seconds."""

    warm_up: float
    measured: float

    @property
    def flags(self) -> Json:
        """Return the load generator's flags."""
        return {"warm-up": f"{self.warm_up}s", "duration": f"{self.measured}s"}


def streams(place: Place, length: Length, rate: float = 20) -> Measured:
    """Measure many sessions with a client each, at a steady rate."""
    flags = place.flags(place.sessions, len(place.sessions)) | length.flags | {"rate": rate}
    result = _run(place, "streams", flags)
    latency, cores = result["latencyMs"], result["cores"]
    figure = partial(Figure, f"streams: {len(place.sessions)} sessions x {rate:g} events/s")
    figures = [
        figure("write to client, p50", latency["p50"], "ms", at_most(1), "0.21"),
        figure("write to client, p99", latency["p99"], "ms", at_most(3), "1.25"),
        figure("write to client, max", latency["max"], "ms"),
        figure("lost, doubled or out of order", _wrong(result), "events", at_most(0)),
        figure("gateway", cores["gateway"], "cores", at_most(0.6)),
        figure("other work on the machine", cores["others"], "cores"),
    ]
    return Measured(figures, result)


def fanout(place: Place, length: Length, in_flight: int, clients: int = 1000) -> Measured:
    """Measure one session with many clients and a fixed number of events in flight."""
    flags = place.flags(place.sessions[:1], clients) | length.flags | {"in-flight": in_flight}
    result = _run(place, "fanout", flags)
    cores = result["cores"]
    target, others = (at_least(150_000), "73,000") if in_flight == 4 else (None, "")
    figure = partial(Figure, f"fanout: 1 session, {clients:,} clients, {in_flight} in flight")
    rate = result["deliveriesPerSecond"]
    figures = [
        figure("deliveries", rate, "1/s", target, others),
        figure("deliveries for a core of the gateway", round(rate / cores["gateway"]), "1/s"),
        figure("lost, doubled or out of order", _wrong(result), "events", at_most(0)),
        figure("gateway", cores["gateway"], "cores"),
        figure("other work on the machine", cores["others"], "cores"),
    ]
    return Measured(figures, result)


def idle(place: Place, seconds: float, clients: int = 2000) -> Measured:
    """Measure what clients cost that only sit there; a few come first, to load all code."""
    with _sitting(place, 50):
        pass
    time.sleep(_SETTLE_SECONDS)
    before = Memory.of(place.gateway_pid)
    with _sitting(place, clients) as generator:
        time.sleep(_SETTLE_SECONDS)
        watch = place.stopwatch(generator)
        time.sleep(seconds)
        cores, after = watch.read(), Memory.of(place.gateway_pid)
        connections = place.reading_connections()
        generator.release()
        result = generator.result()
    each = (after.pss - before.pss) / clients
    figure = partial(Figure, f"idle: {clients:,} clients of {len(place.sessions)} sessions")
    figures = [
        figure("memory of a client", round(each, 1), "KiB", at_most(24)),
        figure("gateway with all of them", round(after.rss / 1024, 1), "MiB"),
        figure("connections that read Redis", connections, "", at_most(1)),
        figure("clients that were dropped", result["lost"], "", at_most(0)),
        figure("gateway", cores["gateway"], "cores"),
    ]
    memory = {"before": before.as_json(), "after": after.as_json()}
    return Measured(figures, result | memory | {"readers": connections, "cores": cores})


def _run(place: Place, mode: str, flags: Json) -> Json:
    """Run the load generator and the stopwatch while it measures."""
    with generating(place.generator, mode, flags, _LIMIT_SECONDS) as generator:
        generator.reach("measuring")
        watch = place.stopwatch(generator)
        generator.reach("measured")
        cores = watch.read()
        return generator.result() | {"cores": cores}


def _wrong(result: Json) -> int:
    return int(result["lost"] + result["doubled"] + result["outOfOrder"])


@contextmanager
def _sitting(place: Place, clients: int) -> Iterator[Generator]:
    """Have clients that sit there until they are released, or the block ends."""
    flags = place.flags(place.sessions, clients)
    with generating(place.generator, "idle", flags, _LIMIT_SECONDS) as generator:
        generator.reach("connected")
        yield generator
