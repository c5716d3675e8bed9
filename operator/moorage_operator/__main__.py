"""The command line: `moorage-operator run | check-config`."""

import argparse
import os
import sys
from collections.abc import Sequence

import structlog

from moorage_api import collector
from moorage_api.settings import SettingsRefused, load, report, secret_values
from moorage_operator import logs
from moorage_operator.settings import OperatorSettings

_BAD_USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in ``argv`` and return the exit code."""
    parser = argparse.ArgumentParser(prog="moorage-operator", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="stand by or work, until told to end")
    commands.add_parser("check-config", help="print the settings and say what is wrong with them")
    checks = parser.parse_args(argv).command == "check-config"
    settings, mistakes = None, list[str]()
    try:
        settings = load(OperatorSettings)
    except SettingsRefused as refused:
        mistakes = refused.mistakes
    if checks:
        sys.stdout.writelines(
            f"{line}\n" for line in report(OperatorSettings, settings, os.environ)
        )
    if settings is None:
        sys.stderr.write(f"The operator cannot start, {len(mistakes)} to mend:\n")
        sys.stderr.writelines(f"  {mistake}\n" for mistake in mistakes)
        return _BAD_USAGE
    return 0 if checks else _run(settings)


def _run(settings: OperatorSettings) -> int:
    collector.hold()  # until all is imported and connected: wiring.run
    import uvloop  # noqa: PLC0415 - slow to import
    from kubernetes.aio.config import ConfigException  # noqa: PLC0415

    from moorage_operator.election import LeaseLostError  # noqa: PLC0415
    from moorage_operator.wiring import run  # noqa: PLC0415

    logs.configure(settings.log, secret_values(settings))
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
