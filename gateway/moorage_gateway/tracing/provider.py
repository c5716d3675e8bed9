"""Where traces go: an OpenTelemetry collector, in batches, from a thread of the library's own."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from moorage_gateway.settings import TracingSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

_EXPORT_SECONDS: Final = 5.0
_FLUSH_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Tracing:
    """What spans are made with."""

    tracer: "Tracer"
    provider: "TracerProvider"

    async def close(self) -> None:
        """Send what waits, for a bounded time."""
        await asyncio.to_thread(self.provider.force_flush, _FLUSH_SECONDS * 1000)
        await asyncio.to_thread(self.provider.shutdown)


def open_tracing(settings: TracingSettings, version: str) -> Tracing | None:
    """Return what spans are made with; None, and nothing is imported, if they are not wanted."""
    if settings.endpoint is None:
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - if wanted
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import (  # noqa: PLC0415
        ParentBased,
        TraceIdRatioBased,
    )

    resource = Resource.create({"service.name": settings.service_name, "service.version": version})
    sampler = ParentBased(TraceIdRatioBased(settings.sample_ratio))
    provider = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(
        endpoint=f"{settings.endpoint.rstrip('/')}/v1/traces",
        headers=_headers(settings),
        timeout=_EXPORT_SECONDS,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider.get_tracer("moorage_gateway", version), provider)


def _headers(settings: TracingSettings) -> Mapping[str, str]:
    text = settings.headers.get_secret_value() if settings.headers is not None else ""
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
