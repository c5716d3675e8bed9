"""Builds the binaries, or starts a control plane to look at by hand."""

import argparse
import signal
import sys

from moorage_testing.controlplane.binaries import TOOLS, binary
from moorage_testing.controlplane.errors import ControlPlaneError
from moorage_testing.controlplane.options import FULL
from moorage_testing.controlplane.plane import running_control_plane


def main() -> int:
    """Run the subcommand; errors are one sentence."""
    parser = argparse.ArgumentParser(prog="python -m moorage_testing.controlplane")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build what is missing; print where all are")
    build.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TOOLS)}")
    commands.add_parser("run", help="start a control plane with everything, until interrupted")
    arguments = parser.parse_args()
    if unknown := set(getattr(arguments, "names", ())) - set(TOOLS):
        parser.error(f"there is no binary {', '.join(sorted(unknown))}")
    try:
        if arguments.command == "build":
            _build(arguments.names or list(TOOLS))
        else:
            _run()
    except ControlPlaneError as error:
        print(f"controlplane: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _build(names: list[str]) -> None:
    for name in names:
        print(binary(name))


def _run() -> None:
    with running_control_plane(FULL) as plane:
        print(f"export KUBECONFIG={plane.kubeconfig()}", flush=True)
        ends = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        signal.sigwait(ends)


if __name__ == "__main__":
    sys.exit(main())
