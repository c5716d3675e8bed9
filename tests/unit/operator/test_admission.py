"""Who may run: limits, the order of the line, and that everyone's turn comes."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_api.resources import ClaudeSession, Phase
from moorage_operator.admission import Contender, Limits, contender, places
from moorage_operator.observed import Place

from .builders import HOUR, MINUTE, NOW, UID, session, status

BUDGET = settings(max_examples=100, deadline=None)


def one(
    uid: str, since: int, *, owner: str | None = None, holds: bool = False, namespace: str = "a"
) -> Contender:
    return Contender(uid, namespace, owner, NOW + timedelta(seconds=since), holds)


def numbers(line: list[Contender], **limits: int) -> dict[str, int]:
    return {uid: place.number for uid, place in places(line, Limits(**limits)).items()}


def test_without_limits_everyone_runs() -> None:
    assert numbers([one("x", 1), one("y", 0)]) == {"x": 0, "y": 0}


def test_who_came_first_goes_first() -> None:
    line = [one("late", 9), one("early", 1), one("middle", 5), one("runs", 7, holds=True)]
    assert numbers(line, per_namespace=2) == {"runs": 0, "early": 0, "middle": 1, "late": 2}


def test_a_place_is_not_taken_away_when_the_limit_is_lowered() -> None:
    line = [one("x", 1, holds=True), one("y", 2, holds=True), one("z", 0)]
    assert numbers(line, per_namespace=1) == {"x": 0, "y": 0, "z": 1}


def test_an_owner_at_their_limit_holds_up_nobody_else() -> None:
    line = [
        one("a1", 0, owner="ann", holds=True),
        one("a2", 1, owner="ann"),
        one("a3", 2, owner="ann"),
        one("b1", 3, owner="bob"),
        one("b2", 4, owner="bob"),
    ]
    found = numbers(line, per_namespace=2, per_owner=1)
    assert found == {"a1": 0, "a2": 1, "a3": 2, "b1": 0, "b2": 1}


def test_namespaces_do_not_share_their_limits() -> None:
    line = [one("x", 0, owner="ann"), one("y", 1, owner="ann", namespace="b")]
    assert numbers(line, per_namespace=1, per_owner=1) == {"x": 0, "y": 0}


def test_sessions_without_an_owner_have_no_owners_limit() -> None:
    assert numbers([one("x", 0), one("y", 1)], per_owner=1) == {"x": 0, "y": 0}


def test_the_limit_is_named() -> None:
    line = [one("x", 0, owner="ann", holds=True), one("y", 1, owner="ann"), one("z", 2)]
    found = places(line, Limits(per_namespace=1, per_owner=1))
    assert found["y"] == Place(1, "the limit of 1 running sessions per owner")
    assert found["z"] == Place(1, "the limit of 1 running sessions in this namespace")


@pytest.mark.parametrize(
    ("made", "has_pod", "holds"),
    [
        (session(), False, False),
        (session(), True, True),
        (session(status(Phase.READY)), True, True),
        (session(status(Phase.STARTING)), False, True),
        (session(status(Phase.SUSPENDING), suspend=True), True, True),
        (session(status(Phase.SUSPENDED)), False, False),
        (session(status(Phase.SUSPENDED), suspend=True), False, None),
        (session(status(Phase.FAILED)), False, None),
        (session(status(Phase.SUCCEEDED)), True, None),
    ],
)
def test_who_has_or_wants_a_place(made: ClaudeSession, has_pod: bool, holds: bool | None) -> None:
    found = contender(made, has_pod=has_pod)
    assert (found.holds if found else None) == holds


def test_the_time_in_line_counts_from_creation_or_from_the_last_place_given_up() -> None:
    fresh, resumed = (
        contender(session(), has_pod=False),
        contender(session(status(Phase.SUSPENDED, since=NOW - MINUTE)), has_pod=False),
    )
    assert fresh == Contender(UID, "team-a", None, NOW - HOUR, holds=False)
    assert resumed is not None
    assert resumed.since == NOW - MINUTE


contenders = st.lists(
    st.builds(
        Contender,
        uid=st.uuids().map(str),
        namespace=st.sampled_from("ab"),
        owner=st.sampled_from([None, "ann", "bob", "cid"]),
        since=st.integers(0, 20).map(lambda n: NOW + timedelta(seconds=n)),
        holds=st.booleans(),
    ),
    max_size=25,
    unique_by=lambda each: each.uid,
)
limits = st.builds(
    Limits,
    per_namespace=st.one_of(st.none(), st.integers(1, 8)),
    per_owner=st.one_of(st.none(), st.integers(1, 4)),
)


def admitted(line: list[Contender], rules: Limits) -> list[Contender]:
    found = places(line, rules)
    return [replace(each, holds=True) for each in line if not found[each.uid].number]


@BUDGET
@given(contenders, limits)
def test_nobody_is_admitted_beyond_a_limit(line: list[Contender], rules: Limits) -> None:
    line = [replace(each, holds=False) for each in line]
    inside = admitted(line, rules)
    for most, counts in (
        (rules.per_namespace, Counter(each.namespace for each in inside)),
        (rules.per_owner, Counter(each.owner_key for each in inside if each.owner)),
    ):
        assert most is None or all(count <= most for count in counts.values())


@BUDGET
@given(contenders, limits, st.randoms())
def test_the_order_of_what_was_heard_changes_nothing(
    line: list[Contender], rules: Limits, random: Random
) -> None:
    shuffled = list(line)
    random.shuffle(shuffled)
    assert places(shuffled, rules) == places(line, rules)


@BUDGET
@given(contenders, limits)
def test_once_admitted_a_second_look_admits_nobody_more(
    line: list[Contender], rules: Limits
) -> None:
    inside = {each.uid for each in admitted(line, rules)}
    again = [replace(each, holds=each.uid in inside) for each in line]
    assert {each.uid for each in admitted(again, rules)} == inside


@BUDGET
@given(contenders, limits)
def test_nobody_waits_while_there_is_room_for_them(line: list[Contender], rules: Limits) -> None:
    inside = admitted(line, rules)
    for each in line:
        if each.uid in {other.uid for other in inside}:
            continue
        shared = sum(other.namespace == each.namespace for other in inside)
        owned = sum(other.owner_key == each.owner_key for other in inside)
        full = rules.per_namespace is not None and shared >= rules.per_namespace
        owner_full = rules.per_owner is not None and bool(each.owner) and owned >= rules.per_owner
        assert full or owner_full


@BUDGET
@given(contenders, limits, st.integers(0, 20))
def test_who_comes_later_never_sends_anyone_back(
    line: list[Contender], rules: Limits, more: int
) -> None:
    before = places(line, rules)
    newcomers = [one(f"new-{n}", 100 + n, owner="ann") for n in range(more)]
    after = places([*line, *newcomers], rules)
    assert all(after[each.uid] == before[each.uid] for each in line)


@BUDGET
@given(contenders, limits)
def test_everyones_turn_comes_as_those_who_run_end(line: list[Contender], rules: Limits) -> None:
    for _ in range(len(line)):
        inside = admitted(line, rules)
        assert inside
        first = min(inside, key=lambda each: each.uid)
        held = {each.uid for each in inside}
        line = [replace(each, holds=each.uid in held) for each in line if each.uid != first.uid]
    assert not line
