"""What an attempt is: a row of a table."""

import re
from dataclasses import dataclass
from enum import Enum


class Without(Enum):
    """How the measure that stops an attempt is taken away; the value is what the table says."""

    POLICIES = "without network policies"
    """In the same pod."""
    LIMITED_LOGIN = "with a login that may do everything"
    """In the same pod; in Redis."""
    RESTRICTED_POD = "as root in a privileged pod"
    """With the host's processes in sight, and a service account's token."""
    OTHER_USER = "in the runner's container"
    PROXY = "past the proxy, without network policies"
    """In the same pod, with the key or login of the model and git."""
    KEYLESS_POD = "in a pod that was given the keys"
    OWN_RIGHTS = "for what the session may do"
    """The same at the proxy, for what is the session's own."""
    LIMITS = "in a pod without limits"
    RECORD = "as it was printed"
    """In the same pod, before runner and gateway made something of it."""


@dataclass(frozen=True)
class Attempt:
    """Something that must not succeed."""

    name: str
    command: str
    """For bash, with the variables of the session's Surroundings."""
    expected: str
    """A pattern of what is seen."""
    without: Without
    succeeds: str = "^got"
    """A pattern of what is seen without the measure, and never with it."""
    control: str | None = None
    """The command without the measure, if it is another one."""


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt."""

    attempt: Attempt
    seen: str
    seen_without: str

    @property
    def deviations(self) -> list[str]:
        """Return what is not as it should be, in words; none is expected."""
        attempt, found = self.attempt, []
        if re.search(attempt.succeeds, self.seen, re.MULTILINE):
            found.append("it succeeded")
        if not re.search(attempt.expected, self.seen, re.MULTILINE):
            found.append(f"seen is not {attempt.expected!r}")
        if not re.search(attempt.succeeds, self.seen_without, re.MULTILINE):
            found.append(f"{attempt.without.value} it should have been {attempt.succeeds!r}")
        return found


def table(outcomes: list[Outcome]) -> str:
    """Return the outcomes for people: attempt, expected, seen, seen without the measure."""
    rows = [("attempt", "expected", "seen", "seen without the measure")]
    rows += [
        (
            each.attempt.name,
            each.attempt.expected,
            short(each.seen, each.attempt.expected),
            f"{short(each.seen_without, each.attempt.succeeds)} ({each.attempt.without.value})",
        )
        for each in outcomes
    ]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows
    )


def short(text: str, pattern: str, most: int = 70) -> str:
    """Return the line that was looked for, else the first that says something; not all of it."""
    lines = [line for line in text.splitlines() if line.strip()] or [""]
    line = next((line for line in lines if re.search(pattern, line)), lines[0])
    plain = "".join(letter if letter.isprintable() else "?" for letter in line)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
