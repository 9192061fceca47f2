"""How many threads the matrix products of a fit get: one, where a step is too small to be worth waking others.

The threads of OpenBLAS spin between calls. Beside another busy process two of them made products of a hundred
rows ten times slower and more, and alone they made them no faster.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

SMALL = 20_000_000  # operations of a step below which one thread is the better choice


def threads_for(operations: int) -> AbstractContextManager[object]:
    """A context with one thread for small steps, and as it is for large ones."""
    if operations >= SMALL:
        return nullcontext()
    from threadpoolctl import threadpool_limits  # searches the loaded libraries: not with `import symgrad`

    limits: AbstractContextManager[object] = threadpool_limits(1, "blas")
    return limits
