"""The commands; see the package."""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cluster import kind
from cluster.box.engine import Box
from cluster.build import Recipe, build, secrets
from cluster.engines import engine, running_engine
from cluster.errors import ClusterError, NotUp
from cluster.node.image import ensure_base
from cluster.places import alone, kubeconfig
from cluster.steps import say
from cluster.tools import tool
from moorage_testing.controlplane.errors import ControlPlaneError


def main() -> int:
    """Run a command; errors are one sentence."""
    arguments = _parser().parse_args()
    command: Callable[[argparse.Namespace], None] = arguments.command
    try:
        command(arguments)
    except (ClusterError, ControlPlaneError) as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster")
    commands = parser.add_subparsers(required=True)

    def add(
        name: str, command: Callable[[argparse.Namespace], None], text: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text)
        made.set_defaults(command=command)
        return made

    up = add("up", _up, "make the cluster, or find that it is there")
    up.add_argument("--nodes", type=int, default=kind.Wanted().nodes, choices=range(1, 10))
    up.add_argument("--port", type=int, default=kind.default_port(), help="of the gateway")
    add("down", _down, "remove the cluster, and the engine if it is ours")
    add("status", _status, "say what there is")
    add("kubeconfig", _kubeconfig, "print the kubeconfig's path")
    add("env", _env, 'print what a shell needs: eval "$(python -m cluster env)"')
    made = add("build", _build, "build an image")
    made.add_argument("name", help="such as moorage-gateway:dev")
    made.add_argument("dockerfile", type=Path)
    made.add_argument("context", type=Path)
    made.add_argument("--target", help="stage to build")
    made.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    run = add("exec", _exec, "run a command that talks to the engine, such as `-- make images`")
    run.add_argument("words", nargs="+", metavar="COMMAND")
    load = add("load", _load, "put images on the nodes")
    load.add_argument("images", nargs="+", metavar="IMAGE")
    return parser


def _up(arguments: argparse.Namespace) -> None:
    with alone():
        kind.up(engine(), kind.Wanted(arguments.nodes, arguments.port))
    say(f"ready: export KUBECONFIG={kubeconfig()}")


def _down(_: argparse.Namespace) -> None:
    with alone():
        running = running_engine()
        if running is not None:
            kind.delete(running)
        Box.here().stop()
    say("down")


def _status(_: argparse.Namespace) -> None:
    running = running_engine()
    where = (
        "none" if running is None else "in a box of its own" if running.box else "this machine's"
    )
    print(f"engine: {where}\ncluster: {kind.state() if running else 'no cluster'}")


def _kubeconfig(_: argparse.Namespace) -> None:
    if not kubeconfig().exists():
        raise NotUp
    print(kubeconfig())


def _env(_: argparse.Namespace) -> None:
    running = running_engine()
    if running is None or not kubeconfig().exists():
        raise NotUp
    folders = dict.fromkeys(tool(name).parent for name in ("kubectl", "helm", "kind"))
    path = ":".join(map(str, [running.docker.parent, *folders]))
    print(f"export KUBECONFIG={kubeconfig()} PATH={path}:$PATH")
    if running.box:
        print(f"export DOCKER_HOST={running.environment['DOCKER_HOST']} DOCKER_BUILDKIT=1")


def _build(arguments: argparse.Namespace) -> None:
    values = tuple(arguments.build_arg)
    recipe = Recipe(arguments.dockerfile, arguments.context, arguments.target, values)
    with alone():
        build(engine(), arguments.name, recipe)


def _exec(arguments: argparse.Namespace) -> None:
    with alone():
        chosen = engine()
        if chosen.box is not None:
            ensure_base(chosen)
        with secrets() as files:
            environment = {**chosen.environment, **{key: str(path) for key, path in files.items()}}
            done = subprocess.run(arguments.words, env=environment, check=False)
    if done.returncode:
        raise ClusterError(f"{arguments.words[0]} ended with code {done.returncode}")


def _load(arguments: argparse.Namespace) -> None:
    with alone():
        running = running_engine()
        if running is None:
            raise NotUp
        kind.load(running, arguments.images)


if __name__ == "__main__":
    sys.exit(main())
