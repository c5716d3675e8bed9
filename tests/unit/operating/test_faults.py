"""Which requests a fault is for."""

import pytest

from moorage_testing.operating.faults import WRITES, Answer, Asked, Which

POD = "/api/v1/namespaces/a/pods"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/a/leases/operator"
WRITE = Asked("POST", POD)


@pytest.mark.parametrize(
    ("which", "asked", "taken"),
    [
        (Which(), WRITE, True),
        (Which(), Asked("GET", POD), False),
        (Which(methods=frozenset({"GET"})), Asked("GET", POD), True),
        (Which(methods=frozenset({"GET"})), Asked("GET", POD, watch=True), False),
        (Which(watch=True), Asked("GET", POD, watch=True), True),
        (Which(part="/secrets"), WRITE, False),
        (Which(part="/pods"), WRITE, True),
        (Which(), Asked("PUT", LEASE), False),
        (Which(leases=True), Asked("PUT", LEASE), True),
        (Which(chance=0.0), WRITE, False),
    ],
)
def test_a_request(which: Which, asked: Asked, taken: bool) -> None:
    assert which.take(asked) is taken
    assert which.hits == int(taken)


def test_every_other_and_so_many_times() -> None:
    assert [Which(every=2).take(WRITE) for _ in range(3)] == [False] * 3
    every = Which(every=2)
    assert [every.take(WRITE) for _ in range(5)] == [False, True, False, True, False]
    once = Which(times=1)
    assert [once.take(WRITE) for _ in range(3)] == [True, False, False]


def test_chance_is_the_same_for_the_same_seed() -> None:
    one, other = (Which(chance=0.5, seed=7) for _ in range(2))
    taken = [one.take(WRITE) for _ in range(50)]
    assert taken == [other.take(WRITE) for _ in range(50)]
    assert {True, False} == set(taken)


def test_what_writes() -> None:
    assert all(Asked(method, POD).write for method in WRITES)
    assert not Asked("GET", POD).write
    assert not Asked("PUT", LEASE).write


def test_an_answer_is_a_status_object() -> None:
    body = Answer(Which(), 409).body
    assert (body["kind"], body["code"], body["reason"]) == ("Status", 409, "Conflict")
