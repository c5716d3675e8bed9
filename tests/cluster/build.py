"""Builds an ordinary Dockerfile, with what its commands need to reach this machine's registries.

A build here may need a CA bundle and an index of its own, which must not end up in an image. So
each build gets two secrets, to mount where a command needs them (both may be missing elsewhere,
and the command works as ever):

    RUN --mount=type=secret,id=ca-bundle --mount=type=secret,id=pip-conf,target=/etc/pip.conf \\
        pip install ...

``ca-bundle`` is the CA bundle that this machine trusts; ``pip-conf`` is a configuration of pip that
names it, and the index that this machine uses.
"""

import configparser
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.engines import Engine
from cluster.errors import Impossible
from cluster.node.image import ensure_base
from cluster.places import home, logs
from cluster.steps import Words, run, step

BUNDLES: Final = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_BUNDLE: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_IDS: Final = {"PIP_CONF": "pip-conf", "CA_BUNDLE": "ca-bundle"}
_MOUNTED: Final = "/run/secrets/ca-bundle"
_INDEX: Final = ("index-url", "extra-index-url", "trusted-host")
_PIP_FILES: Final = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")


@dataclass(frozen=True)
class Recipe:
    """What an image is built from."""

    dockerfile: Path
    context: Path
    target: str | None = None
    """The stage to build; None: the last."""
    values: tuple[str, ...] = ()
    """NAME=VALUE for the Dockerfile's arguments."""


def build(engine: Engine, name: str, recipe: Recipe) -> None:
    """Build an image in the engine.

    Raises:
        CommandFailed: if the build fails; its log has the whole output.
    """
    for path in (recipe.dockerfile, recipe.context):
        if not path.exists():
            raise Impossible(
                f"{path} is not there", "name the Dockerfile, then the context's folder"
            )
    if engine.box is not None:
        ensure_base(engine)
    options = [f"--build-arg={value}" for value in recipe.values]
    if recipe.target:
        options.append(f"--target={recipe.target}")
    with secrets() as files, step(f"image {name}"):
        command: Words = [
            engine.docker,
            "build",
            "--progress=plain",
            f"--file={recipe.dockerfile}",
            f"--tag={name}",
            *(f"--secret=id={_IDS[key]},src={path}" for key, path in files.items()),
            *options,
            recipe.context,
        ]
        log = logs() / f"build-{name.replace('/', '_').replace(':', '_')}.log"
        run(f"docker build of {name}", command, log, environment=engine.environment)


@contextmanager
def secrets() -> Iterator[dict[str, Path]]:
    """Give the secrets' files by the names of the variables that scripts/images takes them from."""
    bundle = ca_bundle()
    lines = ["[global]"]
    if bundle is not None:
        lines.append(f"cert = {_MOUNTED}")
    lines += [f"{key} = {value}" for key, value in _index().items()]
    with tempfile.TemporaryDirectory(dir=home(), prefix="secrets-") as folder:
        configuration = Path(folder) / "pip.conf"
        configuration.touch(0o600)
        configuration.write_text("\n".join(lines) + "\n")
        yield {"PIP_CONF": configuration} | ({"CA_BUNDLE": bundle} if bundle else {})


def ca_bundle() -> Path | None:
    """Return the CA bundle that this machine trusts, if it has one in the usual places."""
    named = (os.environ.get(name) for name in BUNDLES)
    candidates = [*(Path(path) for path in named if path), _BUNDLE]
    return next((path for path in candidates if path.is_file()), None)


def _index() -> dict[str, str]:
    """Return where pip looks: its files, and the environment, which wins."""
    parser = configparser.RawConfigParser()
    parser.read([Path(name).expanduser() for name in _PIP_FILES])
    found: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            found |= {key: value for key, value in parser[section].items() if key in _INDEX}
    for key in _INDEX:
        if value := os.environ.get(f"PIP_{key.upper().replace('-', '_')}"):
            found[key] = value
    return {key: " ".join(value.split()) for key, value in found.items()}
