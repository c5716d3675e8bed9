"""Each switch of the chart does what its description says, and nothing beside it."""

import json
import re
from typing import Any

import pytest

from moorage_testing.helm import CHART, Helm, HelmRefused, Manifest, find, names, pods

from .cases import DEFAULTS, OTHER_KEYS

Values = dict[str, Any]

ADDED: list[tuple[Values, set[str]]] = [
    (
        {"gateway": {"ingress": {"enabled": True, "hosts": ["a.example.com"]}}},
        {"Ingress/moorage-gateway"},
    ),
    (
        {
            "gateway": {
                "httpRoute": {
                    "enabled": True,
                    "hostnames": ["a.example.com"],
                    "parentRefs": [{"name": "edge"}],
                }
            }
        },
        {"HTTPRoute/moorage-gateway"},
    ),
    (
        {"gateway": {"autoscaling": {"enabled": True}}},
        {"HorizontalPodAutoscaler/moorage-gateway", "PodDisruptionBudget/moorage-gateway"},
    ),
    ({"gateway": {"replicas": 2}}, {"PodDisruptionBudget/moorage-gateway"}),
    ({"operator": {"replicas": 2}}, {"PodDisruptionBudget/moorage-operator"}),
    ({"recorder": {"replicas": 2}}, {"PodDisruptionBudget/moorage-recorder"}),
    ({"proxy": {"replicas": 2}}, {"PodDisruptionBudget/moorage-proxy"}),
    (
        {"serviceMonitor": {"enabled": True}},
        {
            f"{kind}/moorage-{component}"
            for component in ("gateway", "operator", "proxy", "recorder")
            for kind in ("ServiceMonitor",)
        }
        | {
            f"Service/moorage-{each}-metrics"
            for each in ("gateway", "operator", "proxy", "recorder")
        },
    ),
    (
        {"sessions": {"additionalNamespaces": ["team-a"]}},
        {
            f"{kind}/moorage-moorage-{component}"
            for kind in ("Role", "RoleBinding")
            for component in ("gateway", "operator", "proxy", "recorder")
        }
        | {f"NetworkPolicy/moorage-moorage-{each}" for each in ("sessions", "sessions-open")}
        | {
            "ConfigMap/moorage-admission-team-a",
            "ValidatingAdmissionPolicyBinding/moorage-moorage-admission-team-a",
        },
    ),
]
REMOVED: list[tuple[Values, set[str]]] = [
    (
        {"crds": {"install": False}},
        {
            f"CustomResourceDefinition/{kind}.moorage.dev"
            for kind in ("claudesessions", "claudesessiontemplates", "claudesessionpools")
        },
    ),
    (
        {"admission": {"enabled": False}},
        {
            "ConfigMap/moorage-admission-moorage-sessions",
            "ValidatingAdmissionPolicy/moorage-moorage-admission",
            "ValidatingAdmissionPolicyBinding/moorage-moorage-admission-moorage-sessions",
        },
    ),
    ({"sessions": {"createNamespace": False}}, {"Namespace/moorage-sessions"}),
    (
        {"proxy": {"enabled": False}},
        {
            f"{kind}/moorage-proxy"
            for kind in ("ConfigMap", "Deployment", "Service", "ServiceAccount", "NetworkPolicy")
        }
        | {f"{kind}/moorage-moorage-proxy" for kind in ("Role", "RoleBinding")},
    ),
    (
        {"operator": {"seeNodes": False}},
        {
            f"{kind}/moorage-moorage-operator-nodes"
            for kind in ("ClusterRole", "ClusterRoleBinding")
        },
    ),
    (
        {"priorityClasses": {"create": False}},
        {f"PriorityClass/moorage-moorage-{each}" for each in ("control-plane", "sessions")},
    ),
    ({"gateway": {"login": {"existingSecret": "mine"}}}, {"Secret/moorage-gateway"}),
    ({"redis": {"auth": {"existingSecret": "mine"}}}, {"Secret/moorage-redis"}),
    ({"postgres": {"auth": {"existingSecret": "mine"}}}, {"Secret/moorage-postgres"}),
    (
        {
            "redis": {
                "bundled": False,
                "external": {
                    "existingSecret": "urls",
                    "sessionUrl": "redis://r/0",
                    "peers": [{"ipBlock": {"cidr": "192.0.2.1/32"}}],
                },
            }
        },
        {
            f"{kind}/moorage-redis"
            for kind in ("ConfigMap", "NetworkPolicy", "Secret", "Service", "StatefulSet")
        },
    ),
    (
        {"postgres": {"bundled": False, "external": {"existingSecret": "url"}}},
        {
            f"{kind}/moorage-postgres"
            for kind in ("ConfigMap", "NetworkPolicy", "Secret", "Service", "StatefulSet")
        },
    ),
]


@pytest.fixture(scope="module")
def defaults(helm: Helm) -> list[Manifest]:
    return helm.template()


@pytest.mark.parametrize(("values", "added"), ADDED)
def test_what_a_switch_adds(
    helm: Helm, defaults: list[Manifest], values: Values, added: set[str]
) -> None:
    found, before = stable(helm.template(values)), stable(defaults)
    assert sorted(found) == sorted([*before, *added])


@pytest.mark.parametrize(("values", "removed"), REMOVED)
def test_what_a_switch_removes(
    helm: Helm, defaults: list[Manifest], values: Values, removed: set[str]
) -> None:
    found, before = stable(helm.template(values)), stable(defaults)
    assert sorted([*found, *removed]) == sorted(before)


def test_no_network_policy_is_left_when_they_are_off(helm: Helm) -> None:
    found = helm.template({"networkPolicies": {"enabled": False}})
    assert not [each for each in found if each["kind"] == "NetworkPolicy"]


def test_an_autoscaler_alone_decides_how_many(helm: Helm) -> None:
    found = helm.template({"gateway": {"autoscaling": {"enabled": True}, "replicas": 3}})
    assert "replicas" not in find(found, "Deployment", "gateway")["spec"]


def test_settings_become_variables(helm: Helm) -> None:
    config = {
        "http": {"allowed_hosts": ["a.example.com"], "max_body_bytes": 12_345_678},
        "login": {"recheck_seconds": 2.5},
        "limits": {"enabled": False, "sessions": "5/minute"},
        "repositories": {"patterns": [{"url": "https://git.example.com/**"}]},
        "oidc": {"audience": ["a", "b"]},
    }
    data = find(helm.template({"gateway": {"config": config}}), "ConfigMap", "gateway")["data"]
    assert data["MOORAGE_HTTP__ALLOWED_HOSTS"].split(",")[-1] == "a.example.com"
    assert data["MOORAGE_HTTP__MAX_BODY_BYTES"] == "12345678"
    assert data["MOORAGE_LOGIN__RECHECK_SECONDS"] == "2.5"
    assert data["MOORAGE_LOGIN__REGISTRATION"] == "closed"
    assert data["MOORAGE_LIMITS__ENABLED"] == "false"
    assert data["MOORAGE_LIMITS__SESSIONS"] == "5/minute"
    assert data["MOORAGE_REPOSITORIES__PATTERNS"] == '[{"url":"https://git.example.com/**"}]'
    assert data["MOORAGE_OIDC__AUDIENCE"] == "a,b"


def test_host_names_of_the_ways_in_are_the_gateway_s(helm: Helm) -> None:
    ways = {
        "ingress": {"enabled": True, "hosts": ["a.example.com"]},
        "httpRoute": {
            "enabled": True,
            "hostnames": ["b.example.com"],
            "parentRefs": [{"name": "edge"}],
        },
    }
    data = find(helm.template({"gateway": ways}), "ConfigMap", "gateway")["data"]
    hosts = data["MOORAGE_HTTP__ALLOWED_HOSTS"].split(",")
    assert {"a.example.com", "b.example.com", "moorage-gateway.moorage.svc"} <= set(hosts)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ({}, "moorage-agent:0.1.0"),
        ({"tag": "dev"}, "moorage-agent:dev"),
        ({"registry": "r.example.com:5000/a/"}, "r.example.com:5000/a/moorage-agent:0.1.0"),
        ({"registry": "r", "agent": "mine/agent"}, "r/mine/agent:0.1.0"),
        ({"registry": "r", "agent": "o.example.com:5000/agent:7"}, "o.example.com:5000/agent:7"),
        ({"registry": "r", "agent": "o/agent@sha256:00"}, "o/agent@sha256:00"),
    ],
)
def test_names_of_images(helm: Helm, images: Values, expected: str) -> None:
    data = find(helm.template({"images": images}), "ConfigMap", "operator")["data"]
    assert data["MOORAGE_OPERATOR_POD__AGENT_IMAGE"] == expected


def test_images_are_pulled_as_told(helm: Helm) -> None:
    found = helm.template({"images": {"pullPolicy": "Never", "pullSecrets": ["pull"]}})
    for pod in pods(found):
        assert pod["spec"]["imagePullSecrets"] == [{"name": "pull"}]
        for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
            assert container["imagePullPolicy"] == "Never"
    data = find(found, "ConfigMap", "operator")["data"]
    assert data["MOORAGE_OPERATOR_POD__PULL_SECRETS"] == "pull"


def test_agents_have_a_key_only_without_the_proxy_and_with_a_secret(helm: Helm) -> None:
    def told(**values: Any) -> dict[str, str]:
        data: dict[str, str] = find(helm.template(values), "ConfigMap", "operator")["data"]
        return data

    proxied = told()
    assert proxied["MOORAGE_OPERATOR_POD__PROXY_URL"] == "http://moorage-proxy.moorage.svc:8082"
    assert not [name for name in proxied if "MODEL_KEY" in name]
    keyed = told(proxy={"enabled": False})
    assert keyed["MOORAGE_OPERATOR_POD__MODEL_KEY__SECRET"] == "moorage-model-key"
    model = {"url": "http://model.example.com", "keySecret": {"name": ""}}
    without = told(proxy={"enabled": False}, sessions={"model": model})
    assert without["MOORAGE_OPERATOR_POD__PROXY_URL"] == "http://model.example.com"
    assert not [name for name in without if "MODEL_KEY" in name]


def test_without_a_secret_the_proxy_has_no_file_of_it(helm: Helm) -> None:
    found = helm.template(OTHER_KEYS)
    pod = templates(found)["proxy"]["spec"]
    places = ["/tmp", "/secrets/git/git"]
    assert [each["mountPath"] for each in pod["containers"][0]["volumeMounts"]] == places
    assert [each["name"] for each in pod["volumes"]] == ["tmp", "git-git"]
    data = find(found, "ConfigMap", "proxy")["data"]
    upstreams = json.loads(data["MOORAGE_PROXY_MODEL__UPSTREAMS"])
    assert [each["keyFile"] for each in upstreams] == ["/vault/secrets/model"]
    assert len(json.loads(data["MOORAGE_PROXY_GIT__CREDENTIALS"])) == 2


@pytest.mark.parametrize(("values", "told"), [(DEFAULTS, True), (OTHER_KEYS, False)])
def test_notes_tell_of_the_model_s_key_where_there_is_a_secret_for_it(
    helm: Helm, values: Values, told: bool
) -> None:
    notes = helm.run("install", "moorage", str(CHART), "--dry-run=client", values=values)
    assert ("kubectl create secret generic" in notes) == told
    assert "create-admin you@example.com" in notes


def test_the_login_secret_is_the_gateway_s_alone(helm: Helm) -> None:
    having = [
        container["name"]
        for pod in pods(helm.template())
        for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]
        if "MOORAGE_LOGIN__SECRET" in json.dumps(container)
    ]
    assert having == ["gateway"]


def test_the_recorder_has_an_account_of_its_own(helm: Helm) -> None:
    accounts = {
        name: template["spec"].get("serviceAccountName")
        for name, template in templates(helm.template()).items()
    }
    assert accounts["recorder"] == "moorage-recorder"
    assert accounts["gateway"] == "moorage-gateway"


def test_what_the_proxy_may_reach_is_nobody_else_s(helm: Helm) -> None:
    rule = {"ports": [{"protocol": "TCP", "port": 8080}]}
    found = helm.template({"networkPolicies": {"proxyEgress": [rule]}})
    having = [
        each["metadata"]["name"]
        for each in found
        if each["kind"] == "NetworkPolicy" and rule in (each["spec"].get("egress") or [])
    ]
    assert having == ["moorage-proxy"]


def test_a_bundled_redis_with_tls_shows_the_control_plane_its_ca_alone(helm: Helm) -> None:
    tls = {"existingSecret": "redis-tls", "clientCertificate": True}
    found = helm.template({"redis": {"tls": tls}})
    text = json.dumps(found)
    assert "redis://" not in text.replace("rediss://", "")
    for name in ("gateway", "recorder", "operator", "proxy"):
        pod = templates(found)[name]["spec"]
        (volume,) = [each for each in pod["volumes"] if each["name"] == "redis-tls"]
        assert volume["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]
        variables = {each["name"] for each in pod["containers"][0]["env"]}
        assert [each for each in variables if "TLS__CA_FILE" in each]
        assert not [each for each in variables if "TLS__CERT_FILE" in each]


def test_a_ca_bundle_is_what_the_whole_control_plane_trusts(helm: Helm) -> None:
    bundle = {"existingConfigMap": "company-cas", "key": "ca-bundle.crt"}
    having = []
    for pod in pods(helm.template({"caBundle": bundle})):
        volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
        for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]:
            mounts = {each["name"]: each for each in container.get("volumeMounts", [])}
            if "ca-bundle" in mounts:
                having.append(container["name"])
                assert mounts["ca-bundle"]["mountPath"] == trusted_file()
                assert volumes["ca-bundle"]["configMap"] == {
                    "name": "company-cas",
                    "items": [{"key": "ca-bundle.crt", "path": mounts["ca-bundle"]["subPath"]}],
                }
    ours = ["gateway", "migration", "operator", "proxy", "recorder", "tables", "tables"]
    assert sorted(having) == ours


def test_sessions_have_the_same_ca_bundle(helm: Helm) -> None:
    bundle = {"existingConfigMap": "company-cas", "key": "ca-bundle.crt"}
    data = find(helm.template({"caBundle": bundle}), "ConfigMap", "operator")["data"]
    assert data["MOORAGE_OPERATOR_POD__CA_BUNDLE__CONFIG_MAP"] == "company-cas"
    assert data["MOORAGE_OPERATOR_POD__CA_BUNDLE__KEY"] == "ca-bundle.crt"
    without = find(helm.template(), "ConfigMap", "operator")["data"]
    assert not [name for name in without if "CA_BUNDLE" in name]


def test_an_external_postgresql_is_checked_by_the_ca_bundle(helm: Helm) -> None:
    """The driver looks into no other file: without one it refuses ssl=verify-full."""
    postgres = {"bundled": False, "external": {"existingSecret": "url"}}
    bundle = {"existingConfigMap": "company-cas"}
    root = {"name": "PGSSLROOTCERT", "value": trusted_file()}
    for values, expected in (({"caBundle": bundle}, True), ({}, False)):
        found = templates(helm.template({"postgres": postgres, **values}))
        for name in ("gateway", "recorder"):
            spec = found[name]["spec"]
            for container in spec["initContainers"] + spec["containers"]:
                assert (root in container["env"]) is expected


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"redis": {"bundled": False}}, "redis.external.operatorUrl"),
        ({"postgres": {"bundled": False}}, "postgres.external.url"),
        ({"proxy": {"keySecret": {"name": ""}}}, "proxy.keySecret.name"),
        ({"gateway": {"ingress": {"enabled": True}}}, "gateway.ingress.hosts"),
        ({"gateway": {"service": {"nodePort": 30080}}}, "gateway.service.type NodePort or"),
        ({"gateway": {"httpRoute": {"enabled": True}}}, "gateway.httpRoute"),
        (
            {"redis": {"bundled": False, "external": {"existingSecret": "urls"}}},
            "redis.external.sessionUrl",
        ),
        (
            {
                "redis": {
                    "bundled": False,
                    "external": {"existingSecret": "urls", "sessionUrl": "redis://r/0"},
                    "tls": {"existingSecret": "redis-tls"},
                }
            },
            "sessions would talk without TLS",
        ),
    ],
)
def test_what_is_wanting_is_named(helm: Helm, values: Values, reason: str) -> None:
    with pytest.raises(HelmRefused, match=reason):
        helm.template(values)


@pytest.mark.parametrize(
    ("values", "rolled"),
    [
        ({"gateway": {"config": {"log": {"level": "debug"}}}}, {"gateway", "recorder"}),
        ({"gateway": {"login": {"existingSecret": "another"}}}, {"gateway"}),
        ({"operator": {"config": {"log": {"level": "debug"}}}}, {"operator"}),
        ({"redis": {"maxMemory": "1gb"}}, {"redis"}),
        ({"sessions": {"model": {"url": "https://model.example.com"}}}, {"proxy"}),
        ({"proxy": {"config": {"log": {"level": "debug"}}}}, {"proxy"}),
        ({"networkPolicies": {"enabled": False}}, set()),
        ({"gateway": {"service": {"port": 80}}}, set()),
    ],
)
def test_what_a_change_of_values_rolls(helm: Helm, values: Values, rolled: set[str]) -> None:
    own = {"existingSecret": "mine"}
    secrets = {"gateway": {"login": own}, "redis": {"auth": own}, "postgres": {"auth": own}}
    changed = {part: secrets.get(part, {}) | values.get(part, {}) for part in {*secrets, *values}}
    before, after = templates(helm.template(secrets)), templates(helm.template(changed))
    assert {name for name in after if after[name] != before[name]} == rolled


def trusted_file() -> str:
    """Return the file that programs in the images trust, as their variables name it."""
    variables = re.findall(
        r"^ *(?:ENV )?(?:SSL_CERT_FILE|REQUESTS_CA_BUNDLE|NODE_EXTRA_CA_CERTS)=(\S+)",
        (CHART.parents[1] / "runner-image" / "Dockerfile").read_text(),
        re.MULTILINE,
    )
    assert len(variables) == 3
    (file,) = set(variables)
    return str(file)


def templates(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Return the templates of pods by component: what does not change there does not roll."""
    kinds = {"Deployment", "StatefulSet"}
    return {
        each["metadata"]["name"].removeprefix("moorage-"): each["spec"]["template"]
        for each in manifests
        if each["kind"] in kinds
    }


def stable(manifests: list[Manifest]) -> list[str]:
    """Names, without the digest in the Job's."""
    return [
        name if not name.startswith("Job/") else "Job/moorage-migration"
        for name in names(manifests)
    ]
