"""The operator's service account: exactly the rules of the chart, in the chart's way.

charts/moorage/files/operator-rules.yaml is read by the chart's templates and here. ``namespaced``
becomes a Role in each namespace watched, or a ClusterRole if all are; ``cluster`` a ClusterRole;
``own`` a Role in the operator's own namespace.
"""

from pathlib import Path
from typing import Any, Final

import yaml

from moorage_testing.controlplane import access
from moorage_testing.controlplane.api import Account
from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.controlplane.processes import ROOT

RULES: Final = ROOT / "charts" / "moorage" / "files" / "operator-rules.yaml"


def chart_rules(path: Path = RULES) -> dict[str, list[dict[str, Any]]]:
    """Return the rules by their kind: namespaced, cluster, own."""
    rules: dict[str, list[dict[str, Any]]] = yaml.safe_load(path.read_text())
    return {kind: rules.get(kind) or [] for kind in ("namespaced", "cluster", "own")}


def operator_account(
    plane: ControlPlane, home: str, namespaces: tuple[str, ...] = (), name: str = "operator"
) -> Account:
    """Make the account in the namespace ``home``; without ``namespaces`` it is for all of them."""
    rules = chart_rules()
    cluster = rules["cluster"] + ([] if namespaces else rules["namespaced"])
    account = plane.account(home, name, rules["own"], [])
    if cluster:
        _grant_cluster(plane, account, cluster)
    with plane.client() as admin:
        for namespace in namespaces:
            access.grant(admin, plane.server, account, rules["namespaced"], namespace)
    return account


def _grant_cluster(plane: ControlPlane, account: Account, rules: list[dict[str, Any]]) -> None:
    with plane.client() as admin:
        access.grant(admin, plane.server, account, rules)
