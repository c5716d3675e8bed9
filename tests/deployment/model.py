"""The model that sessions talk to: the scripted one, installed here, or the real one by its key."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from deployment.images import MODEL
from deployment.kube import apply, run_kubectl
from deployment.nodes import beside_sessions

NAMESPACE: Final = "moorage-model"
MODEL_PORT: Final = 8080
GIT_PORT: Final = 8081
SCRIPTED: Final = f"http://model.{NAMESPACE}:{MODEL_PORT}"
GIT_HOST: Final = f"git.{NAMESPACE}"
SAMPLE: Final = f"http://{GIT_HOST}/sample.git"
"""A repository to clone, beside the scripted model."""

FLEET: Final = f"http://{GIT_HOST}/private/fleet.git"
"""Another, which asks who is there."""

SCRIPTED_KEY: Final = "key-of-the-scripted-model"
GIT_LOGIN: Final = {"username": "harbour-master", "password": "password-of-the-git-server"}
"""These open nothing but the servers beside the scripted model: tests know what to look for."""

KEY: Final = "ANTHROPIC_API_KEY"
_ANTHROPIC: Final = "https://api.anthropic.com"
_MANIFESTS: Final = Path(__file__).with_name("model") / "manifests.yaml"


@dataclass(frozen=True)
class Model:
    """Which model it is."""

    url: str
    key: str = field(repr=False)
    scripted: bool
    """Whether it is the scripted one."""


def chosen() -> Model:
    """Return the model that the environment asks for, as `make run` does."""
    key = os.environ.get(KEY)
    if not key:
        return Model(SCRIPTED, SCRIPTED_KEY, scripted=True)
    return Model(os.environ.get("ANTHROPIC_BASE_URL") or _ANTHROPIC, key, scripted=False)


def install(tag: str, workers: int) -> None:
    """Put the scripted model and its git server into the cluster, or bring them up to date."""
    objects: list[dict[str, Any]] = list(yaml.safe_load_all(_MANIFESTS.read_text()))
    for each in objects:
        if each["kind"] == "Deployment":
            pod = each["spec"]["template"]["spec"]
            pod |= beside_sessions(workers)
            for container in pod["containers"]:
                container["image"] = f"{MODEL}:{tag}"
    users = {"users": ":".join(GIT_LOGIN.values())}
    apply(*objects, secret("git-users", NAMESPACE, users))


def git_address() -> str:
    """Return the address that the git server's name stands for."""
    where = "--output=jsonpath={.spec.clusterIP}"
    return run_kubectl("get", "service", "git", f"--namespace={NAMESPACE}", where)


def secret(name: str, namespace: str, values: dict[str, str]) -> dict[str, Any]:
    """Return a Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": values,
    }
