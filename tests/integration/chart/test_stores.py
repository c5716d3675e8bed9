"""Redis and PostgreSQL of somebody else's: who may reach which address, at which port."""

from typing import Any

import pytest

from moorage_testing.helm import Helm, HelmRefused, Manifest

Values = dict[str, Any]
Rule = dict[str, Any]

REDIS = [{"ipBlock": {"cidr": "192.0.2.16/28"}}]
DATABASE = [{"ipBlock": {"cidr": "192.0.2.32/32"}}]


def redis(**external: Any) -> Values:
    wanted = {"existingSecret": "urls", "sessionUrl": "redis://r/0", "peers": REDIS, **external}
    return {"redis": {"bundled": False, "external": wanted}}


def postgres(**external: Any) -> Values:
    return {"postgres": {"bundled": False, "external": external}}


def rule(peers: list[Rule], *ports: int) -> Rule:
    return {"to": peers, "ports": [{"protocol": "TCP", "port": port} for port in ports]}


def egress(helm: Helm, values: Values, component: str) -> list[Rule]:
    """Return the rules of a component's pods; those of sessions are the same in each namespace."""
    (policy, *_) = [
        each for each in helm.template(values) if _is_policy_of(each, f"moorage-{component}")
    ]
    rules: list[Rule] = policy["spec"]["egress"]
    return rules


def _is_policy_of(manifest: Manifest, name: str) -> bool:
    names = {name, f"moorage-{name}"}
    return manifest["kind"] == "NetworkPolicy" and manifest["metadata"]["name"] in names


@pytest.mark.parametrize("values", [{}, redis()])
def test_sessions_reach_nothing_by_its_port_alone(helm: Helm, values: Values) -> None:
    rules = egress(helm, values, "sessions")
    assert len(rules) == 3  # DNS, Redis, the proxy
    assert all(each["to"] for each in rules)


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("redis://r/0", 6379),
        ("redis://r.example.com:6380/0", 6380),
        ("redis://r.example.com:6380", 6380),
        ("redis://[2001:db8::7]/0", 6379),
        ("redis://[2001:db8::7]:6381/0", 6381),
    ],
)
def test_sessions_reach_an_external_redis_at_the_port_of_its_url(
    helm: Helm, url: str, port: int
) -> None:
    assert rule(REDIS, port) in egress(helm, redis(sessionUrl=url), "sessions")


@pytest.mark.parametrize("component", ["operator", "gateway", "recorder", "proxy"])
def test_the_control_plane_reaches_it_at_the_ports_of_all_urls(helm: Helm, component: str) -> None:
    urls = {
        "existingSecret": "",
        "operatorUrl": "redis://operator:12:34@r.example.com:7000/0",
        "gatewayUrl": "redis://gateway:secret@r.example.com:7000/0",
        "proxyUrl": "redis://proxy:secret@r.example.com/0",
        "sessionUrl": "redis://r.example.com:7001/0",
    }
    rules = egress(helm, redis(**urls), component)
    assert rule(REDIS, 6379, 7000, 7001) in rules
    assert rule(REDIS, 7001) in egress(helm, redis(**urls), "sessions")
    assert rule(REDIS, 7001) in egress(helm, redis(sessionUrl=urls["sessionUrl"]), component)


@pytest.mark.parametrize("component", ["gateway", "recorder", "migration"])
def test_the_control_plane_reaches_an_external_postgresql(helm: Helm, component: str) -> None:
    url = "postgresql+asyncpg://moorage:secret@db.example.com:6543/moorage"
    assert rule(DATABASE, 6543) in egress(helm, postgres(url=url, peers=DATABASE), component)
    # It reaches port 443 anywhere as well, so without peers this is no new way out.
    anywhere = {"ports": rule([], 5432)["ports"]}
    assert anywhere in egress(helm, postgres(existingSecret="url"), component)


def test_an_external_redis_without_its_network_is_refused(helm: Helm) -> None:
    with pytest.raises(HelmRefused, match=r"redis\.external\.peers must say where Redis is"):
        helm.template(redis(peers=[]))
    off = {"networkPolicies": {"enabled": False}}
    assert helm.template(redis(peers=[]) | off)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (redis(peers=[{"ipblock": {"cidr": "192.0.2.1/32"}}]), "ipblock"),
        (redis(peers=[{"ipBlock": {"except": []}}]), "cidr"),
        (redis(peers=[{}]), "minProperties"),
        (postgres(url="x", peers=[{"to": []}]), "to"),
        # Empty, it would be everybody: any address at port 53.
        ({"networkPolicies": {"dns": []}}, "minItems"),
    ],
)
def test_what_is_no_peer_is_refused(helm: Helm, values: Values, named: str) -> None:
    with pytest.raises(HelmRefused, match=named):
        helm.template(values)
