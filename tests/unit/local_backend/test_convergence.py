"""No order of events leads to two runners of one session, or to one that is stuck."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from moorage_api.reasons import Reason
from moorage_api.resources import Activity, ClaudeSession, Phase
from moorage_gateway.backends.local import policy
from moorage_gateway.backends.local.lifecycle import advance, delete, suspend
from moorage_gateway.backends.local.observation import Ending, Observed
from moorage_gateway.backends.local.status import describe

from .builders import START, a_session, a_state

REASONS = st.sampled_from([Reason.RUNNER_FAILED, Reason.REPOSITORY_NOT_FOUND, Reason.DISK_FULL])


class Machine(RuleBasedStateMachine):
    """A session, its process, and the backend's loop, without processes and time."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = START
        self.session: ClaudeSession = a_session(retry={"limit": 3}, timeouts={"idle": "20m"})
        self.seen = Observed()
        self.processes = 0
        self.removed = False

    def settle(self) -> None:
        for _ in range(20):
            action = policy.decide(self.session, self.seen, self.now)
            if action is None or self.removed:
                self.session = describe(self.session, self.seen, self.now)
                return
            self.session, self.seen = advance(self.session, self.seen, action, self.now)
            if isinstance(action, policy.Start):
                self.processes += 1
                after = policy.decide(self.session, self.seen, self.now)
                assert after is None, "what was just started is left alone"
            self.removed = isinstance(action, policy.Remove)
        raise AssertionError("it never comes to rest")

    def end(self, ending: Ending) -> None:
        self.processes -= 1
        self.seen = replace(self.seen, running=False, state=None, ended=ending)
        self.settle()

    @rule(seconds=st.integers(0, 4000), chance=st.floats(0, 1))
    def time_passes(self, seconds: int, chance: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seen = replace(self.seen, chance=chance)
        self.settle()

    @rule(wanted=st.booleans())
    def suspend_or_resume(self, wanted: bool) -> None:
        self.session = suspend(self.session, suspend=wanted)
        self.settle()

    @rule(place=st.integers(0, 2))
    def place_in_line(self, place: int) -> None:
        self.seen = replace(self.seen, place=0 if self.seen.running else place)
        self.settle()

    @rule(waiting=st.booleans())
    def inputs(self, waiting: bool) -> None:
        self.seen = replace(self.seen, inputs_waiting=waiting)
        self.settle()

    @precondition(lambda self: self.seen.running)
    @rule(activity=st.sampled_from(Activity), queued=st.integers(0, 1))
    def runner_says(self, activity: Activity, queued: int) -> None:
        state = a_state(activity, queued=queued, last_activity_at=self.now)
        self.seen = replace(self.seen, state=state, silent_seconds=0)
        self.settle()

    @precondition(lambda self: self.seen.running)
    @rule()
    def runner_is_silent(self) -> None:
        self.seen = replace(self.seen, silent_seconds=1000)
        self.settle()

    @precondition(lambda self: self.seen.running)
    @rule(code=st.sampled_from([0, 1, 75, 137]), reason=REASONS)
    def runner_ends(self, code: int, reason: Reason) -> None:
        self.end(Ending(code, reason, "It ended."))

    @rule()
    def delete(self) -> None:
        self.session = delete(self.session, self.now)
        self.settle()

    @rule()
    def gateway_restarts(self) -> None:
        self.processes, self.seen = 0, Observed()
        if self.session.metadata.deletion_timestamp is None:
            self.session = describe(self.session, self.seen, self.now)
        self.settle()

    @invariant()
    def at_most_one_runner(self) -> None:
        assert self.processes in {0, 1}
        assert self.seen.running == bool(self.processes)

    @invariant()
    def nothing_runs_for_what_is_removed(self) -> None:
        assert not (self.removed and self.processes)

    def teardown(self) -> None:
        """From wherever it is, left alone with a runner that obeys, it comes to rest."""
        self.seen = replace(self.seen, place=0, inputs_waiting=False, chance=1.0)
        for _ in range(6):
            self.now += timedelta(minutes=5)
            self.settle()
            if self.seen.running and self.seen.stopping:
                self.end(Ending(75))
            elif self.seen.running:
                ready = a_state(last_activity_at=self.now)
                self.seen = replace(self.seen, state=ready, silent_seconds=0)
                self.settle()
        assert self.at_rest(), self.session.status

    def at_rest(self) -> bool:
        phase = self.session.status.phase
        if self.session.metadata.deletion_timestamp is not None:
            return self.removed
        if phase.finished:
            return not self.seen.running
        return phase is (Phase.SUSPENDED if self.session.spec.suspend else Phase.READY)


Machine.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
test_convergence = Machine.TestCase
