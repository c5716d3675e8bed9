"""Values of the operator, the gateway and the recorder."""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from moorage_chart.base import Group, Open, Process, SecretKey, requests
from moorage_chart.config import gateway_config, operator_config, proxy_config


class Operator(Process):
    """The operator, which makes pods of ClaudeSessions."""

    resources: Annotated[Open, Field(description="Requests and limits, as of a container.")] = (
        requests("50m", "128Mi", "512Mi")
    )
    see_nodes: Annotated[
        bool,
        Field(
            description="Let it read nodes, by which it tells a lost node from a pod that ends "
            "slowly. It is the only rule for the whole cluster."
        ),
    ] = True
    config: Annotated[
        dict[str, Any],
        WithJsonSchema(operator_config()),
        Field(description="Settings, by their names in docs/operator-settings.md."),
    ] = {}


class Service(Group):
    """The gateway's Service."""

    type: Annotated[
        Literal["ClusterIP", "NodePort", "LoadBalancer"], Field(description="Its type.")
    ] = "ClusterIP"
    port: Annotated[int, Field(ge=1, le=65535, description="Its port.")] = 8080
    node_port: Annotated[
        int,
        Field(
            ge=0,
            le=65535,
            description="Port of the nodes. 0: whichever is free. Only with the types NodePort and "
            "LoadBalancer.",
        ),
    ] = 0
    annotations: Annotated[dict[str, str], Field(description="Of the Service.")] = {}


class Ingress(Group):
    """An Ingress to the gateway."""

    enabled: Annotated[bool, Field(description="Make it.")] = False
    class_name: Annotated[str, Field(description="Empty: the cluster's default.")] = ""
    hosts: Annotated[list[str], Field(description="Host names, at least one.")] = []
    tls: Annotated[list[Open], Field(description="As of an Ingress: secretName and hosts.")] = []
    annotations: Annotated[dict[str, str], Field(description="Of the Ingress.")] = {}


class HttpRoute(Group):
    """An HTTPRoute of the Gateway API to the gateway."""

    enabled: Annotated[bool, Field(description="Make it.")] = False
    hostnames: Annotated[list[str], Field(description="Host names, at least one.")] = []
    parent_refs: Annotated[
        list[Open], Field(description="Gateways that it belongs to, as of an HTTPRoute.")
    ] = []
    annotations: Annotated[dict[str, str], Field(description="Of the HTTPRoute.")] = {}


class Autoscaling(Group):
    """A HorizontalPodAutoscaler for the gateway."""

    enabled: Annotated[bool, Field(description="Make it; replicas then counts no more.")] = False
    min_replicas: Annotated[int, Field(ge=1, le=100, description="At least so many.")] = 2
    max_replicas: Annotated[int, Field(ge=1, le=100, description="At most so many.")] = 6
    cpu_percent: Annotated[
        int, Field(ge=1, le=1000, description="Of the requests, on average over the pods.")
    ] = 300


class Login(Group):
    """What access tokens are signed from."""

    existing_secret: Annotated[
        str,
        Field(
            description="A Secret with secret, 32 random characters or more. Empty: made once by "
            "chance, and kept."
        ),
    ] = ""


class Gateway(Process):
    """The gateway, which people and programs talk to."""

    resources: Annotated[Open, Field(description="Requests and limits, as of a container.")] = (
        requests("100m", "192Mi", "768Mi")
    )
    service: Annotated[Service, Field(description="The Service.")] = Service()
    ingress: Annotated[Ingress, Field(description="A way in from outside.")] = Ingress()
    http_route: Annotated[HttpRoute, Field(description="Another, with the Gateway API.")] = (
        HttpRoute()
    )
    autoscaling: Annotated[Autoscaling, Field(description="More pods when busy.")] = Autoscaling()
    login: Annotated[Login, Field(description="What access tokens are signed from.")] = Login()
    config: Annotated[
        dict[str, Any],
        WithJsonSchema(gateway_config()),
        Field(
            description="Settings of gateway and recorder, by their names in docs/settings.md. "
            "Host names of Service, Ingress and HTTPRoute are added to http.allowed_hosts."
        ),
    ] = {"login": {"registration": "closed"}}


class Recorder(Process):
    """The recorder, which writes what happens into the database."""

    resources: Annotated[Open, Field(description="Requests and limits, as of a container.")] = (
        requests("50m", "128Mi", "512Mi")
    )


class GitCredentials(Group):
    """Credentials for all repositories at or below an address."""

    url: Annotated[str, Field(min_length=1, description="The address.")]
    secret: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$",
            description="A Secret beside the proxy; docs/credential-proxy.md says with which keys.",
        ),
    ]


class Proxy(Process):
    """The credential proxy, which alone holds the keys of the model and of git."""

    enabled: Annotated[
        bool,
        Field(
            description="Run it, and lead sessions to the model, git and allowed hosts through it. "
            "Then no pod of a session gets a key."
        ),
    ] = True
    key_secret: Annotated[
        SecretKey,
        Field(
            description="A Secret beside the proxy with the model's key. It may come, and change, "
            "while the proxy runs. Without one, config.model.upstreams names files that something "
            "else brings into the pod."
        ),
    ] = SecretKey(name="moorage-model-key", key="api-key")
    git_credentials: Annotated[
        list[GitCredentials],
        Field(
            description="For repositories whose sessions name no Secret: url and secret, which "
            "several may have in common."
        ),
    ] = []
    resources: Annotated[Open, Field(description="Requests and limits, as of a container.")] = (
        requests("100m", "128Mi", "512Mi")
    )
    config: Annotated[
        dict[str, Any],
        WithJsonSchema(proxy_config()),
        Field(
            description="Settings, by their names in docs/proxy-settings.md. Without "
            "model.upstreams: sessions.model.url, with the key of keySecret."
        ),
    ] = {}


class Model(Group):
    """The model that sessions talk to."""

    url: Annotated[str, Field(min_length=1, description="Its address.")] = (
        "https://api.anthropic.com"
    )
    key_secret: Annotated[
        SecretKey,
        Field(
            description="Without the credential proxy: a Secret in the sessions' namespace with "
            "the model's key, which every session's agent gets and can read. Empty: agents send a "
            "token of the session's own, which only a proxy or a model of yours takes."
        ),
    ] = SecretKey(name="moorage-model-key", key="api-key")


class Sessions(Group):
    """Where sessions run."""

    namespace: Annotated[
        str,
        Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", description="Their namespace."),
    ] = "moorage-sessions"
    create_namespace: Annotated[
        bool,
        Field(
            description="Make the namespace, with pod security `restricted`. It is never "
            "deleted by Helm."
        ),
    ] = True
    additional_namespaces: Annotated[
        list[str],
        Field(description="Namespaces that exist, where ClaudeSessions run too."),
    ] = []
    model: Annotated[Model, Field(description="The model.")] = Model()
