"""Values of the admission policy: what a ClaudeSession and a template may ask for."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from moorage_chart.base import Group

# Words are joined by spaces for the policy.
Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\s]+$")]
Amount = Annotated[
    str,
    StringConstraints(pattern=r"^([0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)?$"),
]
_ALL = "`*`: all."


class Limits(Group):
    """What may be asked for. What a spec leaves out is always allowed, but for amounts."""

    images: Annotated[
        list[Word],
        Field(
            description="Images of the agent: whole names, or all below what ends in a slash. "
            f"Empty: only the installation's own. {_ALL}"
        ),
    ] = []
    runtime_classes: Annotated[
        list[Word], Field(description=f"RuntimeClasses, such as gvisor. {_ALL}")
    ] = []
    priority_classes: Annotated[list[Word], Field(description=f"PriorityClasses. {_ALL}")] = []
    node_labels: Annotated[
        list[Word],
        Field(description=f"Labels in nodeSelector: `key`, or `key=value`. {_ALL}"),
    ] = []
    tolerations: Annotated[
        list[Word],
        Field(description="Keys of tolerations. `*`: all, also tolerations without a key."),
    ] = []
    max_cpu: Annotated[Amount, Field(description="Of requests and limits. Empty: any.")] = "4"
    max_memory: Annotated[Amount, Field(description="Of requests and limits. Empty: any.")] = "8Gi"
    max_ephemeral_storage: Annotated[
        Amount, Field(description="Of requests and limits. Empty: any.")
    ] = "20Gi"
    max_workspace: Annotated[Amount, Field(description="Size of a workspace. Empty: any.")] = "50Gi"
    storage_classes: Annotated[
        list[Word], Field(description=f"StorageClasses of workspaces. {_ALL}")
    ] = []
    egress_modes: Annotated[
        list[Literal["proxyOnly", "allowList", "open"]],
        Field(description="What `egress.mode` may be."),
    ] = ["proxyOnly", "allowList"]
    egress_hosts: Annotated[
        list[Word],
        Field(
            description="Hosts in `egress.hosts`: names, or `*.example.com` for all below. `*`: "
            "all."
        ),
    ] = ["*"]
    permission_modes: Annotated[
        list[Literal["default", "acceptEdits", "plan", "bypassPermissions"]],
        Field(
            description="What `claude.permissionMode` may be, and what users of the gateway may "
            "choose while a session runs."
        ),
    ] = ["default", "acceptEdits", "plan"]
    env: Annotated[
        list[Word],
        Field(
            description="Names in `claude.env` and in the env of MCP servers; a `*` at the end "
            "stands for any rest."
        ),
    ] = ["*"]
    denied_env: Annotated[
        list[Word],
        Field(
            description="Names that are refused all the same: they would lead the model's requests "
            "elsewhere, or hold a key, which a spec is no place for."
        ),
    ] = [
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL",
        "AWS_*",
        "CLAUDE_CODE_USE_*",
        "MOORAGE_*",
    ]
    repositories: Annotated[
        list[Word],
        Field(
            description="URLs of repositories: whole ones, or all below what ends in a slash. "
            f"{_ALL} What users of the gateway may name is set there."
        ),
    ] = ["*"]
    credentials_secrets: Annotated[
        list[Word],
        Field(description=f"Secrets that `credentialsSecretRef` may name. {_ALL}"),
    ] = ["*"]


class Admission(Group):
    """A ValidatingAdmissionPolicy, which the API server keeps to whoever asks."""

    enabled: Annotated[
        bool,
        Field(
            description="Make it, with a binding for each of the sessions' namespaces. It is in "
            "the whole cluster, so installing it needs the right to."
        ),
    ] = True
    limits: Annotated[Limits, Field(description="What may be asked for.")] = Limits()
    namespaces: Annotated[
        dict[str, Limits],
        Field(
            description="The same for one of the sessions' namespaces, by its name; what is left "
            "out is as in limits."
        ),
    ] = {}
