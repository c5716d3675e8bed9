"""Where there is no credential proxy: the agent has the model's key, the runner never sees it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from moorage_scripted_model import RunningModel, Step, Text, ToolUse, script_prompt
from moorage_testing.pod import Image, PodUnderTest
from moorage_testing.redis import RedisServer

KEY = "the-model-s-own-key"
LOOK = ToolUse(
    name="Bash", input={"command": 'echo "${ANTHROPIC_API_KEY:-none}"', "description": "Look"}
)


@pytest.fixture
def pod(
    shared: Path, image: Image, model: RunningModel, redis_server: RedisServer
) -> Iterator[PodUnderTest]:
    spec = {"claude": {"allowedTools": ["Bash"]}}
    root = shared / "session"
    made = PodUnderTest(image, root, redis_server, model, str(uuid4()), spec=spec)
    yield made
    made.stop()


def test_claude_proves_itself_with_the_agent_s_key(pod: PodUnderTest) -> None:
    pod.agent.start(ANTHROPIC_API_KEY=KEY)
    pod.start_runner(ANTHROPIC_AUTH_TOKEN="")
    steps = [Step.of(LOOK), Step.of(Text(text="It says {tool_result}"))]
    pod.prompt("p1", script_prompt(steps, "Look at the key."))
    result = pod.wait_for_type("tool:result", timeout=90)
    pod.wait_for_type("usage", turn_id="p1", outcome="completed", timeout=90)
    assert {each["credential"] for each in pod.requests()} == {f"x-api-key {KEY[-4:]}"}
    # What docs/install.md warns of: whatever runs in a session can read it.
    assert KEY in str(result.data)
