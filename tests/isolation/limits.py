"""What a session must not take: memory, processes, disk, inodes, more money than its budget.

Each list is tried by a session of its own: some of them are ended by it.
"""

from typing import Any, Final

from isolation.attempts import Attempt, Without

GREEDY: Final[dict[str, tuple[dict[str, Any], list[Attempt]]]] = {
    "greedy": (
        {},
        [
            Attempt(
                "fork without bound", "attack threads 3000", "^no: can't start", Without.LIMITS
            ),
            # More than the agent's limit, which is 1 GiB; the shell tells that it was killed.
            Attempt(
                "take all memory", "attack memory 1200 || echo no: killed", "^no: ", Without.LIMITS
            ),
        ],
    ),
    # A small limit: more than that is to be had on a busy machine too, for the control.
    "busy": (
        {"resources": {"requests": {"cpu": "20m"}, "limits": {"cpu": "200m", "memory": "1Gi"}}},
        [Attempt("take all CPU", "attack spin 8 20 0.35", "^no: 0", Without.LIMITS)],
    ),
}
"""By the session that tries: its spec, and what it tries."""

BUDGET_USD: Final = 1
_CENT: Final = 0.01
"""So much may the answer under way go over it: Claude Code's own last words are estimated."""

PRESSING: Final = "attack spin 8 20 8"
"""No row, since what it does shows with the neighbour: it takes all CPU that a session may have."""

SPENDING = Attempt(
    "exceed the budget by parallel calls",
    'attack messages "$ANTHROPIC_BASE_URL" "$ANTHROPIC_AUTH_TOKEN" 16 200',
    r"^no: spent (0\.[6-9]\d|1\.00) of 1 dollars$",
    Without.PROXY,
    "^got (16 times 200|more)",
    "attack messages http://model.moorage-model:8080 none 16 200",
)


def spent(first: str, last: str, dollars: float) -> str:
    """Return what came of spending: the first attempt, the last one, and the meter."""
    within = dollars <= BUDGET_USD + _CENT
    word = "no: spent" if within else "got more: spent"
    return f"{first}\n{last}\n{word} {dollars:.2f} of {BUDGET_USD} dollars"


_FILLED = 'echo "got $(du -sm {place} | cut -f 1) MB"'
FILLING = {
    "fill the disk": f"head -c 100000000 /dev/zero > {{place}}/big; {_FILLED}",
    "take all inodes": (
        f"for i in $(seq 80); do mkdir -p {{place}}/$i/$(seq -s / 99); done; {_FILLED}"
    ),
}
"""Their sessions are evicted; a pod without limits does the same and stays."""

_WRITES: Final = {
    "fill Redis with events": ("XADD", "events", '"*" event'),
    "fill Redis with state": ("HSET", "state", "field-%"),
}
_UNMEASURED: Final = "moorage-isolation:flood"
"""A key that is no session's, which the controls fill."""


def _flood(name: str, command: str, kind: str, rest: str) -> Attempt:
    own = f'attack flood "$REDIS_URL" 600 {command} "moorage:{{$OWN_SESSION}}:{kind}" {rest}'
    admin = '"$REDIS_ADMIN"'
    control = (
        f"attack flood {admin} 100 {command} {_UNMEASURED} {rest}; "
        f"attack redis {admin} DEL {_UNMEASURED} > /dev/null"
    )
    expected = "^no: nothing of it is left; The session wrote more to Redis than"
    return Attempt(name, own, expected, Without.LIMITED_LOGIN, "^got", control)


FLOODING: Final = [_flood(name, *words) for name, words in _WRITES.items()]
"""Their sessions are cut off and end, whatever the login allowed; each by one of its own."""


def flooded(kept: int, message: str) -> str:
    """Return what came of a flood: what Redis kept of it, and what its session ended with."""
    return f"no: nothing of it is left; {message}" if kept < 1 << 20 else f"got {kept} bytes kept"
