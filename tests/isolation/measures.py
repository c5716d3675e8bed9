"""Taking a measure away: network policies, a login's limits, a pod's; and giving it back."""

import base64
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from deployment.kube import apply, run_kubectl
from deployment.model import GIT_LOGIN, SCRIPTED_KEY
from deployment.release import NAMESPACE, install, installed_values
from isolation.hostile import Shell
from isolation.stand_ins import on_node
from moorage_api.keys import SessionKeys
from moorage_api.meter import COST, MICRO

FREE: Final = "moorage-isolation"
"""A namespace without a policy of any kind."""

_REDIS_POD: Final = "moorage-redis-0"
_USER: Final = "isolation"


@contextmanager
def no_network_policies() -> Iterator[None]:
    """Have the chart make none."""
    values = installed_values()
    install(values | {"networkPolicies": {"enabled": False}})
    try:
        yield
    finally:
        install(values)


@contextmanager
def unlimited_redis_login() -> Iterator[str]:
    """Yield the address of Redis with a login that may do everything."""
    password = secrets.token_hex(16)
    said = _redis("ACL", "SETUSER", _USER, "on", f">{password}", "~*", "&*", "+@all")
    assert said == "OK", said
    try:
        yield f"redis://{_USER}:{password}@moorage-redis.{NAMESPACE}.svc:6379/0"
    finally:
        _redis("ACL", "DELUSER", _USER)


def metered(session_id: str) -> float:
    """Return what a session spent, in dollars, as the credential proxy metered it."""
    return int(_redis("HGET", SessionKeys(session_id).meter, COST.decode()) or 0) / MICRO


def kept_in_redis(session_id: str) -> int:
    """Return how many bytes Redis holds of what a session's runner writes."""
    keys = SessionKeys(session_id)
    sizes = (_redis("MEMORY", "USAGE", each) for each in (keys.events, keys.state))
    return sum(int(size or 0) for size in sizes)


def _redis(*command: str) -> str:
    """Run a command as the operator, who may make users; return the reply."""
    found = run_kubectl("get", "secret", "moorage-redis", f"--namespace={NAMESPACE}", "-ojson")
    password = base64.b64decode(json.loads(found)["data"]["operator-password"]).decode()
    script = 'read -r REDISCLI_AUTH; export REDISCLI_AUTH; exec redis-cli --user operator "$@"'
    where = ("exec", "--stdin", _REDIS_POD, f"--namespace={NAMESPACE}", "--", "sh", "-c", script)
    return run_kubectl(*where, "sh", *command, given=f"{password}\n").strip()


@contextmanager
def free_namespace() -> Iterator[None]:
    """Have the namespace, while it is needed."""
    run_kubectl("delete", "namespace", FREE, "--ignore-not-found")
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    metadata = {"name": FREE, "labels": labels}
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    try:
        yield
    finally:
        run_kubectl("delete", "namespace", FREE, "--wait=false")


def make_pod(name: str, spec: dict[str, Any]) -> Shell:
    """Make a pod among those, wait for it, and return a shell in it."""
    metadata = {"name": name, "namespace": FREE, "labels": {"kind": name}}
    apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    run_kubectl("wait", f"pod/{name}", f"--namespace={FREE}", "--for=condition=Ready")
    return Shell(name, spec["containers"][0]["name"], FREE)


def unrestricted(node: str, image: str) -> dict[str, Any]:
    """Return a pod with what a session's has not: root, privileges, a token, the keys."""
    keys = {"ANTHROPIC_API_KEY": SCRIPTED_KEY, "GIT_PASSWORD": GIT_LOGIN["password"]}
    return {
        "nodeName": node,
        "hostPID": True,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "free",
                "image": image,
                # Its own number on the node, whose processes it sees; Kubernetes makes $ of $$.
                "command": ["sh", "-c", "echo $$$$ > /tmp/pid; exec python3 -m http.server 8000"],
                "env": [{"name": name, "value": value} for name, value in keys.items()],
                "securityContext": {"runAsUser": 0, "privileged": True},
            }
        ],
    }


def on_node_without_limits(node: str, free: Shell, command: str) -> str:
    """Run the tool with the free pod's files but in the node's own cgroup: no pod's limits hold."""
    number = free.run("cat /tmp/pid").strip()
    inside = f". /tmp/surroundings.sh; ({command}) 2>&1; true"
    return on_node(node, "nsenter", f"--target={number}", "--mount", "bash", "-c", inside)
