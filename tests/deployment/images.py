"""The images of a cluster: built in its engine, named by their content, put on its nodes.

A name that follows from the content makes a changed image another one for Kubernetes, which rolls
what runs it, and leaves everything else alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from cluster.build import Recipe, build, secrets
from cluster.engines import Engine
from cluster.errors import ClusterError
from cluster.kind import load
from cluster.places import logs
from cluster.steps import run, step
from deployment.nodes import CONTROL_PLANE_NODE

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "charts" / "moorage"
MOORAGE: Final = ("moorage-gateway", "moorage-operator", "moorage-runner", "moorage-agent")
_OF_SESSIONS: Final = ("moorage-runner", "moorage-agent")
MODEL: Final = "moorage-scripted-model"
_SERVICES: Final = ("redis", "postgres")
_HERE: Final = Path(__file__).parent
_BUILT_AS: Final = "dev"


def ensure(engine: Engine, *, with_model: bool) -> dict[str, str]:
    """Build what changed, on the base image that is there; return the tag of each image of ours.

    Raises:
        CommandFailed: if a build fails.
    """
    for name in MOORAGE:
        _build_ours(engine, name)
    if with_model:
        build(engine, f"{MODEL}:{_BUILT_AS}", Recipe(_HERE / "model" / "Dockerfile", ROOT))
    names = [*MOORAGE, *([MODEL] if with_model else [])]
    return {name: _tag_by_content(engine, name) for name in names}


def put_beside_sessions(engine: Engine, tags: Mapping[str, str], workers: int) -> None:
    """Put what is no session's, and the bundled services, on the node that runs it."""
    names = [f"{name}:{tag}" for name, tag in tags.items() if name not in _OF_SESSIONS]
    load(engine, [*names, *_services(engine)], [CONTROL_PLANE_NODE] if workers else None)


def put_for_sessions(engine: Engine, tags: Mapping[str, str]) -> None:
    """Put the images of sessions on all nodes that run pods."""
    load(engine, [f"{name}:{tags[name]}" for name in _OF_SESSIONS])


def _build_ours(engine: Engine, name: str) -> None:
    """Build one as `make images` does, without the commit in its label: it would be another one."""
    with step(f"image {name}"), secrets() as files:
        environment = {
            **engine.environment,
            **{key: str(path) for key, path in files.items()},
            "ENGINE": "docker",
            "TAG": _BUILT_AS,
            "REVISION": "unreleased",
        }
        log = logs() / f"build-{name}.log"
        run(f"build of {name}", [ROOT / "scripts" / "images", name], log, environment=environment)


def _tag_by_content(engine: Engine, name: str) -> str:
    """Give the image just built a tag of its own; those of earlier builds go."""
    found = engine.ask("image", "inspect", "--format={{.Id}}", f"{name}:{_BUILT_AS}")
    if not found:
        raise ClusterError(f"the engine does not know {name}:{_BUILT_AS}, which it just built")
    tag = found.removeprefix("sha256:")[:12]
    engine.ask("image", "tag", f"{name}:{_BUILT_AS}", f"{name}:{tag}")
    listed = engine.ask("image", "ls", "--format={{.Tag}}", name) or ""
    for other in set(listed.split()) - {tag, _BUILT_AS, "<none>"}:
        engine.ask("image", "rm", f"{name}:{other}")
    return tag


def _services(engine: Engine) -> list[str]:
    """Return the images of Redis and PostgreSQL to put on the nodes: those made here.

    With a registry there are none: the nodes pull them.
    """
    if engine.box is None:
        return []
    folder = _HERE / "services"
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    images = [str(values["images"][name]) for name in _SERVICES]
    for target, image in zip(_SERVICES, images, strict=True):
        build(engine, image, Recipe(folder / "Dockerfile", folder, target))
    return images
