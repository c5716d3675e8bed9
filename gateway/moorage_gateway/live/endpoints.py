"""/sessions/{id}/events, the same for clients that poll, and /events for a user's sessions."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import Response

from moorage_api.events import EVENT_TYPES
from moorage_gateway.auth.access import SessionDep, id_of
from moorage_gateway.auth.principal import PrincipalDep
from moorage_gateway.errors import Mistake, RequestInvalid, error_responses
from moorage_gateway.limits.route import CountedRoute
from moorage_gateway.live.ids import EventId, parse_event_id
from moorage_gateway.live.items import Types
from moorage_gateway.live.poll import Poll, Question
from moorage_gateway.live.ports import ClockDep, HubDep, WatchDep
from moorage_gateway.live.schemas import EventPage
from moorage_gateway.live.sse import EventStream, SessionStream
from moorage_gateway.live.user_stream import UserStream

MAX_WAIT_SECONDS: Final = 25

router = APIRouter(tags=["live"], route_class=CountedRoute)

LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="The last event seen; goes before `after`."),
]
After = Annotated[
    str | None,
    Query(
        description="Go on after this event; 0: with the oldest that is held. Without it: with "
        "what happens next.",
    ),
]


def _parsed(text: str | None, path: str) -> EventId | None:
    if not text:
        return None
    try:
        return parse_event_id(text.strip())
    except ValueError as error:
        raise RequestInvalid([Mistake(path, str(error))]) from None


async def position_asked(after: After = None, last_event_id: LastEventId = None) -> EventId | None:
    """Return the event to go on after: a browser that reconnects says so in the header."""
    header = _parsed(last_event_id, "Last-Event-ID")
    query = _parsed(after, "after")
    return query if header is None else header


async def types_asked(
    types: Annotated[
        str | None, Query(description="Only events of these types, separated by commas.")
    ] = None,
) -> Types | None:
    """Return the types to which the stream is limited."""
    if types is None:
        return None
    asked = [name.strip() for name in types.split(",")]
    unknown = [name for name in asked if name not in EVENT_TYPES]
    if unknown:
        sentence = f"there is no event type {unknown[0][:50]!r}; there are {', '.join(EVENT_TYPES)}"
        raise RequestInvalid([Mistake("types", sentence)])
    return frozenset(asked)


AfterDep = Annotated[EventId | None, Depends(position_asked)]
TypesDep = Annotated[Types | None, Depends(types_asked)]
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/event-stream": {}}, "description": "docs/events.md"}
}
_PAGE: Final[dict[int | str, dict[str, Any]]] = {200: {"model": EventPage}}


@router.get(
    "/sessions/{session_id}/events",
    response_class=EventStream,
    response_model=None,
    responses={**_STREAM, **error_responses(400, 404)},
)
async def session_events(
    session: SessionDep,
    principal: PrincipalDep,
    hub: HubDep,
    watch: WatchDep,
    after: AfterDep,
    types: TypesDep,
) -> SessionStream:
    """Follow a session: every event after the one given, then each as it happens."""
    return SessionStream(hub, watch, principal, id_of(session), after, types)


@router.get(
    "/sessions/{session_id}/events/poll",
    response_model=None,
    responses={**_PAGE, **error_responses(400, 404, 503)},
)
async def poll_session_events(
    session: SessionDep,
    principal: PrincipalDep,
    hub: HubDep,
    after: AfterDep,
    types: TypesDep,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    wait: Annotated[
        float, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for an event.")
    ] = 0,
) -> Response:
    """Return a session's events after the one given; wait for the first if there is none."""
    with hub.places.held(principal.user_id):
        return await Poll(hub, Question(id_of(session), after, types, limit, wait)).answer()


@router.get(
    "/events",
    response_class=EventStream,
    response_model=None,
    responses={**_STREAM, **error_responses(400)},
)
async def user_events(
    principal: PrincipalDep, hub: HubDep, watch: WatchDep, after: AfterDep, clock: ClockDep
) -> UserStream:
    """Follow all sessions: how they stand, what they ask, what failed.

    A client that comes back gets the last minute before it left again, and all of what it missed
    if it left before it had that: drop what is known by `sessionId` and `id` in the data.
    """
    return UserStream(hub, watch, principal, after, clock)
