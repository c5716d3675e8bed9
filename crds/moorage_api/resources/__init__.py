"""The three resources of moorage.dev/v1alpha1 and how a template is merged into a session."""

from moorage_api.resources.meta import Condition, ObjectMeta, StatusCause
from moorage_api.resources.pool import ClaudeSessionPool, PoolSpec, PoolStatus
from moorage_api.resources.session import (
    STEADY,
    Activity,
    ClaudeSession,
    Phase,
    SessionSpec,
    SessionStatus,
    Usage,
)
from moorage_api.resources.template import ClaudeSessionTemplate, TemplateSpec, resolve

__all__ = [
    "STEADY",
    "Activity",
    "ClaudeSession",
    "ClaudeSessionPool",
    "ClaudeSessionTemplate",
    "Condition",
    "ObjectMeta",
    "Phase",
    "PoolSpec",
    "PoolStatus",
    "SessionSpec",
    "SessionStatus",
    "StatusCause",
    "TemplateSpec",
    "Usage",
    "resolve",
]
