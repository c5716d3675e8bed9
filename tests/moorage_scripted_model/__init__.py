"""A scripted stand-in for the model: Anthropic's Messages API, answered from scripts.

It replaces the model alone. Real Claude Code talks to it through ANTHROPIC_BASE_URL, so tools
run, files are written and permissions are asked for real. A test writes steps as objects, turns
them into a prompt with `script_prompt`, and starts a server with `running_model`:

    prompt = script_prompt([Step.of(Text(text="hello"))])
    with running_model() as model:
        ...  # ANTHROPIC_BASE_URL=model.url, then model.stats() says what the model saw

Modules: steps (what a script is), directives (which step a request asks for), library (named
scripts), rendering (a step as the API's messages and events), service (the decision), failures
(the only state besides statistics), application (HTTP), process (running it from a test).
"""

from moorage_scripted_model.directives import script_prompt
from moorage_scripted_model.process import RunningModel, running_model
from moorage_scripted_model.steps import (
    Block,
    Citation,
    Cut,
    Fail,
    Script,
    SearchResult,
    Step,
    Text,
    Thinking,
    ToolUse,
    WebSearch,
)

__all__ = [
    "Block",
    "Citation",
    "Cut",
    "Fail",
    "RunningModel",
    "Script",
    "SearchResult",
    "Step",
    "Text",
    "Thinking",
    "ToolUse",
    "WebSearch",
    "running_model",
    "script_prompt",
]
