"""The credential proxy's settings: MOORAGE_PROXY_ and the path, levels joined by two underscores.

docs/proxy-settings.md is generated from these models
(`python -m moorage_gateway.credential_proxy.settings`).
"""

import ipaddress
import sys
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic.alias_generators import to_camel
from pydantic_settings import SettingsConfigDict

from moorage_api.settings import EnvironmentSettings, Group, RedisTlsSettings, Words, rows
from moorage_gateway.settings import LogSettings

_LAST_PORT: Final = 65_535


class Listed(Group):
    """An entry of a list that is given as JSON."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


def _checked_upstream(value: str) -> str:
    if not value.startswith(("https://", "http://")) or "@" in value:
        msg = "write https://HOST, without a user name"
        raise ValueError(msg)
    return value.rstrip("/")


class Upstream(Listed):
    """Where the model is."""

    name: Annotated[str, Field(min_length=1, max_length=64, description="Its name in logs.")]
    url: Annotated[str, AfterValidator(_checked_upstream), Field(description="Before /v1.")]
    key_file: Annotated[Path, Field(description="File with the key; read anew when it changes.")]
    auth: Annotated[Literal["x-api-key", "bearer"], Field(description="How the key is sent.")] = (
        "x-api-key"
    )
    models: Annotated[list[str], Field(min_length=1, description="Names, with * and ?.")] = ["*"]


Dollars = Annotated[float, Field(ge=0, le=10_000)]


class Price(Listed):
    """US dollars for a million tokens."""

    models: Annotated[str, Field(min_length=1, description="Name of a model, with * and ?.")]
    input: Dollars
    output: Dollars
    cache_read: Annotated[Dollars | None, Field(description="Empty: a tenth of input.")] = None
    cache_write: Annotated[
        Dollars | None, Field(description="Empty: 1.25 times input, twice for an hour's.")
    ] = None


PRICES: Final = [
    Price(models="*haiku*", input=1, output=5),
    Price(models="*sonnet*", input=3, output=15),
    Price(models="*opus-4-1*", input=15, output=75),
    Price(models="*opus-4-2*", input=15, output=75),
    Price(models="*3-opus*", input=15, output=75),
    Price(models="*opus*", input=5, output=25),
]


class ModelSettings(Group):
    """The model."""

    upstreams: Annotated[
        list[Upstream],
        Field(
            min_length=1,
            description="Where models are, as JSON, tried in this order: `[{"
            '"name": "anthropic", "url": "https://api.anthropic.com", "keyFile": "/keys/anthropic"'
            "}]`, each also with models (patterns) and auth (x-api-key or bearer).",
        ),
    ]
    prices: Annotated[
        list[Price],
        Field(
            description="US dollars for a million tokens, as JSON; the first pattern that fits "
            'counts: `[{"models": "*opus*", "input": 5, "output": 25}]`, each also with cacheRead '
            "and cacheWrite. A model without a price costs what the dearest does."
        ),
    ] = PRICES
    search_usd: Annotated[
        float, Field(ge=0, le=1000, description="US dollars for 1000 web searches.")
    ] = 10.0
    max_body_bytes: Annotated[
        int, Field(ge=1024, le=256 * 1024 * 1024, description="The largest request.")
    ] = 32 * 1024 * 1024
    connect_seconds: Annotated[
        float, Field(gt=0, le=60, description="How long connecting to an upstream may take.")
    ] = 5.0
    silence_seconds: Annotated[
        float, Field(gt=0, le=3600, description="How long an upstream may say nothing.")
    ] = 600.0
    longest_seconds: Annotated[
        int, Field(ge=1, le=24 * 3600, description="How long one answer may take.")
    ] = 3600


class SessionLimitSettings(Group):
    """What one session may ask for."""

    concurrency: Annotated[
        int, Field(ge=1, le=1000, description="Requests to the model under way at once.")
    ] = 16
    per_minute: Annotated[int, Field(ge=1, le=100_000, description="Requests in a minute.")] = 300


class Limit(Listed):
    """The limit of one user or namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    usd: Annotated[float, Field(gt=0, le=100_000_000)]


class BudgetSettings(Group):
    """What users and namespaces may spend, beside the budgets of their sessions."""

    period: Annotated[
        Literal["day", "month"], Field(description="After which they begin anew, in UTC.")
    ] = "month"
    user_usd: Annotated[
        float | None, Field(gt=0, description="Each user, in US dollars. Empty: no limit.")
    ] = None
    namespace_usd: Annotated[
        float | None, Field(gt=0, description="Each namespace, in US dollars. Empty: no limit.")
    ] = None
    users: Annotated[
        list[Limit],
        Field(description='Other limits of single users, as JSON: `[{"name": "ID", "usd": 250}]`.'),
    ] = []
    namespaces: Annotated[
        list[Limit],
        Field(description="Other limits of single namespaces, as JSON, likewise."),
    ] = []


class GitFolder(Listed):
    """Credentials for all repositories at or below an address."""

    url: Annotated[str, Field(min_length=1, max_length=2048)]
    folder: Annotated[Path, Field(description="As a Secret is mounted: a file for each value.")]


class GitSettings(Group):
    """Git."""

    push_prefix: Annotated[
        str,
        Field(
            min_length=1,
            pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9._/-]|\{(?:name|id)\}/)*$",
            description="Only branches whose names begin so may be pushed. {name}/ in it is the "
            "session's name, {id}/ its UID: with claude/{id}/ each has branches of its own in a "
            "repository that several push to.",
        ),
    ] = "claude/"
    max_push_bytes: Annotated[
        int, Field(ge=1024, le=64 * 1024**3, description="The largest push.")
    ] = 512 * 1024 * 1024
    credentials: Annotated[
        list[GitFolder],
        Field(
            description="Credentials for repositories whose sessions name no Secret, as JSON: "
            '`[{"url": "https://github.com/acme", "folder": "/git/acme"}]`. The folder has files '
            "as a Secret has keys: token; username and password; or githubAppId and "
            "githubAppPrivateKey, also githubAppInstallationId and githubApiUrl."
        ),
    ] = []
    http_hosts: Annotated[
        Words, Field(description="Git servers that may be reached without TLS, by their names.")
    ] = []
    silence_seconds: Annotated[
        float, Field(gt=0, le=3600, description="How long a git server may say nothing.")
    ] = 120.0
    longest_seconds: Annotated[
        int, Field(ge=1, le=24 * 3600, description="How long one request may take.")
    ] = 3600


def _checked_networks(value: list[str]) -> list[str]:
    for each in value:
        try:
            ipaddress.ip_network(each)
        except ValueError:
            msg = f"write networks as 10.20.0.0/16 or fd00::/8, not {each!r}"
            raise ValueError(msg) from None
    return value


Networks = Annotated[Words, AfterValidator(_checked_networks)]


class EgressSettings(Group):
    """What is reached for sessions beside the model: git servers, and the hosts they may use."""

    allowed_networks: Annotated[
        Networks,
        Field(
            description="Networks that are not public and yet may be reached, as that of an "
            "internal git server or registry. All others that are not public never are."
        ),
    ] = []
    denied_networks: Annotated[
        Networks,
        Field(description="Networks that are public and yet may not, as a cluster's own."),
    ] = []


def _checked_ports(value: list[str]) -> list[str]:
    for each in value:
        if not each.isdecimal() or not 0 < int(each) <= _LAST_PORT:
            msg = f"write ports as 443, not {each!r}"
            raise ValueError(msg)
    return value


class TunnelSettings(Group):
    """Tunnels to the hosts of sessions with egress.mode: allowList."""

    port: Annotated[
        int | None,
        Field(ge=0, le=65535, description="Port to listen on. Empty: none. 0: a free one."),
    ] = None
    ports: Annotated[
        Words,
        AfterValidator(_checked_ports),
        Field(description="Ports of hosts that may be reached."),
    ] = ["443"]
    concurrency: Annotated[
        int, Field(ge=1, le=10_000, description="Connections a session may have open.")
    ] = 64
    silence_seconds: Annotated[
        float, Field(gt=0, le=24 * 3600, description="How long nothing may pass.")
    ] = 600.0
    recheck_seconds: Annotated[
        float,
        Field(gt=0, le=3600, description="How often it is asked whether the session still runs."),
    ] = 15.0


class RedisSettings(Group):
    """Redis, where grants and meters are."""

    url: Annotated[SecretStr, Field(description="As redis://USER:PASSWORD@HOST:6379/0.")]
    pool_size: Annotated[int, Field(ge=1, le=1000, description="Connections for commands.")] = 64
    timeout_seconds: Annotated[
        float, Field(gt=0, le=60, description="How long a command may take.")
    ] = 2.0
    tls: RedisTlsSettings = RedisTlsSettings()

    @model_validator(mode="after")
    def _fits_the_url(self) -> Self:
        mistake = self.tls.mistake_with(self.url)
        if mistake is not None:
            raise ValueError(mistake)
        return self


class ProxySettings(EnvironmentSettings):
    """All of the credential proxy's settings."""

    model_config = SettingsConfigDict(env_prefix="MOORAGE_PROXY_")

    host: Annotated[str, Field(min_length=1, description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on. 0: a free one.")] = (
        8082
    )
    metrics_port: Annotated[
        int | None,
        Field(ge=0, le=65535, description="Port of GET /metrics. Empty: none. 0: a free one."),
    ] = None
    drain_seconds: Annotated[
        float,
        Field(ge=0, le=3600, description="At the end: how long answers may go on."),
    ] = 60.0
    redis: Annotated[RedisSettings, Field(description="Grants and meters.")]
    model: Annotated[ModelSettings, Field(description="The model.")]
    sessions: SessionLimitSettings = SessionLimitSettings()
    budgets: BudgetSettings = BudgetSettings()
    git: GitSettings = GitSettings()
    egress: EgressSettings = EgressSettings()
    tunnels: TunnelSettings = TunnelSettings()
    log: LogSettings = LogSettings()


_HEAD: Final = """\
# Settings of the credential proxy

Generated from the models by `make generate`: do not edit.

Each is an environment variable. A secret may stand in a file instead, which the same variable with
`_FILE` at its end names. With a mistake the proxy does not start and tells every one at once.

"""


def settings_page() -> str:
    """Return docs/proxy-settings.md."""
    return _HEAD + "".join(f"{row}\n" for row in rows(ProxySettings))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(settings_page())
