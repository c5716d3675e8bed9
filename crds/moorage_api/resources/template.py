"""ClaudeSessionTemplate, and how its spec fills what a session leaves unset."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from moorage_api.base import WireModel
from moorage_api.resources.meta import ObjectMeta
from moorage_api.resources.parts import MAX_PROMPT, AdditionalRepository, Repository
from moorage_api.resources.session import CommonSpec, SessionSpec


class TemplateSpec(CommonSpec):
    """What sessions of this template have where they say nothing themselves."""

    repository: Annotated[
        Repository | None, Field(description="What to clone. Empty: each session names its own.")
    ] = None
    additional_repositories: Annotated[
        list[AdditionalRepository],
        Field(max_length=16, description="Further repositories, each with a path of its own."),
    ] = []
    prompt: Annotated[
        str | None,
        Field(min_length=1, max_length=MAX_PROMPT, description="First message of each session."),
    ] = None


class ClaudeSessionTemplate(WireModel):
    """A ClaudeSessionTemplate holds what sessions that name it have in common."""

    plural: ClassVar[str] = "claudesessiontemplates"
    short_names: ClassVar[tuple[str, ...]] = ("cst",)
    columns: ClassVar[tuple[dict[str, Any], ...]] = (
        {"name": "Repository", "type": "string", "jsonPath": ".spec.repository.url"},
        {"name": "Model", "type": "string", "jsonPath": ".spec.claude.model"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    )

    api_version: Literal["moorage.dev/v1alpha1"] = "moorage.dev/v1alpha1"
    kind: Literal["ClaudeSessionTemplate"] = "ClaudeSessionTemplate"
    metadata: ObjectMeta
    spec: TemplateSpec = TemplateSpec()


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[key] = _merge(below, value)
        else:
            merged[key] = value
    return merged


def resolve(spec: SessionSpec, template: TemplateSpec | None) -> SessionSpec:
    """Return the session's spec with the template's where it is unset, defaults below both.

    Objects and maps are merged field by field; lists and values that the session sets replace the
    template's. A repository is never mixed: the session's replaces the template's as a whole.
    The result names no template: it has to be whole by itself.

    Raises:
        pydantic.ValidationError: if the two together make no valid spec.
    """
    if template is None:
        return spec
    own = spec.model_dump(by_alias=True, exclude_unset=True, exclude={"template_ref"})
    base = template.model_dump(by_alias=True, exclude_unset=True)
    if "repository" in own:
        base.pop("repository", None)
    return SessionSpec.model_validate(_merge(base, own))
