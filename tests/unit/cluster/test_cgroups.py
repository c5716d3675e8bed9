"""Where the box's cgroups are looked for: a machine with an engine of its own may have any."""

import subprocess
import sys
from pathlib import Path

import pytest

from cluster.box.cgroups import Cgroups
from cluster.box.engine import Box
from cluster.errors import Impossible

V1 = "cgroup {root}/cpu cgroup rw,cpu 0 0\ncgroup {root}/pids cgroup rw,pids 0 0\n"
V2 = "cgroup2 {root}/unified cgroup2 rw,nsdelegate 0 0\n"
OTHERS = "proc /proc proc rw 0 0\n"

with_any_table = pytest.mark.parametrize("table", ["", OTHERS, V2, OTHERS + V1, V1 + V2])


def cgroups(table: str, root: Path) -> Cgroups:
    """The machine whose mounts are those of the table."""
    for name in ("cpu", "pids", "unified"):
        (root / name).mkdir()
    return Cgroups(table.format(root=root))


@pytest.mark.parametrize("table", ["", OTHERS, V2])
def test_without_v1_none_can_be_made(table: str, tmp_path: Path) -> None:
    found = cgroups(table, tmp_path)
    for demand in (found.require, found.make):
        with pytest.raises(Impossible, match="install a Docker engine"):
            demand()
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize(("table", "names"), [(V1, "cpu pids"), (V1 + V2, "cpu pids unified")])
def test_one_is_made_in_each_hierarchy(table: str, names: str, tmp_path: Path) -> None:
    found = cgroups(OTHERS + table, tmp_path)
    found.require()
    places = [tmp_path / name / "moorage-cluster" for name in names.split()]
    assert found.make() == [place / "cgroup.procs" for place in places]
    assert all(place.is_dir() for place in places)
    assert found.remove()
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize("table", [V1, V2])
def test_what_is_in_them_is_killed(table: str, tmp_path: Path) -> None:
    found = cgroups(table, tmp_path)
    below = found.roots[0] / "moorage-cluster" / "docker"
    below.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        (below / "cgroup.procs").write_text(f"{process.pid}\n")
        assert found.processes() == {process.pid}
        found.kill()
        assert process.wait(30) == -9


@with_any_table
def test_a_box_that_never_was_can_be_stopped_anywhere(table: str, tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    Box(tmp_path / "box", cgroups(table, tmp_path)).stop()
    assert not list(tmp_path.glob("*/*"))


def test_where_there_is_no_table_of_mounts_there_are_none(tmp_path: Path) -> None:
    assert Cgroups.here(tmp_path / "mounts").roots == ()
