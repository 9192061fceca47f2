"""A worker: a process that answers one question after the other, within limits of time and memory.

Questions come in and sections go out as JSON, by a pipe; a worker that is left alone ends by itself.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from symgrad.graphs.errors import SymgradError
from symgrad.page.document import pieces
from symgrad.page.faults import said_here
from symgrad.page.learning import described_network, trained_network
from symgrad.page.numbers import in_sympy
from symgrad.page.question import Question
from symgrad.page.recipe import NetworkPlan
from symgrad.page.warm import FIRST

GRACE = 3  # seconds after its time in which the parent kills a worker; then it ends itself
DEPTH = 3000  # frames of Python


def work(pipe: Connection, seconds: float, memory: int) -> None:
    """Answer until the pipe closes. `memory` is in bytes, beyond what the process has at its start.

    Until it is asked, a worker answers for itself: what it shares with the process it was forked from is copied when it
    is first used, and that is a fifth of an answer.
    """
    getting_warm = (part for part, _ in pieces(FIRST))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.setrecursionlimit(DEPTH)
    limit_memory(memory)
    while not pipe.poll(0) and next(getting_warm, None):
        pass
    while True:
        try:
            task = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        if hasattr(signal, "alarm"):
            signal.alarm(int(task.pop("seconds", seconds) + GRACE))
        try:
            for message in answered(task):
                pipe.send_bytes(json.dumps(message).encode())
        except (BrokenPipeError, EOFError):
            return
        finally:
            if hasattr(signal, "alarm"):
                signal.alarm(0)


def answered(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The messages of a task: sections, then the end, with what went wrong."""
    try:
        for part, html in KINDS[task.pop("kind")](task):
            yield {"part": part, "html": html}
    except MemoryError:
        yield {"end": "memory"}
        return
    except SymgradError as error:
        yield {"end": "refused", "said": said_here(error)}
        return
    except Exception as error:  # a fault of symgrad: the page says so, and the worker goes on
        yield {"end": "fault", "said": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
        return
    yield {"end": ""}


def _questions(task: dict[str, Any]) -> Iterator[tuple[str, str]]:
    parts = task.pop("parts", None)
    return pieces(Question(**task), parts)


def _sympy(task: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "sympy", in_sympy(Question(**task))


def _recipe(task: dict[str, Any]) -> NetworkPlan:
    layers = tuple((str(kind), int(units)) for kind, units in task.pop("layers"))
    return NetworkPlan(layers=layers, **task)


KINDS: dict[str, Callable[[dict[str, Any]], Iterator[tuple[str, str]]]] = {
    "question": _questions, "sympy": _sympy, "network": lambda task: described_network(_recipe(task)),
    "training": lambda task: trained_network(_recipe(task))}


def limit_memory(more: int) -> None:
    """Let this process have so many bytes more than it has; where a system cannot say so, nothing is limited."""
    try:
        import resource
    except ImportError:  # no POSIX
        return
    have = _size()
    if not have:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = have + more
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def _size() -> int:
    """The address space of this process in bytes, 0 where it is not known."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
    except (OSError, ValueError):
        return 0
    import resource

    return pages * resource.getpagesize()


