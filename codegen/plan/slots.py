"""Which arrays share memory: slots, coloured by size.

The largest arrays get their slots first, each kind of numbers and each set of symbolic sizes by itself, so that none is
wasted on another for some batch; a smaller one lies in a gap of a larger slot where there is one, in the tightest, and of
equals in the one that was left last (Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference, 2020).
A step that reads a dying array only at the entry that it writes takes its place.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.storage import Sharing, Storage, as_large, bytes_of, last_reads, reads

EVER = float("inf")


@dataclass(frozen=True)
class Slot:
    """A piece of the workspace: large enough for each of its tenants, one after the other."""

    number: int
    tenants: tuple[Expr, ...]


@dataclass(frozen=True)
class _Stay:
    """Arrays each in the place of the one before: from the step that makes the first until the last is read last."""

    first: int
    last: int
    who: tuple[Expr, ...]


def slots(of: Storage, fixed: set[Expr], same_place: Sharing) -> tuple[list[Slot], dict[Expr, int]]:
    """The slots of the workspace and who lives in which; `fixed` have memory of their own (results)."""
    classes: dict[Any, dict[int, list[_Stay]]] = {}
    for stay in _stays(of, fixed, same_place):
        e = stay.who[0]
        classes.setdefault((e.kind, _symbols(e)), {}).setdefault(bytes_of(e), []).append(stay)
    rooms: list[list[_Stay]] = []
    for by_size in classes.values():
        own: list[list[_Stay]] = []
        for size in sorted(by_size, reverse=True):
            _settle(by_size[size], own)
        rooms += own
    rooms.sort(key=lambda room: room[0].first)
    found = [Slot(k, tuple(e for stay in room for e in stay.who)) for k, room in enumerate(rooms)]
    return found, {e: slot.number for slot in found for e in slot.tenants}


def _stays(of: Storage, fixed: set[Expr], same_place: Sharing) -> list[_Stay]:
    """All that needs room, in the order in which it is made."""
    last = last_reads(of)
    chains: dict[Expr, list[Expr]] = {}  # by their last array
    place = {e: step for step, e in enumerate(of.stored)}
    for step, e in enumerate(of.stored):
        if e in fixed:
            continue
        before = next((b for b in reversed(reads(e, of)) if last[b] == step and b in chains and b.kind == e.kind
                       and as_large(e, b) and same_place(e, b, of)), None)
        chains[e] = [*chains.pop(before), e] if before is not None else [e]
    found = [_Stay(place[who[0]], max(last.get(e, 0), place[e]), tuple(who)) for e, who in chains.items()]
    return sorted(found, key=lambda stay: stay.first)


def _settle(stays: Sequence[_Stay], rooms: list[list[_Stay]]) -> None:
    """Stays of one size, by when they begin, get their rooms: gaps of those there are, or new ones."""
    number = count()  # breaks ties
    coming: list[tuple[float, int, float, list[_Stay]]] = []  # gaps by where they begin
    there: list[tuple[float, float, int, list[_Stay]]] = []  # those that have begun, by where they end
    for room in rooms:
        ends, begins = [-1, *(stay.last for stay in room)], [*(stay.first for stay in room), EVER]
        coming += [(begin, next(number), end, room) for begin, end in zip(ends, begins, strict=True) if end - begin > 1]
    heapify(coming)
    for stay in stays:
        while coming and coming[0][0] < stay.first:
            begin, place, end, room = heappop(coming)
            insort(there, (end, -begin, -place, room))
        place = bisect_left(there, (stay.last + 1,))
        if place < len(there):
            end, _, _, room = there.pop(place)
        else:
            room, end = [], EVER
            rooms.append(room)
        insort(room, stay, key=lambda each: each.first)
        heappush(coming, (stay.last, next(number), end, room))


def largest(slot: Slot) -> Expr:
    """The tenant that needs most room, at typical sizes."""
    return max(slot.tenants, key=bytes_of)


def _symbols(e: Expr) -> frozenset[Any]:
    """The symbolic sizes on which the length of an array depends."""
    return frozenset(s for x in e.shape if not isinstance(x, int) for s in x.free_symbols)
