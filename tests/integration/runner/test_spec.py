"""What a session's spec asks for, with real Claude Code: further repositories, MCP servers."""

from collections.abc import Callable
from pathlib import Path

from moorage_scripted_model import Step, Text, ToolUse, script_prompt
from moorage_testing.pod import Image
from moorage_testing.runner import RunnerUnderTest, make_repository

MakeRunner = Callable[..., RunnerUnderTest]

RESULT = Step.of(Text(text="It said: {tool_result}"))

MCP_SERVER = '''
"""An MCP server of type stdio with one tool."""

import json
import sys

TOOL = {
    "name": "high_water",
    "description": "When the water is high.",
    "inputSchema": {"type": "object", "properties": {"port": {"type": "string"}}},
}


def answer(request):
    match request["method"]:
        case "initialize":
            return {
                "protocolVersion": request["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "tides", "version": "1"},
            }
        case "tools/list":
            return {"tools": [TOOL]}
        case "tools/call":
            port = request["params"]["arguments"]["port"]
            return {"content": [{"type": "text", "text": f"{port}: high water at noon"}]}
    return {}


for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        reply = {"jsonrpc": "2.0", "id": request["id"], "result": answer(request)}
        print(json.dumps(reply), flush=True)
'''


def test_a_further_repository_is_read_without_asking(make_runner: MakeRunner, shared: Path) -> None:
    origin = make_repository(shared / "charts-origin")
    extra = {"url": str(origin), "path": "sea/charts"}
    runner = make_runner(spec={"additionalRepositories": [extra]})
    runner.start()
    readme = runner.workspace / "extra" / "sea" / "charts" / "README.md"
    read = ToolUse(name="Read", input={"file_path": str(readme)})
    runner.prompt("p1", script_prompt([Step.of(read), RESULT], "Read it."))
    result = runner.wait_for_type("tool:result").data
    assert "# Harbour" in result.content
    assert not result.is_error
    runner.wait_for_type("usage", turn_id="p1", outcome="completed")
    assert not [e for e in runner.all_events() if e.type == "permission:requested"]


def test_a_tool_of_an_mcp_server_is_called(
    make_runner: MakeRunner, shared: Path, image: Image
) -> None:
    script = shared / "tides.py"
    script.write_text(MCP_SERVER)
    server = {"type": "stdio", "command": str(image.python), "args": [str(script)]}
    claude = {"mcpServers": {"tides": server}, "allowedTools": ["mcp__tides__high_water"]}
    runner = make_runner(spec={"claude": claude})
    runner.start()
    tool = ToolUse(name="mcp__tides__high_water", input={"port": "Brest"})
    runner.prompt("p1", script_prompt([Step.of(tool), RESULT], "When?"))
    result = runner.wait_for_type("tool:result").data
    assert (result.content, result.is_error) == ("Brest: high water at noon", False)
    runner.wait_for_type("usage", turn_id="p1", outcome="completed")
