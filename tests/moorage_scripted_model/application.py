"""The HTTP side: Anthropic's Messages API, and /stats beside it."""

import asyncio

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from moorage_scripted_model import tokens
from moorage_scripted_model.conversation import MessagesRequest
from moorage_scripted_model.directives import Choice, choose
from moorage_scripted_model.errors import (
    InvalidRequestError,
    ScriptedFailureError,
    ScriptedModelError,
)
from moorage_scripted_model.failures import Failures, Outcome
from moorage_scripted_model.identifiers import new_id
from moorage_scripted_model.rendering import Facts, render
from moorage_scripted_model.statistics import Statistics, Summary, short_user_texts
from moorage_scripted_model.streaming import CuttableResponse, stream, whole


class ScriptedModel:
    """The endpoints of one model, with what it remembers."""

    def __init__(self, failures: Failures, statistics: Statistics) -> None:
        self._failures = failures
        self._statistics = statistics

    async def messages(self, http: Request) -> Response:
        """POST /v1/messages: the next step of the script, streamed or whole."""
        try:
            request = await _read(http)
            size = tokens.count(request.text_length())
            choice = self._choose(request, http, size)
        except ScriptedModelError as error:
            return error.response()
        outcome = self._failures.outcome(choice)
        self._record(request, http, choice, outcome, size)
        await asyncio.sleep(choice.step.delay_ms / 1000)
        if outcome == "fail" and choice.step.fail:
            return ScriptedFailureError(choice.step.fail).response()
        return _answer(request, choice, outcome, size)

    async def count_tokens(self, http: Request) -> Response:
        """POST /v1/messages/count_tokens."""
        try:
            request = await _read(http)
        except ScriptedModelError as error:
            return error.response()
        return JSONResponse({"input_tokens": tokens.count(request.text_length())})

    async def stats(self, http: Request) -> Response:
        """GET /stats?last=N: counts and the last requests in short."""
        last = http.query_params.get("last", "")
        return JSONResponse(self._statistics.report(int(last) if last.isdecimal() else None))

    async def root(self, _: Request) -> Response:
        """HEAD / and GET /: Claude Code asks whether anybody is there."""
        return PlainTextResponse("Moorage's scripted model\n")

    def _choose(self, request: MessagesRequest, http: Request, size: int) -> Choice:
        try:
            return choose(request)
        except ScriptedModelError as error:
            self._statistics.record(
                _summary(request, http, ("invalid", 0, "fail", error.status), size)
            )
            raise

    def _record(
        self, request: MessagesRequest, http: Request, choice: Choice, outcome: Outcome, size: int
    ) -> None:
        status = choice.step.fail.status if outcome == "fail" and choice.step.fail else 200
        facts = (choice.script, choice.index, outcome, status)
        self._statistics.record(_summary(request, http, facts, size))


def create_application() -> Starlette:
    """Make a model that remembers nothing yet."""
    model = ScriptedModel(Failures(), Statistics())
    return Starlette(
        routes=[
            Route("/v1/messages", model.messages, methods=["POST"]),
            Route("/v1/messages/count_tokens", model.count_tokens, methods=["POST"]),
            Route("/stats", model.stats),
            Route("/", model.root),
        ]
    )


async def _read(http: Request) -> MessagesRequest:
    try:
        return MessagesRequest.model_validate_json(await http.body())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidRequestError(f"{where}: {first['msg']}") from None


def _answer(request: MessagesRequest, choice: Choice, outcome: Outcome, size: int) -> Response:
    facts = Facts(request.model, size, choice.prompt, request.tool_result)
    reply = render(choice.step, facts)
    cut = choice.step.cut if outcome == "cut" else None
    headers = {"request-id": new_id("req"), "cache-control": "no-cache"}
    if request.stream:
        body = stream(reply, choice.step, cut)
        return CuttableResponse(body, headers=headers, media_type="text/event-stream")
    return CuttableResponse(whole(reply, cut), headers=headers, media_type="application/json")


def _summary(
    request: MessagesRequest, http: Request, facts: tuple[str, int, str, int], size: int
) -> Summary:
    script, step, outcome, status = facts
    texts = short_user_texts(request)
    return Summary(
        model=request.model,
        session=http.headers.get("x-claude-code-session-id", ""),
        script=script,
        step=step,
        outcome=outcome,
        status=status,
        stream=request.stream,
        messages=len(request.messages),
        tools=len(request.tools),
        last_user_text=texts[-1] if texts else "",
        user_texts=texts,
        input_tokens=size,
        credential=_credential(http),
    )


def _credential(http: Request) -> str:
    """Say which credential came, and how it ends: enough to tell a key from a session token."""
    if key := http.headers.get("x-api-key"):
        return f"x-api-key {key[-4:]}"
    if bearer := http.headers.get("authorization"):
        return f"authorization {bearer[-4:]}"
    return "none"
