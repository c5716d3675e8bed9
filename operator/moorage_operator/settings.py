"""The operator's settings: nested, frozen, unknown keys refused, every mistake listed at once.

Environment variables begin with MOORAGE_OPERATOR_, levels are joined by two underscores:
MOORAGE_OPERATOR_POD__RUNNER_IMAGE. The environment is read nowhere else.
docs/operator-settings.md is generated from these models (`python -m moorage_operator.settings`).
"""

import sys
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from moorage_api.quantities import Duration, Quantity, parse_quantity
from moorage_api.resources.parts import ResourceList
from moorage_api.settings import EnvironmentSettings, Group, RedisTlsSettings, Words, rows

_LEAST_SESSION_MEMORY: Final = 4 * 1024 * 1024


class ModelKeySettings(Group):
    """A key for the model itself, where no credential proxy holds it."""

    secret: Annotated[
        str | None,
        Field(
            description="A Secret in each session's namespace, which the agent gets its key from, "
            "as ANTHROPIC_API_KEY, and can read. Empty: a token of the session's own."
        ),
    ] = None
    key: Annotated[str, Field(min_length=1, description="The key in that Secret.")] = "api-key"


class CaBundleSettings(Group):
    """Certificate authorities that a session's programs trust."""

    config_map: Annotated[
        str | None,
        Field(
            description="A ConfigMap in each session's namespace with all certificate authorities "
            "that both containers trust, as PEM, in place of the images' own. Without it no "
            "session's pod starts. Empty: those of the images."
        ),
    ] = None
    key: Annotated[str, Field(min_length=1, description="The key in that ConfigMap.")] = (
        "ca-certificates.crt"
    )


class PodSettings(Group):
    """What all session pods have in common."""

    runner_image: Annotated[str, Field(min_length=1, description="Image of the runner container.")]
    agent_image: Annotated[
        str, Field(min_length=1, description="Image of the agent, where a spec names none.")
    ]
    pull_policy: Annotated[
        Literal["Always", "IfNotPresent", "Never"], Field(description="imagePullPolicy of both.")
    ] = "IfNotPresent"
    pull_secrets: Annotated[
        Words, Field(description="Secrets for pulling, in each session's namespace.")
    ] = []
    proxy_url: Annotated[
        str, Field(min_length=1, description="The credential proxy: ANTHROPIC_BASE_URL of pods.")
    ]
    proxy_git: Annotated[
        bool,
        Field(
            description="Whether proxy_url is a Moorage credential proxy: then git goes through it "
            "too, with the credentials that it has, and model_key must be empty."
        ),
    ] = False
    tunnel_url: Annotated[
        str | None,
        Field(
            description="Where the credential proxy opens tunnels to hosts of egress.mode "
            "allowList, as http://HOST:PORT. Empty: nowhere."
        ),
    ] = None
    model_key: ModelKeySettings = ModelKeySettings()
    ca_bundle: CaBundleSettings = CaBundleSettings()
    priority_class: Annotated[
        str | None, Field(description="PriorityClass of pods whose spec names none.")
    ] = None
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

    @model_validator(mode="after")
    def _one_way_to_the_model(self) -> Self:
        if self.proxy_git and self.model_key.secret:
            msg = "with proxy_git the proxy has the model's key: leave model_key empty"
            raise ValueError(msg)
        return self


class RedisSettings(Group):
    """Redis, where live state is."""

    url: Annotated[SecretStr, Field(description="With a login that may manage ACL users.")]
    session_url: Annotated[
        str, Field(description="redis://HOST:PORT/DB as pods reach it, without a login.")
    ]
    session_memory: Annotated[
        Quantity,
        Field(
            description="What one session may keep in Redis, in bytes. Streams are cut at half of "
            "it; a session that gets beyond it all the same fails with EventFlood."
        ),
    ] = "64Mi"
    tls: RedisTlsSettings = RedisTlsSettings()

    @model_validator(mode="after")
    def _fits_the_url(self) -> Self:
        for url in (self.url, SecretStr(self.session_url)):
            mistake = self.tls.mistake_with(url)
            if mistake is not None:
                raise ValueError(mistake)
        return self

    @model_validator(mode="after")
    def _is_enough_for_an_honest_session(self) -> Self:
        if parse_quantity(self.session_memory) < _LEAST_SESSION_MEMORY:
            msg = "session_memory must be 4Mi or more"
            raise ValueError(msg)
        return self


class LimitSettings(Group):
    """How many sessions may run at once."""

    per_namespace: Annotated[int | None, Field(ge=1, description="Empty: any number.")] = None
    per_owner: Annotated[
        int | None, Field(ge=1, description="Of one owner in one namespace. Empty: any number.")
    ] = None


class LeaseSettings(Group):
    """The Lease that says which of several operators works; the others stand by."""

    namespace: Annotated[str, Field(min_length=1, description="Where the Lease is.")]
    name: Annotated[str, Field(min_length=1, description="Name of the Lease.")] = "moorage-operator"
    identity: Annotated[
        str, Field(description="Who holds it; the pod's name. Empty: the host's name and chance.")
    ] = ""
    duration_seconds: Annotated[
        int, Field(ge=2, le=600, description="After so long without renewal another takes over.")
    ] = 15
    renew_seconds: Annotated[
        int, Field(ge=1, le=600, description="Who cannot renew it for so long stops working.")
    ] = 10
    retry_seconds: Annotated[
        float, Field(ge=1, le=60, description="How often it is asked for, or renewed.")
    ] = 2.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.retry_seconds * 1.2 < self.renew_seconds < self.duration_seconds:
            msg = "duration_seconds must be more than renew_seconds, and that 1.2 retry_seconds"
            raise ValueError(msg)
        return self


class HttpSettings(Group):
    """Where health and metrics are served."""

    host: Annotated[str, Field(description="Address to listen on.")] = "0.0.0.0"  # noqa: S104
    port: Annotated[int, Field(ge=1, le=65535, description="Port to listen on.")] = 8081


class LogSettings(Group):
    """What is logged, to stderr."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="The least level logged.")
    ] = "info"
    format: Annotated[
        Literal["auto", "json", "console"],
        Field(description="auto: readable on a terminal, else JSON."),
    ] = "auto"


class OperatorSettings(EnvironmentSettings):
    """All of the operator's settings."""

    model_config = SettingsConfigDict(env_prefix="MOORAGE_OPERATOR_")

    namespaces: Annotated[Words, Field(description="Namespaces to watch. Empty: all of them.")] = []
    sweep: Annotated[
        Duration,
        Field(description="How often Redis is looked through: signs of life, states, users."),
    ] = "15s"
    resync: Annotated[
        Duration,
        Field(description="How often all is listed and every session planned anew."),
    ] = "10m"
    workers: Annotated[
        int, Field(ge=1, le=256, description="How many sessions are worked on at once.")
    ] = 32
    pod: Annotated[PodSettings, Field(description="What session pods have in common.")]
    redis: Annotated[RedisSettings, Field(description="Where live state is.")]
    limits: Annotated[LimitSettings, Field(description="How many sessions may run.")] = (
        LimitSettings()
    )
    lease: Annotated[LeaseSettings, Field(description="Who of several operators works.")]
    http: Annotated[HttpSettings, Field(description="Health and metrics.")] = HttpSettings()
    log: Annotated[LogSettings, Field(description="What is logged.")] = LogSettings()


_HEAD: Final = """\
# Settings of the operator

Generated from the models by `make generate`: do not edit.

Each is an environment variable. Lists are words with commas between. A secret may stand in a file
instead, which the same variable with `_FILE` at its end names. What is wrong is told all at once by
`moorage-operator check-config`, which also prints what holds, secrets masked; with a mistake the
operator does not start.

"""


def settings_page() -> str:
    """Return docs/operator-settings.md."""
    return _HEAD + "".join(f"{row}\n" for row in rows(OperatorSettings))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(settings_page())
