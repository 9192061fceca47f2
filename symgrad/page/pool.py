"""Workers for questions: light ones never wait for heavy ones.

A worker that has computed for longer than `HEAVY` counts as heavy: it gets less of the processor, and a fresh one takes its
place. At most `MOST` are heavy at a time; one more, and the oldest of them is ended. Whoever takes longer than an answer
may is ended too. What it found until then is shown. Where so many ask at once that a question has waited, the part of it
that is worth most is answered, so that all have that.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import deque
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from symgrad.page.nursery import Nursery

HEAVY, LONG = 0.3, 2.0  # seconds of computing, and of any kind
MOST = 8  # heavy workers: two for a question
LIGHT = 10  # workers that are not, or not yet, heavy
READY = 3  # workers that wait for a question
WAIT = 0.8  # of the time of an answer, for which a question may wait for one
PATIENT = 1.5  # seconds that a question may have waited and is answered whole
LATER = 3.0  # seconds by which that may make its answer end later
NICER = 15
RENEWED = 8.0  # seconds after the start
SHORTENED = "many questions were asked at once, and this is the first part of an answer; ask again for the rest"
Message = dict[str, Any]


@dataclass
class Worker:
    """A worker as the server sees it."""

    number: int
    pipe: Connection
    heavy: bool = False
    counted: bool = False  # among those that are light
    cut: str = ""  # why it was ended
    spent: float | None = None  # seconds of the processor that it had used when it was asked
    look: asyncio.TimerHandle | None = None  # when it is looked at again
    since: float = field(default_factory=time.monotonic)

    def next(self, until: float) -> Message | None:
        """Its next message; None when the time is over. Raises EOFError, OSError where it has ended."""
        while (rest := until - time.monotonic()) > 0:
            if self.pipe.poll(min(rest, 1.0)):
                return dict(json.loads(self.pipe.recv_bytes()))
        return None


class Workers:
    """Workers, made when they are needed; `seconds` and `memory` (bytes) are what an answer may take."""

    def __init__(self, seconds: float = 10.0, memory: int = 2 << 30) -> None:
        self.seconds, self.memory = seconds, memory
        self.nursery = Nursery(seconds, memory)
        self.idle: deque[Worker] = deque()
        self.busy: list[Worker] = []
        self.threads = ThreadPoolExecutor(2 * MOST + READY + 4, "symgrad-pool")
        self.making, self.light = asyncio.Lock(), asyncio.Semaphore(LIGHT)
        self.tasks: set[asyncio.Task[None]] = set()
        self.closed = self.refilling = False

    def start(self) -> None:
        """Make the first workers, beside everything else; later ones come from a nursery that is warmer."""
        self._later(self._refill())
        asyncio.get_running_loop().call_later(RENEWED, self._renew)

    def _renew(self) -> None:
        while self.idle:
            self._end(self.idle.popleft())
        self._later(self._refill())

    @property
    def crowded(self) -> bool:
        """Are so many questions under way that one worker each must do?"""
        return len(self.busy) >= READY

    async def ask(self, task: Message, seconds: float | None = None,
                  brief: Message | None = None) -> AsyncGenerator[Message, None]:
        """The messages of a worker; the last has the key "end": empty, or why the rest is missing.

        `brief` is what is asked of it where the task had to wait.
        """
        limit = self.seconds if seconds is None else seconds
        loop, begun = asyncio.get_running_loop(), time.monotonic()
        try:
            await asyncio.wait_for(self.light.acquire(), (WAIT if brief is None else 1) * min(limit, self.seconds))
        except TimeoutError:
            yield {"end": "too many questions were asked at once; ask again in a moment"}
            return
        try:
            worker = await self._free()
        except OSError as error:
            self.light.release()
            yield {"end": f"no process can be made that answers: {error}"}
            return
        except BaseException:
            self.light.release()
            raise
        shortened = brief is not None and time.monotonic() - begun > PATIENT
        if brief is not None and shortened:
            task = brief
        self.busy.append(worker)
        worker.counted = True
        worker.since = time.monotonic()
        until, whole = min(worker.since, begun + LATER) + limit, False
        worker.spent = spent(worker.number)
        worker.look = loop.call_later(HEAVY, self._look, worker)
        try:
            worker.pipe.send_bytes(json.dumps({**task, "seconds": limit}).encode())
            while True:
                message = await loop.run_in_executor(self.threads, worker.next, until)
                if message is None:
                    yield {"end": f"the rest takes longer than {limit:g} seconds, which is what an answer may take"}
                    return
                if "end" in message:
                    whole = message["end"] != "memory"
                    yield {"end": _said(message) or (SHORTENED if shortened else "")}
                    return
                yield message
        except (EOFError, OSError):
            yield {"end": worker.cut or "the rest takes more memory than an answer may have"}
        finally:
            if worker.look is not None:
                worker.look.cancel()
            self.busy.remove(worker)
            self._make_way(worker)
            if whole and not worker.heavy and len(self.idle) < 2 * READY:
                self.idle.append(worker)
            else:
                self._end(worker)
            self._later(self._refill())

    async def _free(self) -> Worker:
        """A worker that waits, or a new one. Workers whose nursery is gone are not asked: nobody could end them."""
        self._later(self._refill())
        if self.idle and self.nursery.alive:
            return self.idle.popleft()
        return await self._made()

    async def _made(self) -> Worker:
        async with self.making:
            loop = asyncio.get_running_loop()
            try:
                return Worker(*await loop.run_in_executor(self.threads, self.nursery.worker))
            except OSError:  # somebody ended the nursery, and its workers end with it: another one
                for each in self.busy:
                    each.cut = each.cut or "the process that makes workers ended, and this answer with it; ask again"
                self.idle.clear()
                self.nursery.close()
                self.nursery = Nursery(self.seconds, self.memory)
                return Worker(*await loop.run_in_executor(self.threads, self.nursery.worker))

    async def _refill(self) -> None:
        if self.refilling:
            return
        self.refilling = True
        try:
            while len(self.idle) < READY and not self.closed:
                self.idle.append(await self._made())
        except OSError:  # told to whoever asks
            pass
        finally:
            self.refilling = False

    def _look(self, worker: Worker) -> None:
        """Is a worker heavy by now? What it computed counts, where that is known, and not what it waited for."""
        now = spent(worker.number)
        light = now is not None and worker.spent is not None and now - worker.spent < HEAVY
        if not light or time.monotonic() - worker.since > LONG:
            self._make_way(worker)
        if light:
            worker.look = asyncio.get_running_loop().call_later(HEAVY / 2, self._look, worker)
            return
        worker.heavy = True
        try:
            os.setpriority(os.PRIO_PROCESS, worker.number, NICER)
        except OSError:
            pass
        heavy = [each for each in self.busy if each.heavy and not each.cut]
        if len(heavy) > MOST:
            oldest = min(heavy, key=lambda each: each.since)
            oldest.cut = "too many heavy questions were asked at once, and this one was asked first"
            self._end(oldest, close=False)

    def _make_way(self, worker: Worker) -> None:
        """Let another question begin."""
        if not worker.counted:
            return
        worker.counted = False
        self.light.release()

    def _end(self, worker: Worker, close: bool = True) -> None:
        self.nursery.end(worker.number)
        if close:
            worker.pipe.close()

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def close(self) -> None:
        """End all workers."""
        self.closed = True
        for task in list(self.tasks):
            task.cancel()
        self.nursery.close()
        self.threads.shutdown(wait=False, cancel_futures=True)


def spent(number: int) -> float | None:
    """The seconds that a process has computed; None where the system does not say.

    >>> spent(0) is None
    True
    """
    try:
        with open(f"/proc/{number}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def _said(message: Message) -> str:
    said = message.get("said", "")
    return {"": "", "memory": "the rest takes more memory than an answer may have", "refused": said}.get(
        message["end"], f"a fault of symgrad, not of the formula: {said}; please report it")
