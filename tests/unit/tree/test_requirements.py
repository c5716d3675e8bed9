"""Images have the versions that the tests ran with, of all that their part needs."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PARTS = ("gateway", "operator", "runner")
MEND = "run make lock-images"


def pinned(name: str) -> dict[str, str]:
    """The versions in a requirements file, by name."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", text, re.MULTILINE))


def asked_for(part: str) -> set[str]:
    """What pyproject.toml names for a part."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"][part]]
    names = (re.split(r"[\[<>=!~ ;]", line, maxsplit=1)[0] for line in lines)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


@pytest.mark.parametrize("part", PARTS)
def test_a_parts_image_has_what_it_needs(part: str) -> None:
    assert asked_for(part) <= set(pinned(part)), MEND


@pytest.mark.parametrize("part", [*PARTS, "build", "scripted-model"])
def test_images_have_the_tested_versions(part: str) -> None:
    tested = pinned("dev")
    assert tested
    assert {name: tested.get(name) for name in pinned(part)} == pinned(part), MEND
