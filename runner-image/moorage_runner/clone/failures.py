"""Tells git's failures apart by what it says in the C locale, and says what to do about them."""

import re
from dataclasses import dataclass
from typing import Final

from moorage_api.reasons import Reason
from moorage_runner.clone.results import CloneError

_LONGEST_DETAIL: Final = 300

_SIGNS: Final = (
    (Reason.DISK_FULL, ("No space left on device", "Disk quota exceeded")),
    (
        Reason.REPOSITORY_REFUSED,
        (
            r"could not read (Username|Password) for",
            r"terminal prompts disabled",
            r"Authentication failed",
            r"HTTP Basic: Access denied",
            r"requested URL returned error: (401|403|407)",
            r"transport '[^']*' not allowed",
        ),
    ),
    (
        Reason.REF_NOT_FOUND,
        (
            r"Remote branch .* not found in upstream",
            r"couldn't find remote ref",
            r"not our ref",
            r"unadvertised object",
            r"did not contain [0-9a-f]{40}",
            r"reference is not a tree",
            r"short object ID .* is ambiguous",
            r"(pathspec .* did not match|bad object|invalid reference)",
            r"unable to read tree",
        ),
    ),
    (
        Reason.REPOSITORY_NOT_FOUND,
        (
            r"repository '[^\n]*' (does not exist|not found)",
            r"Repository not found",
            r"does not appear to be a git repository",
            r"is this a git repository\?",
            r"does not look like a v\d or v\d bundle file",
            r"requested URL returned error: (404|410)",
        ),
    ),
)
_TABLE: Final = tuple((reason, re.compile("|".join(signs))) for reason, signs in _SIGNS)
_PASSING: Final = re.compile(
    r"unable to access '[^\n']*': [^\n]*("
    r"Could not resolve|Failed to connect|Couldn't connect|timed out|[Tt]imeout"
    r"|Connection refused|Connection reset|Empty reply from server"
    r"|non-properly terminated|SSL_ERROR_SYSCALL|unexpected eof"
    r"|returned error: (429|50[234])|CONNECT tunnel failed, response (429|50[234]))"
    r"|RPC failed; curl \d"
)
"""A network that fails now: no way, no name, a connection cut, a server or proxy overloaded."""
_SUBMODULE: Final = re.compile(r"into submodule path|in submodule path|Failed to clone '")
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/\s'\"]*@|\?[^\s'\"]*")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried: facts for the sentence."""

    shown: str
    """The repository's address, without credentials."""
    ref: str | None
    timeout: float
    """Seconds."""


def own_words(stderr: str) -> str:
    """Return what git itself says, without what the server says through it."""
    lines = re.split(r"[\r\n]+", stderr)
    return "\n".join(line for line in lines if not line.startswith("remote:"))


def recognise(stderr: str) -> Reason:
    """Return why git failed; CLONE_FAILED if it is none of the known ways."""
    words = own_words(stderr)
    return next((reason for reason, sign in _TABLE if sign.search(words)), Reason.CLONE_FAILED)


def explain(reason: Reason, attempt: Attempt, stderr: str = "") -> CloneError:
    """Return the error to raise, with one sentence that says what to do."""
    what = attempt.shown
    if _SUBMODULE.search(own_words(stderr)):
        what = f"a submodule of {what}"
    match reason:
        case Reason.REPOSITORY_NOT_FOUND:
            text = (
                f"No repository was found for {what}: check the url, or name a Secret in "
                "credentialsSecretRef if it is private."
            )
        case Reason.REPOSITORY_REFUSED:
            text = _refusal(what, own_words(stderr))
        case Reason.REF_NOT_FOUND:
            wanted = f"{attempt.ref!r}" if attempt.ref else "the commit that is asked for"
            text = f"Neither branch, tag nor commit is {wanted} in {what}: check the ref."
        case Reason.DISK_FULL:
            text = f"The workspace is too small for {what}: raise workspace.size or set a depth."
        case Reason.CLONE_TIMEOUT:
            text = (
                f"Cloning {what} took longer than {attempt.timeout:g} seconds: set a depth, or "
                "raise timeouts.start."
            )
        case _:
            text = f"Cloning {what} failed (git says {detail(stderr)!r}): mend that, or try again."
    return CloneError(reason, text, _passing(reason, stderr))


def _passing(reason: Reason, stderr: str) -> str:
    """Return what git said, where it was the network that failed."""
    failed = reason is Reason.CLONE_FAILED and _PASSING.search(own_words(stderr))
    return detail(stderr) if failed else ""


def _refusal(what: str, words: str) -> str:
    if match := re.search(r"transport '([^']*)' not allowed", words):
        return (
            f"The transport {match[1][:32]!r} is not allowed for {what}: use an https address "
            "in the url and in .gitmodules."
        )
    return (
        f"Access was refused for {what}: name a Secret with valid credentials in "
        "credentialsSecretRef."
    )


def detail(stderr: str) -> str:
    """Return git's own last complaint on one line, without credentials, at most 300 characters."""
    lines = [line.strip() for line in own_words(stderr).splitlines() if line.strip()]
    complaints = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    text = redact(complaints[-1]) if complaints else "nothing"
    return "".join(c if c.isprintable() else " " for c in text)[:_LONGEST_DETAIL]


def redact(text: str) -> str:
    """Return `text` without user names, passwords and queries in its addresses."""
    return _CREDENTIALS.sub("", text)
