"""Where a runner learns which session it is for: the one seam for it.

Either the environment holds Contract 4's variables from the start, or (--warm) the process waits
with everything imported, and one line of JSON on its standard input brings the same variables.
"""

import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import TextIO

from pydantic import ValidationError
from pydantic_core import from_json

from moorage_runner.errors import SettingsInvalidError
from moorage_runner.settings import CREDENTIALS, RunnerSettings

_SECRET = (*CREDENTIALS, "ANTHROPIC_BASE_URL")
_MAX_LINE = 256 * 1024


def from_environment(environment: MutableMapping[str, str] = os.environ) -> RunnerSettings:
    """Read the settings from the environment, and take them out of it.

    Claude Code inherits the environment, and so do its tools: what they must not know must be
    gone. What Claude Code itself needs is handed to it by name.
    """
    return _taken(environment, environment)


def from_line(
    stream: TextIO = sys.stdin, environment: MutableMapping[str, str] = os.environ
) -> RunnerSettings | None:
    """Wait for a line with the settings; None if the stream ends without one."""
    line = stream.readline(_MAX_LINE)
    if not line.strip():
        return None
    try:
        values = from_json(line)
    except ValueError as error:
        raise SettingsInvalidError("the binding", ValueError("it is no JSON")) from error
    if not isinstance(values, dict):
        raise SettingsInvalidError("the binding", ValueError("it is no JSON object"))
    return _taken(
        {**environment, **{key: str(value) for key, value in values.items()}}, environment
    )


def _taken(values: Mapping[str, str], environment: MutableMapping[str, str]) -> RunnerSettings:
    try:
        settings = RunnerSettings.model_validate(
            {key: value for key, value in values.items() if value}
        )
    except ValidationError as error:
        raise SettingsInvalidError("the environment", error) from None
    finally:
        for name in [name for name in environment if _is_ours(name)]:
            del environment[name]
    return settings


def _is_ours(name: str) -> bool:
    return name.startswith("MOORAGE_") or name in _SECRET
