"""What a session must not take: memory, processes, disk, inodes, more money than its budget.

Each list is tried by a session of its own: some of them are ended by it.
"""

from isolation.attempts import Attempt, Without

GREEDY = [
    Attempt("fork without bound", "attack threads 3000", "^no: can't start", Without.LIMITS),
    # More than the agent's limit, which is 1 GiB; the shell tells that it was killed.
    Attempt("take all memory", "attack memory 1200 || echo no: killed", "^no: ", Without.LIMITS),
]
SPENDING = [
    Attempt(
        "exceed the budget by parallel calls",
        'attack messages "$ANTHROPIC_BASE_URL" "$ANTHROPIC_AUTH_TOKEN" 16 200',
        "^no: .*(402|429)",
        Without.PROXY,
        "^got 16 times 200",
        "attack messages http://model.moorage-model:8080 none 16 200",
    )
]
_FILLED = 'echo "got $(du -sm {place} | cut -f 1) MB"'
FILLING = {
    "fill the disk": f"head -c 100000000 /dev/zero > {{place}}/big; {_FILLED}",
    "take all inodes": (
        f"for i in $(seq 80); do mkdir -p {{place}}/$i/$(seq -s / 99); done; {_FILLED}"
    ),
}
"""Their sessions are evicted; a pod without limits does the same and stays."""
