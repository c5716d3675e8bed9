"""The cache holds the newest word on each session, in whatever order the words arrive."""

import random
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_gateway.backends.changes import Changes
from moorage_gateway.backends.interface import SessionMissing
from moorage_gateway.backends.kubernetes.cache import SessionCache

SPACE = "team"
Body = dict[str, Any]


def body(uid: str, version: int, *, namespace: str = SPACE, **meta: Any) -> Body:
    """Return a session as the API server tells of it; its name says its version."""
    return {
        "metadata": {
            "name": f"{uid}-{version}",
            "namespace": namespace,
            "uid": uid,
            "resourceVersion": str(version),
            **meta,
        },
        "spec": {"repository": {"url": "https://git.example.com/team/app.git"}},
    }


class Heard(Changes):
    """Notes what watchers would be told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str]] = []

    def tell(self, change: Any) -> None:
        self.told.append((change.kind, change.session.metadata.name))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def cache(heard: Heard) -> SessionCache:
    return SessionCache(heard)


def names(cache: SessionCache) -> set[str]:
    return {session.metadata.name for session in cache.list()}


def test_the_newer_version_holds_whichever_comes_first(cache: SessionCache, heard: Heard) -> None:
    for version in (5, 3, 5, 7):
        cache.told(SPACE, "MODIFIED", body("a", version))
    assert names(cache) == {"a-7"}
    assert heard.told == [("changed", "a-5"), ("changed", "a-7")]


def test_versions_are_numbers_and_no_words(cache: SessionCache) -> None:
    cache.told(SPACE, "ADDED", body("a", 99))
    cache.told(SPACE, "MODIFIED", body("a", 100))
    assert names(cache) == {"a-100"}


def test_an_answer_holds_before_the_watch_tells_of_it(cache: SessionCache, heard: Heard) -> None:
    cache.listed(SPACE, [], 10)
    cache.answered(body("a", 12))
    cache.told(SPACE, "ADDED", body("a", 12))
    assert heard.told == [("changed", "a-12")]
    assert cache.get("a").metadata.name == "a-12"


def test_an_answer_that_comes_after_the_end_brings_nothing_back(cache: SessionCache) -> None:
    cache.told(SPACE, "ADDED", body("a", 12))
    cache.told(SPACE, "DELETED", body("a", 15))
    cache.answered(body("a", 13))
    assert names(cache) == set()
    with pytest.raises(SessionMissing):
        cache.get("a")


def test_a_list_takes_away_what_it_lacks_and_not_what_is_newer(
    cache: SessionCache, heard: Heard
) -> None:
    cache.told(SPACE, "ADDED", body("gone", 5))
    cache.answered(body("new", 30))
    cache.listed(SPACE, [body("stays", 8)], 20)
    assert names(cache) == {"new-30", "stays-8"}
    assert ("deleted", "gone-5") in heard.told


def test_a_list_is_of_its_own_namespace(cache: SessionCache) -> None:
    cache.listed("other", [body("b", 5, namespace="other")], 6)
    cache.listed(SPACE, [], 7)
    assert names(cache) == {"b-5"}


def test_what_is_being_deleted_is_gone_at_once_and_once(cache: SessionCache, heard: Heard) -> None:
    cache.told(SPACE, "ADDED", body("a", 5))
    cache.told(SPACE, "MODIFIED", body("a", 6, deletionTimestamp="2026-01-31T12:00:00Z"))
    assert names(cache) == set()
    cache.told(SPACE, "MODIFIED", body("a", 7, deletionTimestamp="2026-01-31T12:00:00Z"))
    cache.told(SPACE, "DELETED", body("a", 8))
    assert heard.told == [("changed", "a-5"), ("deleted", "a-6")]


def test_a_deletion_that_was_taken_hides_it_before_the_watch_tells(
    cache: SessionCache, heard: Heard
) -> None:
    cache.told(SPACE, "ADDED", body("a", 5))
    cache.hide("a")
    cache.answered(body("a", 6))  # of a patch that was under way
    assert names(cache) == set()
    assert heard.told == [("changed", "a-5"), ("deleted", "a-5")]


def test_bookmarks_move_on_and_change_nothing(cache: SessionCache, heard: Heard) -> None:
    cache.told(SPACE, "BOOKMARK", {"metadata": {"resourceVersion": "50"}})
    cache.answered(body("a", 40))
    assert names(cache) == set()
    assert heard.told == []


def test_what_cannot_be_read_is_left_out_and_counted(cache: SessionCache) -> None:
    strange = body("x", 3)
    strange["spec"] = {"aFieldOfAnotherVersion": True}
    cache.listed(SPACE, [strange, body("a", 2)], 5)
    assert names(cache) == {"a-2"}
    assert cache.unreadable == 1
    cache.told(SPACE, "MODIFIED", body("x", 6))
    assert cache.unreadable == 0
    assert names(cache) == {"a-2", "x-6"}
    cache.told(SPACE, "DELETED", strange)
    assert names(cache) == {"a-2"}


def test_the_oldest_is_listed_first(cache: SessionCache) -> None:
    for uid, day in (("b", 3), ("a", 1), ("c", 2)):
        created = f"2026-01-0{day}T00:00:00Z"
        cache.told(SPACE, "ADDED", body(uid, day, creationTimestamp=created))
    assert [session.metadata.uid for session in cache.list()] == ["a", "c", "b"]


class Server:
    """A history, a watch that lags and breaks, and answers that come late: all by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - of a test, by a seed
        self.cache = SessionCache(Changes())
        self.truth: dict[str, int] = {}
        self.watch: deque[tuple[str, Body]] = deque()
        self.answers: list[Body] = []
        self.version = 0

    def step(self) -> None:
        self.chance.choice(
            [self.create, self.create, self.change, self.delete, self.hear, self.answer, self.list]
        )()

    def write(self, kind: str, uid: str) -> None:
        self.version += 1
        self.truth[uid] = self.version
        self.watch.append((kind, body(uid, self.version)))
        self.answers.append(body(uid, self.version))

    def create(self) -> None:
        self.write("ADDED", f"s{self.version}")

    def change(self) -> None:
        if self.truth:
            self.write("MODIFIED", self.chance.choice(sorted(self.truth)))

    def delete(self) -> None:
        if self.truth:
            self.version += 1
            uid = self.chance.choice(sorted(self.truth))
            del self.truth[uid]
            self.watch.append(("DELETED", body(uid, self.version)))

    def hear(self) -> None:
        if self.watch:
            self.cache.told(SPACE, *self.watch.popleft())

    def answer(self) -> None:
        if self.answers:
            self.cache.answered(self.answers.pop(self.chance.randrange(len(self.answers))))

    def list(self) -> None:
        """The watch broke: what it had not told yet it never will."""
        self.watch.clear()
        self.cache.listed(SPACE, [body(uid, at) for uid, at in self.truth.items()], self.version)


@given(seed=st.integers(0, 2**32), steps=st.integers(1, 60))
def test_any_interleaving_ends_at_the_truth(seed: int, steps: int) -> None:
    server = Server(seed)
    for _ in range(steps):
        server.step()
    while server.watch:
        server.hear()
    while server.answers:
        server.answer()
    assert names(server.cache) == {f"{uid}-{at}" for uid, at in server.truth.items()}
