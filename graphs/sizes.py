"""Axis sizes: Python ints, or SymPy expressions in positive integer symbols.

Sizes take the fast path when they are ints or bare symbols and are never simplified: two sizes are
the same if and only if they are structurally equal, so `n` and `m` never match by accident.
"""

from __future__ import annotations

import operator
from functools import cache, lru_cache, reduce
from typing import Any

import sympy as sp

Size = Any  # int | sp.Expr: SymPy ships no types that would make a union worth its noise
Shape = tuple[Size, ...]


@cache
def dim(name: str) -> sp.Symbol:
    """The symbolic axis size called `name`: a positive integer."""
    return sp.Symbol(name, positive=True, integer=True)


def canonical(size: Any) -> Size:
    """`size` as an int or a SymPy expression; raises TypeError or ValueError for anything else."""
    if isinstance(size, bool):
        raise TypeError(f"an axis size must be an int or a symbol, not {size!r}")
    if isinstance(size, sp.Expr):
        if size.is_Integer:
            size = int(size)
        elif size.is_Number:
            raise ValueError(f"an axis size must be an integer, not {size}")
        else:
            return size
    try:
        size = operator.index(size)
    except TypeError:
        raise TypeError(f"an axis size must be an int or a symbol (sg.dim), not {size!r}") from None
    if size < 0:
        raise ValueError(f"an axis size cannot be negative: {size}")
    return size


def product(sizes: Any) -> Size:
    """The number of entries of a shape.

    >>> product((2, 3)), product(())
    (6, 1)
    """
    return _product(tuple(sizes))


@lru_cache(maxsize=4096)
def _product(sizes: Shape) -> Size:
    """Cached: multiplying SymPy symbols is slow, and a graph has few different shapes."""
    return canonical(reduce(operator.mul, sizes, 1))


@lru_cache(maxsize=4096)
def _expr_text(size: sp.Expr) -> str:
    return sp.srepr(size)


def size_key(size: Size) -> str:
    """A text that identifies a size, for content digests (cached: printing SymPy is slow)."""
    return str(size) if isinstance(size, int) else _expr_text(size)


@lru_cache(maxsize=4096)
def _free(size: sp.Expr) -> tuple[sp.Symbol, ...]:
    return tuple(sorted(size.free_symbols, key=lambda s: s.name))


def free_symbols(sizes: Any) -> tuple[sp.Symbol, ...]:
    """The size symbols that occur in `sizes`, in order of first occurrence."""
    found: dict[sp.Symbol, None] = {}
    for size in sizes:
        if not isinstance(size, int):
            found.update(dict.fromkeys(_free(size)))
    return tuple(found)
