import json
from pathlib import Path

import pytest
from claude_agent_sdk._internal.message_parser import parse_message

from moorage_testing.sdk_scenarios import SCENARIOS

RECORDINGS = Path(__file__).resolve().parents[2] / "fixtures" / "sdk_messages"


def test_every_scenario_is_recorded_and_nothing_else() -> None:
    assert {path.stem for path in RECORDINGS.glob("*.jsonl")} == set(SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_sdk_reads_the_recording(name: str) -> None:
    lines = (RECORDINGS / f"{name}.jsonl").read_text().splitlines()
    messages = [parse_message(json.loads(line)) for line in lines]
    kinds = [type(message).__name__ for message in messages]
    assert kinds[0] == "SystemMessage"
    assert ("ResultMessage" in kinds) is (SCENARIOS[name].interference != "kill")


@pytest.mark.parametrize("name", SCENARIOS)
def test_recordings_hold_no_name_of_the_machine_they_were_made_on(name: str) -> None:
    text = (RECORDINGS / f"{name}.jsonl").read_text()
    assert '"cwd": "/workspace"' in text
    assert not [word for word in ("moorage-record", "/root", "/Users") if word in text]
