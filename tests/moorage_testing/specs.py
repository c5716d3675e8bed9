"""Specs for property tests, made from the models' own schema: no field can be forgotten."""

from collections.abc import Mapping
from typing import Any, TypeVar

from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

Schema = Mapping[str, Any]
Values = st.SearchStrategy[Any]
Model = TypeVar("Model", bound=BaseModel)

_LONGEST = 24
_MOST = 3


def valid(model: type[Model], given: Mapping[str, Values]) -> st.SearchStrategy[Model]:
    """Return a strategy for what ``model`` accepts, with any of its fields or without.

    ``given`` has the values of fields by their name, wherever they stand, that are to be of some
    kind; all others are whatever the schema allows.
    """
    schema = model.model_json_schema(by_alias=True)

    def accepted(value: Any) -> bool:
        try:
            model.model_validate(value)
        except ValidationError:
            return False
        return True

    made = _object(schema, schema.get("$defs", {}), given)
    return made.filter(accepted).map(model.model_validate)


def _of(schema: Schema, definitions: Schema, given: Mapping[str, Values]) -> Values:
    """Return a strategy for what the schema describes."""
    if "$ref" in schema:
        return _of(definitions[schema["$ref"].rpartition("/")[2]], definitions, given)
    if "anyOf" in schema:
        return st.one_of([_of(each, definitions, given) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            return _object(schema, definitions, given)
        case "array":
            return st.lists(_of(schema["items"], definitions, given), max_size=_MOST)
        case kind:
            return _simple(kind, schema)


def _simple(kind: str, schema: Schema) -> Values:
    match kind:
        case "string":
            return _text(schema)
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        case "number":
            return st.floats(
                schema.get("exclusiveMinimum"), schema.get("maximum"), exclude_min=True
            )
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    msg = f"no values are known of the type {kind}"
    raise LookupError(msg)


def _text(schema: Schema) -> Values:
    shortest, longest = schema.get("minLength", 0), min(schema.get("maxLength", _LONGEST), _LONGEST)
    if "pattern" not in schema:
        return st.text(min_size=shortest, max_size=longest)
    found = st.from_regex(schema["pattern"], fullmatch=True)
    return found.filter(lambda text: shortest <= len(text) <= longest)


def _object(schema: Schema, definitions: Schema, given: Mapping[str, Values]) -> Values:
    fields = schema.get("properties")
    if fields is None:
        return _map(schema, definitions, given)
    made = {
        name: given[name] if name in given else _of(field, definitions, given)
        for name, field in fields.items()
    }
    required = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: one for name, one in made.items() if name in required},
        optional={name: one for name, one in made.items() if name not in required},
    )


def _map(schema: Schema, definitions: Schema, given: Mapping[str, Values]) -> Values:
    ((pattern, values),) = schema.get(
        "patternProperties", {"^.*$": schema.get("additionalProperties")}
    ).items()
    names = _text({**schema.get("propertyNames", {}), "pattern": pattern})
    return st.dictionaries(names, _of(values, definitions, given), max_size=_MOST)
