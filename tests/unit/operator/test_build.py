"""The objects of a session, as whole manifests in files, and what holds for every one of them.

REWRITE_EXPECTED=1 writes the files anew; read the difference before committing it.
"""

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from moorage_api.resources import ClaudeSession, SessionSpec, TemplateSpec, resolve
from moorage_operator.build import (
    Login,
    Subject,
    build_claim,
    build_pod,
    build_secret,
    spec_patch,
)
from moorage_operator.build.pod import mark_patch
from moorage_operator.build.ways import ways_out
from moorage_operator.digest import spec_digest
from moorage_operator.settings import CaBundleSettings, ModelKeySettings, PodSettings

from .builders import UID, session
from .restricted import violations

EXPECTED = Path(__file__).parent / "manifests"
LOGIN = Login(SecretStr("redis://session:login@redis:6379/0"), SecretStr("token"))
POD = PodSettings(
    runner_image="moorage-runner:1", agent_image="moorage-agent:1", proxy_url="http://proxy:8080"
)
KEYED = POD.model_copy(
    update={"model_key": ModelKeySettings(secret="model-key"), "priority_class": "sessions"}
)
PROXIED = POD.model_copy(
    update={"proxy_url": "http://proxy:8082", "proxy_git": True, "tunnel_url": "http://proxy:8083"}
)
HARD = POD.model_copy(update={"host_users": False, "pull_secrets": ("pull",), "grace_seconds": 300})
BUNDLED = PROXIED.model_copy(
    update={"ca_bundle": CaBundleSettings(config_map="company-cas", key="ca-bundle.crt")}
)


def plain() -> ClaudeSession:
    return session(prompt="Fix the login.", owner="u-1")


def rich() -> ClaudeSession:
    """A session that says something of everything that shapes its pod."""
    made = session(
        templateRef={"name": "Big.Template"},
        owner="user with spaces@example.com",
        image="toolchain:7",
        runtimeClassName="gvisor",
        nodeSelector={"pool": "sessions"},
        tolerations=[{"key": "sessions", "operator": "Exists", "effect": "NoSchedule"}],
        priorityClassName="low",
        workspace={"kind": "ephemeral", "size": "20Gi"},
        resources={"requests": {"cpu": "1"}, "limits": {"memory": "8Gi"}},
        egress={"mode": "allowList", "hosts": ["example.com"]},
    )
    labelled = made.metadata.model_copy(
        update={"name": f"{'long-' * 20}name", "labels": {"moorage.dev/team": "a"}}
    )
    return made.model_copy(update={"metadata": labelled})


def subject(made: ClaudeSession, template: TemplateSpec | None = None) -> Subject:
    return Subject(made, resolve(made.spec, template))


CASES: dict[str, Any] = {
    "pod": build_pod(subject(plain()), POD),
    "pod-with-all-wishes": build_pod(subject(rich(), TemplateSpec()), HARD),
    "pod-with-the-model-s-key": build_pod(subject(plain()), KEYED),
    "pod-behind-the-proxy": build_pod(subject(plain()), PROXIED),
    "pod-with-tunnels": build_pod(subject(rich(), TemplateSpec()), PROXIED),
    "pod-with-redis-over-tls": build_pod(subject(plain()), PROXIED, "a CA\n"),
    "pod-with-a-ca-bundle": build_pod(subject(plain()), BUNDLED),
    "secret": build_secret(subject(plain()), LOGIN),
    "claim": build_claim(subject(plain())),
    "claim-of-a-class": build_claim(
        subject(session(workspace={"size": "50Gi", "storageClassName": "fast"}))
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_built_as_expected(name: str) -> None:
    path = EXPECTED / f"{name}.yaml"
    text = yaml.safe_dump(CASES[name], sort_keys=False, width=99)
    if os.environ.get("REWRITE_EXPECTED"):
        path.write_text(text)
    assert yaml.safe_load(path.read_text()) == CASES[name]


def test_no_file_is_left_of_a_manifest_that_is_not_built_any_more() -> None:
    assert {path.stem for path in EXPECTED.iterdir()} == set(CASES)


def test_the_model_s_key_is_the_agent_s_alone() -> None:
    runner, agent = CASES["pod-with-the-model-s-key"]["spec"]["containers"]
    assert "model-key" not in str(runner)
    assert "model-key" in str(agent)
    assert "ANTHROPIC_AUTH_TOKEN" not in str((runner, agent))


def test_both_containers_trust_the_ca_bundle_and_can_change_nothing_of_it() -> None:
    pod = CASES["pod-with-a-ca-bundle"]["spec"]
    (volume,) = [each for each in pod["volumes"] if each["name"] == "ca-bundle"]
    assert volume["configMap"]["name"] == "company-cas"
    for container in pod["containers"]:
        (mount,) = [each for each in container["volumeMounts"] if each["name"] == "ca-bundle"]
        assert mount["mountPath"] == "/etc/ssl/certs/ca-certificates.crt"
        assert mount["readOnly"] is True
    assert violations(CASES["pod-with-a-ca-bundle"]) == []


def test_behind_the_proxy_the_runner_and_the_pod_s_text_hold_no_token_and_no_key() -> None:
    runner, agent = CASES["pod-behind-the-proxy"]["spec"]["containers"]
    assert "GIT_CONFIG" not in str(runner)
    assert "$(ANTHROPIC_AUTH_TOKEN)" in str(agent)
    names = [each["name"] for each in agent["env"]]
    assert names.index("ANTHROPIC_AUTH_TOKEN") < names.index("GIT_CONFIG_COUNT")
    assert "HTTPS_PROXY" not in names  # egress.mode is proxyOnly


@pytest.mark.parametrize(
    ("urls", "schemes"),
    [
        (["https://a/r.git"], ["https"]),
        (["http://a/r.git"], ["https", "http"]),
        (["https://a/r.git", "HTTP://b/r.git"], ["https", "http"]),
    ],
)
def test_http_leads_to_the_proxy_only_where_a_repository_has_it(
    urls: list[str], schemes: list[str]
) -> None:
    more = [{"url": url, "path": "x"} for url in urls[1:]]
    made = session(repository={"url": urls[0]}, additionalRepositories=more)
    found = ways_out(subject(made), PROXIED)
    keys = [value for name, value in found.items() if name.endswith(("_1", "_2")) and "KEY" in name]
    assert keys == [f"url.http://proxy:8082/git/{scheme}/.insteadOf" for scheme in schemes]


quantities = st.sampled_from(["500m", "1", "2Gi", "10Gi"])
names = st.from_regex(r"[a-z]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
specs = st.fixed_dictionaries(
    {"repository": st.just({"url": "https://example.com/r.git"})},
    optional={
        "image": st.text(min_size=1, max_size=30),
        "owner": st.text(min_size=1, max_size=128),
        "runtimeClassName": names,
        "priorityClassName": names,
        "nodeSelector": st.dictionaries(names, names, max_size=3),
        "tolerations": st.lists(
            st.fixed_dictionaries(
                {}, optional={"key": names, "operator": st.sampled_from(["Exists", "Equal"])}
            ),
            max_size=3,
        ),
        "workspace": st.fixed_dictionaries(
            {"kind": st.sampled_from(["ephemeral", "persistent"])}, optional={"size": quantities}
        ),
        "resources": st.fixed_dictionaries(
            {}, optional={"limits": st.dictionaries(st.sampled_from(["cpu", "memory"]), quantities)}
        ),
        "claude": st.fixed_dictionaries(
            {}, optional={"env": st.dictionaries(names.map(lambda n: n.replace("-", "_")), names)}
        ),
    },
)
pods = st.builds(
    lambda spec, host_users: build_pod(
        Subject(session(), SessionSpec.model_validate(spec)),
        POD.model_copy(update={"host_users": host_users}),
    ),
    specs,
    st.sampled_from([None, True, False]),
)


@settings(max_examples=30, deadline=None)
@given(pods)
def test_every_pod_keeps_its_containers_apart(pod: dict[str, Any]) -> None:
    spec = pod["spec"]
    runner, agent = spec["containers"]
    users = [each["securityContext"]["runAsUser"] for each in (runner, agent)]
    assert len({*users}) == 2
    assert spec["shareProcessNamespace"] is False
    assert spec["automountServiceAccountToken"] is False
    shared = {m["name"] for m in runner["volumeMounts"]} & {
        m["name"] for m in agent["volumeMounts"]
    }
    assert shared == {"workspace", "socket"}
    assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in (runner, agent))


@settings(max_examples=30, deadline=None)
@given(pods)
def test_the_agent_holds_the_session_token_and_nothing_else(pod: dict[str, Any]) -> None:
    agent = pod["spec"]["containers"][1]
    secrets = [
        each["valueFrom"]["secretKeyRef"]["key"] for each in agent["env"] if "valueFrom" in each
    ]
    assert secrets == ["session-token"]


@settings(max_examples=30, deadline=None)
@given(pods)
def test_every_volume_has_a_limit_and_every_label_is_one(pod: dict[str, Any]) -> None:
    for volume in pod["spec"]["volumes"]:
        assert volume.get("emptyDir", {"sizeLimit": "x"})["sizeLimit"]
    for value in pod["metadata"]["labels"].values():
        assert 0 < len(value) <= 63
        assert value[0].isascii()
        assert value[0].isalnum()
        assert value[-1].isalnum()


def broken(path: str, value: Any) -> dict[str, Any]:
    """The expected pod with one thing changed, given as a path of keys and indexes."""
    pod: dict[str, Any] = copy.deepcopy(CASES["pod"])
    *way, last = path.split(".")
    place: Any = pod["spec"]
    for step in way:
        place = place[int(step)] if step.isdigit() else place.setdefault(step, {})
    place[last] = value
    return pod


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("hostNetwork", True),
        ("hostPID", True),
        ("hostIPC", True),
        ("volumes", [{"name": "x", "hostPath": {"path": "/"}}]),
        ("securityContext.sysctls", [{"name": "kernel.msgmax", "value": "1"}]),
        ("securityContext.runAsUser", 0),
        ("securityContext.seccompProfile", {"type": "Unconfined"}),
        ("containers.0.securityContext.privileged", True),
        ("containers.0.securityContext.runAsUser", 0),
        ("containers.0.securityContext.runAsNonRoot", False),
        ("containers.0.securityContext.allowPrivilegeEscalation", True),
        ("containers.0.securityContext.capabilities", {}),
        ("containers.0.securityContext.capabilities", {"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
        ("containers.0.securityContext.procMount", "Unmasked"),
        ("containers.0.securityContext.seccompProfile", {"type": "Unconfined"}),
        ("containers.0.securityContext.appArmorProfile", {"type": "Unconfined"}),
        ("containers.0.securityContext.seLinuxOptions", {"type": "spc_t"}),
        ("containers.0.ports", [{"containerPort": 1, "hostPort": 1}]),
        ("containers.0.livenessProbe", {"httpGet": {"host": "x", "port": 1}}),
        ("initContainers", [{"name": "x"}]),
    ],
)
def test_the_checker_finds_what_the_standard_forbids(path: str, value: Any) -> None:
    assert violations(CASES["pod"]) == []
    assert violations(broken(path, value))


def test_a_suspend_does_not_change_what_the_runner_reads() -> None:
    assert spec_digest(session(suspend=True).spec) == spec_digest(session().spec)
    assert spec_digest(session(prompt="Other.").spec) != spec_digest(session().spec)


def test_the_runner_reads_a_whole_spec_that_names_no_template() -> None:
    made = subject(rich(), TemplateSpec.model_validate({"claude": {"model": "small"}}))
    text = build_secret(made, LOGIN)["stringData"]["spec.json"]
    assert text == spec_patch(made)["stringData"]["spec.json"]
    read = SessionSpec.model_validate_json(text)
    assert read.claude.model == "small"
    assert read.template_ref is None
    assert read == made.spec.model_copy(update={"suspend": False})


def test_only_the_secret_holds_a_secret() -> None:
    for name, manifest in CASES.items():
        held = "login@redis" in str(manifest) or "'token'" in str(manifest)
        assert held == (name == "secret")


def test_an_update_of_the_spec_leaves_the_logins() -> None:
    assert set(spec_patch(subject(plain()))["stringData"]) == {"spec.json"}


def test_the_autoscalers_mark_is_there_only_while_working() -> None:
    key = "cluster-autoscaler.kubernetes.io/safe-to-evict"
    assert mark_patch(safe_to_evict=False)["metadata"]["annotations"] == {key: "false"}
    assert mark_patch(safe_to_evict=True)["metadata"]["annotations"] == {key: None}


def test_all_objects_are_named_by_the_uid() -> None:
    assert {manifest["metadata"]["name"] for manifest in CASES.values()} == {f"session-{UID}"}
