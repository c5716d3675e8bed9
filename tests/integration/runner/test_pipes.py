"""The streams of a Claude Code: what comes through whole, and how it ends."""

import sys
from pathlib import Path

import pytest

from moorage_runner.claude.command import Command
from moorage_runner.claude.pipes import ClaudeExitedError, Pipes


async def opened(folder: Path, script: str, heard: list[str]) -> Pipes:
    words = (sys.executable, "-I", "-S", "-c", script)
    return await Pipes.open(Command(words, {"WORD": "grüß"}, folder), heard.append)


async def test_messages_come_whole_and_other_lines_are_left_out(tmp_path: Path) -> None:
    """However they are cut on the way: longer than a chunk, within a letter, within a line."""
    script = """
import os
word = os.environb[b"WORD"]
line = b'{"a": "' + word * 30_000 + b'"}'
os.write(2, b"one\\n\\ntwo")
for part in (b"\\n[debug] x\\n  ", line[:9], line[9:], b'\\r\\n{"b": 1}\\n{"cut'):
    while part:
        part = part[os.write(1, part):]
"""
    heard: list[str] = []
    pipes = await opened(tmp_path, script, heard)
    messages = [message async for message in pipes.read_messages()]
    await pipes.close()
    assert messages == [{"a": "grüß" * 30_000}, {"b": 1}]
    assert heard == ["one", "two"]


async def test_what_is_written_arrives_until_its_input_ends(tmp_path: Path) -> None:
    script = "import sys; [print(line, end='', flush=True) for line in sys.stdin]; sys.exit(3)"
    pipes = await opened(tmp_path, script, [])
    await pipes.write('{"n": 1}\n')
    messages = pipes.read_messages()
    assert await anext(messages) == {"n": 1}
    assert pipes.is_ready()
    await pipes.end_input()
    with pytest.raises(ClaudeExitedError, match="code 3"):
        await anext(messages)
    assert not pipes.is_ready()
    with pytest.raises(ConnectionError):
        await pipes.write("{}\n")
    await pipes.close()


async def test_what_cannot_be_started_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await Pipes.open(Command((str(tmp_path / "no"),), {}, tmp_path), lambda _: None)


@pytest.mark.parametrize("line", ["{broken", '{"a": ' + "[" * 100_000, r"{\xff"])
async def test_what_looks_like_a_message_and_is_none_says_so(tmp_path: Path, line: str) -> None:
    pipes = await opened(tmp_path, f"import os; os.write(1, b{line + chr(10)!r})", [])
    with pytest.raises(ValueError, match=r".+"):
        await anext(pipes.read_messages())
    await pipes.close()
