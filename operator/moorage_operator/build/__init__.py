"""Builds the objects of a session as manifests. Pure: the same input gives the same manifest."""

from moorage_operator.build.claim import build_claim
from moorage_operator.build.metadata import Subject
from moorage_operator.build.pod import build_budget, build_pod
from moorage_operator.build.secret import Login, build_secret, spec_patch

__all__ = [
    "Login",
    "Subject",
    "build_budget",
    "build_claim",
    "build_pod",
    "build_secret",
    "spec_patch",
]
