"""What the admission policy allows and refuses, each with where, and with what the refusal says."""

from typing import Any, Final

Spec = dict[str, Any]

BY_DEFAULT, WIDE, TIGHT = "by-default", "wide", "tight"
VALUES: Final[dict[str, Any]] = {
    "sessions": {"namespace": BY_DEFAULT, "additionalNamespaces": [WIDE, TIGHT]},
    "admission": {
        "namespaces": {
            WIDE: {
                "images": ["registry.example.com/team/", "docker.io/library/python:3.12"],
                "runtimeClasses": ["gvisor", "kata"],
                "priorityClasses": ["low"],
                "nodeLabels": ["pool=agents", "zone"],
                "tolerations": ["agents"],
                "maxMemory": "",
                "maxWorkspace": "",
                "storageClasses": ["fast"],
                "egressModes": ["proxyOnly", "allowList", "open"],
                "egressHosts": ["pypi.org", "*.example.com"],
                "permissionModes": ["default", "bypassPermissions"],
                "env": ["APP_*", "ANTHROPIC_BASE_URL", "CI"],
                "repositories": ["https://git.example.com/team/"],
                "credentialsSecrets": ["git"],
            },
            TIGHT: {"maxCpu": "1", "maxMemory": "2Gi", "maxWorkspace": "5Gi"},
        }
    },
}
REPOSITORY: Final = {"url": "https://git.example.com/team/app.git"}


def limits(**amounts: str) -> Spec:
    return {"resources": {"limits": amounts}}


def claude(**fields: Any) -> Spec:
    return {"claude": fields}


def server(**env: str) -> Spec:
    return claude(mcpServers={"files": {"type": "stdio", "command": "serve", "env": env}})


def hosts(*names: str) -> Spec:
    return {"egress": {"mode": "allowList", "hosts": list(names)}}


def secret(name: str) -> Spec:
    return {"repository": {**REPOSITORY, "credentialsSecretRef": {"name": name}}}


def beside(**fields: Any) -> Spec:
    return {"additionalRepositories": [{**REPOSITORY, "path": "lib", **fields}]}


ALLOWED: Final[list[tuple[str, Spec]]] = [
    (BY_DEFAULT, {}),
    (BY_DEFAULT, limits(cpu="4", memory="8Gi")),
    (BY_DEFAULT, limits(cpu="4000m", memory="8192Mi", **{"ephemeral-storage": "20Gi"})),
    (BY_DEFAULT, {"resources": {"requests": {"cpu": "4"}}}),
    (BY_DEFAULT, {"workspace": {"kind": "persistent", "size": "50Gi"}}),
    (BY_DEFAULT, {"egress": {"mode": "proxyOnly"}}),
    (BY_DEFAULT, hosts("pypi.org", "*.example.com")),
    (BY_DEFAULT, claude(permissionMode="acceptEdits", env={"CI": "1"})),
    (BY_DEFAULT, server(TOKEN_FILE="x")),
    (BY_DEFAULT, secret("any")),
    (WIDE, {"image": "registry.example.com/team/tools:7"}),
    (WIDE, {"image": "docker.io/library/python:3.12"}),
    (WIDE, {"runtimeClassName": "kata"}),
    (WIDE, {"priorityClassName": "low"}),
    (WIDE, {"nodeSelector": {"pool": "agents", "zone": "a"}}),
    (WIDE, {"tolerations": [{"key": "agents", "operator": "Exists"}]}),
    (WIDE, limits(cpu="1", memory="2Ti")),
    (WIDE, {"workspace": {"size": "2Ti", "storageClassName": "fast"}}),
    (WIDE, {"egress": {"mode": "open"}}),
    (WIDE, hosts("pypi.org", "a.example.com", "*.b.example.com", "*.example.com")),
    (WIDE, claude(permissionMode="bypassPermissions")),
    (WIDE, claude(env={"APP_NAME": "x", "CI": "1"})),
    (WIDE, secret("git")),
    (TIGHT, limits(cpu="1", memory="2Gi") | {"workspace": {"size": "5Gi"}}),
]
REFUSED: Final[list[tuple[str, Spec, str]]] = [
    (BY_DEFAULT, {"image": "tools:7"}, ("spec.image: tools:7 is not allowed in this namespace; "
        "allowed: nothing, leave it out (admission.limits.images in the values of the chart)")),
    (BY_DEFAULT, {"runtimeClassName": "gvisor"}, "spec.runtimeClassName: gvisor is not"),
    (BY_DEFAULT, {"priorityClassName": "high"}, "spec.priorityClassName: high is not"),
    (BY_DEFAULT, {"nodeSelector": {"a": "b"}}, "spec.nodeSelector: a=b is not"),
    (BY_DEFAULT, {"tolerations": [{"key": "a"}]}, "spec.tolerations: a is not"),
    (BY_DEFAULT, {"tolerations": [{"operator": "Exists"}]}, "spec.tolerations: every taint is not"),
    (BY_DEFAULT, limits(cpu="5", memory="1Gi"), "spec.resources.limits: more than is allowed"),
    (BY_DEFAULT, limits(cpu="1", memory="9Gi"), "memory 8Gi, ephemeral-storage 20Gi"),
    (BY_DEFAULT, limits(cpu="1", memory="1Gi", **{"ephemeral-storage": "1Ti"}), "more than is"),
    (BY_DEFAULT, limits(cpu="1"), "spec.resources.limits: name both cpu and memory"),
    (BY_DEFAULT, limits(memory="1Gi"), "spec.resources.limits: name both cpu and memory"),
    (BY_DEFAULT, {"resources": {"requests": {"memory": "9Gi"}}}, "spec.resources.requests: more"),
    (BY_DEFAULT, {"workspace": {"size": "51Gi"}}, "spec.workspace.size: 51Gi is more than is"),
    (BY_DEFAULT, {"workspace": {"storageClassName": "fast"}}, "storageClassName: fast is not"),
    (BY_DEFAULT, {"egress": {"mode": "open"}}, ("spec.egress.mode: open is not allowed in this "
        "namespace; allowed: proxyOnly allowList")),
    (BY_DEFAULT, claude(permissionMode="bypassPermissions"), "spec.claude.permissionMode: bypass"),
    (BY_DEFAULT, claude(env={"ANTHROPIC_BASE_URL": "x"}), "spec.claude.env: of ANTHROPIC_BASE_URL"),
    (BY_DEFAULT, claude(env={"AWS_REGION": "x"}), "spec.claude.env: of AWS_REGION"),
    (BY_DEFAULT, server(MOORAGE_X="1"), "spec.claude.mcpServers: of files not all"),
    (WIDE, {"image": "registry.example.com.evil.example/team/a"}, "spec.image"),
    (WIDE, {"image": "registry.example.com/teams/a"}, "spec.image"),
    (WIDE, {"image": "docker.io/library/python:3.12.evil"}, "spec.image"),
    (WIDE, {"runtimeClassName": "runc"}, ("spec.runtimeClassName: runc is not allowed in this "
        "namespace; allowed: gvisor kata")),
    (WIDE, {"nodeSelector": {"pool": "control-plane"}}, "spec.nodeSelector"),
    (WIDE, {"nodeSelector": {"pool": "agents", "b": "c"}}, "spec.nodeSelector"),
    (WIDE, {"tolerations": [{"key": "agents"}, {"key": "b"}]}, "spec.tolerations"),
    (WIDE, {"tolerations": [{"operator": "Exists"}]}, "spec.tolerations"),
    (WIDE, {"workspace": {"storageClassName": "faster"}}, "spec.workspace.storageClassName"),
    (WIDE, hosts("example.com"), "spec.egress.hosts"),
    (WIDE, hosts("a.example.com.evil.example"), "spec.egress.hosts"),
    (WIDE, hosts("pypi.org", "b.pypi.org"), "spec.egress.hosts"),
    (WIDE, claude(permissionMode="plan"), "spec.claude.permissionMode"),
    (WIDE, claude(env={"APP": "x"}), "spec.claude.env"),
    (WIDE, claude(env={"CI": "1", "PATH": "x"}), "spec.claude.env"),
    (WIDE, claude(env={"ANTHROPIC_BASE_URL": "x"}), "spec.claude.env"),
    (WIDE, server(APP_X="1", LD_PRELOAD="x"), "spec.claude.mcpServers"),
    (WIDE, {"repository": {"url": "https://git.example.com/teams/app.git"}}, "spec.repository"),
    (WIDE, beside(url="https://other.example.com/team/app.git"), "spec.repository"),
    (WIDE, secret("another"), "spec.repository.credentialsSecretRef"),
    (WIDE, beside(credentialsSecretRef={"name": "another"}), "credentialsSecretRef"),
    (TIGHT, {}, ("spec.resources.limits: more than is allowed in this namespace (or, left out, the "
        "default is): cpu 1, memory 2Gi")),
    (TIGHT, limits(cpu="1", memory="2Gi"), "spec.workspace.size: 10Gi (the default) is more than"),
]  # fmt: skip
STOOD: Final[Spec] = {
    "image": "tools:7", "runtimeClassName": "old", "priorityClassName": "old",
    "nodeSelector": {"old": "1"}, "tolerations": [{"operator": "Exists"}],
    "resources": {"limits": {"cpu": "64"}, "requests": {"memory": "64Gi"}},
    "workspace": {"size": "1Ti", "storageClassName": "old"}, "egress": {"mode": "open"},
    "claude": {"permissionMode": "bypassPermissions", "env": {"AWS_REGION": "x"}},
    "repository": REPOSITORY,
}  # fmt: skip
