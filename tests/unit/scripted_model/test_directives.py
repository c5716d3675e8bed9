from typing import Any

import pytest

from moorage_scripted_model import Script, Step, Text, ToolUse, script_prompt
from moorage_scripted_model.directives import choose, without_script
from moorage_scripted_model.errors import InvalidScriptError
from moorage_scripted_model.steps import SCRIPT

from .builders import assistant, request, tool_result, user

ONE = Step.of(Text(text="one"))
TWO = Step.of(Text(text="two"))
INLINE = script_prompt([ONE, TWO])
HELLO = "please [[script:hello]] now"
REMINDER = "<system-reminder>[[script:long]]</system-reminder>"

CHOICES: list[tuple[str, list[dict[str, Any]], tuple[str, int]]] = [
    ("no directive", [user("hi")], ("demo", 0)),
    ("demo after a tool", [user("hi"), assistant(), tool_result("x")], ("demo", 1)),
    ("demo for the next prompt", [user("hi"), assistant(), user("more")], ("demo", 0)),
    ("named", [user(HELLO)], ("hello", 0)),
    ("inline", [user(INLINE)], ("inline", 0)),
    ("content as a string", [{"role": "user", "content": HELLO}], ("hello", 0)),
    ("second step", [user(INLINE), assistant(), tool_result("x")], ("inline", 1)),
    ("a nudge goes on", [user(INLINE), assistant(), user("go on")], ("inline", 1)),
    ("resumed", [user(INLINE), assistant("No response requested."), user("go on")], ("inline", 0)),
    ("the last directive wins", [user(INLINE), assistant(), user(HELLO)], ("hello", 0)),
    ("inline before named", [user(HELLO + "\n" + INLINE)], ("inline", 0)),
    ("a tool's words are no directive", [user(INLINE), tool_result(HELLO)], ("inline", 0)),
    ("a reminder is no directive", [user("hi"), user(REMINDER)], ("demo", 0)),
    ("after an interruption", [user("hi"), user("[Request interrupted by user]")], ("demo", 0)),
]


@pytest.mark.parametrize(
    ("messages", "expected"), [c[1:] for c in CHOICES], ids=[c[0] for c in CHOICES]
)
def test_choice_follows_from_the_request(
    messages: list[dict[str, Any]], expected: tuple[str, int]
) -> None:
    choice = choose(request(*messages))
    assert (choice.script, choice.index) == expected


def test_a_script_ends_with_done() -> None:
    messages = [user(INLINE), assistant(), assistant(), user("more")]
    assert choose(request(*messages)).step == Step.of(Text(text="done"))


def test_requests_without_tools_are_auxiliary() -> None:
    assert choose(request(user(INLINE), tools=[])).script == "auxiliary"


def test_the_search_tool_s_own_request_is_answered_with_a_search() -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    choice = choose(request(user("Perform a web search for the query: boats"), tools=tools))
    assert (choice.script, choice.prompt) == ("web-search-tool", "boats")


def test_the_key_tells_conversations_and_steps_apart() -> None:
    def key(*messages: dict[str, Any], session: str = "a") -> str:
        return choose(request(*messages, metadata={"user_id": session})).key

    first = key(user(INLINE))
    others = {key(user(INLINE), session="b"), key(user(INLINE), assistant()), key(user(HELLO))}
    assert first == key(user(INLINE))
    assert first not in others
    assert len(others) == 3


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("[[script:nope]]", "no script 'nope'; there are "),
        ("```script\n{}\n```", "Input should be a valid array"),
        ("```script\n[{\n```", "Invalid JSON"),
        ('```script\n[{"blocs": []}]\n```', "0.blocs: Extra inputs are not permitted"),
        ('```script\n[{"blocks": [{"type": "song"}]}]\n```', "0.blocks.0: "),
    ],
)
def test_a_wrong_script_is_named(prompt: str, reason: str) -> None:
    with pytest.raises(InvalidScriptError, match="invalid script: ") as caught:
        choose(request(user(prompt)))
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "script",
    [
        (),
        (ONE, TWO),
        (Step.of(Text(text="```\nfence\n```\n[[script:hello]]")),),
        (Step.of(ToolUse(name="Task", input={"prompt": INLINE})), ONE),
    ],
)
def test_a_prompt_holds_any_script(script: Script) -> None:
    prompt = script_prompt(script, "Do it.")
    messages = [user(prompt)]
    choice = choose(request(*messages))
    assert choice.step == (script[0] if script else Step.of(Text(text="done")))
    assert choice.prompt == without_script(prompt) == "Do it."


def test_scripts_are_camel_case_in_json() -> None:
    text = '[{"pauseMs": 5, "fail": {"status": 429, "retryAfter": 1}, "cut": {"afterDeltas": 2}}]'
    (step,) = SCRIPT.validate_json(text)
    assert (step.pause_ms, step.fail and step.fail.retry_after) == (5, 1)
    assert step.cut
    assert step.cut.after_deltas == 2
