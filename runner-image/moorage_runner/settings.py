"""The runner's settings: Contract 4's variables, wherever they come from."""

import tempfile
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from moorage_agent.protocol import AGENT_USER
from moorage_api.resources import SessionSpec
from moorage_runner.commands import Launcher
from moorage_runner.errors import SettingsInvalidError

CREDENTIALS = ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY")
"""The variables that say who pays: from the binding alone, never from a session's spec."""


class RunnerSettings(BaseModel):
    """What a runner is told. Frozen; every mistake is listed at once."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: Annotated[
        str,
        Field(
            alias="MOORAGE_SESSION_ID",
            pattern=r"^[A-Za-z0-9_.-]{1,128}$",
            description="Id of the session: the resource's UID.",
        ),
    ]
    spec_path: Annotated[
        Path, Field(alias="MOORAGE_SESSION_SPEC", description="JSON file with the resolved spec.")
    ]
    redis_url: Annotated[
        SecretStr, Field(alias="MOORAGE_REDIS_URL", description="Redis, with the session's login.")
    ]
    redis_ca: Annotated[
        str | None,
        Field(
            alias="MOORAGE_REDIS_CA",
            description="Certificates as PEM that Redis' own must be of, where the URL is "
            "rediss://. Empty: those that the system trusts.",
        ),
    ] = None
    workspace: Annotated[
        Path, Field(alias="MOORAGE_WORKSPACE", description="Folder that keeps the session's files.")
    ]
    model_url: Annotated[
        str, Field(alias="ANTHROPIC_BASE_URL", description="The model, or the proxy before it.")
    ]
    auth_token: Annotated[
        SecretStr | None,
        Field(alias="ANTHROPIC_AUTH_TOKEN", description="The session's token at the proxy."),
    ] = None
    api_key: Annotated[
        SecretStr | None,
        Field(
            alias="ANTHROPIC_API_KEY",
            description="A key for the model itself, where there is no proxy: in a local run.",
        ),
    ] = None
    termination_log: Annotated[
        Path | None,
        Field(alias="MOORAGE_TERMINATION_LOG", description="Where a failure's reason goes."),
    ] = None
    grace_seconds: Annotated[
        float,
        Field(
            alias="MOORAGE_GRACE_SECONDS",
            gt=0,
            le=3600,
            description="Seconds from SIGTERM in which the running turn may still end.",
        ),
    ] = 25.0
    cli_path: Annotated[
        Path | None,
        Field(
            alias="MOORAGE_CLAUDE_PATH",
            description="Claude Code's program. Empty: the one the SDK brings.",
        ),
    ] = None
    agent_socket: Annotated[
        Path | None,
        Field(
            alias="MOORAGE_AGENT_SOCKET",
            description="In a pod: socket of the agent that runs Claude Code and git.",
        ),
    ] = None
    agent_user: Annotated[
        int,
        Field(alias="MOORAGE_AGENT_UID", ge=0, description="User id that the agent must have."),
    ] = AGENT_USER

    @model_validator(mode="after")
    def _may_use_the_model(self) -> Self:
        if not (self.auth_token or self.api_key or self.agent_socket):
            msg = "ANTHROPIC_AUTH_TOKEN (or ANTHROPIC_API_KEY) must be set, unless an agent has it"
            raise ValueError(msg)
        return self

    @property
    def model_credentials(self) -> dict[str, str]:
        """The variables that Claude Code proves itself to the model with.

        A token goes out as a bearer, a key as x-api-key: one is never taken for the other.
        """
        given = zip(CREDENTIALS, (self.auth_token, self.api_key), strict=True)
        return {name: secret.get_secret_value() for name, secret in given if secret}

    @property
    def launcher(self) -> Launcher:
        """How the session's commands are started."""
        return Launcher(self.agent_socket, self.agent_user)

    @property
    def records_home(self) -> Path:
        """Where transcripts are read from; not the agent's own files (claude.records)."""
        if self.agent_socket:
            return Path(tempfile.gettempdir()) / f"moorage-{self.session_id}"
        return self.workspace / "home"

    @model_validator(mode="after")
    def _has_a_shim(self) -> Self:
        if self.agent_socket and not self.cli_path:
            msg = "MOORAGE_AGENT_SOCKET needs MOORAGE_CLAUDE_PATH, the shim"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _is_absolute(self) -> Self:
        if not self.workspace.is_absolute():
            msg = "MOORAGE_WORKSPACE must be an absolute path"
            raise ValueError(msg)
        return self

    def read_spec(self) -> SessionSpec:
        """Read the session's spec.

        Raises:
            SettingsInvalidError: it cannot be read, or is no valid spec.
        """
        try:
            return SessionSpec.model_validate_json(self.spec_path.read_bytes())
        except (OSError, ValidationError) as error:
            raise SettingsInvalidError("the session's spec", error) from error
