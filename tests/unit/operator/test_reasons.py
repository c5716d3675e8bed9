"""Code and docs share the reasons: each is explained, and nothing else is."""

import re
from pathlib import Path

from moorage_api.reasons import Reason
from moorage_operator.reasons import PodReason

DOCS = Path(__file__).parents[3] / "docs" / "operator-reasons.md"


def test_every_reason_is_explained_once() -> None:
    explained = re.findall(r"^\| `(\w+)` \|", DOCS.read_text(), re.MULTILINE)
    assert sorted(explained) == sorted([*Reason, *PodReason])


def test_no_two_reasons_share_a_word() -> None:
    assert not {each.value for each in Reason} & {each.value for each in PodReason}
