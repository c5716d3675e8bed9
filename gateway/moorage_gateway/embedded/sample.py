"""A small repository to work on, for who names none."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from moorage_gateway.embedded.refusals import Unfit

PROMPT: Final = "Look around in this repository and write a short note about it into NOTES.md."
ALLOWED: Final = ("Read", "Glob", "Grep", "Write", "Edit", "Bash(git log:*)", "Bash(ls:*)")
"""Tools that the sample's own job may use unasked: it works on a clone of what stands here."""

_FILES: Final = {
    "README.md": "# Harbour\n\nCounts the ships in a harbour.\n\n    python harbour.py 3 4\n",
    "harbour.py": (
        '"""Counts the ships in a harbour."""\n\nimport sys\n\n\n'
        "def total(ships: list[int]) -> int:\n"
        '    """Return how many ships there are in all."""\n'
        "    return sum(ships)\n\n\n"
        'if __name__ == "__main__":\n'
        "    print(total([int(word) for word in sys.argv[1:]]))\n"
    ),
    "test_harbour.py": (
        "from harbour import total\n\n\ndef test_total() -> None:\n    assert total([3, 4]) == 7\n"
    ),
}


def sample_repository(home: Path) -> Path:
    """Return the sample, made at the first time.

    Raises:
        Unfit: if git cannot make it.
    """
    folder = home / "sample-repository"
    if (folder / ".git").is_dir():
        return folder
    partial = home / "sample-repository.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, text in _FILES.items():
        (partial / name).write_text(text)
    _git(partial, "init", "--quiet", "--initial-branch=main")
    _git(partial, "add", ".")
    _git(partial, "commit", "--quiet", "--message=Count the ships")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder


def _git(folder: Path, *arguments: str) -> None:
    """Run git by itself: without this user's settings, hooks, signatures."""
    identity = ("-c", "user.name=Moorage", "-c", "user.email=moorage@localhost")
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
    }
    try:
        subprocess.run(
            ["git", *identity, *arguments],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
            timeout=60,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error).encode()
        text = said.decode(errors="replace").strip()
        raise Unfit(f"git could not make the sample repository: {text}") from None
