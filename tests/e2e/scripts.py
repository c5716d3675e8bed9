"""What the scripted model is asked to do."""

from moorage_scripted_model import Step, Text, ToolUse, script_prompt


def say(text: str, **step: int) -> str:
    """Return a prompt that is answered with ``text``."""
    return script_prompt([Step.of(Text(text=text), **step)], f"Say {text[:20]}.")


def bash(command: str, then: str = "The tool said: {tool_result}") -> str:
    """Return a prompt that has a command run, and then answers."""
    tool = ToolUse(name="Bash", input={"command": command, "description": "A step"})
    return script_prompt([Step.of(tool), Step.of(Text(text=then))], "Run it.")


def write(path: str, content: str) -> str:
    """Return a prompt that has a file written."""
    tool = ToolUse(name="Write", input={"file_path": path, "content": content})
    return script_prompt([Step.of(tool), Step.of(Text(text="Written."))], "Write it.")
