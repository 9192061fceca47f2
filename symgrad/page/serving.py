"""`symgrad serve`: the server on this machine, from its address to its end."""

from __future__ import annotations

import socket
import webbrowser
from collections.abc import Callable
from importlib.util import find_spec
from threading import Thread

from symgrad.graphs.errors import SymgradError

LINE = 32 << 20  # bytes of a request's head that are read before it is refused with an answer
PATIENCE = 1  # seconds for answers under way when the server ends


def serve(host: str, port: int, say: Callable[[str], None], browser: bool) -> None:
    """Serve until SIGINT. `say` is told the address once it can be opened.

    Raises SymgradError where the extra `serve` is missing, and for an address that cannot be had.
    """
    for name in ("starlette", "uvicorn"):
        if find_spec(name) is None:
            raise SymgradError(f"serve: {name} is not installed; pip install \"symgrad[serve]\" brings it")
    import uvicorn

    from symgrad.page.app import application
    from symgrad.page.pool import Workers

    listening = _listening(host, port)
    port = listening.getsockname()[1]
    pool = Workers()
    try:
        config = uvicorn.Config(
            application(host, port, pool), http="h11", ws="none", lifespan="on", log_level="critical", access_log=False,
            server_header=False, proxy_headers=False, h11_max_incomplete_event_size=LINE,
            timeout_graceful_shutdown=PATIENCE)
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        say(address)
        if browser:
            Thread(target=webbrowser.open, args=(address,), daemon=True).start()  # one in the terminal comes back late
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn has ended by then, and hands the signal on
        pass
    finally:
        pool.close()
        listening.close()


def _listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections. Raises SymgradError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        found = socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise SymgradError(f"serve: {host}:{port} cannot be had: {error.strerror or error}; --port 0 takes a free port"
                           ) from None
    return found
