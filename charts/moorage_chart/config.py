"""The schemas of the ``config`` values, made of the settings of gateway and operator.

What the chart itself sets (addresses, images, namespaces) and secrets are left out: they have
values of their own, or come from Secrets by ``extraEnv``.
"""

from typing import Any, Final

from pydantic import BaseModel

from moorage_api.settings import leaves
from moorage_gateway.credential_proxy.settings import ProxySettings
from moorage_gateway.settings import Settings
from moorage_operator.settings import OperatorSettings

Schema = dict[str, Any]

_GATEWAY: Final = (
    "home", "host", "port", "auth", "database.migrate_at_start", "redis.tls", "metrics",
    "sessions.allow_local_paths", "sessions.permission_modes", "kubernetes", "recorder",
)  # fmt: skip
_OPERATOR: Final = (
    "namespaces", "redis.session_url", "redis.tls", "http",
    "lease.namespace", "lease.name", "lease.identity",
    "pod.runner_image", "pod.agent_image", "pod.pull_policy", "pod.pull_secrets",
    "pod.proxy_url", "pod.proxy_git", "pod.tunnel_url", "pod.model_key",
    "pod.priority_class", "pod.claude_path", "pod.ca_bundle",
)  # fmt: skip

_PROXY: Final = ("host", "port", "metrics_port", "redis", "git.credentials", "tunnels.port")


def gateway_config() -> Schema:
    """Return the schema of ``gateway.config``."""
    return settings_schema(Settings, _GATEWAY)


def proxy_config() -> Schema:
    """Return the schema of ``proxy.config``."""
    return settings_schema(ProxySettings, _PROXY)


def operator_config() -> Schema:
    """Return the schema of ``operator.config``."""
    return settings_schema(OperatorSettings, _OPERATOR)


def settings_schema(model: type[BaseModel], ours: tuple[str, ...]) -> Schema:
    """Return the schema of a part's settings, without what is the chart's own and without secrets.

    Nothing has to be given, and a setting that is given has a value: "empty" is to leave it out.
    """
    secrets = tuple(".".join(leaf.path) for leaf in leaves(model) if leaf.is_secret)
    whole = model.model_json_schema()
    schema: Schema = _plain(whole, whole.get("$defs", {}))
    for path in (*ours, *secrets):
        _remove(schema, path.split("."))
    return schema


def _plain(schema: Any, definitions: Schema) -> Any:
    """Return a schema without references, titles, defaults, null and "required"."""
    if isinstance(schema, list):
        return [_plain(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return _plain(target | beside, definitions)
    if "anyOf" in schema:
        return _plain(_not_null(schema), definitions)
    kept = {
        key: _named(value, definitions) if key == "properties" else _plain(value, definitions)
        for key, value in schema.items()
        if key not in {"title", "default", "$defs"}
    }
    if kept.get("additionalProperties") is False:
        kept.pop("required", None)
    return kept


def _named(properties: Schema, definitions: Schema) -> Schema:
    return {name: _plain(each, definitions) for name, each in properties.items()}


def _not_null(schema: Schema) -> Schema:
    kept = [each for each in schema["anyOf"] if each.get("type") != "null"]
    beside = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**kept[0], **beside} if len(kept) == 1 else {"anyOf": kept, **beside}


def _remove(schema: Schema, path: list[str]) -> None:
    *groups, name = path
    for group in groups:
        schema = schema["properties"].get(group, {"properties": {}})
    schema["properties"].pop(name, None)
