"""How late a neighbour's events come, while it is quiet and while a hostile session is at work.

An event's id is the time at which Redis took it; the client's clock is the same machine's.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from isolation.hostile import HostileSession
from moorage_scripted_model import Step, Text, script_prompt

_TICKS: Final = 9000
_PAUSE_MS: Final = 100
QUIET_EVENTS: Final = 200
"""So many are looked at before anything hostile happens."""


@dataclass
class Latencies:
    """Of one session's events, in milliseconds, in the order they came."""

    all: list[float] = field(default_factory=list)
    attacked_from: int = 0

    @property
    def quiet_p99(self) -> float:
        """Before the attack."""
        return _p99(self.all[: self.attacked_from])

    @property
    def attacked_p99(self) -> float:
        """From the attack on."""
        return _p99(self.all[self.attacked_from :])

    def __str__(self) -> str:
        count = len(self.all) - self.attacked_from
        return (
            f"A neighbour's events, p99: {self.quiet_p99:.1f} ms before the attack "
            f"({self.attacked_from} events), {self.attacked_p99:.1f} ms during it ({count})"
        )


@contextmanager
def streaming(neighbour: HostileSession) -> Iterator[Latencies]:
    """Have a session say something ten times a second, and its owner listen."""
    found, over = Latencies(), threading.Event()
    words = Step.of(Text(text="tick ", repeat=_TICKS), chunk=5, pause_ms=_PAUSE_MS)
    neighbour.owner.say(neighbour.id, script_prompt([words]))
    thread = threading.Thread(target=_listen, args=(neighbour, found, over.is_set))
    thread.start()
    try:
        neighbour.owner.wait_until(lambda: len(found.all) >= QUIET_EVENTS, "the neighbour's events")
        found.attacked_from = len(found.all)
        yield found
    finally:
        over.set()
        thread.join()


def _listen(neighbour: HostileSession, found: Latencies, is_over: Callable[[], bool]) -> None:
    """Note how late each event comes; a stream that ends is not taken up again."""
    with neighbour.owner.events(neighbour.id) as events:
        for event in events:
            if is_over():
                return
            if event.type == "message:delta" and event.id:
                sent = int(event.id.partition("-")[0])
                found.all.append(time.time() * 1000 - sent)


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]
