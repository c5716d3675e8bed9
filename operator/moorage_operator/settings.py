"""The operator's settings: nested, frozen, unknown keys refused, every mistake listed at once.

Environment variables begin with MOORAGE_OPERATOR_, levels are joined by two underscores:
MOORAGE_OPERATOR_POD__RUNNER_IMAGE. The environment is read nowhere else.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from moorage_api.quantities import Duration
from moorage_api.resources.parts import ResourceList


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PodSettings(_Section):
    """What all session pods have in common."""

    runner_image: Annotated[str, Field(min_length=1, description="Image of the runner container.")]
    agent_image: Annotated[
        str, Field(min_length=1, description="Image of the agent, where a spec names none.")
    ]
    pull_policy: Annotated[
        Literal["Always", "IfNotPresent", "Never"], Field(description="imagePullPolicy of both.")
    ] = "IfNotPresent"
    pull_secrets: Annotated[
        tuple[str, ...], Field(description="Secrets for pulling, in each session's namespace.")
    ] = ()
    proxy_url: Annotated[
        str, Field(min_length=1, description="The credential proxy: ANTHROPIC_BASE_URL of pods.")
    ]
    claude_path: Annotated[
        str, Field(description="In the runner's image: the shim that runs Claude in the agent.")
    ] = "/opt/moorage/bin/claude"
    grace_seconds: Annotated[
        int, Field(ge=10, le=3600, description="From a pod's deletion to its end by force.")
    ] = 60
    host_users: Annotated[
        bool | None,
        Field(
            description="false: a user namespace of its own, where the cluster can. Empty: as "
            "the cluster does by itself."
        ),
    ] = None
    runner_requests: Annotated[
        ResourceList, Field(description="What the scheduler reserves for the runner.")
    ] = ResourceList(cpu="50m", memory="256Mi")
    runner_limits: Annotated[ResourceList, Field(description="What the runner may use.")] = (
        ResourceList(cpu="1", memory="512Mi")
    )
    scratch_size: Annotated[str, Field(description="Size limit of each container's /tmp.")] = "1Gi"


class RedisSettings(_Section):
    """Redis, where live state is."""

    url: Annotated[SecretStr, Field(description="With a login that may manage ACL users.")]
    session_url: Annotated[
        str, Field(description="redis://HOST:PORT/DB as pods reach it, without a login.")
    ]


class LimitSettings(_Section):
    """How many sessions may run at once."""

    per_namespace: Annotated[int | None, Field(ge=1, description="Empty: any number.")] = None
    per_owner: Annotated[
        int | None, Field(ge=1, description="Of one owner in one namespace. Empty: any number.")
    ] = None


class OperatorSettings(BaseSettings):
    """All of the operator's settings."""

    model_config = SettingsConfigDict(
        env_prefix="MOORAGE_OPERATOR_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
    )

    namespaces: Annotated[
        tuple[str, ...], Field(description="Namespaces to watch. Empty: all of them.")
    ] = ()
    resync: Annotated[
        Duration, Field(description="How often all sessions are looked at, whatever was heard.")
    ] = "30s"
    pod: Annotated[PodSettings, Field(description="What session pods have in common.")]
    redis: Annotated[RedisSettings, Field(description="Where live state is.")]
    limits: Annotated[LimitSettings, Field(description="How many sessions may run.")] = (
        LimitSettings()
    )
