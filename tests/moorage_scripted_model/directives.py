"""Which step of which script a request asks for: decided from the request alone.

A directive stands anywhere in a user's text: `[[script:NAME]]` names a script of the library, a
fenced block marked `script` holds a JSON list of steps. The last text with a directive counts,
and the step is the number of the model's answers after it. So the choice needs no memory: after
a killed runner is resumed with any nudge, the script goes on where it was.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from moorage_scripted_model.conversation import MessagesRequest
from moorage_scripted_model.errors import InvalidScriptError
from moorage_scripted_model.library import AUXILIARY, DEFAULT, LIBRARY, SEARCH, search_script
from moorage_scripted_model.steps import SCRIPT, Script, Step, Text

INLINE = "inline"
_FENCE = re.compile(r"^```script[ \t]*\r?\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"\[\[script:([\w.-]+)\]\]")
_AFTER_THE_END = Step.of(Text(text="done"))
_INTERRUPTED = "[Request interrupted"


def script_prompt(steps: Sequence[Step], text: str = "Follow the script.") -> str:
    """Write a prompt that makes the scripted model answer with these steps."""
    lines = SCRIPT.dump_json(tuple(steps), by_alias=True).decode()
    return f"{text}\n\n```script\n{lines}\n```\n"


def without_script(text: str) -> str:
    """Give a prompt's text without its inline script, for quoting it."""
    return _FENCE.sub("", text).strip()


@dataclass(frozen=True)
class Choice:
    """The step a request asks for; `key` is the same for every try of the same request."""

    script: str
    index: int
    step: Step
    prompt: str
    key: str


def choose(request: MessagesRequest) -> Choice:
    """Find the step that answers this request.

    Raises:
        InvalidScriptError: the directive cannot be read or names no script.
    """
    if not request.tools:
        return _choice(request, AUXILIARY, LIBRARY[AUXILIARY], 0, request.last_user_text)
    for position in range(len(request.messages) - 1, -1, -1):
        for text in reversed(request.messages[position].user_texts):
            if found := _directive(text):
                name, script = found
                return _choice(request, name, script, position, text)
    if request.is_search_only:
        query = request.last_user_text.rpartition("query: ")[2]
        return _choice(request, SEARCH, search_script(query), 0, query)
    position, prompt = _last_prompt(request)
    return _choice(request, DEFAULT, LIBRARY[DEFAULT], position, prompt)


def _directive(text: str) -> tuple[str, Script] | None:
    if fences := _FENCE.findall(text):
        try:
            return INLINE, SCRIPT.validate_json(fences[-1])
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InvalidScriptError(
                f"{where}: {first['msg']}" if where else first["msg"]
            ) from None
    if names := _NAMED.findall(text):
        if names[-1] not in LIBRARY:
            raise InvalidScriptError(
                f"no script {names[-1]!r}; there are {', '.join(sorted(LIBRARY))}"
            )
        return names[-1], LIBRARY[names[-1]]
    return None


def _last_prompt(request: MessagesRequest) -> tuple[int, str]:
    for position in range(len(request.messages) - 1, -1, -1):
        message = request.messages[position]
        if any(block.get("type") == "tool_result" for block in message.blocks):
            continue
        texts = [text for text in message.user_texts if not text.startswith(_INTERRUPTED)]
        if texts:
            return position, texts[-1]
    return len(request.messages) - 1, ""


def _choice(
    request: MessagesRequest, name: str, script: Script, position: int, prompt: str
) -> Choice:
    index = request.assistants_after(position)
    identity = f"{request.metadata.get('user_id')}|{name}|{position}|{index}|{prompt}"
    return Choice(
        script=name,
        index=index,
        step=script[index] if index < len(script) else _AFTER_THE_END,
        prompt=without_script(prompt),
        key=hashlib.sha256(identity.encode()).hexdigest(),
    )
