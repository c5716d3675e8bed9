"""The answers about health."""

from typing import Literal

from moorage_api.base import Timestamp, WireModel

State = Literal["healthy", "degraded", "unhealthy"]


class ServiceDetail(WireModel):
    """One service."""

    status: State
    latency_ms: float | None = None
    message: str | None = None


class Services(WireModel):
    """Every service in a word."""

    database: State
    redis: State
    queue: State
    sessions: State


class Health(WireModel):
    """How the gateway is."""

    status: State
    timestamp: Timestamp
    services: Services
    version: str
    uptime: float
    details: dict[str, ServiceDetail]


class Live(WireModel):
    """The process answers."""

    status: Literal["ok"] = "ok"
    timestamp: Timestamp


class Checks(WireModel):
    """What must hold for requests to be answered."""

    database: bool
    redis: bool
    sessions: bool


class Ready(WireModel):
    """Whether requests can be answered."""

    ready: bool
    checks: Checks
