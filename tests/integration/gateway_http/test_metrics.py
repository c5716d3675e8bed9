"""GET /metrics, on its own port, as Prometheus reads it."""

import asyncio
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from moorage_gateway.app import BASE
from moorage_testing.gateway import Gateway, settings_for
from moorage_testing.live import LIMIT, publish_texts, until
from moorage_testing.redis import RedisServer
from moorage_testing.serving import connected
from moorage_testing.wire import Wire

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def port_of(gateway: Gateway) -> int:
    shown = [line for line in gateway.logs if line["event"] == "metrics are shown"]
    return int(shown[0]["port"])


async def scrape(gateway: Gateway) -> Samples:
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port_of(gateway)}/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


async def test_requests_are_counted_by_template(gateway: Gateway) -> None:
    session_id = await gateway.create()
    for _ in range(3):
        await gateway.client.get(f"/sessions/{session_id}/")
    await gateway.client.get("/sessions/none")
    await gateway.client.get("/sessions/none/files/a%2Fb.py")
    await gateway.client.get("/nowhere/at/all")
    await gateway.client.request("BREW", "/sessions")
    samples = await scrape(gateway)
    one = f"{BASE}/sessions/{{session_id}}"
    name = "moorage_http_requests_total"
    assert value(samples, name, method="GET", route=one, status="200") == 3
    assert value(samples, name, method="GET", route=one, status="404") == 1
    assert value(samples, name, method="POST", route=f"{BASE}/sessions", status="201") == 1
    assert value(samples, name, method="GET", route=f"{one}/files/{{path}}", status="404") == 1
    assert value(samples, name, method="GET", route="none", status="404") == 1
    assert value(samples, name, method="other", route=f"{BASE}/sessions", status="405") == 1
    timed = "moorage_http_request_duration_seconds_count"
    assert value(samples, timed, method="GET", route=one) == 4
    assert value(samples, "moorage_http_requests_in_progress") == 0
    routes = {dict(labels).get("route", "") for _, labels in samples}
    assert not any(session_id in route or "nowhere" in route for route in routes)


async def test_queue_and_pools_are_shown(gateway: Gateway) -> None:
    session_id = await gateway.create()
    await gateway.say(session_id)
    await gateway.app.state.context.relay.marks.write()  # else a moment later
    samples = await scrape(gateway)
    assert value(samples, "moorage_queue_inputs", state="untaken") == 1
    assert value(samples, "moorage_queue_inputs", state="unsent") == 0
    assert value(samples, "moorage_queue_inputs_sent_total") == 1
    assert value(samples, "moorage_queue_oldest_unsent_seconds") == 0
    for pool in ("database", "redis", "redis_files"):
        assert value(samples, "moorage_pool_connections", pool=pool, state="most") >= 1
        assert value(samples, "moorage_pool_connections", pool=pool, state="in_use") >= 0
    assert value(samples, "moorage_hub_connected") in {0, 1}
    assert value(samples, "process_resident_memory_bytes") > 0


async def test_what_cannot_be_sent_is_the_queue(
    gateway: Gateway, redis_server: RedisServer
) -> None:
    session_id = await gateway.create()
    redis_server.stop()
    try:
        await gateway.say(session_id)
        samples = await scrape(gateway)
        assert value(samples, "moorage_queue_inputs", state="unsent") == 1
        assert value(samples, "moorage_queue_oldest_unsent_seconds") >= 0
    finally:
        redis_server.start()


async def test_streams_and_their_lag_are_measured(home: Path, redis_server: RedisServer) -> None:
    settings = settings_for(home, redis_server.url)
    async with connected(settings) as (served, wire):
        sample = served.app.state.context.metrics.registry.get_sample_value
        body = b'{"projectPath": "https://example.com/a.git"}'
        made = await wire.ask("POST", f"{BASE}/sessions", body)
        async with await Wire.connect(served.port) as stream:
            await stream.send("GET", f"{BASE}/sessions/{made.json['id']}/events")
            await stream.head()
            async with asyncio.timeout(LIMIT):
                while not sample("moorage_events_sent_total"):
                    await publish_texts(served.redis, made.json["id"], ["hello"])
        await until(lambda: sample("moorage_stream_ends_total", {"reason": "left"}))
        assert sample("moorage_event_send_lag_seconds_count") >= 1
        assert sample("moorage_event_send_lag_seconds_sum") < LIMIT


async def test_metrics_are_not_on_the_gateways_own_port(gateway: Gateway) -> None:
    for path in ("http://localhost/metrics", "/metrics"):
        assert (await gateway.client.get(path)).status_code == 404
