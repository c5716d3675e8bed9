"""The images that the cluster runs, and the bill of materials that names what is in them."""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from cluster.build import Recipe, build
from cluster.engines import running_engine
from cluster.kind import load
from deployment.images import MOORAGE, ROOT
from deployment.nodes import CONTROL_PLANE_NODE
from e2e.kubectl import Session
from e2e.scripts import bash

USERS: Final = {
    "moorage-gateway": "64103:64103",
    "moorage-operator": "64103:64103",
    "moorage-runner": "64101:64100",
    "moorage-agent": "64102:64100",
}


def inspected(image: str) -> dict[str, Any]:
    """Return what the engine knows of an image."""
    engine = running_engine()
    assert engine is not None
    said = engine.ask("image", "inspect", f"{image}:dev")
    assert said is not None, f"there is no {image}"
    (found,) = json.loads(said)
    return dict(found)


@pytest.mark.parametrize("image", MOORAGE)
def test_an_image_runs_as_nobody_in_particular_and_says_what_it_is(image: str) -> None:
    config = inspected(image)["Config"]
    assert config["User"] == USERS[image]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == image
    assert labels["org.opencontainers.image.version"]
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    names = {entry.partition("=")[0] for entry in config["Env"]}
    assert not [name for name in names if "KEY" in name or "TOKEN" in name or "PASSWORD" in name]


def test_claude_code_is_a_layer_of_its_own() -> None:
    """So that an update of anything else does not send it again."""
    engine = running_engine()
    assert engine is not None
    said = engine.ask("history", "--no-trunc", "--format={{json .}}", "moorage-agent:dev")
    layers = [json.loads(line) for line in (said or "").splitlines()]
    (claude,) = [
        layer
        for layer in layers
        if "/claude" in layer["CreatedBy"]
        and "COPY" in layer["CreatedBy"]
        and "MB" in layer["Size"]
    ]
    assert float(claude["Size"].removesuffix("MB")) > 200


@pytest.mark.alone  # it sends a large image to a node
def test_a_session_has_tools_of_its_own(session: Session) -> None:
    """In an image on the agent's, as docs/images.md says; Claude Code finds and runs them."""
    engine = running_engine()
    assert engine is not None
    folder = Path(__file__).with_name("tools")
    image = "moorage-agent-with-tree:dev"
    build(engine, image, Recipe(folder / "Dockerfile", folder))
    load(engine, [image], [CONTROL_PLANE_NODE])

    session.apply(
        image=image,
        prompt=bash("tree -if --noreport"),
        nodeSelector={"kubernetes.io/hostname": CONTROL_PLANE_NODE},
    )
    session.wait("condition=AwaitingInput")
    agent = next(each for each in session.pod["spec"]["containers"] if each["name"] == "agent")
    assert agent["image"] == image
    assert "./harbour.sh" in session.log


@pytest.mark.alone  # it reads a large archive
def test_the_bill_of_materials_names_what_is_in_the_agents_image() -> None:
    engine = running_engine()
    assert engine is not None
    environment = {**engine.environment, "ENGINE": "docker", "TAG": "dev"}
    subprocess.run(
        [ROOT / "scripts" / "sbom", "moorage-agent"], check=True, env=environment, timeout=900
    )
    bill = json.loads((ROOT / "dist" / "sbom" / "moorage-agent.spdx.json").read_text())
    assert bill["spdxVersion"] == "SPDX-2.3"
    versions = {package["name"]: package.get("versionInfo") for package in bill["packages"]}
    for name in ("@anthropic-ai/claude-code", "git", "ripgrep", "libc6", "ca-certificates"):
        assert versions.get(name), f"{name} is not in it"
    (claude,) = [each for each in bill["packages"] if each["name"] == "@anthropic-ai/claude-code"]
    addresses = [ref["referenceLocator"] for ref in claude["externalRefs"]]
    assert any(address.startswith("pkg:npm/%40anthropic-ai/claude-code@") for address in addresses)
