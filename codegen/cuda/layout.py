"""Where the arrays of a kernel lie: lengths that the text works out when it is compiled, and Python beforehand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.codegen.c.texts import size_c
from symgrad.codegen.cuda.body import Writing
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, order
from symgrad.codegen.phases.units import Phases
from symgrad.codegen.plan.indices import STEPS, strides
from symgrad.codegen.python.texts import size_text
from symgrad.graphs.node import BOOLEAN, INTEGER
from symgrad.graphs.sizes import Size


@dataclass(frozen=True)
class ByteCount:
    """A number of entries or of bytes, as C and as Python."""

    c: str
    python: str


def length_of(size: Size, names: Mapping[Any, str]) -> ByteCount:
    """A size as text in both languages."""
    if isinstance(size, int):
        return ByteCount(str(size), str(size))
    return ByteCount(size_c(size, names), size_text(size, names).text)


def words(e: Expr, steps: Sequence[Size], names: Mapping[Any, str]) -> ByteCount:
    """The words that an array takes, with what pads its rows: a multiple of four."""
    count: Size = 1
    for size in e.shape:
        count = count * size
    if len(e.shape) == 2 and tuple(steps) != strides(e.shape):
        count = e.shape[0] * steps[0]
    if isinstance(count, int):
        return length_of(-(-count // 4) * 4, names)
    found = length_of(count, names)
    return ByteCount(f"({found.c} + 3) / 4 * 4", f"-(-({found.python}) // 4) * 4")


def item_bytes(kind: str, single: bool) -> int:
    """The bytes of a number."""
    return {BOOLEAN: 1, INTEGER: 8}.get(kind, 4 if single else 8)


def bytes_of(e: Expr, steps: Sequence[Size], names: Mapping[Any, str], single: bool, narrow: bool = False) -> ByteCount:
    """The bytes that an array takes."""
    item = 2 if narrow else item_bytes(e.kind, single)
    found = words(e, steps, names)
    return ByteCount(f"{item} * ({found.c})", f"{item} * ({found.python})")


@dataclass(frozen=True)
class MemoryRoom:
    """A piece of memory: the arrays that lie there in turn, by type and name, and its length in bytes."""

    tenants: tuple[tuple[str, str], ...]
    length: ByteCount


def room_for(on: Writing, tenants: Sequence[Expr]) -> MemoryRoom:
    """A room that is as long as the longest of its tenants."""
    names, single = on.context.sizes, on.context.single
    length, *others = [bytes_of(e, on.strides[e], names, single, e in on.narrow) for e in tenants]
    for other in others:
        if other != length:
            length = ByteCount(f"most({length.c}, {other.c})", f"max({length.python}, {other.python})")
    return MemoryRoom(tuple((on.type(e), on.context.arrays[e]) for e in tenants), length)


def in_one_piece(phases: Phases, roots: Sequence[Expr]) -> set[Expr]:
    """The arrays that must lie row after row: those that are seen in another shape, and copies in another shape; also by
    the steps of recurrences."""
    of, found = phases.storage, set[Expr]()

    def base_of(e: Expr) -> Expr:
        while e not in of and e.op in STEPS:
            (e,) = e.args
        return e

    for e in order(roots):
        if e.op is acts.RESHAPE:
            found |= {e, base_of(e.args[0])}
        elif e in phases.loops:
            loop = phases.loops[e]
            inner = in_one_piece(loop.fixed, loop.body.roots) | in_one_piece(loop.step, loop.body.roots)
            leaves = (*loop.body.carries, *loop.body.slices, *loop.body.constants)
            found |= {base_of(arg) for leaf, arg in zip(leaves, e.args, strict=False) if leaf in inner}
    return found


def padded(e: Expr, flat: Collection[Expr]) -> tuple[Size, ...]:
    """The steps from entry to entry of an array in shared memory: rows of a matrix an odd multiple of four words apart."""
    if len(e.shape) == 2 and isinstance(e.shape[1], int) and e.shape[1] > 1 and e not in flat:
        width = -(-e.shape[1] // 4) * 4
        return (width + 4 if width // 4 % 2 == 0 else width, 1)
    return strides(e.shape)
