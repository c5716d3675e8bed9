"""Sessions that are created, suspended, resumed, robbed of their pods and deleted by chance.

Whoever moves them remembers where each should be; in the end all are there, and nothing is left of
those that are gone. Chance comes from a seed, which is printed.
"""

import os
import random

from moorage_api.resources import Phase
from moorage_testing.controlplane.errors import ApiRefused
from moorage_testing.controlplane.processes import until
from moorage_testing.operating.stage import Stage

SEED = int(os.environ.get("MOORAGE_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
RETRY = {"limit": 100, "backoff": "100ms"}
SLOW = {"testing.moorage.dev/deletion": "slow"}
_MISSING = 404


class Moves:
    """The sessions of one namespace, and what should have become of each."""

    def __init__(self, stage: Stage) -> None:
        print(f"MOORAGE_CHAOS_SEED={SEED}")
        self.random = random.Random(SEED)  # noqa: S311 - chance for a test, by a seed
        self.stage = stage
        self.sessions = stage.sessions()
        self.expected: dict[str, Phase] = {}
        self.restarts = 0
        """How often the operator ended by itself."""
        self._uids: dict[str, str] = {}
        self._made = 0

    def create(self, count: int) -> None:
        """Create sessions; of every other one the pods take their time to end."""
        for _ in range(count):
            name = f"s{self._made}"
            kind = self.random.choice(["ephemeral", "persistent"])
            self._uids[name] = self.sessions.create(
                name,
                retry=RETRY,
                workspace={"kind": kind},
                nodeSelector=SLOW if self._made % 2 else {},
            )
            self.expected[name] = Phase.READY
            self._made += 1

    def stir(self, count: int) -> None:
        """Do something to so many of them, by chance."""
        for name in self.random.sample(sorted(self.expected), min(count, len(self.expected))):
            self.random.choice([self._turn, self._turn, self._rob, self._rob, self._delete])(name)

    def everything(self) -> None:
        """Create six, and do each thing to one of them at least."""
        self.create(6)
        self.settled()
        first, second, third, fourth, *_ = self.expected
        self._turn(first)
        self._rob(second)
        self._delete(third)
        self._turn(fourth)
        self.create(2)
        self._turn(first)

    def settled(self, seconds: float = 60) -> None:
        """Wait until all are where they should be, with all that belongs to them and no more."""
        until("all sessions where they should be", seconds, self._misplaced)
        until("nothing left over", seconds, self._leftovers)
        assert self.stage.record.doubles == []
        self.stage.crew.check()

    def _supervise(self) -> None:
        """Start again who ended by itself, as a kubelet does, and count it."""
        for each in self.stage.operators:
            if not each.process.running:
                self.restarts += 1
                each.process.start()

    def end(self) -> None:
        """Delete all of them."""
        self.sessions.delete_all()
        self.expected.clear()
        until("nothing left over", 60, self._leftovers)

    def _turn(self, name: str) -> None:
        """Suspend what runs, resume what rests."""
        rests = self.expected[name] is Phase.SUSPENDED
        self.sessions.change(name, suspend=not rests)
        self.expected[name] = Phase.READY if rests else Phase.SUSPENDED

    def _rob(self, name: str) -> None:
        """Have its pod end, if it has one: deleted by hand, or out of memory."""
        path = self.sessions.own("pods", self._uids[name])
        try:
            if self.random.random() < 0.5:
                self.sessions.admin.delete(path)
            else:
                outcome = {"testing.moorage.dev/outcome": "oom"}
                self.sessions.admin.merge(path, {"metadata": {"annotations": outcome}})
        except ApiRefused as error:
            if error.code != _MISSING:
                raise

    def _delete(self, name: str) -> None:
        self.sessions.delete(name)
        del self.expected[name]

    def _misplaced(self) -> str | None:
        self._supervise()
        phases = self.sessions.names()
        wanted = {name: phase.value for name, phase in self.expected.items()}
        if phases == wanted:
            return None
        wrong = {
            name: f"{phases.get(name)} instead of {wanted.get(name)}"
            for name in phases.keys() | wanted.keys()
            if phases.get(name) != wanted.get(name)
        }
        return f"{len(wrong)} of {len(wanted)}: {dict(sorted(wrong.items())[:5])}"

    def _leftovers(self) -> str | None:
        """Say which pods, Secrets or users there are that should not be, or the other way round.

        One that was suspended before it ever ran needs no Secret, and no user.
        """
        runs = {self._uids[each] for each, phase in self.expected.items() if phase is Phase.READY}
        there = {self._uids[name] for name in self.expected}
        found = {
            "pods": (self._owners("pods"), runs),
            "users": (self.stage.session_users(), there),
            "secrets": (self._owners("secrets"), there),
        }
        wrong = {
            what: (sorted(has - may)[:3], sorted(runs - has)[:3])
            for what, (has, may) in found.items()
            if not runs <= has <= may
        }
        return f"(too many, missing): {wrong}" if wrong else None

    def _owners(self, plural: str) -> set[str]:
        path = f"/api/v1/namespaces/{self.sessions.namespace}/{plural}"
        return {
            each["metadata"]["name"].removeprefix("session-")
            for each in self.sessions.admin.get(path)["items"]
            if each["metadata"]["name"].startswith("session-")
        }
