"""The two containers of a session's pod, and the volumes between them.

What they share is the workspace and the socket, by one group, and a list of certificate authorities
that neither can write; nothing else. Each has a user and a /tmp of its own. Only the runner sees
the Redis login and the spec; only readers of the group reach the socket.
"""

from pathlib import PurePosixPath
from typing import Final

from moorage_api.kube.objects import Manifest
from moorage_operator.build.metadata import Subject
from moorage_operator.build.secret import KEY_REDIS, KEY_SPEC, KEY_TOKEN
from moorage_operator.build.ways import TOKEN, ways_out
from moorage_operator.observed import AGENT, RUNNER
from moorage_operator.settings import CaBundleSettings, PodSettings

RUNNER_USER: Final = 64101
AGENT_USER: Final = 64102
GROUP_ID: Final = 64100
"""The group of both: what it may write is what they share."""

WORKSPACE: Final = "/workspace"
SOCKET_FOLDER: Final = "/run/moorage"
SPEC_FOLDER: Final = "/etc/moorage"
TRUSTED: Final = "/etc/ssl/certs/ca-certificates.crt"
"""The certificate authorities that programs in the images trust."""

SCRATCH: Final = ("socket", "runner-tmp", "agent-tmp")
"""Volumes whose content nobody misses."""

_TERMINATION_LOG: Final = "/dev/termination-log"
_GRACE_MARGIN: Final = 5
"""Seconds between the end of a turn's grace and the kubelet's force, for the last words."""


def runner_container(
    subject: Subject, settings: PodSettings, redis_ca: str | None = None
) -> Manifest:
    """Return the container that keeps the record: inbox, translation, publishing, permissions."""
    return {
        "name": RUNNER,
        "image": settings.runner_image,
        "imagePullPolicy": settings.pull_policy,
        "env": [
            _value("MOORAGE_SESSION_ID", subject.uid),
            _value("MOORAGE_SESSION_SPEC", f"{SPEC_FOLDER}/{KEY_SPEC}"),
            _secret("MOORAGE_REDIS_URL", subject.name, KEY_REDIS),
            *([_value("MOORAGE_REDIS_CA", redis_ca)] if redis_ca else []),
            _value("MOORAGE_WORKSPACE", WORKSPACE),
            _value("MOORAGE_CLAUDE_PATH", settings.claude_path),
            _value("MOORAGE_AGENT_SOCKET", f"{SOCKET_FOLDER}/agent.sock"),
            _value("MOORAGE_TERMINATION_LOG", _TERMINATION_LOG),
            _value("MOORAGE_GRACE_SECONDS", str(settings.grace_seconds - _GRACE_MARGIN)),
            _value("ANTHROPIC_BASE_URL", settings.proxy_url),
            *_token(subject, settings),
        ],
        "resources": {
            "requests": settings.runner_requests.model_dump(by_alias=True, exclude_none=True),
            "limits": settings.runner_limits.model_dump(by_alias=True, exclude_none=True),
        },
        "volumeMounts": [
            *_shared_mounts(settings),
            {"name": "runner-tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of its own
            {"name": "spec", "mountPath": SPEC_FOLDER, "readOnly": True},
        ],
        "terminationMessagePath": _TERMINATION_LOG,
        "terminationMessagePolicy": "File",
        "securityContext": _restricted(RUNNER_USER),
    }


def agent_container(subject: Subject, settings: PodSettings) -> Manifest:
    """Return the container that runs what the runner asks for: Claude Code and all its children."""
    resources = subject.spec.resources
    return {
        "name": AGENT,
        "image": subject.spec.image or settings.agent_image,
        "imagePullPolicy": settings.pull_policy,
        "env": [
            _value("HOME", f"{WORKSPACE}/home"),
            _value("MOORAGE_WORKSPACE", WORKSPACE),
            _value("MOORAGE_AGENT_SOCKET", f"{SOCKET_FOLDER}/agent.sock"),
            _value("ANTHROPIC_BASE_URL", settings.proxy_url),
            *(_model_key(settings) or _token(subject, settings)),
            *(_value(name, value) for name, value in ways_out(subject, settings).items()),
        ],
        "resources": {
            "requests": resources.requests.model_dump(by_alias=True, exclude_none=True),
            "limits": resources.limits.model_dump(by_alias=True, exclude_none=True),
        },
        "volumeMounts": [
            *_shared_mounts(settings),
            {"name": "agent-tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of its own
        ],
        "terminationMessagePath": _TERMINATION_LOG,
        "terminationMessagePolicy": "File",
        "securityContext": _restricted(AGENT_USER),
    }


def volumes(subject: Subject, settings: PodSettings) -> list[Manifest]:
    """Return the pod's volumes."""
    workspace = subject.spec.workspace
    kept: Manifest = {"persistentVolumeClaim": {"claimName": subject.name}}
    if workspace.kind == "ephemeral":
        kept = {"emptyDir": {"sizeLimit": workspace.size}}
    document = {"key": KEY_SPEC, "path": KEY_SPEC}
    return [
        {"name": "workspace", **kept},
        {"name": "socket", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "runner-tmp", "emptyDir": {"sizeLimit": settings.scratch_size}},
        {"name": "agent-tmp", "emptyDir": {"sizeLimit": settings.scratch_size}},
        {
            "name": "spec",
            "secret": {"secretName": subject.name, "items": [document], "defaultMode": 0o440},
        },
        *_ca_volume(settings.ca_bundle),
    ]


def _restricted(user: int) -> Manifest:
    return {
        "runAsUser": user,
        "runAsGroup": GROUP_ID,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _shared_mounts(settings: PodSettings) -> list[Manifest]:
    return [
        {"name": "workspace", "mountPath": WORKSPACE},
        {"name": "socket", "mountPath": SOCKET_FOLDER},
        *_ca_mount(settings.ca_bundle),
    ]


def _ca_mount(bundle: CaBundleSettings) -> list[Manifest]:
    """Return the bundle over the one file, if there is one: images keep more in that folder."""
    if not bundle.config_map:
        return []
    return [
        {
            "name": "ca-bundle",
            "mountPath": TRUSTED,
            "subPath": PurePosixPath(TRUSTED).name,
            "readOnly": True,
        }
    ]


def _ca_volume(bundle: CaBundleSettings) -> list[Manifest]:
    if not bundle.config_map:
        return []
    items = [{"key": bundle.key, "path": PurePosixPath(TRUSTED).name}]
    return [{"name": "ca-bundle", "configMap": {"name": bundle.config_map, "items": items}}]


def _token(subject: Subject, settings: PodSettings) -> list[Manifest]:
    """Return the session's token at the proxy: none where the agent has the model's key."""
    if settings.model_key.secret:
        return []
    return [_secret(TOKEN, subject.name, KEY_TOKEN)]


def _model_key(settings: PodSettings) -> list[Manifest]:
    """Return the model's key, for the agent alone: the runner needs none."""
    source = settings.model_key
    return [_secret("ANTHROPIC_API_KEY", source.secret, source.key)] if source.secret else []


def _value(name: str, value: str) -> Manifest:
    return {"name": name, "value": value}


def _secret(variable: str, secret: str, key: str) -> Manifest:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
