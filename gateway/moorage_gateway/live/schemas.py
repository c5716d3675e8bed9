"""What clients that poll are answered. It is joined of encoded events; this describes it."""

from pydantic import ConfigDict

from moorage_api.base import WireModel
from moorage_api.events import Event, GapEvent


class EventPage(WireModel):
    """A session's next events; ``gap`` is there if some before them are not held any more."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    events: list[Event]
    last_event_id: str
    gap: GapEvent | None = None
