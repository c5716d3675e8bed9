"""What to do with a prompt, given what a runner before this one got done. The decision is pure.

usage event in the stream            -> SETTLE    all is told; only acknowledge it
transcript holds the whole answer    -> COMPLETE  publish what is missing, end the turn
transcript holds the prompt          -> CONTINUE  publish what is missing, then a nudge
nothing of it                        -> SEND
"""

from dataclasses import dataclass
from enum import StrEnum

CONTINUATION = (
    "You were interrupted because your process was restarted, not by the user. Continue with the "
    "last request where you left off. Do not repeat what is done; where the outcome of a tool "
    "call is unknown, check first whether it took effect."
)
"""What a resumed turn is nudged with. The user does not see it."""

RETRY = "The request failed for a passing reason. Please continue with it."
"""What a turn is nudged with whose request to the model failed."""


class Step(StrEnum):
    """What to do with a prompt."""

    SETTLE = "settle"
    COMPLETE = "complete"
    CONTINUE = "continue"
    SEND = "send"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a prompt's turn when it is its turn to be worked on."""

    ended: bool = False
    """Its usage event is in the stream."""
    in_transcript: bool = False
    answered: bool = False
    """The transcript holds the whole answer."""


def decide(evidence: Evidence) -> Step:
    """Decide what to do with a prompt."""
    if evidence.ended:
        return Step.SETTLE
    if not evidence.in_transcript:
        return Step.SEND
    return Step.COMPLETE if evidence.answered else Step.CONTINUE
