"""How late a neighbour's events come, while an honest session works beside it and a hostile one.

An event's id is the time at which Redis took it; the client's clock is the same machine's. The
client is a process of its own, so that it is not late because of what the tests do meanwhile.
"""

import multiprocessing
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final

from deployment.login import known_login
from isolation.hostile import HostileSession
from moorage_scripted_model import Step, Text, script_prompt
from moorage_testing.sessions_client import SessionsClient, StreamedEvent

_TICKS: Final = 12_000
_PAUSE_MS: Final = 100
_TURN_SECONDS: Final = _TICKS * _PAUSE_MS / 1000

ENOUGH: Final = 600
"""Events that each phase has at least: p99 is the seventh latest of so many."""
FACTOR: Final = 2.0
FLOOR_MS: Final = 50.0
"""So much later may events come in any case. Where an undisturbed p99 is a few milliseconds, twice
as much is a matter of chance: one turn of another process on its core. Nobody sees so little, since
a runner gathers deltas for 25 ms anyway; who lacks a share of CPU waits for far more."""


@dataclass(frozen=True)
class Lateness:
    """Of one session's events, in milliseconds, by what went on beside it."""

    before: list[float] = field(default_factory=list)
    """An honest session worked."""
    attacked: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    """An honest session worked again."""

    @property
    def undisturbed(self) -> float:
        """The p99 beside honest work: the larger, since a machine's other load comes and goes."""
        return max(p99(self.before), p99(self.after))

    @property
    def most(self) -> float:
        """What the p99 may be during the attack."""
        return max(FACTOR * self.undisturbed, self.undisturbed + FLOOR_MS)

    @property
    def deviations(self) -> list[str]:
        """Return what is not as it should be, in words; none is expected."""
        phases = {"before": self.before, "during": self.attacked, "after": self.after}
        counts = {name: len(values) for name, values in phases.items()}
        if min(counts.values()) < ENOUGH:
            return [f"too few events to judge by, before, during and after it: {counts}"]
        seen = p99(self.attacked)
        return [] if seen <= self.most else [f"p99 {seen:.1f} ms, at most {self.most:.1f} ms"]

    def __str__(self) -> str:
        return (
            f"A neighbour's events, p99: {_told(self.attacked)} during the attack, beside honest "
            f"work {_told(self.before)} before it and {_told(self.after)} after it"
        )


class Neighbour:
    """What is seen of a session that streams: when its events were sent, and how late they came."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float]] = []
        self._phases: dict[str, tuple[float, float]] = {}

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        """Note that what is sent meanwhile belongs to a phase, a field of Lateness."""
        began = time.time() * 1000
        yield
        self._phases[phase] = began, time.time() * 1000

    def count(self) -> int:
        """Return how many events came so far."""
        return len(self._seen)

    def lateness(self) -> Lateness:
        """Return what was seen, by phase."""
        seen = list(self._seen)
        return Lateness(
            **{
                phase: [late for sent, late in seen if began <= sent < ended]
                for phase, (began, ended) in self._phases.items()
            }
        )

    def take(self, pipe: Connection) -> None:
        """Note what comes until the other end is closed."""
        try:
            while True:
                self._seen.append(pipe.recv())
        except EOFError:
            return


@contextmanager
def streaming(session: HostileSession) -> Iterator[Neighbour]:
    """Have a session say something ten times a second, and its owner listen."""
    owner, neighbour = session.owner, Neighbour()
    words = Step.of(Text(text="tick ", repeat=_TICKS), chunk=5, pause_ms=_PAUSE_MS)
    owner.say(session.id, script_prompt([words]))
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe(duplex=False)
    headers = {"Authorization": owner.client.headers["Authorization"]}
    arguments = (known_login().url, headers, session.id, theirs)
    listener = spawning.Process(target=_listen, args=arguments, daemon=True)
    listener.start()
    theirs.close()
    thread = threading.Thread(target=neighbour.take, args=(ours,))
    thread.start()
    try:
        owner.wait_until(lambda: neighbour.count() > 0, "the neighbour's events")
        yield neighbour
    finally:
        listener.kill()
        listener.join()
        thread.join()


def _listen(url: str, headers: Mapping[str, str], session_id: str, pipe: Connection) -> None:
    """Send on when each event was sent and how late it came, in milliseconds."""
    client = SessionsClient(url)
    client.client.headers.update(headers)
    client.patience = _TURN_SECONDS

    def note(event: StreamedEvent) -> bool:
        now = time.time() * 1000
        if event.type == "message:delta" and event.id:
            sent = float(event.id.partition("-")[0])
            pipe.send((sent, now - sent))
        return False

    client.until(session_id, note)


def p99(values: list[float]) -> float:
    """Return the value that one in a hundred exceeds; 0 of none."""
    return sorted(values)[int(len(values) * 0.99)] if values else 0.0


def _told(values: list[float]) -> str:
    return f"{p99(values):.1f} ms ({len(values)} events)"
