"""How much may be asked for, and how many sessions somebody may have."""

from typing import Annotated

import limits
from pydantic import AfterValidator, Field

from moorage_gateway.settings.base import Group


def _checked_rate(value: str) -> str:
    """Return ``value`` if it names a number of requests and a time."""
    try:
        items = limits.parse_many(value)
    except ValueError:
        items = []
    if len(items) != 1 or items[0].amount < 1 or items[0].multiples < 1:
        msg = "write a number of requests and a time, such as 10/minute, 5/30 seconds or 1000/hour"
        raise ValueError(msg)
    return value


Rate = Annotated[str, AfterValidator(_checked_rate)]


class LimitSettings(Group):
    """How much may be asked for. Rates are counted for all replicas together."""

    enabled: Annotated[
        bool,
        Field(description="Count requests and refuse what is too much. An embedded run does not."),
    ] = True
    sessions: Annotated[Rate, Field(description="Each user: sessions created.")] = "10/minute"
    messages: Annotated[Rate, Field(description="Each user: messages sent.")] = "10/minute"
    files: Annotated[Rate, Field(description="Each user: file operations and diffs.")] = (
        "100/minute"
    )
    reads: Annotated[Rate, Field(description="Each user: everything else that is read.")] = (
        "1000/minute"
    )
    writes: Annotated[Rate, Field(description="Each user: everything else that changes.")] = (
        "100/minute"
    )
    streams: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="Each user: streams and polls of events held at one time, in each process.",
        ),
    ] = 100
    registrations: Annotated[Rate, Field(description="Each address: registrations.")] = "5/minute"
    logins: Annotated[Rate, Field(description="Each address: attempts to log in.")] = "10/minute"
    refreshes: Annotated[Rate, Field(description="Each address: tokens refreshed.")] = "30/minute"
    attempts: Annotated[
        Rate,
        Field(description="Each account: attempts to log in, from whatever addresses."),
    ] = "20/15minute"
    timeout_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=10,
            description="How long Redis may take to count; then each process counts for itself, "
            "and log-ins and registrations are refused.",
        ),
    ] = 2.0


class QuotaSettings(Group):
    """How many sessions each user may have. An admin can set other numbers for a user."""

    sessions_running: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000,
            description="Sessions of a user that run at once: neither suspended nor ended. "
            "0: no limit, as in an embedded run.",
        ),
    ] = 10
    sessions_created: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000,
            description="Sessions of a user that there are, in whatever phase. 0: no limit, as in "
            "an embedded run.",
        ),
    ] = 100
