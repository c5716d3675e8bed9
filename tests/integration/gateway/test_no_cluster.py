"""Without a way to a cluster `serve` and `record` say so and end, before they touch anything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", ["serve", "record"])
@pytest.mark.parametrize("kubeconfig", [None, "clusters: []"], ids=["none", "empty"])
def test_it_says_that_there_is_none(command: str, kubeconfig: str | None, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    if kubeconfig is not None:
        path.write_text(kubeconfig)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "KUBECONFIG": str(path),
        "MOORAGE_HOME": str(tmp_path / "home"),
        "MOORAGE_REDIS_URL": "redis://127.0.0.1:1",
        "MOORAGE_AUTH": "none",
    }
    done = subprocess.run(
        [sys.executable, "-m", "moorage_gateway", command],
        env=environment,
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "there is no way to a cluster" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists()
