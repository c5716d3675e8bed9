"""Runs helm on the chart: renders it for tests that read manifests, or installs it for real."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from moorage_testing.controlplane.binaries import binary
from moorage_testing.controlplane.processes import ROOT

CHART: Final = ROOT / "charts" / "moorage"
EARLIER: Final = ROOT / "tests" / "fixtures" / "charts" / "earlier"
"""The chart of before, for upgrades."""
NAMESPACE: Final = "moorage"
Manifest = dict[str, Any]
Values = Mapping[str, Any]


class HelmRefused(AssertionError):  # noqa: N818 - read as a sentence
    """Helm failed; what it said."""


@dataclass(frozen=True)
class Helm:
    """Helm with a home of its own; with a kubeconfig it reaches a cluster."""

    home: Path
    kubeconfig: Path | None = None

    def run(self, *arguments: str, values: Values | None = None) -> str:
        """Run a command and return what it prints. `values` are given as a file.

        Raises:
            HelmRefused: if it fails.
        """
        given = ["--values", "-"] if values is not None else []
        done = subprocess.run(
            [str(binary("helm")), *arguments, *given],
            input=json.dumps(values),
            capture_output=True,
            env=self._environment(),
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            raise HelmRefused(done.stderr)
        return done.stdout

    def template(self, values: Values | None = None, *more: str) -> list[Manifest]:
        """Return the manifests of a first install."""
        text = self.run(
            "template", "moorage", str(CHART), "-n", NAMESPACE, *more, values=values or {}
        )
        return [each for each in documents(text) if each]

    def _environment(self) -> dict[str, str]:
        folders = {f"HELM_{kind}_HOME": str(self.home) for kind in ("CACHE", "CONFIG", "DATA")}
        kubeconfig = {"KUBECONFIG": str(self.kubeconfig or self.home / "none")}
        return os.environ | folders | kubeconfig


def documents(text: str) -> list[Manifest]:
    """Return what YAML says, read in C: a minute of a core less over all tests of the chart."""
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))


def find(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest:
    """Return the one manifest of this kind and name, the release's part of it left out."""
    found = [
        each
        for each in manifests
        if each["kind"] == kind and each["metadata"]["name"] in {name, f"moorage-{name}"}
    ]
    assert len(found) == 1, f"{kind} {name}: {len(found)} in {names(manifests)}"
    return found[0]


def names(manifests: Sequence[Manifest]) -> list[str]:
    """Return what there is, as KIND/NAME."""
    return sorted(f"{each['kind']}/{each['metadata']['name']}" for each in manifests)


def pods(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Return the pods that the manifests lead to, as Pods of the release's namespace."""
    found = []
    for each in manifests:
        template = each if each["kind"] == "Pod" else each.get("spec", {}).get("template")
        if each["kind"] in {"Deployment", "StatefulSet", "Job", "Pod"}:
            meta = {**template["metadata"], "name": each["metadata"]["name"]}
            claims = each["spec"].get("volumeClaimTemplates", [])
            more = [{"name": claim["metadata"]["name"], "emptyDir": {}} for claim in claims]
            spec = {**template["spec"], "volumes": template["spec"].get("volumes", []) + more}
            found.append({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    return found
