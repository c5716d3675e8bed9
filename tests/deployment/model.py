"""The model that sessions talk to: the scripted one, installed here, or the real one by its key."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from deployment.images import MODEL
from deployment.kube import apply

NAMESPACE: Final = "moorage-model"
MODEL_PORT: Final = 8080
GIT_PORT: Final = 8081
SCRIPTED: Final = f"http://model.{NAMESPACE}:{MODEL_PORT}"
SAMPLE: Final = f"http://git.{NAMESPACE}/sample.git"
"""A repository to clone, beside the scripted model."""

KEY: Final = "ANTHROPIC_API_KEY"
_ANTHROPIC: Final = "https://api.anthropic.com"
_MANIFESTS: Final = Path(__file__).with_name("model") / "manifests.yaml"


@dataclass(frozen=True)
class Model:
    """Which model it is."""

    url: str
    key: str | None = field(repr=False)
    """Of the real model; None: the scripted one, which asks for none."""

    @property
    def scripted(self) -> bool:
        """Whether it is the scripted one."""
        return self.key is None


def chosen() -> Model:
    """Return the model that the environment asks for, as `make run` does."""
    key = os.environ.get(KEY)
    if not key:
        return Model(SCRIPTED, None)
    return Model(os.environ.get("ANTHROPIC_BASE_URL") or _ANTHROPIC, key)


def install(tag: str) -> None:
    """Put the scripted model and its git server into the cluster, or bring them up to date."""
    objects: list[dict[str, Any]] = list(yaml.safe_load_all(_MANIFESTS.read_text()))
    for each in objects:
        if each["kind"] == "Deployment":
            for container in each["spec"]["template"]["spec"]["containers"]:
                container["image"] = f"{MODEL}:{tag}"
    apply(*objects)


def key_secret(name: str, namespace: str, key: str) -> dict[str, Any]:
    """Return the Secret with the real model's key."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": {"api-key": key},
    }
