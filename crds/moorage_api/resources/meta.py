"""The parts of a Kubernetes object that every resource has."""

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import Timestamp, WireModel


class OwnerReference(WireModel):
    """The object that this one is deleted with."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(WireModel):
    """The fields of metadata that Moorage reads or writes."""

    name: str
    namespace: str | None = None
    uid: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    generation: int | None = None
    resource_version: str | None = None
    creation_timestamp: Timestamp | None = None
    deletion_timestamp: Timestamp | None = None
    owner_references: list[OwnerReference] = Field(default_factory=list)


class StatusCause(WireModel):
    """What is wrong with one field of an object that is refused, as `spec.workspace.size`."""

    field: str
    message: str


class Condition(WireModel):
    """One aspect of the present state, in Kubernetes' standard shape."""

    type: Annotated[
        str, Field(max_length=316, description="What the condition is about, such as Ready.")
    ]
    status: Annotated[Literal["True", "False", "Unknown"], Field(description="Whether it holds.")]
    reason: Annotated[
        str,
        Field(
            max_length=1024,
            pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
            description="One CamelCase word for programs: why the condition last changed.",
        ),
    ]
    message: Annotated[
        str,
        Field(max_length=32768, description="A sentence for people: what is so, what to do."),
    ] = ""
    last_transition_time: Annotated[Timestamp, Field(description="When the status last changed.")]
    observed_generation: Annotated[
        int | None,
        Field(ge=0, description="The metadata.generation this condition was derived from."),
    ] = None
