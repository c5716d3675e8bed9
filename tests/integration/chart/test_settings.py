"""What stands under ``config``, as the parts' own loader reads it from the chart's variables."""

from typing import Any

import pytest

from moorage_api.settings import EnvironmentSettings, leaves, load
from moorage_chart.config import gateway_config, operator_config, proxy_config
from moorage_gateway.credential_proxy.settings import ProxySettings
from moorage_gateway.settings import Settings
from moorage_operator.settings import OperatorSettings
from moorage_testing.helm import Helm, find

Schema = dict[str, Any]
Path = tuple[str, ...]

REDIS = "redis://:secret@redis/0"
PARTS: dict[str, tuple[type[EnvironmentSettings], Schema, dict[str, str]]] = {
    "gateway": (
        Settings,
        gateway_config(),
        {
            "MOORAGE_REDIS_URL": REDIS,
            "MOORAGE_DATABASE_URL": "postgresql+asyncpg://moorage:secret@postgres/moorage",
            "MOORAGE_LOGIN__SECRET": "s" * 40,
        },
    ),
    "operator": (OperatorSettings, operator_config(), {"MOORAGE_OPERATOR_REDIS__URL": REDIS}),
    "proxy": (ProxySettings, proxy_config(), {"MOORAGE_PROXY_REDIS__URL": REDIS}),
}
ADDED: dict[Path, list[str]] = {
    ("http", "allowed_hosts"): [
        f"moorage-gateway{rest}"
        for rest in ("", ".moorage", ".moorage.svc", ".moorage.svc.cluster.local")
    ]
}
"""What the chart itself puts into a list."""


def lists(schema: Schema, above: Path = ()) -> list[Path]:
    """Return where lists stand that may be empty."""
    found = []
    for name, value in schema.get("properties", {}).items():
        if value.get("type") == "array" and not value.get("minItems"):
            found.append((*above, name))
        found += lists(value, (*above, name))
    return found


def nested(path: Path, value: Any) -> dict[str, Any]:
    name, *rest = path
    return {name: nested(tuple(rest), value) if rest else value}


@pytest.mark.parametrize(
    ("part", "path"),
    [(part, path) for part, (_, schema, _) in PARTS.items() for path in lists(schema)],
)
def test_an_empty_list_is_one(
    helm: Helm, monkeypatch: pytest.MonkeyPatch, part: str, path: Path
) -> None:
    model, _, secrets = PARTS[part]
    found = helm.template({part: {"config": nested(path, [])}})
    for name, value in {**find(found, "ConfigMap", part)["data"], **secrets}.items():
        monkeypatch.setenv(name, value)
    settings = load(model)
    (leaf,) = [leaf for leaf in leaves(model) if leaf.path == path]
    assert leaf.value_in(settings) == ADDED.get(path, [])
