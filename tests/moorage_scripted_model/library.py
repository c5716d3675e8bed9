"""The scripts that have a name, and the one for prompts that ask for none."""

from moorage_scripted_model.steps import (
    Citation,
    Script,
    SearchResult,
    Step,
    Text,
    Thinking,
    ToolUse,
    WebSearch,
)

DEFAULT = "demo"
AUXILIARY = "auxiliary"
SEARCH = "web-search-tool"

_DEMO: Script = (
    Step.of(
        Thinking(thinking="I look at the repository first, then write down what I found."),
        Text(text="I will look around first."),
        ToolUse(
            name="Bash",
            input={
                "command": "git log --oneline -5 2>/dev/null; ls",
                "description": "Show the last commits and the files",
            },
        ),
        pause_ms=15,
    ),
    Step.of(
        Text(text="Now I write a short note about it."),
        ToolUse(
            name="Write",
            input={
                "file_path": "NOTES.md",
                "content": "# Notes\n\nWritten by Moorage's scripted model.\n",
            },
        ),
        pause_ms=15,
    ),
    Step.of(
        Text(
            text=(
                "Done. You asked: \u201c{prompt}\u201d\n\nI am the scripted model: I looked at the "
                "repository and wrote `NOTES.md`, but I do not think. Set a real key to get a "
                "real answer."
            )
        ),
        pause_ms=15,
    ),
)

_HIT = SearchResult(url="https://example.org/moorage", title="About moorings")


def search_script(query: str) -> Script:
    """Answer the request that Claude Code's WebSearch tool makes of its own."""
    return (
        Step.of(
            WebSearch(query=query, results=(_HIT,)),
            Text(
                text="A mooring holds a ship in place.",
                citations=(Citation(url=_HIT.url, title=_HIT.title, cited_text="holds a ship"),),
            ),
        ),
    )


LIBRARY: dict[str, Script] = {
    DEFAULT: _DEMO,
    AUXILIARY: (Step.of(Text(text="Scripted session")),),
    "hello": (Step.of(Text(text="Hello from the scripted model.")),),
    "thinking": (Step.of(Thinking(thinking="Let me think. " * 5), Text(text="I have thought.")),),
    "bash": (
        Step.of(ToolUse(name="Bash", input={"command": "echo moored", "description": "Echo"})),
        Step.of(Text(text="The tool said: {tool_result}")),
    ),
    "long": (Step.of(Text(text="All work and no play. ", repeat=9_100), chunk=200),),
    "search": search_script("mooring"),
    "slow": (Step.of(Text(text="tick ", repeat=600), chunk=5, pause_ms=100),),
}
