"""The parts of a session's spec. Each field says what it means, what empty means, its limits.

Defaults stand here and are applied after the template is merged in, not by the API server:
there an unset field must stay unset, or no template could ever fill it (decision record 0002).
"""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic.config import JsonValue

from moorage_api.base import SpecModel
from moorage_api.quantities import Duration, Quantity

MAX_PROMPT: int = 262_144
"""The longest prompt, in characters."""

_MAX_URL = 2048
_PATH_PATTERN = r"^[^/\x00][^\x00]*$"

ObjectName = Annotated[str, Field(min_length=1, max_length=253)]
ToolRule = Annotated[str, StringConstraints(min_length=1, max_length=512)]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
EnvValue = Annotated[str, StringConstraints(max_length=32768)]
HostName = Annotated[
    str,
    StringConstraints(
        pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        max_length=253,
    ),
]


def rule(expression: str, message: str) -> JsonValue:
    """Return a CEL rule for the API server; the message says how to mend what it refuses."""
    return {"rule": expression, "message": message}


class TemplateRef(SpecModel):
    """The template that fills what is unset."""

    name: Annotated[
        ObjectName, Field(description="Name of a ClaudeSessionTemplate in the same namespace.")
    ]


class SecretRef(SpecModel):
    """A Secret in the same namespace."""

    name: Annotated[ObjectName, Field(description="Name of the Secret.")]


class Repository(SpecModel):
    """What to clone."""

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=_MAX_URL,
            description="Where to clone from: an https URL. In an embedded run on one machine also "
            "a path. It must hold no user name or password: name a Secret instead.",
        ),
    ]
    ref: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=255,
            pattern=r"^[^-\s~^:?*\[\\\x00][^\s~^:?*\[\\\x00]*$",
            description="Branch, tag or commit to check out. Empty: the default branch.",
        ),
    ] = None
    credentials_secret_ref: Annotated[
        SecretRef | None,
        Field(
            description="Secret with the git credentials. Only the credential proxy reads it, "
            "never the pod. Empty: the repository is public."
        ),
    ] = None
    submodules: Annotated[bool, Field(description="Clone submodules too, recursively.")] = False
    depth: Annotated[
        int | None,
        Field(ge=1, le=1_000_000, description="Commits of history to fetch. Empty: all of it."),
    ] = None

    @model_validator(mode="after")
    def _holds_no_credentials(self) -> Self:
        scheme, separator, rest = self.url.partition("://")
        if separator and scheme in {"http", "https"} and "@" in rest.partition("/")[0]:
            msg = (
                "repository.url must not hold credentials: remove what stands before the @ and "
                "name a Secret in repository.credentialsSecretRef"
            )
            raise ValueError(msg)
        return self


class AdditionalRepository(Repository):
    """A further repository, cloned beside the first."""

    path: Annotated[
        str,
        Field(
            min_length=1,
            max_length=255,
            pattern=_PATH_PATTERN,
            description="Folder in the workspace to clone into, relative, without '..'.",
        ),
    ]

    @model_validator(mode="after")
    def _stays_inside(self) -> Self:
        if ".." in self.path.split("/"):
            msg = f"additionalRepositories path {self.path!r} must not contain '..'"
            raise ValueError(msg)
        return self


class McpServer(SpecModel):
    """A Model Context Protocol server that Claude Code may use."""

    type: Annotated[Literal["stdio", "http", "sse"], Field(description="How it is reached.")] = (
        "stdio"
    )
    command: Annotated[
        str | None, Field(max_length=4096, description="stdio: the program to start.")
    ] = None
    args: Annotated[
        list[Annotated[str, StringConstraints(max_length=4096)]],
        Field(max_length=64, description="stdio: the program's arguments."),
    ] = []
    env: Annotated[
        dict[EnvName, EnvValue],
        Field(
            max_length=64,
            description="stdio: environment variables. No secrets: a spec is "
            "readable by all who may read the resource.",
        ),
    ] = {}
    url: Annotated[
        str | None, Field(max_length=_MAX_URL, description="http, sse: the server's address.")
    ] = None

    @model_validator(mode="after")
    def _is_reachable(self) -> Self:
        if self.type == "stdio" and not self.command:
            msg = "an MCP server of type stdio needs a command"
            raise ValueError(msg)
        if self.type != "stdio" and not self.url:
            msg = f"an MCP server of type {self.type} needs a url"
            raise ValueError(msg)
        return self


PermissionMode = Literal["default", "acceptEdits", "plan", "bypassPermissions"]


class Claude(SpecModel):
    """How Claude Code runs."""

    model: Annotated[
        str | None, Field(max_length=128, description="Model to use. Empty: Claude Code's own.")
    ] = None
    fallback_model: Annotated[
        str | None,
        Field(max_length=128, description="Model to use while the first is overloaded."),
    ] = None
    permission_mode: Annotated[
        PermissionMode,
        Field(
            description="default asks before what may change anything; acceptEdits lets files be "
            "edited; plan changes nothing; bypassPermissions never asks."
        ),
    ] = "default"
    allowed_tools: Annotated[
        list[ToolRule],
        Field(max_length=256, description="Tools (or rules, as Bash(git *)) allowed unasked."),
    ] = []
    disallowed_tools: Annotated[
        list[ToolRule], Field(max_length=256, description="Tools (or rules) never allowed.")
    ] = []
    append_system_prompt: Annotated[
        str | None,
        Field(max_length=65536, description="Text added to Claude Code's system prompt."),
    ] = None
    max_turns: Annotated[
        int | None,
        Field(
            ge=1, le=10_000, description="Model calls that one prompt may take. Empty: no limit."
        ),
    ] = None
    mcp_servers: Annotated[
        dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")], McpServer],
        Field(max_length=32, description="MCP servers by name."),
    ] = {}
    env: Annotated[
        dict[EnvName, EnvValue],
        Field(
            max_length=128,
            description="Environment variables for Claude Code and its tools. No secrets: a spec "
            "is readable by all who may read the resource.",
        ),
    ] = {}


class Budget(SpecModel):
    """A hard limit, enforced outside the pod."""

    max_cost_usd: Annotated[
        float | None,
        Field(gt=0, le=1_000_000, description="US dollars it may cost. Empty: no limit."),
    ] = None
    max_turns: Annotated[
        int | None, Field(ge=1, le=1_000_000, description="Prompts it may answer. Empty: no limit.")
    ] = None


class Timeouts(SpecModel):
    """How long a session may take. Durations such as 90s, 30m or 8h."""

    start: Annotated[Duration, Field(description="From admission to Ready; then it fails.")] = "10m"
    idle: Annotated[
        Duration,
        Field(description="Without work or input; then it is suspended, everything is kept."),
    ] = "30m"
    approval: Annotated[
        Duration,
        Field(description="How long a permission request waits; then it is denied."),
    ] = "7d"
    lifetime: Annotated[Duration, Field(description="From creation; then it is ended.")] = "30d"
    ttl_after_finished: Annotated[
        Duration, Field(description="From its end; then the resource is deleted.")
    ] = "7d"


class Retry(SpecModel):
    """What happens when the pod fails."""

    limit: Annotated[
        int, Field(ge=0, le=100, description="Failures in a row after which it is Failed.")
    ] = 5
    backoff: Annotated[
        Duration,
        Field(description="Wait before the first retry; doubled each time up to 5m, with jitter."),
    ] = "1s"


class ResourceList(SpecModel):
    """Amounts by resource."""

    cpu: Annotated[Quantity | None, Field(description="Cores, as 500m or 2.")] = None
    memory: Annotated[Quantity | None, Field(description="Memory, as 512Mi or 4Gi.")] = None
    ephemeral_storage: Annotated[
        Quantity | None,
        Field(alias="ephemeral-storage", description="Disk outside volumes, as 5Gi."),
    ] = None


class Resources(SpecModel):
    """The agent container's requests and limits."""

    requests: Annotated[ResourceList, Field(description="What the scheduler reserves.")] = (
        ResourceList(cpu="250m", memory="512Mi")
    )
    limits: Annotated[ResourceList, Field(description="What it may use at most.")] = ResourceList(
        cpu="2", memory="4Gi"
    )


class Toleration(SpecModel):
    """A taint that the pod bears, as in core/v1."""

    key: Annotated[str | None, Field(max_length=317, description="The taint's key.")] = None
    operator: Annotated[
        Literal["Exists", "Equal"], Field(description="How the value is compared.")
    ] = "Equal"
    value: Annotated[str | None, Field(max_length=63, description="The taint's value.")] = None
    effect: Annotated[
        Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None,
        Field(description="The taint's effect. Empty: all."),
    ] = None
    toleration_seconds: Annotated[
        int | None, Field(ge=0, description="NoExecute: seconds to stay. Empty: for ever.")
    ] = None


class Workspace(SpecModel):
    """Where the clone lives."""

    kind: Annotated[
        Literal["ephemeral", "persistent"],
        Field(
            description="persistent: a PersistentVolumeClaim that outlives the pod, so that "
            "suspend and node loss keep it. ephemeral: gone with the pod."
        ),
    ] = "persistent"
    size: Annotated[Quantity, Field(description="How much it may hold.")] = "10Gi"
    storage_class_name: Annotated[
        str | None, Field(max_length=253, description="Empty: the cluster's default class.")
    ] = None


class Egress(SpecModel):
    """What the pod may reach."""

    mode: Annotated[
        Literal["proxyOnly", "allowList", "open"],
        Field(
            description="proxyOnly: the credential proxy (model, git) alone; allowList: the hosts "
            "named too; open: any address outside the cluster."
        ),
    ] = "proxyOnly"
    hosts: Annotated[
        list[HostName],
        Field(max_length=256, description="allowList: host names, *.example.com for all below."),
    ] = []
