"""The command line: `moorage-gateway serve | record | credential-proxy | check-config | ...`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from moorage_api import collector
from moorage_api.settings import report, secret_values
from moorage_gateway import logs
from moorage_gateway.settings import Settings, SettingsRefused, load_settings, load_unattended

_BAD_USAGE = 2
_UNATTENDED = frozenset({"record", "migrate"})
"""Commands to whose processes nobody logs in."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in ``argv`` and return the exit code."""
    arguments, rest = _parser().parse_known_args(argv)
    if arguments.command == "run":
        collector.hold()  # until everything is imported and open: server
        from moorage_gateway.embedded.main import run  # noqa: PLC0415 - brings its own servers

        return run(rest)
    if rest:
        _parser().error(f"unknown arguments: {' '.join(rest)}")
    if arguments.command == "credential-proxy":
        from moorage_gateway.credential_proxy.server import main as serve  # noqa: PLC0415 - alone

        return serve()
    if arguments.command == "check-config":
        return _check_config()
    try:
        settings = load_unattended() if arguments.command in _UNATTENDED else load_settings()
    except SettingsRefused as refused:
        sys.stderr.write("The gateway cannot start:\n")
        sys.stderr.writelines(f"  {mistake}\n" for mistake in refused.mistakes)
        return _BAD_USAGE
    logs.configure(settings.log, secret_values(settings))
    commands = {
        "serve": _serve,
        "record": _record,
        "migrate": _migrate,
        "create-admin": _create_admin,
        "rotate-keys": _rotate_keys,
        "studio": _studio,
    }
    return commands[arguments.command](settings, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="moorage-gateway", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("serve", "serve HTTP over the sessions of a cluster; settings come from the environment"),
        ("record", "write the history down, and what else is needed once, beside `serve`"),
        ("credential-proxy", "serve the model and git to sessions; settings: MOORAGE_PROXY_..."),
        ("check-config", "print the settings, secrets masked, and say what `serve` finds wrong"),
        ("migrate", "bring the database's tables to this version"),
        ("studio", "show the database's tables to admins, on this machine"),
    ):
        commands.add_parser(name, help=text, description=text)
    migrate = commands.choices["migrate"]
    migrate.add_argument(
        "--to", default="head", metavar="REVISION", help="another one, also an older one, or base"
    )
    migrate.add_argument(
        "--check", action="store_true", help="change nothing: wait until somebody else has done it"
    )
    migrate.add_argument(
        "--patience",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="how long to wait for the database, or with --check for its tables",
    )
    text = "make an account that is an admin; the password is asked for, or read from stdin"
    admin = commands.add_parser("create-admin", help=text, description=text)
    admin.add_argument("email")
    admin.add_argument("--name")
    text = "sign access tokens with a new key; nobody is signed out"
    keys = commands.add_parser("rotate-keys", help=text, description=text)
    keys.add_argument("--now", action="store_true", help="refuse what the old keys signed at once")
    commands.add_parser("run", help="run everything on this machine", add_help=False)
    return parser


def _serve(settings: Settings, arguments: argparse.Namespace) -> int:
    del arguments
    collector.hold()  # until everything is imported and open: server
    if not _finds_cluster(settings):
        return _BAD_USAGE
    from moorage_gateway.app import create_app  # noqa: PLC0415 - slow to import
    from moorage_gateway.backends.kubernetes import open_kubernetes  # noqa: PLC0415
    from moorage_gateway.server import serve  # noqa: PLC0415

    return serve(create_app(settings, open_kubernetes), settings)


def _record(settings: Settings, arguments: argparse.Namespace) -> int:
    del arguments
    collector.hold()  # until everything is imported and open: server
    if not _finds_cluster(settings):
        return _BAD_USAGE
    from moorage_gateway.backends.kubernetes import open_kubernetes  # noqa: PLC0415
    from moorage_gateway.recording import create_recording  # noqa: PLC0415 - slow to import
    from moorage_gateway.server import serve  # noqa: PLC0415

    return serve(create_recording(settings, open_kubernetes), settings)


def _finds_cluster(settings: Settings) -> bool:
    """Return whether there is a way to a cluster; say what to do if there is none."""
    from kubernetes.aio.config import ConfigException  # noqa: PLC0415 - slow to import

    from moorage_api.kube.connection import configured  # noqa: PLC0415

    try:
        asyncio.run(configured(settings.kubernetes.kubeconfig))
    except (ConfigException, OSError) as error:
        sys.stderr.write(
            f"The gateway cannot start: there is no way to a cluster. {error}\n"
            "Run it in a pod, or set KUBECONFIG; `moorage-gateway run` needs no cluster.\n"
        )
        return False
    return True


def _check_config() -> int:
    """Print every setting, secrets masked, and every mistake."""
    settings, mistakes = None, []
    try:
        settings = load_settings()
    except SettingsRefused as refused:
        mistakes = refused.mistakes
    sys.stdout.writelines(f"{line}\n" for line in report(Settings, settings, os.environ))
    if settings is not None:
        sys.stdout.write(f"The settings are good: {settings.host}:{settings.port}\n")
        return 0
    sys.stderr.write(f"The gateway cannot start, {len(mistakes)} to mend:\n")
    sys.stderr.writelines(f"  {mistake}\n" for mistake in mistakes)
    return _BAD_USAGE


def _create_admin(settings: Settings, arguments: argparse.Namespace) -> int:
    from moorage_gateway.accounts.commands import create_admin  # noqa: PLC0415 - slow to import

    return create_admin(settings, arguments.email, arguments.name)


def _rotate_keys(settings: Settings, arguments: argparse.Namespace) -> int:
    from moorage_gateway.accounts.commands import rotate_keys  # noqa: PLC0415 - slow to import

    return rotate_keys(settings, at_once=arguments.now)


def _studio(settings: Settings, arguments: argparse.Namespace) -> int:
    del arguments
    from moorage_gateway.studio.serving import run_studio  # noqa: PLC0415 - brings sqladmin

    return run_studio(settings)


def _migrate(settings: Settings, arguments: argparse.Namespace) -> int:
    from moorage_gateway.db.migrate import DatabaseNewer, migrate  # noqa: PLC0415 - slow to import
    from moorage_gateway.db.waiting import (  # noqa: PLC0415
        DatabaseAway,
        TablesBehind,
        await_database,
        await_tables,
    )

    place = (settings.database_location, settings.database)
    try:
        if arguments.check:
            await_tables(*place, arguments.patience)
        else:
            await_database(*place, arguments.patience)
            migrate(*place, arguments.to)
    except (DatabaseAway, DatabaseNewer, TablesBehind) as error:
        sys.stderr.write(f"moorage: {error}\n")
        return 1
    sys.stdout.write(f"The tables are at {'this version' if arguments.check else arguments.to}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
