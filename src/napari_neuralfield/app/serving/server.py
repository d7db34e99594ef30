"""A field over HTTP, to look at and nothing else: read only, and nothing is reachable but its chunks and its page."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import os
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from ...types import InputError
from . import page
from .virtual_zarr import VirtualZarr

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

Asked = TypeVar("Asked")
Made = TypeVar("Made")
TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
METHODS = ("GET", "HEAD", "OPTIONS")
LONGEST = 1024  # characters of a path
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": page.POLICY,
}


def check_access(host: str, token: str | None) -> None:
    """Refuse to show a field to a network without a token.

    Parameters
    ----------
    host : name or address to listen at.
    token : that every request must carry; None: everybody may ask.

    Raises
    ------
    InputError : where it is not this computer alone and there is no token, or a token that can be guessed or not typed.
    """
    if token is not None and not TOKEN.fullmatch(token):
        raise InputError("option --token must be 8 to 128 letters, digits, - or _; choose a longer or plainer one")
    if token is None and not is_loopback(host):
        raise InputError(f"option --host is {host}, which others can reach; add --token WORD, or leave --host out")


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches an address `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listening(host: str, port: int) -> socket.socket:
    """A socket that waits at `host` and `port` (0: any that is free).

    Raises
    ------
    InputError : where it cannot.
    """
    if not 0 <= port <= 65535:
        raise InputError(f"option --port is {port}; it is 0 to 65535, 0 for any that is free")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    waiting = socket.socket(family, socket.SOCK_STREAM)
    try:
        waiting.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        waiting.bind((host, port))
        waiting.listen(128)
    except (OSError, UnicodeError) as error:
        waiting.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"nothing can listen at --host {host} --port {port} ({reason}); choose another port") from None
    return waiting


def application(store: VirtualZarr, token: str | None = None, host: str = "127.0.0.1") -> Starlette:
    """The web application that shows a `store`.

    Parameters
    ----------
    store : of the field; it is found under `NAME.ome.zarr/`, and a page at `/`.
    token : first part of every path, or in an `Authorization: Bearer` header; None: none is needed.
    host : it listens at; where that is this computer alone, requests for other names are refused.
    """
    from starlette.applications import Starlette
    from starlette.routing import Route

    answer = Answers(store, token, host)
    return Starlette(routes=[Route("/{path:path}", answer, methods=[*METHODS])])


def image_path(name: str) -> str:
    """The path, quoted, of the image called `name`."""
    return f"{quote(name, safe='')}.ome.zarr"


class Answers:
    """What is answered to each request.

    Parameters
    ----------
    store, token, host : as of `application`.
    """

    def __init__(self, store: VirtualZarr, token: str | None, host: str) -> None:
        self.store, self.token, self.host = store, token, host
        self.files = page.files()
        cores = os.cpu_count() or 1
        self._makers = ThreadPoolExecutor(min(4, cores), "chunk")
        self._turn = asyncio.Semaphore(min(4, cores))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request of ASGI.

        Parameters
        ----------
        scope, receive, send : as of ASGI.
        """
        from starlette.requests import Request

        response = await self.answer(Request(scope, receive))
        response.headers.update(SAFE)
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """What is sent back to a `request`."""
        from starlette.responses import PlainTextResponse, RedirectResponse, StreamingResponse
        from starlette.responses import Response as Plain

        if request.method not in METHODS:
            return PlainTextResponse("read only\n", 405, {"Allow": ", ".join(METHODS)})
        path = self._asked(request)
        if path is None:
            return PlainTextResponse("not found\n", 404)
        if request.method == "OPTIONS":
            return Plain(status_code=204, headers={"Allow": ", ".join(METHODS)})
        if path == "":
            return RedirectResponse(await self._aside(self._page, request), 307)
        home, _, key = path.partition("/")
        if path == page.EVENTS and self.files:
            return StreamingResponse(page.nothing_new(), media_type="text/event-stream")
        if path.startswith(page.HOME):
            return self._file(path.removeprefix(page.HOME))
        if home == f"{self.store.name}.ome.zarr" and (kind := self.store.has(key)):
            return await self._made(request, key, kind)
        return PlainTextResponse("not found\n", 404)

    def _asked(self, request: Request) -> str | None:
        """The path below the token; None where the request may not be answered."""
        asked = re.sub(r":[0-9]*$", "", request.headers.get("host", ""))
        if is_loopback(self.host) and asked not in (*LOOPBACK, self.host):
            return None
        path = request.scope["path"].removeprefix("/")
        if len(path) > LONGEST or not path.isprintable():
            return None
        if self.token is None:
            return path
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(given.encode(), self.token.encode()):
            return path
        first, _, rest = path.partition("/")
        return rest if hmac.compare_digest(first.encode(), self.token.encode()) else None

    async def _aside(self, make: Callable[[Asked], Made], asked: Asked) -> Made:
        """What `make` makes of what is asked, beside the requests of others."""
        return await asyncio.get_running_loop().run_in_executor(self._makers, make, asked)

    def _page(self, request: Request) -> str:
        """Where the page is, relative to here, with what it shall show."""
        home = f"/{self.token}" if self.token else ""
        if "index.html" not in self.files:
            return f"{home}/{page.HOME}"
        source = f"{request.url.scheme}://{request.url.netloc}{home}/{image_path(self.store.name)}/"
        state = page.state(source, self.store)
        return f"{home}/{page.HOME}#!{quote(json.dumps(state, separators=(',', ':')), safe='')}"

    def _file(self, name: str) -> Response:
        from starlette.responses import FileResponse, PlainTextResponse

        file = self.files.get(name or "index.html")
        if file is not None:
            return FileResponse(file)
        said = page.WITHOUT.format(name=image_path(self.store.name)) if not name else "not found\n"
        return PlainTextResponse(said, 200 if not name else 404)

    async def _made(self, request: Request, key: str, kind: str) -> Response:
        from starlette.responses import PlainTextResponse
        from starlette.responses import Response as Plain

        media = "application/json" if kind == "metadata" else "application/octet-stream"
        if request.method == "HEAD" and kind == "chunk":
            return Plain(media_type=media, headers={"Content-Length": str(self.store.chunk_bytes)})
        async with self._turn:
            if await request.is_disconnected():  # who looked has moved on
                return Plain(status_code=499)
            try:
                return Plain(await self._aside(self.store.get, key), media_type=media)
            except InputError as error:
                return PlainTextResponse(f"{error}\n", 500)
            except Exception as error:
                return PlainTextResponse(f"this part of the field cannot be made ({type(error).__name__})\n", 500)


def run(app: Starlette, waiting: socket.socket) -> None:
    """Answer requests to `app` at a socket, `waiting`, until Ctrl-C."""
    import uvicorn

    config = uvicorn.Config(
        app, log_level="critical", access_log=False, server_header=False, proxy_headers=False, lifespan="off",
        limit_concurrency=512, timeout_graceful_shutdown=2,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[waiting])
