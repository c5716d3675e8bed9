"""Asks a git server for a repository's branches: for a bounded time, of a bounded size.

Git runs without this machine's configuration, helpers and prompts; it may use https and http (and,
in an embedded run, folders) and follows no redirects: an address that was checked must not lead to
another one. What git says on its standard error may hold anything and is not passed on.
"""

import asyncio
import os
import re
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

MOST: Final = 1000
"""Branches that are told."""

_LAST_SECONDS: Final = 1.0
"""For what was left in the pipe."""

_MOST_BYTES: Final = 1024 * 1024
_HEADS: Final = "refs/heads/"
_LINE: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})\t(\S+)")
_DEFAULT: Final = re.compile(r"ref: refs/heads/(\S+)\tHEAD")
_INHERITED: Final = (
    *("PATH", "TMPDIR", "http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"),
    *("no_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"),
)
_OPTIONS: Final = ("credential.helper=", "http.followRedirects=false", "core.askPass=")


class BranchesUnknown(RuntimeError):  # noqa: N818 - read as a sentence
    """The server does not tell: it is away, too slow, or asks for credentials."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch and the commit that it points to."""

    name: str
    commit: str


@dataclass(frozen=True, slots=True)
class Branches:
    """A repository's branches by name; ``truncated``: there are more."""

    branches: Sequence[Branch]
    default: str | None
    truncated: bool


async def list_branches(url: str, *, seconds: float, local_paths: bool) -> Branches:
    """Return the branches of the repository at ``url``.

    Raises:
        BranchesUnknown: if git cannot find out in time.
    """
    if url.startswith("-"):
        raise BranchesUnknown
    protocols = ["https", "http", *(["file"] if local_paths else [])]
    options = [word for option in _OPTIONS for word in ("-c", option)]
    command = ["git", *options, "ls-remote", "--symref", "--", url, "HEAD", f"{_HEADS}*"]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
        env=_environment(protocols),
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            output, cut = await _read(process)
            if not cut and await process.wait() != 0:
                raise BranchesUnknown
    except TimeoutError:
        raise BranchesUnknown from None
    finally:
        await _end(process)
    return parse(output, cut=cut)


def _environment(protocols: Sequence[str]) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "LC_ALL": "C",
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_ALLOW_PROTOCOL": ":".join(protocols),
    }


async def _read(process: Process) -> tuple[bytes, bool]:
    """Return what git writes, and whether it was more than is read."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    output = bytearray()
    while chunk := await process.stdout.read(65536):
        output += chunk
        if len(output) > _MOST_BYTES:
            return bytes(output[:_MOST_BYTES]), True
    return bytes(output), False


async def _end(process: Process) -> None:
    """Leave nothing of it, nor of the helpers that it started.

    Its pipe is read to the end: asyncio waits for that, and closes it by nothing else.
    """
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_SECONDS):
            await process.communicate()


def parse(output: bytes, *, cut: bool = False) -> Branches:
    """Return the branches in what `git ls-remote --symref` wrote: a server's words, untrusted."""
    lines = output.decode("utf-8", "replace").split("\n")
    if cut:
        lines.pop()  # half a line
    default = next((found[1] for line in lines if (found := _DEFAULT.fullmatch(line))), None)
    branches = sorted(
        (
            Branch(found[2].removeprefix(_HEADS), found[1])
            for line in lines
            if (found := _LINE.fullmatch(line)) and found[2].startswith(_HEADS)
        ),
        key=lambda branch: branch.name,
    )
    names = {branch.name for branch in branches}
    return Branches(
        branches=branches[:MOST],
        default=default if default in names or cut else None,
        truncated=cut or len(branches) > MOST,
    )
