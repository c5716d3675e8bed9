"""What a machine looks like from outside the cluster, to compare before and after."""

import subprocess
from pathlib import Path
from typing import Final

from cluster.box.debian import engine_tree
from cluster.places import home

_VOLATILE: Final = (
    "fs/dentry-state",
    "fs/file-nr",
    "fs/inode-",
    "fs/quota/",
    "kernel/ns_last_pid",
    "kernel/perf_",
    "kernel/pty/nr",
    "kernel/random/",
    "net/netfilter/nf_conntrack_count",
)


def network() -> dict[str, str]:
    """Return links, addresses, routes, rules and namespaces, as commands print them."""
    commands = {
        "links": ["ip", "-brief", "link"],
        "addresses": ["ip", "-brief", "address"],
        "routes": ["ip", "route", "show", "table", "all"],
        "policies": ["ip", "rule"],
        "namespaces": ["ip", "netns"],
        "rules": ["chroot", str(engine_tree()), "iptables-nft-save"],
        "older rules": ["chroot", str(engine_tree()), "iptables-legacy-save"],
    }
    return {name: _output(command) for name, command in commands.items()}


def settings() -> dict[str, str]:
    """Return the kernel's settings but for those that count or change by themselves."""
    root = Path("/proc/sys")
    found = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_file() and not name.startswith(_VOLATILE):
            try:
                found[name] = path.read_text()
            except OSError:  # only to be written, or of a device that answers nothing
                continue
    return found


def mounts() -> list[str]:
    """Return what is mounted where."""
    fields = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted(f"{field[4]} {field[5]}" for field in fields)


def cgroups() -> set[str]:
    """Return the cgroups that are ours, or that a node's systemd may have made at the top."""
    root = Path("/sys/fs/cgroup")
    names = ("moorage-cluster", "docker", "kubelet*", "system.slice", "init.scope")
    return {str(path) for name in names for path in root.glob(f"*/{name}")}


def processes() -> list[str]:
    """Return the processes that were started from the cluster's folder or are in its cgroups."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            groups = (folder / "cgroup").read_text()
        except OSError:  # it has ended meanwhile
            continue
        if not words[0]:  # a kernel thread, or ended and not yet waited for
            continue
        if "/moorage-cluster" in groups or any(f"{home()}/" in word for word in words):
            found.append(" ".join(words))
    return found


def everything() -> dict[str, object]:
    """Return all of it."""
    return {
        "network": network(),
        "settings": settings(),
        "mounts": mounts(),
        "cgroups": cgroups(),
        "processes": processes(),
    }


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))  # iptables' dates
