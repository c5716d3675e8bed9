"""Where a conversation's transcript comes from."""

from pathlib import Path

import pytest

from moorage_runner.claude.records import Records
from moorage_runner.claude.transcript import Transcript
from moorage_runner.commands import Launcher


async def test_the_agent_is_asked_only_where_claude_code_wrote_something(tmp_path: Path) -> None:
    nobody = Launcher(tmp_path / "agent.sock")
    written = tmp_path / "home" / ".claude"
    records = Records("id", tmp_path / "repo", tmp_path / "own", nobody, written)
    assert await records.read() == Transcript()
    written.parent.mkdir()
    written.symlink_to("nowhere")
    with pytest.raises(ConnectionError, match="There is no agent"):
        await records.read()
