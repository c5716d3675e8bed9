"""What is heard becomes work: once for each thing that is new, hints not too often."""

from moorage_api.resources import Phase
from moorage_operator.admission import Limits
from moorage_operator.feed import Feed
from moorage_operator.line import Line
from moorage_operator.store import Store
from moorage_operator.work import WorkQueue

from .bodies import owned, session_body
from .builders import UID

SESSION, POD = "ClaudeSession", "Pod"


class Bench:
    """A feed with a queue that nobody works off, and a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.store = Store()
        self.queue = WorkQueue(lambda: self.now)
        self.feed = Feed(self.store, Line(Limits()), self.queue, lambda: self.now)

    def taken(self) -> list[str]:
        """Return what is to be done now, as done."""
        ready = list(self.queue._ready)
        self.queue._ready.clear()
        self.queue._queued.clear()
        return ready


def ready_body(version: int = 10) -> dict[str, object]:
    return session_body(version) | {"status": {"phase": Phase.READY.value}}


def test_an_event_is_worth_a_look_once() -> None:
    bench = Bench()
    bench.feed.take(SESSION, "ADDED", session_body())
    assert bench.taken() == [UID]
    bench.feed.take(SESSION, "MODIFIED", session_body())
    assert bench.taken() == []
    bench.feed.take(POD, "ADDED", owned(POD))
    assert bench.taken() == [UID]
    bench.feed.take(POD, "DELETED", owned(POD))
    assert bench.taken() == [UID]
    bench.feed.take(SESSION, "DELETED", session_body())
    assert bench.taken() == [UID]


def test_when_a_session_was_created_is_known_only_from_a_watch() -> None:
    bench = Bench()
    bench.feed.take(SESSION, None, session_body())
    record = bench.store.get(UID)
    assert record is not None
    assert record.seen_at is None
    other = Bench()
    other.feed.take(SESSION, "ADDED", session_body())
    record = other.store.get(UID)
    assert record is not None
    assert record.seen_at == 100.0


def test_a_list_of_a_watch_says_that_it_began() -> None:
    """At the start, too: what went between the operator's own list and this one was never told."""
    bench = Bench()
    bench.feed.take(SESSION, "ADDED", session_body())
    assert not bench.feed.began.is_set()
    bench.feed.take(POD, None, owned(POD))
    assert bench.feed.began.is_set()


def test_what_is_no_session_is_left_aside() -> None:
    bench = Bench()
    bench.feed.take(SESSION, "ADDED", session_body() | {"status": {"phase": "Lost"}})
    assert bench.taken() == []


def test_the_pod_that_a_pass_creates_is_no_news_to_it() -> None:
    bench = Bench()
    bench.feed.take(SESSION, "ADDED", session_body())
    bench.taken()
    bench.queue._active.add(UID)
    bench.feed.take(POD, "ADDED", owned(POD))
    assert not bench.queue._again
    running = owned(POD, version=12)
    running["status"] = {"containerStatuses": [{"name": "runner", "state": {"running": {}}}]}
    bench.feed.take(POD, "MODIFIED", running)
    assert bench.queue._again == {UID}


def test_hints_of_a_ready_session_are_gathered() -> None:
    bench = Bench()
    bench.feed.take(SESSION, "ADDED", ready_body())
    bench.taken()
    bench.feed.hint([UID])
    assert bench.taken() == [UID]
    bench.feed.hint([UID])
    bench.feed.hint([UID])
    assert bench.taken() == []
    assert bench.queue._due == {UID: 101.0}


def test_hints_of_a_session_that_starts_are_followed_at_once() -> None:
    bench = Bench()
    bench.feed.take(SESSION, "ADDED", session_body())
    for _ in range(2):
        bench.taken()
        bench.feed.hint([UID, "unknown"])
        assert bench.taken() == [UID]
