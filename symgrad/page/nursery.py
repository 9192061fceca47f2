"""The process that makes workers: it opens and warms all that answers need, once, and then forks.

A worker is there in milliseconds, with everything warm. The nursery holds no question and no address; it ends, and its
workers with it, when the server does. It speaks with the server by a socket: `NEW` with a socket for the worker is
answered by the worker's number, `END` and a number end one.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
from multiprocessing.connection import Connection
from select import select

from symgrad.graphs.errors import SymgradError

NEW, END = b"n", b"e"
NUMBER = struct.Struct("!q")
ALONE = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # threads do not fork


class Nursery:
    """The server's side of it."""

    def __init__(self, seconds: float, memory: int) -> None:
        if not hasattr(os, "fork"):
            raise SymgradError("serve: workers are forked, and this system cannot; under Windows, use WSL")
        self.line, other = socket.socketpair()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "symgrad.page.nursery", str(other.fileno()), str(seconds), str(memory)],
            pass_fds=[other.fileno()], env={**os.environ, **ALONE}, stdin=subprocess.DEVNULL, start_new_session=True)
        other.close()

    @property
    def alive(self) -> bool:
        """Can it still make workers, and end them?"""
        return self.process.poll() is None

    def worker(self) -> tuple[int, Connection]:
        """A new worker: its number, and the pipe to it. Raises OSError where the nursery is gone."""
        here, there = socket.socketpair()
        with there:
            socket.send_fds(self.line, [NEW], [there.fileno()])
        answer = self.line.recv(NUMBER.size, socket.MSG_WAITALL)
        if len(answer) < NUMBER.size:
            raise OSError("the process that makes workers is gone")
        return NUMBER.unpack(answer)[0], Connection(here.detach())

    def end(self, number: int) -> None:
        """End a worker, whatever it does."""
        try:
            self.line.sendall(END + NUMBER.pack(number))
        except OSError:
            pass

    def close(self) -> None:
        """End the nursery and all its workers."""
        self.line.close()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # the session that it leads
        except (ProcessLookupError, PermissionError):
            pass
        self.process.wait(5)


def main(line: socket.socket, seconds: float, memory: int) -> None:
    """Fork a worker for each request, until the server is gone; where nobody waits, get warmer."""
    from symgrad.page import warm
    from symgrad.page.worker import work

    warm.first()
    rest = warm.steps()
    alive: set[int] = set()
    while True:
        if not select([line], [], [], 0)[0] and next(rest, None):
            continue
        kind, fds, _, _ = socket.recv_fds(line, 1, 1)
        _reap(alive)
        if kind == NEW and fds:
            number = os.fork()
            if not number:
                line.close()
                work(Connection(fds[0]), seconds, memory)
                os._exit(0)
            os.close(fds[0])
            alive.add(number)
            line.sendall(NUMBER.pack(number))
        elif kind == END:
            number = NUMBER.unpack(line.recv(NUMBER.size, socket.MSG_WAITALL))[0]
            if number in alive:
                os.kill(number, signal.SIGKILL)
                os.waitpid(number, 0)
                alive.discard(number)
        elif not kind:
            for each in alive:
                os.kill(each, signal.SIGKILL)
            return


def _reap(alive: set[int]) -> None:
    """Forget workers that ended by themselves; until then their numbers are nobody else's."""
    for each in list(alive):
        if os.waitpid(each, os.WNOHANG)[0]:
            alive.discard(each)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(socket.socket(fileno=int(sys.argv[1])), float(sys.argv[2]), int(sys.argv[3]))
