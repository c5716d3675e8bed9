"""What the chart renders, as whole manifests in files.

REWRITE_EXPECTED=1 writes the files anew; read the difference before committing it.
"""

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from moorage_testing.helm import CHART, Helm, Manifest, documents

from .cases import DEFAULTS, EVERYTHING

EXPECTED = Path(__file__).parent / "expected"
CASES = {"defaults": DEFAULTS, "everything": EVERYTHING}


@pytest.mark.parametrize("case", CASES)
def test_it_renders_as_expected(helm: Helm, case: str) -> None:
    rendered = by_component(helm.template(CASES[case]))
    folder = EXPECTED / case
    if os.environ.get("REWRITE_EXPECTED"):
        rewrite(folder, rendered)
    written = {path.stem: documents(path.read_text()) for path in folder.iterdir()}
    assert written == rendered


def test_the_kinds_are_those_of_the_models(helm: Helm) -> None:
    rendered = [each for each in helm.template() if each["kind"] == "CustomResourceDefinition"]
    for each in rendered:
        assert each["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
        del each["metadata"]["labels"]
    source = sorted((CHART.parents[1] / "crds").glob("*.yaml"))
    assert rendered == [each for path in source for each in documents(path.read_text())]


def by_component(manifests: list[Manifest]) -> dict[str, list[Manifest]]:
    """Sort the manifests by component, without what chance made and what stands elsewhere."""
    sorted_ = defaultdict(list)
    for each in manifests:
        if each["kind"] == "CustomResourceDefinition":
            continue
        component = each["metadata"]["labels"]["app.kubernetes.io/component"]
        sorted_[component].append(settled(each))
    return dict(sorted_)


def settled(part: Any) -> Any:
    """Return a manifest with passwords, and digests of them, as words."""
    if isinstance(part, list):
        return [settled(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {key: settled(value) for key, value in part.items()}
    if part.get("kind") == "Secret":
        made["data"] = dict.fromkeys(part["data"], "PASSWORD")
    if part.get("kind") == "Job":
        made["metadata"]["name"] = part["metadata"]["name"].rpartition("-")[0] + "-DIGEST"
    if "checksum/config" in made:
        made["checksum/config"] = "DIGEST"
    return made


def rewrite(folder: Path, rendered: dict[str, list[Manifest]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for component, manifests in rendered.items():
        text = yaml.safe_dump_all(manifests, sort_keys=False, width=99)
        (folder / f"{component}.yaml").write_text(text)
