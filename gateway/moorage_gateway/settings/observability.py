"""Settings of what the gateway tells about itself."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from moorage_gateway.settings.base import Group


class LogSettings(Group):
    """What is logged."""

    level: Annotated[
        Literal["trace", "debug", "info", "warning", "error"],
        Field(description="The least level logged. trace: each input and page that is moved, too."),
    ] = "info"
    format: Annotated[
        Literal["auto", "json", "console"],
        Field(description="auto: readable lines on a terminal, JSON lines elsewhere."),
    ] = "auto"
    file: Annotated[
        Path | None, Field(description="File to log to instead of stderr, as JSON lines.")
    ] = None
    file_max_bytes: Annotated[
        int, Field(ge=4096, description="Size at which the file is moved aside.")
    ] = 16 * 1024 * 1024
    file_backups: Annotated[
        int, Field(ge=0, le=1000, description="Files moved aside that are kept.")
    ] = 3


class MetricsSettings(Group):
    """Where metrics are shown."""

    port: Annotated[
        int | None,
        Field(ge=0, le=65535, description="Port of GET /metrics. Empty: none. 0: a free one."),
    ] = None
    host: Annotated[
        str,
        Field(
            min_length=1,
            description="Address that GET /metrics listens on. Nobody logs in there: keep it "
            "inside the cluster.",
        ),
    ] = "127.0.0.1"


def _checked_endpoint(value: str | None) -> str | None:
    if value is not None and not value.startswith(("http://", "https://")):
        msg = "write http://HOST:4318 or https://HOST, without /v1/traces"
        raise ValueError(msg)
    return value


class TracingSettings(Group):
    """Where traces are sent."""

    endpoint: Annotated[
        str | None,
        AfterValidator(_checked_endpoint),
        Field(
            description="An OpenTelemetry collector that takes OTLP over HTTP, as "
            "http://collector:4318. Empty: nothing is traced."
        ),
    ] = None
    headers: Annotated[
        SecretStr | None,
        Field(description="Headers for the collector: name=value, with commas between."),
    ] = None
    sample_ratio: Annotated[
        float,
        Field(ge=0, le=1, description="Part of the requests without a trace that begin one."),
    ] = 1.0
    service_name: Annotated[str, Field(min_length=1, description="The gateway's name there.")] = (
        "moorage-gateway"
    )


class StudioSettings(Group):
    """Pages that show the tables to admins."""

    enabled: Annotated[
        bool,
        Field(
            description="Show the tables under /admin, to admins who log in there, to be read "
            "only. `moorage-gateway studio` shows them without this, on this machine alone."
        ),
    ] = False
