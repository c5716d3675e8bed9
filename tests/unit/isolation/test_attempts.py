"""The table of attempts: what counts as a deviation, and that no row is sure to pass."""

import socket
import threading

import pytest

from isolation import attack, limits, network, pods, proxied, redis_logins, shown
from isolation.attempts import Attempt, Outcome, Without, table

TABLES = [
    *(network.ATTEMPTS, redis_logins.ATTEMPTS, pods.ATTEMPTS, proxied.ATTEMPTS),
    *([limits.SPENDING], limits.FLOODING),
    *(attempts for _, attempts in limits.GREEDY.values()),
    *shown.ATTEMPTS.values(),
]
ROWS = [each for attempts in TABLES for each in attempts]
READ = Attempt("read it", "cat it", "^no: denied", Without.POLICIES)


def outcome(seen: str, seen_without: str) -> Outcome:
    return Outcome(READ, seen, seen_without)


def test_it_fails_as_stated_and_succeeds_without_the_measure() -> None:
    assert outcome("no: denied", "got it").deviations == []


@pytest.mark.parametrize(
    ("seen", "seen_without", "told"),
    [
        ("got it", "got it", "it succeeded"),
        ("first a line\ngot it\nno: denied", "got it", "it succeeded"),
        ("no: a typing mistake", "got it", "seen is not '^no: denied'"),
        ("", "got it", "seen is not '^no: denied'"),
        ("no: denied", "no: denied", "without network policies it should have been '^got'"),
        ("no: denied", "nothing: it was never tried", "without network policies"),
    ],
)
def test_everything_else_is_a_deviation(seen: str, seen_without: str, told: str) -> None:
    assert any(each.startswith(told) for each in outcome(seen, seen_without).deviations)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_no_output_is_both_a_failure_and_a_success(row: Attempt) -> None:
    """One that prints nothing, or anything, deviates: expected and succeeds are never empty."""
    assert Outcome(row, "", "").deviations
    assert Outcome(row, "command not found", "command not found").deviations


def test_the_table_has_what_was_seen_and_no_controls() -> None:
    rows = table([outcome("no: denied", "got it\x1b[2J | and more")]).splitlines()
    assert rows[-1] == (
        "| read it | ^no: denied | no: denied | got it?[2J / and more (without network policies) |"
    )


def test_the_attacker_s_tool_connects_and_says_when_it_cannot() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert attack.reach("127.0.0.1", port) == "got a connection"
    with pytest.raises(ConnectionRefusedError):
        attack.reach("127.0.0.1", port)


def test_it_gets_an_echo() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def echo() -> None:
            said, sender = server.recvfrom(100)
            server.sendto(said, sender)

        thread = threading.Thread(target=echo)
        thread.start()
        port = str(server.getsockname()[1])
        assert attack.datagram("127.0.0.1", port) == "got an echo of a secret"
        thread.join()


def test_what_was_spent_and_what_is_kept_decide() -> None:
    for dollars, deviations in ((0.97, 0), (1.0, 0), (1.3, 2), (0.1, 1)):
        seen = limits.spent("no: 4 times 200, 12 times 429", "no: 16 times 402", dollars)
        outcome = Outcome(limits.SPENDING, seen, "got 16 times 200")
        assert len(outcome.deviations) == deviations, outcome.deviations
    for kept, deviations in ((0, 0), (2 << 20, 2)):
        seen = limits.flooded(kept, "The session wrote more to Redis than one may keep there, and")
        outcome = Outcome(limits.FLOODING[0], seen, "got 100 MB written")
        assert len(outcome.deviations) == deviations, outcome.deviations


def test_it_takes_what_it_is_let() -> None:
    assert attack.memory("1") == "got 1 MiB"
    assert attack.threads("3") == "got 3 threads"
    assert threading.stack_size() == 0, "what it does is over: the next thread is any other's"
    assert attack.spin("2", "0.2", "64").startswith("no: ")
    assert attack.spin("1", "0.2", "0").startswith("got ")
    assert attack.search("yhw-on-nworg-ton", "/nowhere").startswith("no: not in ")
