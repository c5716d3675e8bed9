"""The resolved spec as the runner reads it, and a digest to see whether it changed."""

from hashlib import sha256

from moorage_api.resources import SessionSpec


def spec_document(spec: SessionSpec) -> str:
    """Return the resolved spec as JSON. That it is suspended is nothing a runner ever sees."""
    return spec.model_dump_json(
        by_alias=True, exclude_unset=True, exclude={"suspend", "template_ref"}
    )


def spec_digest(spec: SessionSpec) -> str:
    """Return a short digest of what the runner reads."""
    return sha256(spec_document(spec).encode()).hexdigest()[:16]
