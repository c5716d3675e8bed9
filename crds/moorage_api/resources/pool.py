"""ClaudeSessionPool: warm pods that wait for a session to claim them."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from moorage_api.base import SpecModel, WireModel
from moorage_api.resources.meta import Condition, ObjectMeta
from moorage_api.resources.parts import Repository, TemplateRef


class PoolSpec(SpecModel):
    """How many pods wait, and with what."""

    template_ref: Annotated[
        TemplateRef, Field(description="Template of the sessions that may claim from the pool.")
    ]
    replicas: Annotated[int, Field(ge=0, le=1000, description="Warm pods to keep waiting.")] = 1
    repository: Annotated[
        Repository | None,
        Field(description="Repository to clone beforehand. Empty: none, it is cloned on claim."),
    ] = None

    crd_defaults: ClassVar[frozenset[str]] = frozenset({"replicas"})


class PoolStatus(WireModel):
    """How the pool stands. Written by the operator only."""

    observed_generation: Annotated[
        int | None, Field(ge=0, description="The metadata.generation that this status reflects.")
    ] = None
    replicas: Annotated[int, Field(ge=0, description="Warm pods that exist.")] = 0
    ready: Annotated[int, Field(ge=0, description="Warm pods that can be claimed now.")] = 0
    claimed: Annotated[int, Field(ge=0, description="Pods claimed since the pool was made.")] = 0
    selector: Annotated[
        str, Field(max_length=1024, description="Label selector of the pods, for autoscalers.")
    ] = ""
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=16,
            description="Ready.",
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        ),
    ] = []


class ClaudeSessionPool(WireModel):
    """A ClaudeSessionPool keeps pods warm, so that a session starts at once."""

    plural: ClassVar[str] = "claudesessionpools"
    short_names: ClassVar[tuple[str, ...]] = ("csp",)
    columns: ClassVar[tuple[dict[str, Any], ...]] = (
        {"name": "Template", "type": "string", "jsonPath": ".spec.templateRef.name"},
        {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
        {"name": "Ready", "type": "integer", "jsonPath": ".status.ready"},
        {"name": "Claimed", "type": "integer", "jsonPath": ".status.claimed"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    )

    api_version: Literal["moorage.dev/v1alpha1"] = "moorage.dev/v1alpha1"
    kind: Literal["ClaudeSessionPool"] = "ClaudeSessionPool"
    metadata: ObjectMeta
    spec: PoolSpec
    status: PoolStatus = PoolStatus()
