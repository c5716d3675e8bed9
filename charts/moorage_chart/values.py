"""All values of the chart."""

from typing import Annotated, Any, Literal

from pydantic import Field

from moorage_chart.admission import Admission
from moorage_chart.base import UNCHANGEABLE, Group, Open, Peer
from moorage_chart.parts import Gateway, Operator, Proxy, Recorder, Sessions
from moorage_chart.stores import Postgres, Redis

_IMAGE = "Its name in the registry; with a tag or digest it is taken as it stands."


class Images(Group):
    """Where images come from."""

    registry: Annotated[
        str, Field(description="Registry and path before the names of Moorage's images.")
    ] = ""
    tag: Annotated[str, Field(description="Their tag. Empty: the chart's appVersion.")] = ""
    pull_policy: Annotated[
        Literal["Always", "IfNotPresent", "Never"], Field(description="Of all images.")
    ] = "IfNotPresent"
    pull_secrets: Annotated[
        list[str],
        Field(description="Names of Secrets; those for sessions in the sessions' namespace."),
    ] = []
    gateway: Annotated[str, Field(min_length=1, description=_IMAGE)] = "moorage-gateway"
    operator: Annotated[str, Field(min_length=1, description=_IMAGE)] = "moorage-operator"
    runner: Annotated[str, Field(min_length=1, description=_IMAGE)] = "moorage-runner"
    agent: Annotated[str, Field(min_length=1, description=_IMAGE)] = "moorage-agent"
    redis: Annotated[
        str, Field(min_length=1, description="Any image with redis-server 6.2 or newer.")
    ] = "docker.io/library/redis:7.2.11-bookworm"
    postgres: Annotated[
        str,
        Field(
            min_length=1,
            description="Any image with PostgreSQL's server 14 or newer. Another major version "
            "needs the data dumped and restored.",
        ),
    ] = "docker.io/library/postgres:17.6-bookworm"


class CaBundle(Group):
    """Certificate authorities that everybody trusts."""

    existing_config_map: Annotated[
        str,
        Field(
            description="A ConfigMap with all certificate authorities to trust, as PEM, in place "
            "of the images' own: one in the release's namespace, and one of the same name in each "
            "of the sessions' namespaces. Empty: those of the images."
        ),
    ] = ""
    key: Annotated[str, Field(min_length=1, description="The key in it.")] = "ca-certificates.crt"


class Crds(Group):
    """The CustomResourceDefinitions."""

    install: Annotated[
        bool,
        Field(description="Install and upgrade them. They are never deleted by Helm."),
    ] = True


class NetworkPolicies(Group):
    """Who may talk to whom."""

    enabled: Annotated[
        bool,
        Field(description="Make them, for the control plane and for the sessions' namespaces."),
    ] = True
    dns: Annotated[
        list[Peer],
        Field(min_length=1, description="Peers that answer DNS, as of a NetworkPolicy."),
    ] = [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ]
    clients: Annotated[
        list[Peer], Field(description="Peers that may reach the gateway. Empty: everybody.")
    ] = []
    scrapers: Annotated[
        list[Peer],
        Field(description="Peers that may read metrics. Empty: all pods of the cluster."),
    ] = []
    control_plane_egress: Annotated[
        list[Open],
        Field(
            description="What operator, gateway and recorder may reach beside DNS, Redis, "
            "PostgreSQL and port 443 and 6443 anywhere: rules as of a NetworkPolicy. External "
            "ones whose URLs are in Secrets are to be named here if their ports are others than "
            "that of redis.external.sessionUrl and 5432."
        ),
    ] = []
    proxy_egress: Annotated[
        list[Open],
        Field(
            description="What the credential proxy may reach beside DNS, Redis and port 443 and "
            "6443 anywhere, as a model or a git server in the cluster: rules as of a NetworkPolicy."
        ),
    ] = []
    session_egress: Annotated[
        list[Open],
        Field(
            description="What sessions may reach beside DNS, Redis and the credential proxy or, "
            "without it, port 443 of public addresses: rules as of a NetworkPolicy. One without "
            "`to` is for any address."
        ),
    ] = []
    private: Annotated[
        list[str],
        Field(description="Networks that are not public; cloud metadata is among them."),
    ] = [
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
    ]


class ServiceMonitor(Group):
    """ServiceMonitors of the Prometheus operator."""

    enabled: Annotated[bool, Field(description="Make them.")] = False
    interval: Annotated[str, Field(description="How often metrics are read.")] = "30s"
    labels: Annotated[dict[str, str], Field(description="By which Prometheus selects.")] = {}


class PriorityClasses(Group):
    """PriorityClasses."""

    create: Annotated[
        bool,
        Field(
            description="Make one for the control plane and one for sessions, which are in the "
            "whole cluster."
        ),
    ] = True
    control_plane: Annotated[
        int, Field(description=f"Priority of the control plane. {UNCHANGEABLE}")
    ] = 100_000
    sessions: Annotated[
        int, Field(description=f"Priority of sessions whose spec names no class. {UNCHANGEABLE}")
    ] = 0


class PodDisruptionBudgets(Group):
    """PodDisruptionBudgets of components with more than one pod."""

    enabled: Annotated[bool, Field(description="Make them: one pod of each may be away.")] = True


class Values(Group):
    """All values of the chart."""

    name_override: Annotated[str, Field(description="Instead of the chart's name.")] = ""
    fullname_override: Annotated[str, Field(description="Before the names of all objects.")] = ""
    images: Annotated[Images, Field(description="Where images come from.")] = Images()
    ca_bundle: Annotated[
        CaBundle, Field(description="Certificate authorities that everybody trusts.")
    ] = CaBundle()
    crds: Annotated[Crds, Field(description="The CustomResourceDefinitions.")] = Crds()
    sessions: Annotated[Sessions, Field(description="Where sessions run.")] = Sessions()
    admission: Annotated[Admission, Field(description="What sessions may ask for.")] = Admission()
    operator: Annotated[Operator, Field(description="Makes pods of ClaudeSessions.")] = Operator()
    gateway: Annotated[Gateway, Field(description="What people and programs talk to.")] = Gateway()
    recorder: Annotated[Recorder, Field(description="Writes what happens into the database.")] = (
        Recorder()
    )
    proxy: Annotated[Proxy, Field(description="Holds the keys of the model and of git.")] = Proxy()
    redis: Annotated[Redis, Field(description="Where live state is.")] = Redis()
    postgres: Annotated[Postgres, Field(description="Where history is.")] = Postgres()
    network_policies: Annotated[NetworkPolicies, Field(description="Who may talk to whom.")] = (
        NetworkPolicies()
    )
    service_monitor: Annotated[ServiceMonitor, Field(description="For Prometheus' operator.")] = (
        ServiceMonitor()
    )
    pod_disruption_budgets: Annotated[
        PodDisruptionBudgets, Field(description="For drains of nodes.")
    ] = PodDisruptionBudgets()
    priority_classes: Annotated[PriorityClasses, Field(description="Who goes first.")] = (
        PriorityClasses()
    )
    global_: Annotated[
        dict[str, Any], Field(alias="global", description="Helm's own, for subcharts.")
    ] = {}
