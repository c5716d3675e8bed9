"""Labels, annotations, and the one function that names Kubernetes objects.

A name is derived from a session's UID, so that a create which happened before a crash is found
again by whoever comes next.
"""

import hashlib
import re
from typing import Final

GROUP: Final = "moorage.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

LABEL_SESSION: Final = f"{GROUP}/session"
LABEL_SESSION_UID: Final = f"{GROUP}/session-uid"
LABEL_OWNER: Final = f"{GROUP}/owner"
LABEL_TEAM: Final = f"{GROUP}/team"
LABEL_POOL: Final = f"{GROUP}/pool"
LABEL_TEMPLATE: Final = f"{GROUP}/template"
ANNOTATION_CREATION_ID: Final = f"{GROUP}/creation-id"
"""The id that whoever creates a session chose, so that a create is found again. Anybody can set it:
it proves nothing."""

LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_COMPONENT: Final = "app.kubernetes.io/component"
LABEL_PART_OF: Final = "app.kubernetes.io/part-of"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"

MAX_NAME: Final = 63  # RFC 1123 label: the tightest limit among pods, services and label values
_DIGEST: Final = 8
_NOT_ALLOWED = re.compile(r"[^a-z0-9]+")


def slug(*parts: str, limit: int = MAX_NAME) -> str:
    """Return an RFC 1123 label made of ``parts``: lower case, digits and single dashes.

    Where letters had to be changed or cut, a digest of the parts ends the name, so that different
    parts never share one. The same parts always give the same name.

    Raises:
        ValueError: if ``limit`` leaves no room for a name (less than 10).
    """
    if limit < _DIGEST + 2:
        msg = f"a name needs at least {_DIGEST + 2} characters, not {limit}"
        raise ValueError(msg)
    joined = "-".join(parts)
    name = _NOT_ALLOWED.sub("-", joined.lower()).strip("-")
    if name == joined and 0 < len(name) <= limit and name[0].isalpha():
        return name
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGEST]
    if not name[:1].isalpha():
        name = f"x-{name}" if name else "x"
    return f"{name[: limit - _DIGEST - 1].rstrip('-')}-{digest}"
