"""The chart's bundled servers as processes here: its own scripts and files, in other folders."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moorage_testing.children import with_the_test
from moorage_testing.helm import CHART


def place(kind: str, folder: Path, passwords: Mapping[str, str], words: Mapping[str, str]) -> Path:
    """Write the chart's files for a server into `folder`, where the pod's are at the root.

    `words` are replaced too: ports and addresses.
    """
    folders = {f"/{name}": f"{folder}/{name}" for name in ("config", "passwords", "run", "data")}
    for target in folders.values():
        Path(target).mkdir(parents=True, exist_ok=True)
    for source in (CHART / "files" / kind).iterdir():
        text = source.read_text()
        for old, new in {**folders, **words}.items():
            text = text.replace(old, new)
        (folder / "config" / source.name).write_text(text)
    for name, password in passwords.items():
        (folder / "passwords" / name).write_text(password)
    return folder / "config" / "start.sh"


@contextmanager
def started(
    script: Path, *arguments: str, environment: Mapping[str, str], **options: Any
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the script as the pod does, and kill what it became at the end."""
    with (script.parent / "log").open("ab") as log:
        process = subprocess.Popen(
            with_the_test("sh", script, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            **options,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
