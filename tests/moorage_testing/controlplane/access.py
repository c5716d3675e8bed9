"""Who may do what: service accounts with exactly the roles given, and how clients are configured.

Real service accounts with tokens from the TokenRequest interface are used rather than more lines in
the token file: they need no restart and are what the operator has in a cluster.
"""

import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes.aio.client import Configuration

from moorage_testing.controlplane.api import Account, Api, Object, Server
from moorage_testing.controlplane.errors import ApiRefused
from moorage_testing.controlplane.processes import until

ADMIN: Final = "admin"
_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_DEADLINE: Final = 30.0
Rules = Sequence[Object]


def make_administrator(tokens: Path) -> Account:
    """Write the API server's token file, with one user who may do everything."""
    account = Account(ADMIN, secrets.token_urlsafe(24))
    tokens.touch(mode=0o600)
    tokens.write_text(f"{account.token},{ADMIN},{ADMIN},system:masters\n")
    return account


def make_namespace(admin: Api, name: str) -> None:
    """Create a namespace unless it is there."""
    admin.apply(f"/api/v1/namespaces/{name}", _object("v1", "Namespace", name))


def make_service_account(admin: Api, server: Server, namespace: str, name: str) -> Account:
    """Create a service account that may do nothing yet, and its namespace if need be."""
    make_namespace(admin, namespace)
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
    admin.apply(path, _object("v1", "ServiceAccount", name))
    request = {"spec": {"expirationSeconds": 86_400}}
    token = admin.create(f"{path}/token", request)["status"]["token"]
    account = Account(f"system:serviceaccount:{namespace}:{name}", token, namespace)
    until(f"{account.name} known", _DEADLINE, lambda: _rejected(server, account))
    return account


def grant(admin: Api, server: Server, account: Account, rules: Rules, namespace: str = "") -> None:
    """Give ``account`` the rules: those of a Role in ``namespace``, else those of a ClusterRole.

    Returns when the API server knows of it.
    """
    name = account.name.rpartition(":")[2]
    kind = "Role" if namespace else "ClusterRole"
    home = f"{_RBAC}/namespaces/{namespace}" if namespace else _RBAC
    plural = f"{kind.lower()}s"
    version = "rbac.authorization.k8s.io/v1"
    role: Object = {**_object(version, kind, name), "rules": list(rules)}
    binding: Object = {
        **_object(version, f"{kind}Binding", name),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        "subjects": [
            {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": account.name}
        ],
    }
    if namespace:
        make_namespace(admin, namespace)
    admin.apply(f"{home}/{plural}/{name}", role)
    admin.apply(f"{home}/{kind.lower()}bindings/{name}", binding)
    asked = [_attributes(rule, namespace) for rule in rules if "resources" in rule]
    with Api(server, account) as own:
        for attributes in asked:
            until(f"{account.name} allowed", _DEADLINE, partial(_denied, own, attributes))


def configuration(server: Server, account: Account) -> Configuration:
    """Return the configuration for a client of kubernetes.aio."""
    made = Configuration(
        host=server.url,
        ssl_ca_cert=str(server.certificate),
        api_key={"BearerToken": account.token},
        api_key_prefix={"BearerToken": "Bearer"},
    )
    made.disable_strict_ssl_verification = True  # see Api: Go's self-signed certificate
    return made


def write_kubeconfig(server: Server, account: Account, path: Path) -> Path:
    """Write a kubeconfig for kubectl and other programs, unless it is there."""
    if path.exists():
        return path
    name = "moorage"
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [
            {
                "name": name,
                "cluster": {"server": server.url, "certificate-authority": str(server.certificate)},
            }
        ],
        "users": [{"name": account.name, "user": {"token": account.token}}],
        "contexts": [
            {
                "name": name,
                "context": {"cluster": name, "user": account.name, "namespace": account.namespace},
            }
        ],
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content))
    return path


def _object(version: str, kind: str, name: str) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}


def _rejected(server: Server, account: Account) -> str | None:
    """Say why the account's token is not taken yet, if so."""
    try:
        with Api(server, account) as own:
            own.get("/version")
    except ApiRefused as error:
        return str(error)
    return None


def _attributes(rule: Object, namespace: str) -> Object:
    """Return one thing that the rule allows."""
    resource, _, subresource = rule["resources"][0].partition("/")
    names = rule.get("resourceNames") or [""]
    return {
        "namespace": namespace,
        "group": rule["apiGroups"][0],
        "resource": resource,
        "subresource": subresource,
        "verb": rule["verbs"][0],
        "name": names[0],
    }


def _denied(own: Api, attributes: Object) -> str | None:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    allowed = own.create(_REVIEWS, body)["status"]["allowed"]
    return None if allowed else f"{attributes} is denied"
