"""The command line: `moorage-operator run | check-config`."""

import argparse
import sys
from collections.abc import Sequence

import structlog
import uvloop
from kubernetes.aio.config import ConfigException
from pydantic import ValidationError
from pydantic_settings import SettingsError

from moorage_operator import logs
from moorage_operator.election import LeaseLostError
from moorage_operator.plan import mistakes
from moorage_operator.settings import OperatorSettings
from moorage_operator.wiring import run

_BAD_USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in ``argv`` and return the exit code."""
    parser = argparse.ArgumentParser(prog="moorage-operator", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="stand by or work, until told to end")
    commands.add_parser("check-config", help="check the settings and say what is wrong with them")
    arguments = parser.parse_args(argv)
    try:
        settings = OperatorSettings()
    except (ValidationError, SettingsError) as error:
        said = mistakes(error) if isinstance(error, ValidationError) else str(error)
        sys.stderr.write("The operator cannot start:\n")
        sys.stderr.writelines(f"  {mistake}\n" for mistake in said.split("; "))
        return _BAD_USAGE
    if arguments.command == "check-config":
        sys.stdout.write("The settings are good.\n")
        return 0
    return _run(settings)


def _run(settings: OperatorSettings) -> int:
    logs.configure(settings.log)
    log = structlog.get_logger(__name__)
    try:
        uvloop.run(run(settings))
    except LeaseLostError as error:
        log.warning("ends", cause=str(error))
        return 1
    except (ConfigException, OSError) as error:
        sys.stderr.write(f"The operator cannot start: {error}\n")
        return 1
    except Exception:  # a fault, or kopf gave up: another process begins anew
        log.exception("ends by a fault")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
