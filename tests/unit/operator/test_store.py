"""What is known of the cluster: the newest wins, in whatever order it is told of."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_operator.store import Store, owner_of

from .bodies import Body, owned, session_body, template_body
from .builders import POD_UID, UID

OTHER = "11111111-0000-4000-8000-000000000000"
SESSION, POD, TEMPLATE = "ClaudeSession", "Pod", "ClaudeSessionTemplate"


def filled(*told: tuple[str, Body]) -> Store:
    store = Store()
    for kind, body in told:
        store.put(kind, body)
    return store


def test_something_new_is_told_once() -> None:
    store = Store()
    assert store.put(SESSION, session_body()) == (UID,)
    assert store.put(SESSION, session_body()) == ()
    assert store.put(SESSION, session_body(version=9)) == ()
    assert store.put(SESSION, session_body(version=12)) == (UID,)


def test_a_pod_may_be_told_of_before_its_session() -> None:
    store = filled((POD, owned(POD)), (SESSION, session_body()))
    record = store.get(UID)
    assert record is not None
    assert record.pod is not None
    assert record.pod_known


def test_that_there_is_no_pod_is_not_known_by_itself() -> None:
    record = filled((SESSION, session_body())).get(UID)
    assert record is not None
    assert not record.pod_known


def test_the_pod_that_went_is_not_the_one_that_came_after_it() -> None:
    store = filled((SESSION, session_body()), (POD, owned(POD, version=20, own_uid="new")))
    assert store.remove(POD, owned(POD, own_uid="old")) == ()
    record = store.get(UID)
    assert record is not None
    assert record.pod is not None
    assert store.remove(POD, owned(POD, own_uid="new")) == (UID,)
    assert record.pod is None


def test_an_old_list_brings_no_pod_back() -> None:
    store = filled((SESSION, session_body()), (POD, owned(POD, version=20)))
    store.remove(POD, owned(POD, version=21))
    assert store.put(POD, owned(POD, version=20)) == ()
    record = store.get(UID)
    assert record is not None
    assert record.pod is None


def test_the_late_answer_to_a_deletion_brings_no_pod_back() -> None:
    """The watch tells of the end before the DELETE is answered: found by a session that stuck."""
    store = filled((SESSION, session_body()), (POD, owned(POD, version=20)))
    store.remove(POD, owned(POD, version=25))
    leaving = owned(POD, version=23)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"
    assert store.put(POD, leaving) == ()
    record = store.get(UID)
    assert record is not None
    assert record.pod is None
    assert store.put(POD, owned(POD, version=30, own_uid="another")) == (UID,)


@pytest.mark.parametrize(
    ("kind", "listed", "version", "gone"),
    [
        (SESSION, [], 10, (UID,)),
        (SESSION, [UID], 30, ()),
        (SESSION, [], 9, ()),
        (POD, [], 11, (UID,)),
        (POD, [POD_UID], 30, ()),
        (POD, [], 10, ()),
    ],
)
def test_what_a_whole_list_lacks_is_gone_unless_it_is_newer(
    kind: str, listed: list[str], version: int, gone: tuple[str, ...]
) -> None:
    store = filled((SESSION, session_body()), (POD, owned(POD)))
    assert store.keep_only(kind, listed, version) == gone


@pytest.mark.parametrize(("version", "known"), [(9, False), (10, True)])
def test_a_list_of_pods_proves_that_an_older_session_has_none(version: int, known: bool) -> None:
    store = filled((SESSION, session_body(version=10)))
    store.keep_only(POD, [], version)
    record = store.get(UID)
    assert record is not None
    assert record.pod_known is known


def test_a_template_concerns_those_that_name_it() -> None:
    users: dict[str, Any] = {"templateRef": {"name": "base"}}
    store = filled((SESSION, session_body(**users)), (SESSION, session_body(uid=OTHER)))
    assert store.put(TEMPLATE, template_body()) == (UID,)
    assert store.template("team-a", "base") is not None
    assert store.put(TEMPLATE, template_body(name="another", version=6)) == ()
    assert store.remove(TEMPLATE, template_body()) == (UID,)
    assert store.template("team-a", "base") is None
    store.forget(UID)
    assert store.put(TEMPLATE, template_body(version=9)) == ()


def test_a_template_that_is_none_counts_as_absent() -> None:
    store = filled((TEMPLATE, template_body(claude={"maxTurns": "many"})))
    assert store.template("team-a", "base") is None


def test_a_spec_that_is_none_is_told_as_a_mistake() -> None:
    body = session_body(repository={"url": "https://user:secret@example.com/r.git"})
    record = filled((SESSION, body)).get(UID)
    assert record is not None
    assert "credentials" in record.invalid
    assert "secret" not in record.invalid


def test_own_writes_say_what_is_kept() -> None:
    store = filled((SESSION, session_body()))
    store.put("Secret", owned("Secret"))
    store.put("PersistentVolumeClaim", owned("PersistentVolumeClaim"))
    record = store.get(UID)
    assert record is not None
    assert record.secret is not None
    assert record.claim


@pytest.mark.parametrize(
    "change",
    [
        {"name": "another"},
        {"ownerReferences": []},
        {"ownerReferences": [{"kind": "ClaudeSession", "uid": UID}]},
        {"ownerReferences": [{"kind": "Job", "uid": UID, "controller": True}]},
    ],
)
def test_only_what_a_session_controls_by_its_name_is_its_own(change: dict[str, Any]) -> None:
    body = owned(POD)
    assert owner_of(body) == UID
    body["metadata"] |= change
    assert owner_of(body) == ""


TOLD = (
    (SESSION, session_body(version=1)),
    (SESSION, session_body(version=4)),
    (POD, owned(POD, version=2, own_uid="first")),
    (POD, owned(POD, version=6, own_uid="second")),
)


@pytest.mark.parametrize("order", [*itertools.permutations(range(len(TOLD)))])
def test_the_order_in_which_things_are_told_does_not_matter(order: tuple[int, ...]) -> None:
    record = filled(*(TOLD[each] for each in order)).get(UID)
    assert record is not None
    assert record.version == 4
    assert record.pod is not None
    assert record.pod.uid == "second"


@given(st.lists(st.sampled_from(TOLD), max_size=12))
def test_nothing_gets_older(told: list[tuple[str, Body]]) -> None:
    store, newest = Store(), 0
    for kind, body in told:
        store.put(kind, body)
        record = store.get(UID)
        version = record.version if record is not None else 0
        assert version >= newest
        newest = version
