"""Values of Redis and PostgreSQL: bundled, or of somebody else's."""

from typing import Annotated

from pydantic import Field

from moorage_chart.base import Group, Open, Peer, Volume, Workload, requests


class RedisAuth(Group):
    """Passwords of the bundled Redis."""

    existing_secret: Annotated[
        str,
        Field(
            description="A Secret with operator-password, gateway-password and proxy-password, of "
            "letters, digits and -._~ only. Empty: made once by chance, and kept."
        ),
    ] = ""


class ExternalRedis(Group):
    """Somebody else's Redis, 6.2 or newer, whose users docs/install.md shows."""

    operator_url: Annotated[
        str, Field(description="redis://USER:PASSWORD@HOST:PORT/DB for the operator.")
    ] = ""
    gateway_url: Annotated[str, Field(description="The same for the gateway.")] = ""
    proxy_url: Annotated[
        str, Field(description="The same for the credential proxy, where it is enabled.")
    ] = ""
    existing_secret: Annotated[
        str,
        Field(description="A Secret with operator-url, gateway-url and proxy-url, instead."),
    ] = ""
    session_url: Annotated[
        str, Field(description="redis://HOST:PORT/DB as sessions reach it, without a login.")
    ] = ""
    peers: Annotated[
        list[Peer],
        Field(
            description="Where it is, as peers of a NetworkPolicy, such as `ipBlock: {cidr: "
            "192.0.2.10/32}`: sessions and the control plane reach these at its URLs' ports. To "
            "be given where networkPolicies.enabled is true."
        ),
    ] = []


class RedisTls(Group):
    """TLS to Redis, for everybody who talks to it."""

    existing_secret: Annotated[
        str,
        Field(
            description="A Secret with ca.crt, the CA that Redis' certificate is of; of a bundled "
            "Redis with its tls.crt and tls.key too, for the name of its Service, as moorage-redis."
            "NAMESPACE.svc. An external one's URLs begin with rediss:// then. Empty: no TLS, or "
            "by a CA that the images trust."
        ),
    ] = ""
    client_certificate: Annotated[
        bool,
        Field(
            description="Whether the control plane shows an external Redis the tls.crt in that "
            "Secret. Sessions show none: it must let them in without (tls-auth-clients optional)."
        ),
    ] = False


class Redis(Workload):
    """Redis, where live state is."""

    bundled: Annotated[
        bool, Field(description="A Redis of its own: one pod, append-only, for small installs.")
    ] = True
    max_memory: Annotated[
        str,
        Field(
            pattern=r"^\d+(kb|mb|gb)$",
            description="What the data may take; then writes are refused. Two thirds of the "
            "container's memory.",
        ),
    ] = "320mb"
    volume: Annotated[Volume, Field(description="Of the bundled Redis.")] = Volume(size="2Gi")
    auth: Annotated[RedisAuth, Field(description="Of the bundled Redis.")] = RedisAuth()
    tls: Annotated[RedisTls, Field(description="Of either.")] = RedisTls()
    external: Annotated[ExternalRedis, Field(description="Where bundled is false.")] = (
        ExternalRedis()
    )
    resources: Annotated[Open, Field(description="Requests and limits of the bundled Redis.")] = (
        requests("50m", "64Mi", "512Mi")
    )


class PostgresAuth(Group):
    """Password of the bundled PostgreSQL."""

    existing_secret: Annotated[
        str,
        Field(
            description="A Secret with password, of letters, digits and -._~ only. Empty: made "
            "once by chance, and kept."
        ),
    ] = ""


class ExternalPostgres(Group):
    """Somebody else's PostgreSQL, 14 or newer."""

    url: Annotated[str, Field(description="postgresql+asyncpg://USER:PASSWORD@HOST:PORT/NAME.")] = (
        ""
    )
    existing_secret: Annotated[str, Field(description="A Secret with url, instead of it.")] = ""
    peers: Annotated[
        list[Peer],
        Field(
            description="Where it is, as peers of a NetworkPolicy: gateway and recorder reach "
            "these at the URL's port. Empty: any address. No session may reach it either way."
        ),
    ] = []


class Postgres(Workload):
    """PostgreSQL, where history is."""

    bundled: Annotated[
        bool, Field(description="A PostgreSQL of its own: one pod, for small installs.")
    ] = True
    volume: Annotated[Volume, Field(description="Of the bundled PostgreSQL.")] = Volume(size="5Gi")
    auth: Annotated[PostgresAuth, Field(description="Of the bundled PostgreSQL.")] = PostgresAuth()
    external: Annotated[ExternalPostgres, Field(description="Where bundled is false.")] = (
        ExternalPostgres()
    )
    resources: Annotated[
        Open, Field(description="Requests and limits of the bundled PostgreSQL.")
    ] = requests("50m", "128Mi", "512Mi")
