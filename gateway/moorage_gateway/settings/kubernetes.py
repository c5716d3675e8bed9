"""Settings of sessions in a cluster, and of what runs beside the API."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from moorage_gateway.settings.base import Group, Words


class KubernetesSettings(Group):
    """Where sessions are in the cluster."""

    namespace: Annotated[
        str,
        Field(
            max_length=63,
            pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$",
            description="Where sessions are created. Empty: the gateway's own namespace, or "
            "`default` outside a cluster.",
        ),
    ] = ""
    namespaces: Annotated[
        Words, Field(description="Further namespaces whose sessions are shown to their owners.")
    ] = []
    kubeconfig: Annotated[
        Path | None,
        Field(description="Outside a cluster: how to reach the API server. Empty: as kubectl."),
    ] = None


class RecorderSettings(Group):
    """What writes the history down."""

    enabled: Annotated[
        bool,
        Field(
            description="Run the recorder, and what else is needed once, in `serve` too. false: "
            "`moorage-gateway record` runs apart."
        ),
    ] = True
