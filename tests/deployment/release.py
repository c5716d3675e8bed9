"""The chart's release on the cluster: what it is told, and how it is brought up to date."""

import json
from pathlib import Path
from typing import Any, Final

from cluster.errors import ClusterError, CommandFailed
from cluster.places import home, kubeconfig, logs
from cluster.steps import ask, run, say, step
from cluster.tools import tool
from deployment import diagnosis
from deployment.images import CHART, MOORAGE
from deployment.model import GIT_HOST, GIT_LOGIN, GIT_PORT, MODEL_PORT, Model, secret
from deployment.model import NAMESPACE as MODEL_NAMESPACE
from deployment.nodes import beside_sessions

NAME: Final = "moorage"
NAMESPACE: Final = "moorage"
SESSIONS: Final = "moorage-sessions"
KEY_SECRET: Final = "moorage-model-key"
GIT_SECRET: Final = "moorage-git"
NODE_PORT: Final = 30080
"""The one that tests/cluster/kind.yaml leads to 127.0.0.1."""

_NAMESPACES: Final = (NAMESPACE, MODEL_NAMESPACE)
_PATIENCE: Final = "300s"
_HALF_DONE: Final = {"pending-install", "pending-upgrade", "pending-rollback", "uninstalling"}
_PARTS: Final = ("operator", "gateway", "recorder", "proxy", "redis", "postgres")


class NotReady(ClusterError):  # noqa: N818 - it says what is so
    """The release is not as wanted; what is not ready, and why."""

    def __init__(self, error: CommandFailed, report: str) -> None:
        super().__init__(f"{error}\nNot ready:\n{report}" if report else str(error))


def values(
    tags: dict[str, str], model: Model, workers: int, git_address: str | None
) -> dict[str, Any]:
    """Return what the chart is told: everything else is its default.

    ``git_address`` is that of the git server beside the scripted model, if there is one.
    """
    wanted: dict[str, Any] = {part: beside_sessions(workers) for part in _PARTS}
    wanted["gateway"] |= _gateway()
    wanted["proxy"] |= _proxy(git_address) if git_address else {}
    inside = [{"namespaceSelector": _named(MODEL_NAMESPACE)}]
    return wanted | {
        "images": {name.removeprefix("moorage-"): f"{name}:{tags[name]}" for name in MOORAGE},
        "sessions": {"namespace": SESSIONS, "model": {"url": model.url}},
        # On one's own machine anybody may try an image of the agent, and choose the node.
        "admission": {"limits": {name: ["*"] for name in ("images", "nodeLabels", "tolerations")}},
        "networkPolicies": {
            "proxyEgress": [{"to": inside, "ports": _ports(MODEL_PORT, GIT_PORT)}],
            "controlPlaneEgress": [{"to": inside, "ports": _ports(GIT_PORT)}],
        },
    }


def _gateway() -> dict[str, Any]:
    """Return what the gateway is told: it is reached from this machine alone."""
    repositories = [{"url": "https://**/**"}, {"url": f"http://git.{MODEL_NAMESPACE}/*"}]
    return {
        "service": {"type": "NodePort", "nodePort": NODE_PORT},
        "config": {
            "login": {"registration": "open"},
            "repositories": {"patterns": repositories},
        },
    }


def _proxy(git_address: str) -> dict[str, Any]:
    """Return what the proxy is told of the git server: it is in the cluster, without TLS."""
    return {
        "gitCredentials": [{"url": f"http://{GIT_HOST}/private", "secret": GIT_SECRET}],
        "config": {
            "git": {"http_hosts": [GIT_HOST], "max_push_bytes": 8 << 20},
            "egress": {"allowed_networks": [f"{git_address}/32"]},
        },
    }


def proxy_secrets(model: Model) -> list[dict[str, Any]]:
    """Return the keys of the model and of git: beside the proxy, in the release's namespace."""
    key = secret(KEY_SECRET, NAMESPACE, {"api-key": model.key})
    return [key, *([secret(GIT_SECRET, NAMESPACE, GIT_LOGIN)] if model.scripted else [])]


def installed_values() -> dict[str, Any]:
    """Return what the chart was told at the last `up`."""
    told: dict[str, Any] = json.loads(_values_file().read_text())
    return told


def install(wanted: dict[str, Any], chart: Path = CHART) -> None:
    """Install or upgrade the release, and wait until all of it is ready.

    Raises:
        NotReady: if it is not, in time.
    """
    path = _values_file()
    path.write_text(json.dumps(wanted, indent=2))
    with step(f"chart as the release {NAME}"):
        try:
            undo_half_done()
            helm("upgrade", "--install", NAME, chart, f"--values={path}")
        except CommandFailed as error:
            raise NotReady(error, diagnosis.report(_NAMESPACES)) from None


def undo_half_done() -> None:
    """Go back to what was deployed last where helm was interrupted; without that, to nothing.

    Helm leaves what is half done to whoever works on it: here the lock says that nobody does.
    Secrets, volumes, CRDs and the sessions' namespace stay also where the release is removed.
    """
    revisions = _history()
    if not revisions or revisions[-1]["status"] not in _HALF_DONE:
        return
    say(f"helm was interrupted before: the release {NAME} is {revisions[-1]['status']}")
    deployed = [each["revision"] for each in revisions if each["status"] == "deployed"]
    if deployed:
        helm("rollback", NAME, str(deployed[-1]), wait=False)
    else:
        helm("uninstall", NAME)


def _history() -> list[dict[str, Any]]:
    """Return the release's revisions; none if there is no release, or they cannot be had."""
    options = [f"--kubeconfig={kubeconfig()}", f"--namespace={NAMESPACE}", "--output=json"]
    said = ask([tool("helm"), "history", NAME, *options])
    revisions: list[dict[str, Any]] = json.loads(said) if said else []
    return revisions


def helm(action: str, *arguments: str | Path, wait: bool = True) -> None:
    """Run helm in the release's namespace.

    Raises:
        CommandFailed: if it ends with an error.
    """
    options = [f"--kubeconfig={kubeconfig()}", f"--namespace={NAMESPACE}"]
    options += ["--wait", f"--timeout={_PATIENCE}"] if wait else []
    run(
        f"helm {action}",
        [tool("helm"), action, *arguments, *options],
        logs() / f"helm-{action}.log",
        waits_for=lambda: diagnosis.waits_for(_NAMESPACES),
    )


def namespace() -> dict[str, Any]:
    """Return the namespace, held to what the chart's pods keep: Helm makes one without labels."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _named(namespace: str) -> dict[str, Any]:
    return {"matchLabels": {"kubernetes.io/metadata.name": namespace}}


def _ports(*numbers: int) -> list[dict[str, Any]]:
    return [{"port": number, "protocol": "TCP"} for number in numbers]


def _values_file() -> Path:
    return home() / "values.json"
