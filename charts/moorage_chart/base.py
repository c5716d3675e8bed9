"""What groups of values are made of, and the values that all components have in common."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

Open = dict[str, Any]
"""Something of Kubernetes', as its own reference has it: passed on as it is."""


UNCHANGEABLE: Final = (
    "Kubernetes does not change it later: an upgrade with another one is refused, and says what to "
    "delete first."
)

_SELECTOR: Final = {"type": "object"}
Peer = Annotated[
    Open,
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": {
                "ipBlock": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["cidr"],
                    "properties": {
                        "cidr": {"type": "string"},
                        "except": {"type": "array", "items": {"type": "string"}},
                    },
                },
                "namespaceSelector": _SELECTOR,
                "podSelector": _SELECTOR,
            },
        }
    ),
]
"""A peer of a NetworkPolicy. Its shape is checked: an empty one could be everybody."""


class Group(BaseModel):
    """Values that belong together: written in camel case, unknown names are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class SecretKey(Group):
    """A key in a Secret that exists."""

    name: Annotated[str, Field(description="Name of the Secret. Empty: there is none.")] = ""
    key: Annotated[str, Field(min_length=1, description="The key in it.")]


class Workload(Group):
    """What can be said of each component's pods."""

    resources: Annotated[Open, Field(description="Requests and limits, as of a container.")] = {}
    node_selector: Annotated[dict[str, str], Field(description="As of a pod.")] = {}
    tolerations: Annotated[list[Open], Field(description="As of a pod.")] = []
    affinity: Annotated[Open, Field(description="As of a pod.")] = {}
    topology_spread_constraints: Annotated[
        list[Open],
        Field(description="As of a pod. Empty: over nodes and zones, as far as it is possible."),
    ] = []
    priority_class_name: Annotated[
        str, Field(description="Empty: the class that the chart makes for the control plane.")
    ] = ""
    pod_labels: Annotated[dict[str, str], Field(description="More labels of the pods.")] = {}
    pod_annotations: Annotated[
        dict[str, str], Field(description="More annotations of the pods.")
    ] = {}


class Process(Workload):
    """A component of Moorage's own."""

    replicas: Annotated[int, Field(ge=0, le=100, description="How many pods.")] = 1
    extra_env: Annotated[
        list[Open],
        Field(
            description="More environment variables, as of a container: for settings that are "
            "secrets."
        ),
    ] = []


class Volume(Group):
    """The volume of a bundled server."""

    size: Annotated[
        str,
        Field(
            pattern=r"^[0-9]+(\.[0-9]+)?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$",
            description=f"Size of the volume. {UNCHANGEABLE}",
        ),
    ]
    storage_class_name: Annotated[
        str, Field(description=f"Empty: the cluster's default. {UNCHANGEABLE}")
    ] = ""


def requests(cpu: str, memory: str, limit: str) -> Open:
    """Return resources with a limit on memory: on the processor nobody is held back."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit}}
