"""The TypeScript client type-checks against the API's description, and works against a gateway."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from moorage_api.rpc import Request
from moorage_testing.answering import answering, well
from moorage_testing.gateway import settings_for, state_of_runner
from moorage_testing.redis import RedisServer
from moorage_testing.serving import Serving, serving
from moorage_testing.typescript import NODE, ROOT, TypeScriptError, build, run, workspace


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """The client's sources with the generated schema, and the usage beside them."""
    with workspace() as folder:
        shutil.copytree(ROOT / "tests" / "typescript", folder / "usage")
        yield folder


def test_every_endpoint_of_the_mobile_client_type_checks(place: Path) -> None:
    run("tsc", "--project", "usage", cwd=place)


def test_what_the_api_does_not_have_is_refused(place: Path) -> None:
    mistakes = {
        "`${BASE}/health/ready`": "`${BASE}/health/nowhere`",
        'status: "archived"': 'status: "gone"',
        "whole.services.database": "whole.services.databases",
        '{ content: "Hello" }': "{ content: 5 }",
        "result.is_error": "result.isError",
        "moment: string": "moment: number",
    }
    folder = shutil.copytree(place / "usage", place / "wrong")
    source = (folder / "usage.ts").read_text()
    for right, wrong in mistakes.items():
        assert right in source
        source = source.replace(right, wrong)
    (folder / "usage.ts").write_text(source)
    with pytest.raises(TypeScriptError) as refused:
        run("tsc", "--project", "wrong", cwd=place)
    for wrong in mistakes.values():
        line = source[: source.index(wrong)].count("\n") + 1
        assert f"usage.ts({line}," in str(refused.value), wrong


def test_it_is_built_with_its_types(tmp_path: Path) -> None:
    build(tmp_path / "client")
    built = {path.name for path in (tmp_path / "client" / "dist").iterdir()}
    assert built == {"index.js", "index.d.ts", "schema.js", "schema.d.ts"}


async def run_sessions(served: Serving, seen: list[list[Request]]) -> None:
    """Have a runner answer for every session as soon as it is created."""
    async with AsyncExitStack() as runners:
        async for change in served.backend.watch():
            uid = change.session.metadata.uid
            if change.kind == "changed" and uid is not None and not seen:
                await state_of_runner(served.redis, uid)
                answers = answering(served.redis, uid, well)
                seen.append(await runners.enter_async_context(answers))


async def test_it_works_against_a_gateway(
    place: Path, home: Path, redis_server: RedisServer
) -> None:
    seen: list[list[Request]] = []
    async with serving(settings_for(home, redis_server.url)) as served:
        running = asyncio.create_task(run_sessions(served, seen))
        node = await asyncio.create_subprocess_exec(
            NODE,
            "usage/usage.ts",
            f"http://127.0.0.1:{served.port}",
            cwd=place,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            output, _ = await node.communicate()
        running.cancel()
        await asyncio.wait([running])
    assert node.returncode == 0, output.decode()
    assert len(seen[0]) == 5
