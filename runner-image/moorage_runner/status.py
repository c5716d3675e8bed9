"""What the session is doing, in one place: state hash and session:status events follow from it."""

from collections.abc import Callable
from typing import Any

from moorage_api.base import now
from moorage_api.events import Event, PermissionRequest, SessionStatusEvent, StatusData
from moorage_api.reasons import Reason
from moorage_api.resources import Activity, Phase
from moorage_runner.state import StateKeeper

_MESSAGE = 4096


class Status:
    """Phase and activity. Every change is written to the state and published, once."""

    def __init__(self, state: StateKeeper, publish: Callable[[Event], None]) -> None:
        self._state = state
        self._publish = publish
        self._shown: StatusData | None = None
        self._rate_limited = False
        self._background = False

    def enter(self, phase: Phase, reason: Reason | None = None, message: str | None = None) -> None:
        """Enter a phase."""
        shown = message[:_MESSAGE] if message else None
        self._update(phase=phase, reason=reason.value if reason else None, message=shown)

    def turn(self, turn_id: str | None) -> None:
        """A turn begins, or none is worked on any more."""
        self._rate_limited = False
        self._update(turn_id=turn_id, last_activity_at=now())

    def queued(self, count: int) -> None:
        """So many prompts wait."""
        self._update(queued=count, last_activity_at=now())

    def approvals(self, pending: list[PermissionRequest]) -> None:
        """These requests wait for a decision."""
        self._update(pending_approvals=pending, last_activity_at=now())

    def rate_limited(self, *, limited: bool) -> None:
        """The model makes us wait, or answers again."""
        if limited != self._rate_limited:
            self._rate_limited = limited
            self._update()

    def background(self, *, working: bool) -> None:
        """Claude Code works on something between turns, or no longer does."""
        if working != self._background:
            self._background = working
            self._update(last_activity_at=now())

    def _update(self, **changes: Any) -> None:
        self._state.change(**changes)
        self._state.change(activity=self._activity())
        state = self._state.now
        shown = StatusData(
            phase=state.phase,
            activity=state.activity,
            turn_id=state.turn_id,
            queued=state.queued,
            reason=state.reason,
            message=state.message,
        )
        if shown != self._shown:
            self._shown = shown
            self._publish(SessionStatusEvent(timestamp=now(), data=shown))

    def _activity(self) -> Activity | None:
        state = self._state.now
        if state.phase not in {Phase.READY, Phase.SUSPENDING}:
            return None
        if state.turn_id is None:
            return Activity.WORKING if self._background else Activity.IDLE
        if state.pending_approvals:
            return Activity.AWAITING_APPROVAL
        return Activity.RATE_LIMITED if self._rate_limited else Activity.WORKING
