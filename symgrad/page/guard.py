"""Who may ask: only this machine's own pages. Every other site that a browser has open is refused, on every method.

A site can point its own name at 127.0.0.1, so the Host must be one under which this server is known; it can send
forms and load addresses, so an Origin must be this server's own, and what is loaded across sites and is no page is refused.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from symgrad.page.document import refusal

Asgi = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
LONGEST = 64_000  # bytes of an address
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:; "
                               "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin", "cache-control": "no-store",
}


class Refusal(Exception):
    """A request that is not answered: status, title, reason."""

    def __init__(self, status: int, title: str, why: str) -> None:
        super().__init__(status, title, why)
        self.status, self.title, self.why = status, title, why


class Hosts:
    """The names under which a server at `host` and `port` is asked.

    >>> hosts = Hosts("127.0.0.1", 8000)
    >>> [hosts.knows(each) for each in ("127.0.0.1:8000", "localhost:8000", "127.0.0.1:80", "evil.example:8000")]
    [True, True, False, False]
    """

    def __init__(self, host: str, port: int) -> None:
        self.port, self.names, self.any_address = port, {host.lower()}, False
        if host.lower() == "localhost":
            self.names |= {"127.0.0.1", "::1"}
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return
        if address.is_loopback:
            self.names.add("localhost")
        if address.is_unspecified:  # asked for by --host: any address of the machine, no name but its own
            self.names |= {"localhost", socket.gethostname().lower()}
            self.any_address = True

    def knows(self, value: str) -> bool:
        """Is this the Host of one of our own pages?"""
        name, port = _parted(value.lower())
        if port != self.port:
            return False
        if name in self.names:
            return True
        try:
            return self.any_address and bool(ipaddress.ip_address(name))
        except ValueError:
            return False


def _parted(value: str) -> tuple[str, int]:
    """The name and the port of a Host; -1 for what is none."""
    if value.startswith("["):
        name, sign, rest = value[1:].partition("]")
        if not sign or (rest and not rest.startswith(":")):
            return "", -1
        port = rest[1:]
    else:
        name, _, port = value.partition(":")
    if not port:
        return name, 80
    return name, int(port) if port.isascii() and port.isdigit() and len(port) < 6 else -1


class Guard:
    """The outermost layer of the server: refuses, and sets headers."""

    def __init__(self, app: Any, hosts: Hosts) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                given = [(k, v) for k, v in message.get("headers", []) if k.decode("latin-1").lower() not in HEADERS]
                message["headers"] = [*given, *((k.encode(), v.encode()) for k, v in HEADERS.items())]
            await send(message)

        try:
            check(scope, self.hosts)
        except Refusal as no:
            await refused(no, scope, sent)
            return
        await self.app(scope, receive, sent)


def check(scope: Asgi, hosts: Hosts) -> None:
    """Raise Refusal for a request that is none of our own pages."""
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip())
    said = found.get("host", [])
    if len(said) != 1 or not hosts.knows(said[0]):
        raise Refusal(400 if len(said) != 1 else 421, "Another host",
                      "This server answers only under its own address, the one that it printed.")
    origins = found.get("origin", [])
    if any(not (each.lower().startswith("http://") and hosts.knows(each[len("http://"):])) for each in origins):
        raise Refusal(403, "Another origin", "This server answers its own pages only, and this request came from another.")
    sites, modes = found.get("sec-fetch-site", []), found.get("sec-fetch-mode", [])
    if any(each in ("cross-site", "same-site") for each in sites) and modes != ["navigate"]:
        raise Refusal(403, "Another site", "Another site asked for a part of this page; open it by itself.")
    if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > LONGEST:
        raise Refusal(414, "Too long", f"An address may have {LONGEST:,} bytes.")


async def refused(no: Refusal, scope: Asgi, send: Send) -> None:
    """Reply with the page of a refusal."""
    body = refusal(no.status, no.title, no.why).encode()
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode()),
               (b"connection", b"close")]
    await send({"type": "http.response.start", "status": no.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


