"""ClaudeSession: one Claude Code conversation on one repository, in a pod of its own."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from moorage_api.base import SpecModel, Timestamp, WireModel
from moorage_api.resources.meta import Condition, ObjectMeta
from moorage_api.resources.parts import (
    MAX_PROMPT,
    AdditionalRepository,
    Budget,
    Claude,
    Egress,
    Repository,
    Resources,
    Retry,
    TemplateRef,
    Timeouts,
    Toleration,
    Workspace,
    rule,
)

STEADY: Final = timedelta(minutes=1)
"""How long a session is Ready until failures before that no longer count."""


class Phase(StrEnum):
    """Where a session is in its life."""

    PENDING = "Pending"
    STARTING = "Starting"
    READY = "Ready"
    SUSPENDING = "Suspending"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    @property
    def finished(self) -> bool:
        """Whether nothing follows this phase."""
        return self in {Phase.SUCCEEDED, Phase.FAILED}


class Activity(StrEnum):
    """What a Ready session is doing."""

    IDLE = "Idle"
    WORKING = "Working"
    AWAITING_APPROVAL = "AwaitingApproval"
    RATE_LIMITED = "RateLimited"


class CommonSpec(SpecModel):
    """What a session and a template both have."""

    interactive: Annotated[
        bool,
        Field(description="false: a batch session, which ends after the answer to its prompt."),
    ] = True
    claude: Annotated[Claude, Field(description="How Claude Code runs.")] = Claude()
    budget: Annotated[Budget, Field(description="A hard limit on what it may spend.")] = Budget()
    timeouts: Annotated[Timeouts, Field(description="How long it may take.")] = Timeouts()
    retry: Annotated[Retry, Field(description="What happens when the pod fails.")] = Retry()
    resources: Annotated[
        Resources, Field(description="The agent container's requests and limits.")
    ] = Resources()
    image: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=512,
            description="Image of the agent container (FROM moorage-agent). Empty: the "
            "operator's own. The runner's image is never replaced.",
        ),
    ] = None
    runtime_class_name: Annotated[
        str | None,
        Field(max_length=253, description="RuntimeClass, such as gvisor. Empty: the cluster's."),
    ] = None
    node_selector: Annotated[
        dict[
            Annotated[str, StringConstraints(max_length=317)],
            Annotated[str, StringConstraints(max_length=63)],
        ],
        Field(max_length=32, description="Labels that the node must have."),
    ] = {}
    tolerations: Annotated[
        list[Toleration], Field(max_length=32, description="Taints that the pod bears.")
    ] = []
    priority_class_name: Annotated[
        str | None,
        Field(max_length=253, description="PriorityClass. Empty: the cluster's default."),
    ] = None
    workspace: Annotated[Workspace, Field(description="Where the clone lives.")] = Workspace()
    egress: Annotated[Egress, Field(description="What the pod may reach.")] = Egress()


class SessionSpec(CommonSpec):
    """What should run."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                rule(
                    "has(self.repository) == has(oldSelf.repository) && "
                    "(!has(self.repository) || self.repository == oldSelf.repository)",
                    "repository is immutable: create another session for another repository",
                ),
                rule(
                    "has(self.templateRef) || !has(self.interactive) || self.interactive || "
                    "has(self.prompt)",
                    "a session with interactive: false needs a prompt",
                ),
                rule(
                    "has(self.repository) || has(self.templateRef)",
                    "name a repository, or a template that has one in templateRef",
                ),
                rule(
                    "has(self.templateRef) || !has(self.egress) || !has(self.egress.hosts) || "
                    "size(self.egress.hosts) == 0 || "
                    "(has(self.egress.mode) && self.egress.mode == 'allowList')",
                    "egress.hosts needs egress.mode: allowList",
                ),
                rule(
                    "!has(oldSelf.owner) || (has(self.owner) && self.owner == oldSelf.owner)",
                    "owner is immutable once set: create another session for another owner",
                ),
            ]
        }
    )

    template_ref: Annotated[
        TemplateRef | None, Field(description="Template whose spec fills what is unset here.")
    ] = None
    repository: Annotated[
        Repository | None,
        Field(description="What to clone. Immutable. Empty: the template's repository."),
    ] = None
    additional_repositories: Annotated[
        list[AdditionalRepository],
        Field(max_length=16, description="Further repositories, each with a path of its own."),
    ] = []
    prompt: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_PROMPT,
            description="First message. Empty: it waits for one.",
        ),
    ] = None
    owner: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=128,
            description="User id that may see it through the gateway. Empty: admins alone. Teams "
            "are named by the label moorage.dev/team.",
        ),
    ] = None
    suspend: Annotated[bool, Field(description="true: no pod, everything kept. false: run.")] = (
        False
    )

    crd_defaults: ClassVar[frozenset[str]] = frozenset({"suspend"})

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.template_ref is None:
            self._check_without_template()
        paths = [extra.path for extra in self.additional_repositories]
        if len(paths) != len(set(paths)):
            msg = "additionalRepositories must each have a path of their own"
            raise ValueError(msg)
        return self

    def _check_without_template(self) -> None:
        """Refuse what only a template could still make whole."""
        if self.repository is None:
            msg = "name a repository, or a template that has one in templateRef"
            raise ValueError(msg)
        if not self.interactive and self.prompt is None:
            msg = "a session with interactive: false needs a prompt"
            raise ValueError(msg)
        if self.egress.hosts and self.egress.mode != "allowList":
            msg = "egress.hosts needs egress.mode: allowList"
            raise ValueError(msg)


class Usage(WireModel):
    """What a session has used so far."""

    input_tokens: Annotated[int, Field(ge=0, description="Tokens sent, cached ones included.")] = 0
    output_tokens: Annotated[int, Field(ge=0, description="Tokens received.")] = 0
    cost_usd: Annotated[float, Field(ge=0, description="US dollars.")] = 0.0
    turns: Annotated[int, Field(ge=0, description="Prompts answered.")] = 0

    def plus(self, other: "Usage") -> "Usage":
        """Return the sum of both."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=self.cost_usd + other.cost_usd,
            turns=self.turns + other.turns,
        )


class SessionStatus(WireModel):
    """How it stands. Written by the operator (or the local backend) only."""

    observed_generation: Annotated[
        int | None, Field(ge=0, description="The metadata.generation that this status reflects.")
    ] = None
    phase: Annotated[Phase, Field(description="Where it is in its life.")] = Phase.PENDING
    activity: Annotated[
        Activity | None, Field(description="What it is doing. Empty unless Ready.")
    ] = None
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=16,
            description="Admitted, PodScheduled, RepositoryCloned, Ready, AwaitingInput, "
            "Complete, BudgetExceeded.",
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        ),
    ] = []
    pod_name: Annotated[str | None, Field(max_length=253, description="Its pod, if any.")] = None
    pod_uid: Annotated[
        str | None,
        Field(
            max_length=64,
            description="UID of the last pod seen: with retryAt, the one whose end was counted.",
        ),
    ] = None
    node_name: Annotated[
        str | None, Field(max_length=253, description="The node its pod runs on.")
    ] = None
    claude_session_id: Annotated[
        str | None,
        Field(max_length=64, description="Claude Code's id of the conversation, for resume."),
    ] = None
    started_at: Annotated[
        Timestamp | None, Field(description="When its pod was first created.")
    ] = None
    ready_at: Annotated[Timestamp | None, Field(description="When it was last Ready.")] = None
    last_activity_at: Annotated[
        Timestamp | None, Field(description="When it last worked or was given input.")
    ] = None
    finished_at: Annotated[Timestamp | None, Field(description="When it Succeeded or Failed.")] = (
        None
    )
    attempts: Annotated[
        int,
        Field(ge=0, description="Pod failures in a row, back to 0 after a minute of being Ready."),
    ] = 0
    retry_at: Annotated[
        Timestamp | None,
        Field(description="When its next pod is started. Empty unless it waits for that."),
    ] = None
    pending_approvals: Annotated[
        int, Field(ge=0, description="Permission requests that wait for an answer.")
    ] = 0
    usage: Annotated[Usage, Field(description="What it has used so far.")] = Usage()
    message: Annotated[
        str | None, Field(max_length=32768, description="A sentence on how it stands.")
    ] = None


class ClaudeSession(WireModel):
    """A ClaudeSession runs one Claude Code conversation on one repository, in its own pod."""

    plural: ClassVar[str] = "claudesessions"
    # Not cs: that is componentstatuses, which kubectl prefers.
    short_names: ClassVar[tuple[str, ...]] = ("csession",)
    columns: ClassVar[tuple[dict[str, Any], ...]] = (
        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
        {"name": "Activity", "type": "string", "jsonPath": ".status.activity"},
        {"name": "Repository", "type": "string", "jsonPath": ".spec.repository.url"},
        {"name": "Cost", "type": "number", "jsonPath": ".status.usage.costUsd"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        {"name": "Pod", "type": "string", "jsonPath": ".status.podName", "priority": 1},
        {"name": "Node", "type": "string", "jsonPath": ".status.nodeName", "priority": 1},
        {"name": "Owner", "type": "string", "jsonPath": ".spec.owner", "priority": 1},
    )

    api_version: Literal["moorage.dev/v1alpha1"] = "moorage.dev/v1alpha1"
    kind: Literal["ClaudeSession"] = "ClaudeSession"
    metadata: ObjectMeta
    spec: SessionSpec
    status: SessionStatus = SessionStatus()
