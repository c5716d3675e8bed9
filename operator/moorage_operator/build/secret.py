"""The session's Secret: the Redis login and token that are its own, and the resolved spec.

One object instead of a Secret and a ConfigMap: one write less for each session, and a prompt is
nobody's business who may read ConfigMaps.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from moorage_api.kube.objects import Manifest
from moorage_api.names import GROUP
from moorage_operator.build.metadata import Subject
from moorage_operator.digest import spec_digest, spec_document

KEY_REDIS: Final = "redis-url"
KEY_TOKEN: Final = "session-token"  # noqa: S105 - the key's name
KEY_SPEC: Final = "spec.json"
DIGEST: Final = f"{GROUP}/spec-digest"


@dataclass(frozen=True, slots=True)
class Login:
    """What a session logs in with: made once, by chance, by who applies plans."""

    redis_url: SecretStr
    token: SecretStr


def build_secret(subject: Subject, login: Login) -> Manifest:
    """Return the session's Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": subject.metadata({DIGEST: spec_digest(subject.spec)}),
        "type": "Opaque",
        "stringData": {
            KEY_REDIS: login.redis_url.get_secret_value(),
            KEY_TOKEN: login.token.get_secret_value(),
            KEY_SPEC: spec_document(subject.spec),
        },
    }


def spec_patch(subject: Subject) -> Manifest:
    """Return the merge patch that brings the spec in the Secret up to date; logins stay."""
    return {
        "metadata": {"annotations": {DIGEST: spec_digest(subject.spec)}},
        "stringData": {KEY_SPEC: spec_document(subject.spec)},
    }
