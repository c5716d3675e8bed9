"""What was asked for, on the command line and in the environment (which `make run` uses)."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from moorage_gateway.embedded.refusals import BadUsage
from moorage_gateway.repositories.urls import BadAddress, canonical

DEFAULT_PORT: Final = 8080
DEFAULT_SESSIONS: Final = 20
PUBLIC_MODEL: Final = "https://api.anthropic.com"
_CREDENTIALS: Final = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
_LARGEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Model:
    """The real model: where it is and how one pays for it. Without one, the scripted model."""

    url: str
    variable: Literal["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"]
    credential: str


@dataclass(frozen=True, slots=True)
class Options:
    """What to run."""

    home: Path
    port: int
    repository: str | None
    prompt: str | None
    allowed_tools: tuple[str, ...]
    job: bool
    exit_when_done: bool
    max_sessions: int
    model: Model | None


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Options:
    """Return the options in the command line, else in the environment.

    Raises:
        BadUsage: if one of them makes no sense.
    """
    given = _parser().parse_args(arguments)
    leave = environment.get("MOORAGE_EXIT", "0") not in {"", "0"}
    repository = given.repo or environment.get("REPO") or None
    return Options(
        home=Path(environment.get("MOORAGE_HOME") or "~/.moorage").expanduser().absolute(),
        port=_port(given.port or environment.get("MOORAGE_PORT") or str(DEFAULT_PORT)),
        repository=_repository(repository) if repository else None,
        prompt=given.prompt or environment.get("PROMPT") or None,
        allowed_tools=tuple(given.allow),
        job=not given.no_job,
        exit_when_done=given.exit_when_done or leave,
        max_sessions=_count("MOORAGE_MAX_SESSIONS", environment, DEFAULT_SESSIONS),
        model=_model(environment),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="moorage-gateway run",
        description="Run gateway, Redis and sessions on this machine, and one session at once.",
        epilog="ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN), and ANTHROPIC_BASE_URL for another "
        "address, choose the real model; without a key a scripted one answers. State is kept in "
        "MOORAGE_HOME (~/.moorage).",
        allow_abbrev=False,
    )
    parser.add_argument("--repo", help="URL or folder to clone; without it a small sample")
    parser.add_argument("--prompt", help="what the session is to do")
    parser.add_argument("--port", help=f"port to listen on, 0 for a free one ({DEFAULT_PORT})")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="TOOL", help="a tool to allow unasked"
    )
    parser.add_argument("--no-job", action="store_true", help="start no session")
    parser.add_argument(
        "--exit-when-done", action="store_true", help="stop after the session's answer"
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LARGEST_PORT:
        raise BadUsage(f"{text!r} is no port: give a number from 0 to {_LARGEST_PORT}.")
    return int(text)


def _count(name: str, environment: Mapping[str, str], default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise BadUsage(f"{name}: {text!r} is no number from 1 on.")
    return int(text)


def _repository(text: str) -> str:
    """Return a URL as it is, if it can be cloned from, and a folder by its whole path."""
    if "://" in text:
        try:
            canonical(text)
        except BadAddress as error:
            raise BadUsage(  # without the URL, which may hold a password
                f"The repository's URL {error}. Else clone it yourself and give the folder."
            ) from None
        return text
    folder = Path(text).expanduser().absolute()
    if not folder.is_dir():
        raise BadUsage(f"There is no folder {folder}: give a repository's folder or its https URL.")
    return str(folder)


def _model(environment: Mapping[str, str]) -> Model | None:
    for variable in _CREDENTIALS:
        if credential := environment.get(variable):
            url = environment.get("ANTHROPIC_BASE_URL") or PUBLIC_MODEL
            return Model(url, variable, credential)
    return None
