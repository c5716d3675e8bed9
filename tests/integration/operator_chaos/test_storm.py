"""Two hundred sessions on the move while the operator is killed by chance; an API server killed."""

from collections.abc import Iterator

import pytest

from moorage_testing.controlplane.options import FULL
from moorage_testing.controlplane.plane import running_control_plane
from moorage_testing.operating.stage import Stage, stage

from .conftest import CHAOS
from .moves import Moves

SESSIONS = 200
ROUNDS = 4


def test_two_hundred_sessions_and_an_operator_that_is_killed(chaos: Stage, moves: Moves) -> None:
    (operator,) = chaos.operators
    moves.create(SESSIONS)
    for _ in range(ROUNDS):
        chaos.proxy.halt_at_write(moves.random.randint(1, 80), done=moves.random.random() < 0.5)
        moves.stir(SESSIONS // 5)
        moves.create(5)
        chaos.proxy.await_halt(60)
        operator.kill()
        moves.stir(SESSIONS // 20)
        operator.revive()
    moves.settled(120)


@pytest.fixture
def own_plane() -> Iterator[Stage]:
    with running_control_plane(FULL) as plane, stage(plane) as made:
        made.operator(more=CHAOS).start()
        yield made
        print(made.logs())


def test_an_api_server_that_is_killed_and_comes_back(own_plane: Stage) -> None:
    moves = Moves(own_plane)
    (operator,) = own_plane.operators
    moves.create(12)
    moves.settled()
    for _ in range(2):
        moves.stir(6)
        own_plane.plane.apiserver.kill()
        own_plane.plane.start_apiserver()
        moves.stir(3)
        moves.create(2)
        operator.revive()
    moves.settled(90)
    moves.end()
