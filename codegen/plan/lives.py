"""The lives of arrays that share memory, checked: nothing is read after another took its place.

A `Turn` is what runs at once: one call, or one loop that does several steps entry by entry. Where a turn writes over an
array that it reads, it must read each entry no later than it writes it, and both must lie there byte for byte: as
many entries in row-major order, same kind of numbers. Every plan is checked as it is made, whoever made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.storage import Sharing, Storage, as_large, reads


@dataclass(frozen=True)
class Turn:
    """Steps that run at once, and which of them end in memory; `reads` has for each step the stored arrays that it
    reads, with whether this is only at the entry of its turn."""

    steps: tuple[Expr, ...]
    reads: tuple[Mapping[Expr, bool], ...]
    stored: frozenset[Expr]


def clashes(turns: Iterable[Turn], memory: Callable[[Expr], Any], results: Sequence[Expr]) -> list[str]:
    """What is wrong with these turns, where `memory(e)` is the place of an array; nothing where all is well."""
    found: list[str] = []
    holder: dict[Any, Expr] = {}  # who lies in a place that was written
    for number, turn in enumerate(turns):
        written: dict[Any, Expr] = {}
        for e in turn.steps:
            if e in turn.stored and (other := written.setdefault(memory(e), e)) is not e:
                found.append(f"turn {number} writes {_told(e)} and {_told(other)} to one place")
        done: dict[Any, Expr] = {}
        for e, read in zip(turn.steps, turn.reads, strict=True):
            for b, own in read.items():
                place = memory(b)
                if b in turn.steps:
                    if not own:
                        found.append(f"turn {number} reads {_told(b)} elsewhere, which it is about to write")
                    continue
                if holder.get(place, b) is not b:
                    found.append(f"turn {number} reads {_told(b)}, whose place {_told(holder[place])} has taken")
                if place in done:
                    found.append(f"turn {number} reads {_told(b)} after {_told(done[place])} has taken its place")
                new = written.get(place)
                if new is not None and not (own and new.kind == b.kind and as_large(new, b)):
                    found.append(f"turn {number} writes {_told(new)} in the place of {_told(b)}, which it reads")
            if e in turn.stored:
                done[memory(e)] = e
        holder.update(written)
    found += [f"the result {_told(e)} has lost its place" for e in results if holder.get(memory(e), e) is not e]
    return found


def alone(e: Expr, of: Storage, memory: Callable[[Expr], Any], shares: Sharing) -> dict[Expr, bool]:
    """What a step that is a turn of its own reads; how it reads matters where it writes over it."""
    return {b: memory(b) == memory(e) and shares(e, b, of) for b in reads(e, of)}


def _told(e: Expr) -> str:
    return f"{e.op} of shape {e.shape} ({e.kind})"
