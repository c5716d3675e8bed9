"""The schema is closed: what the chart does not know is refused before anything is installed."""

import json
from typing import Any

import pytest

from moorage_testing.helm import CHART, Helm, HelmRefused

from .cases import DEFAULTS, EVERYTHING

Values = dict[str, Any]

REFUSED: list[tuple[Values, str]] = [
    ({"gatway": {}}, "gatway"),
    ({"gateway": {"replica": 1}}, "replica"),
    ({"gateway": {"replicas": "two"}}, "replicas"),
    ({"gateway": {"replicas": -1}}, "replicas"),
    ({"gateway": {"service": {"type": "External"}}}, "type"),
    ({"gateway": {"config": {"htp": {}}}}, "htp"),
    ({"gateway": {"config": {"http": {"max_body_bytes": 1}}}}, "max_body_bytes"),
    ({"gateway": {"config": {"http": {"allowed_hosts": "a"}}}}, "allowed_hosts"),
    ({"gateway": {"config": {"login": {"registration": "maybe"}}}}, "registration"),
    ({"gateway": {"config": {"repositories": {"patterns": [{"uri": "x"}]}}}}, "uri"),
    ({"operator": {"config": {"limits": {"perOwner": 1}}}}, "perOwner"),
    ({"images": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
    ({"caBundle": {"existingSecret": "x"}}, "existingSecret"),
    ({"redis": {"maxMemory": "lots"}}, "maxMemory"),
    ({"redis": {"volume": {"size": "2GB"}}}, "size"),
    ({"sessions": {"namespace": "Not_A_Name"}}, "namespace"),
    ({"postgres": {"external": {"urls": ""}}}, "urls"),
]
OURS = [
    {"gateway": {"config": {"redis_url": "redis://r"}}},
    {"gateway": {"config": {"database_url": "postgresql+asyncpg://x"}}},
    {"gateway": {"config": {"login": {"secret": "x" * 40}}}},
    {"gateway": {"config": {"tracing": {"headers": "a=b"}}}},
    {"gateway": {"config": {"auth": "none"}}},
    {"gateway": {"config": {"kubernetes": {"namespace": "x"}}}},
    {"operator": {"config": {"redis": {"url": "redis://r"}}}},
    {"operator": {"config": {"pod": {"runner_image": "x"}}}},
    {"operator": {"config": {"pod": {"ca_bundle": {"config_map": "x"}}}}},
]


@pytest.mark.parametrize(("values", "named"), REFUSED)
def test_a_mistake_is_refused_by_name(helm: Helm, values: Values, named: str) -> None:
    with pytest.raises(HelmRefused, match=named):
        helm.template(values)


@pytest.mark.parametrize("values", OURS)
def test_secrets_and_what_the_chart_sets_are_no_settings(helm: Helm, values: Values) -> None:
    with pytest.raises(HelmRefused, match="additional properties"):
        helm.template(values)


@pytest.mark.parametrize("values", [DEFAULTS, EVERYTHING])
def test_lint(helm: Helm, values: Values) -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", str(CHART), values=values)


def test_everything_is_described_and_closed() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    for group in [schema, *schema["$defs"].values()]:
        assert group["additionalProperties"] is False
        for name, value in group["properties"].items():
            target = schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {})
            assert value.get("description") or target.get("description"), name
