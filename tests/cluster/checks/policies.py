"""The documented cases of NetworkPolicies (policy_cases.yaml), read."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import yaml

NAMESPACES: Final = {"ours": "policies-ours", "theirs": "policies-theirs"}

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Connection:
    """From a pod, or its node, to a pod, or its Service."""

    source: str
    target: str
    protocol: str = "tcp"
    port: int = 8080

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one: SOURCE > TARGET [PROTOCOL/PORT]."""
        source, _, rest = text.partition(" > ")
        target, _, place = rest.partition(" ")
        protocol, _, port = (place or "tcp/8080").partition("/")
        return cls(source, target, protocol, int(port))

    def __str__(self) -> str:
        return f"{self.source} > {self.target} {self.protocol}/{self.port}"


@dataclass(frozen=True)
class Step:
    """All policies that there are, and what comes of them."""

    policies: list[dict[str, Any]]
    labels: Mapping[str, Labels] = field(default_factory=dict)
    """Of a pod or a namespace, while this step and those after it last."""
    wanted: Mapping[Connection, bool] = field(default_factory=dict)
    """Whether each connection passes."""

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Self:
        """Read one."""
        unknown = set(given) - {"policies", "labels", "stopped", "passes"}
        assert not unknown, unknown
        wanted = {Connection.parse(each): False for each in given.get("stopped", ())}
        wanted |= {Connection.parse(each): True for each in given.get("passes", ())}
        return cls(given["policies"], given.get("labels", {}), wanted)

    def objects(self, addresses: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the policies as Kubernetes takes them; $(POD) in them is a pod's address."""
        return [
            _policy(f"policy-{number}", each, addresses)
            for number, each in enumerate(self.policies)
        ]


@dataclass(frozen=True)
class Case:
    """Something that the documentation says."""

    name: str
    steps: list[Step]

    @property
    def connections(self) -> set[Connection]:
        """All that are looked at."""
        return {connection for step in self.steps for connection in step.wanted}


def _policy(name: str, given: Mapping[str, Any], addresses: Mapping[str, str]) -> dict[str, Any]:
    text = json.dumps({key: value for key, value in given.items() if key != "in"})
    for pod, address in addresses.items():
        text = text.replace(f"$({pod})", address)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": NAMESPACES[given.get("in", "ours")]},
        "spec": json.loads(text),
    }


def _cases(given: Iterable[Mapping[str, Any]]) -> list[Case]:
    return [Case(each["case"], [Step.parse(step) for step in each["steps"]]) for each in given]


CASES: Final = _cases(yaml.safe_load(Path(__file__).with_name("policy_cases.yaml").read_text()))
