"""How many threads matrix products get, and whose turn it is where that is not the same for all.

The threads of OpenBLAS spin between calls. Beside another busy process two of them made products of a hundred rows ten
times slower and more, and alone they made them no faster. So calls with small products compute `Alone`, with one
thread; larger ones find the threads as the user left them, `Together`. NumPy has one pool, and its number of threads
belongs to the process (C has its own, `codegen/c/kernel.py`, whose bits depend on no number). Who asks for one
number may change the last digits of who computes with another at that time. So calls of one kind compute at once, and
the other kind waits for its turn; a fit gives way between two steps. One seed gives the same bits, whatever other
threads do.

An interrupt may come between any two lines. Each turn is a thing of its own, that is given back twice: to give back what
is gone already does nothing. The tables know turns by weak references, so even a turn that got lost bars nobody.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from threading import RLock, get_ident
from typing import Any, TypeVar
from weakref import ref

from symgrad.codegen.plan.plan import Plan

T = TypeVar("T")
Count = tuple[Callable[[], int], Callable[[int], Any]]
PAUSE = 1e-4  # seconds between two looks at whether it is one's turn


@cache
def counts() -> tuple[Count, ...]:
    """What reads and what sets the number of threads, for each BLAS that is loaded when this is first asked.

    NumPy's is among them, which is the one that computes. threadpoolctl finds the libraries. OpenBLAS is asked by its
    own functions: a call takes a microsecond, and limits that the user sets by threadpoolctl in other threads stay.
    """
    from threadpoolctl import ThreadpoolController  # searches the loaded libraries: not with `import symgrad`

    found: list[Count] = []
    for library in ThreadpoolController().select(user_api="blas").lib_controllers:
        code = ctypes.CDLL(library.filepath)
        names = [(f"{front}openblas_get_num_threads{end}", f"{front}openblas_set_num_threads{end}")
                 for front in ("", "scipy_") for end in ("", "64_", "_64")]
        own = next(((getattr(code, get), getattr(code, put)) for get, put in names if hasattr(code, get)), None)
        openmp = getattr(library, "threading_layer", None) == "openmp"  # its threads are set for each caller
        found.append((library.get_num_threads, library.set_num_threads) if own is None or openmp else own)
    return tuple(found)


class Way:
    """How a call computes its products; an instance is the turn of one call, or of one fit."""

    __slots__ = ("__weakref__",)


class AsItIs(Way):
    """Products are so small that a BLAS takes one thread in any case."""


class Alone(Way):
    """With one thread."""


class Together(Way):
    """With as many threads as the user wants."""


class Turns:
    """Who computes, by thread, and who waits, in order; how many threads each BLAS had before it was asked for one."""

    def __init__(self) -> None:
        self.lock: Any = RLock()
        self.inside: dict[int, ref[Way]] = {}
        self.waiting: dict[int, ref[Way]] = {}
        self.before: list[tuple[Callable[[int], Any], int]] = []

    def of(self, thread: int) -> Way | None:
        """The turn in which a thread computes."""
        found = self.inside.get(thread)
        return None if found is None else found()

    def enter(self, turn: Way, thread: int) -> None:
        """Wait until all who compute, and all who waited before, compute in the same way."""
        while not self._admitted(turn, thread):
            time.sleep(PAUSE)

    def _admitted(self, turn: Way, thread: int) -> bool:
        try:
            self.lock.acquire()
            try:
                if (self.inside or self.waiting) and self._is_barred(turn, thread):
                    return False
                self.inside[thread] = ref(turn)
                if self.waiting:
                    self.waiting.pop(thread, None)
                if type(turn) is Alone and not self.before:
                    for get, put in counts():
                        if (number := get()) > 1:
                            self.before.append((put, number))
                            put(1)
                return True
            finally:
                self.lock.release()
        finally:
            if self.lock._is_owned():  # an interrupt came before the release
                self.lock.release()

    def _is_barred(self, turn: Way, thread: int) -> bool:
        """Does somebody compute in the other way, or wait before? Then this turn is among those who wait."""
        for other in (*_living(self.inside), *_living(self.waiting)):
            if other is turn:
                return False
            if type(other) is not type(turn) and (self.before or any(get() > 1 for get, _ in counts())):
                if turn not in _living(self.waiting):
                    self.waiting[thread] = ref(turn)
                return True
        return False

    def _is_alone(self) -> bool:
        return any(type(other) is Alone for other in _living(self.inside))

    def leave(self, turn: Way, thread: int) -> None:
        """Give a turn back, or stop to wait for it; to do so again does nothing."""
        try:
            self.lock.acquire()
            try:
                if self.of(thread) in (turn, None):
                    self.inside.pop(thread, None)
                if self.waiting:
                    self.waiting.pop(thread, None)
                if self.before and not (self.inside and self._is_alone()):
                    for put, number in self.before:
                        put(number)
                    self.before.clear()
            finally:
                self.lock.release()
        finally:
            if self.lock._is_owned():
                self.lock.release()


def _living(table: dict[int, ref[Way]]) -> Iterator[Way]:
    for found in list(table.values()):
        turn = found()
        if turn is not None:
            yield turn


turns = Turns()


def _in_a_child() -> None:
    """A forked process has one thread, and none of the others' turns."""
    for put, number in turns.before:
        put(number)
    turns.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_a_child)


def threads_for(plan: Plan, sizes: Mapping[Any, int]) -> type[Way]:
    """The way in which a plan is best computed at these sizes."""
    return Alone if plan.wants_one_thread(sizes) else Together if plan.may_take_threads(sizes) else AsItIs


def within(way: type[Way], call: Callable[..., T]) -> Callable[..., T]:
    """`call`, each time in this way; within another call that has a way already, in that."""
    def run(*arguments: Any) -> T:
        thread = get_ident()
        if thread in turns.inside and turns.of(thread) is not None:
            return call(*arguments)
        turn = way()
        try:
            try:
                turns.enter(turn, thread)
                return call(*arguments)
            finally:
                turns.leave(turn, thread)
        finally:
            if turns.before or thread in turns.inside or turns.waiting:
                turns.leave(turn, thread)  # again: an interrupt may have ended the first

    return call if way is AsItIs else run


def give_way() -> None:
    """Between two steps: let those compute who wait to do so in another way."""
    if turns.waiting:
        apart(time.sleep, PAUSE)


def apart(call: Callable[..., T], *arguments: Any) -> T:
    """What is no computation of ours, within one: others may have the turn meanwhile."""
    thread = get_ident()
    turn = turns.of(thread)
    if turn is None:
        return call(*arguments)
    turns.leave(turn, thread)
    try:
        return call(*arguments)
    finally:
        turns.enter(turn, thread)
