"""What the local backend is told."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

_GRACE = 10.0


class LocalSettings(BaseModel):
    """Sessions as child processes on this machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Annotated[Path, Field(description="Folder that keeps sessions and their workspaces.")]
    redis_url: Annotated[
        str, Field(description="Redis, as the runners reach it: a unix socket or an address.")
    ]
    anthropic_base_url: Annotated[str, Field(description="The model's address, for the runners.")]
    anthropic_credential: Annotated[
        SecretStr, Field(description="Key or token for the model, handed to each runner.")
    ]
    credential_variable: Annotated[
        Literal["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"],
        Field(description="What the credential is: a token (as a bearer) or an API key."),
    ] = "ANTHROPIC_AUTH_TOKEN"
    runner: Annotated[
        tuple[str, ...],
        Field(min_length=1, description="Command that runs a runner; --warm is added for a spare."),
    ] = (sys.executable, "-m", "moorage_runner")
    max_running: Annotated[
        int, Field(ge=1, description="Sessions that run at once; further ones wait for a place.")
    ] = 20
    max_starting: Annotated[
        int, Field(ge=1, description="Sessions that start at once; further ones wait their turn.")
    ] = max(2, os.cpu_count() or 2)
    warm: Annotated[
        bool, Field(description="Keep one runner ready, so that a new session starts at once.")
    ] = True
    grace_seconds: Annotated[
        float, Field(gt=0, le=3600, description="From SIGTERM to SIGKILL of a session's runner.")
    ] = _GRACE
    sweep_seconds: Annotated[
        float, Field(gt=0, description="How often to look for what time alone changes.")
    ] = 1.0
    log_bytes: Annotated[
        int, Field(ge=1024, description="Size at which a runner's log is moved aside, once.")
    ] = 2 * 1024 * 1024
    environment: Annotated[
        dict[str, str], Field(description="Further variables for every runner.")
    ] = {}
