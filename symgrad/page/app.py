"""The server: addresses and what they give. Everything that answers a text is computed in `pool.py`.

A page is sent in pieces, as its sections are found: the gradient is there while the picture is drawn.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from symgrad.graphs.errors import SymgradError
from symgrad.page.answering import HALVES
from symgrad.page.document import (
    closing,
    gallery_page,
    network_closing,
    network_opening,
    opening,
    refusal,
    training_end,
    training_opening,
    unfinished,
)
from symgrad.page.guard import Guard, Hosts
from symgrad.page.pool import Message, Workers
from symgrad.page.question import Question, TooLong, question_of
from symgrad.page.recipe import NetworkPlan, recipe_of

ASSETS = Path(__file__).with_name("assets")
KEPT = 200  # answers that are kept, whole ones only
LARGEST = 1 << 20  # characters of one that is kept
REPORTS = 8  # that are kept
BODY = 16 << 20  # bytes of a form
TRAINING = 60.0  # seconds
HTML = "text/html; charset=utf-8"


class Remembered:
    """Questions that were answered lately, and their sections: an answer is a function of its question alone."""

    def __init__(self, pool: Workers) -> None:
        self.pool = pool
        self.kept: OrderedDict[Question, tuple[str, ...]] = OrderedDict()

    async def sections(self, question: Question) -> AsyncIterator[str]:
        """The sections of an answer, as they are found."""
        if question in self.kept:
            self.kept.move_to_end(question)
            for html in self.kept[question]:
                yield html
            return
        found: list[str] = []
        missing: list[str] = []
        other: asyncio.Queue[Message] = asyncio.Queue()
        alone = self.pool.crowded
        helping = asyncio.create_task(self._half(question, () if alone else HALVES[1], other.put_nowait))
        try:
            whole, brief = _task(question, None if alone else HALVES[0]), _task(question, HALVES[0][:1])
            async with contextlib.aclosing(self.pool.ask(whole, brief=brief)) as messages:
                async for message in messages:
                    if message.get("part") == "fault":
                        helping.cancel()
                        other.put_nowait({"end": ""})
                    if "end" in message:
                        missing.append(message["end"])
                    else:
                        found.append(message["html"])
                        yield found[-1]
            while "end" not in (message := await other.get()):
                found.append(message["html"])
                yield found[-1]
            missing.append(message["end"])
        finally:
            helping.cancel()
        if reasons := [each for each in dict.fromkeys(missing) if each]:
            yield unfinished("; ".join(reasons))
        elif sum(map(len, found)) < LARGEST:
            self.kept[question] = tuple(found)
            while len(self.kept) > KEPT:
                self.kept.popitem(last=False)

    async def _half(self, question: Question, parts: Sequence[str], put: Callable[[Message], None]) -> None:
        """The messages of a worker that helps, for whoever takes them; there is none where no parts are asked of it."""
        if not parts:
            put({"end": ""})
            return
        async with contextlib.aclosing(self.pool.ask(_task(question, parts))) as messages:
            async for message in messages:
                if message.get("part") != "fault":
                    put(message)


def _task(question: Question, parts: Sequence[str] | None) -> Message:
    return {"kind": "question", "parts": parts, **vars(question)}


class Trainings:
    """Networks that are trained, and the reports of the last ones."""

    def __init__(self, pool: Workers) -> None:
        self.pool = pool
        self.reports: OrderedDict[int, str] = OrderedDict()
        self.count = 0

    async def pictures(self, recipe: NetworkPlan) -> AsyncIterator[str]:
        """The page of a training, as it goes on."""
        yield training_opening(recipe)
        number, fault = None, ""
        async with contextlib.aclosing(self.pool.ask({"kind": "training", **vars(recipe)}, TRAINING)) as messages:
            async for message in messages:
                if message.get("part") == "report":
                    self.count = number = self.count + 1
                    self.reports[number] = message["html"]
                    while len(self.reports) > REPORTS:
                        self.reports.popitem(last=False)
                elif "end" in message:
                    fault = message["end"]
                else:
                    yield message["html"]
        yield training_end(number, recipe, fault)


def application(host: str, port: int, pool: Workers) -> Any:
    """The server at an address, answered by `pool`."""
    answers, trainings = Remembered(pool), Trainings(pool)

    async def page(request: Request) -> Response:
        question = _question(request)
        if request.method == "HEAD" or not question.text:
            return HTMLResponse(opening(question) + closing(question))

        async def parts() -> AsyncIterator[str]:
            yield opening(question)
            async for html in answers.sections(question):
                yield html
            yield closing(question)

        return StreamingResponse(parts(), media_type=HTML)

    async def answer(request: Request) -> Response:
        question = _question(request)
        return StreamingResponse(answers.sections(question), media_type=HTML)

    async def sympy(request: Request) -> Response:
        found = [m.get("html") or f"# {m['end']}" async for m in pool.ask({"kind": "sympy", **vars(_question(request))})
                 if m.get("html") or m.get("end")]
        return Response("\n".join(found), media_type="text/plain; charset=utf-8")

    async def gallery(request: Request) -> Response:
        return HTMLResponse(gallery_page())

    async def network(request: Request) -> Response:
        try:
            recipe = recipe_of(await _fields(request))
        except SymgradError as error:
            return HTMLResponse(network_opening(NetworkPlan(), str(error)) + network_closing())

        async def parts() -> AsyncIterator[str]:
            yield network_opening(recipe)
            async with contextlib.aclosing(pool.ask({"kind": "network", **vars(recipe)})) as messages:
                async for message in messages:
                    yield message["html"] if "end" not in message else unfinished(message["end"]) if message["end"] else ""
            yield network_closing()

        return StreamingResponse(parts(), media_type=HTML)

    async def train(request: Request) -> Response:
        try:
            recipe = recipe_of(await _fields(request))
        except SymgradError as error:
            return HTMLResponse(network_opening(NetworkPlan(), str(error)) + network_closing())
        return StreamingResponse(trainings.pictures(recipe), media_type=HTML)

    async def report(request: Request) -> Response:
        found = trainings.reports.get(request.path_params["number"])
        if found is None:
            raise HTTPException(404)
        return HTMLResponse(found)

    async def script(request: Request) -> Response:
        return Response((ASSETS / "page.js").read_text(encoding="utf-8"), media_type="text/javascript; charset=utf-8")

    @contextlib.asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        pool.start()
        yield
        pool.close()

    app = Starlette(routes=[Route("/", page), Route("/answer", answer), Route("/gallery", gallery), Route("/sympy", sympy),
                            Route("/page.js", script), Route("/network", network, methods=["GET", "POST"]),
                            Route("/network/train", train, methods=["POST"]),
                            Route("/network/report/{number:int}", report)],
                    exception_handlers={HTTPException: _http_error, TooLong: _too_long}, lifespan=life)
    app.state.workers = pool
    return Guard(app, Hosts(host, port))


def _question(request: Request) -> Question:
    """The question of a request, with shapes and variables that were chosen name by name."""
    return question_of(request.query_params.multi_items())


async def _fields(request: Request) -> list[tuple[str, str]]:
    """The fields of a form, of the address or of the body. Raises HTTPException for what is too large or none."""
    if request.method != "POST":
        return request.query_params.multi_items()
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY:
            raise HTTPException(413, "Too long")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200)
    except ValueError:
        raise HTTPException(400, "No form") from None


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what: Mapping[int, str] = {404: "There is no such page.", 405: "This page is only to be read."}
    return HTMLResponse(refusal(error.status_code, error.detail, what.get(error.status_code, error.detail)),
                        error.status_code, headers=dict(error.headers or {}))


async def _too_long(request: Request, error: Exception) -> Response:
    return HTMLResponse(refusal(413, "Too long", str(error)), 413)
