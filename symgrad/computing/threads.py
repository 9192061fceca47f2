"""How many threads matrix products get: one, where the largest is too small to be worth waking others.

The threads of OpenBLAS spin between calls. Beside another busy process two of them made products of a hundred
rows ten times slower and more, and alone they made them no faster. Who calls with small products does so in
`alone`; larger ones find the threads as the user left them. The number of threads belongs to the process: it
is put back when the last call ends that asked for one. NumPy's BLAS computes for C too, so there is one pool.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from threading import Lock
from typing import Any, TypeVar

from symgrad.codegen.plan.plan import Plan

T = TypeVar("T")
Count = tuple[Callable[[], int], Callable[[int], Any]]
AS_IT_IS: AbstractContextManager[None] = nullcontext()


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


class Alone:
    """A context in which products have one thread; may be nested, and entered by several threads at once."""

    def __init__(self) -> None:
        self.lock, self.inside = Lock(), 0
        self.before: list[tuple[Callable[[int], Any], int]] = []

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.before = [(put, number) for get, put in counts() if (number := get() or 1) > 1]
                for put, _ in self.before:
                    put(1)
            self.inside += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                for put, number in self.before:
                    put(number)


alone = Alone()


def threads_for(plan: Plan, sizes: Mapping[Any, int]) -> AbstractContextManager[None]:
    """The context for calls of a plan at these sizes: `alone`, or one that leaves all as it is."""
    return alone if plan.wants_one_thread(sizes) else AS_IT_IS


def within(context: AbstractContextManager[None], call: Callable[..., T]) -> Callable[..., T]:
    """`call`, each time in this context."""
    def run(*arguments: Any) -> T:
        with context:
            return call(*arguments)

    return call if context is AS_IT_IS else run
