"""What is kept in memory: which expressions are arrays of their own, in which order they are made, how long they live.

A backend that writes loops computes scalar functions inside the loop that needs them. An expression is stored
where it is needed twice, where a library call reads it, where it would be computed again for every entry it is
broadcast to, and where a chain gets long. A loop that reads a dying array only at the entry it writes may write in its
place, in whatever shape; `slots.py` says who shares memory, `again.py` what is computed twice and not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from math import prod

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, order, uses
from symgrad.codegen.lowering.order import typical
from symgrad.codegen.plan.indices import STEPS, AffineForm, counters, locate, strides
from symgrad.graphs.node import BOOLEAN
from symgrad.graphs.sizes import Shape, Size

SCALAR = acts.SCALARS | acts.FILLS | {acts.BROADCAST}  # computed entry by entry
TRIVIAL = acts.FILLS | {acts.NUMBER}
LARGE = 2**20  # bytes of an array at typical sizes, in double precision, from which memory is thought of
LONGEST = 24  # operations in one loop body


@dataclass
class Storage:
    """The arrays of a function: `stored` in the order of their steps; those in `late` are computed where they are read."""

    roots: tuple[Expr, ...]
    stored: list[Expr] = field(default_factory=list)
    keep: set[Expr] = field(default_factory=set)
    late: frozenset[Expr] = frozenset()

    def __contains__(self, e: Expr) -> bool:
        return e in self.keep or e.op in acts.GIVEN


def every_operation(roots: Sequence[Expr], late: frozenset[Expr] = frozenset()) -> Storage:
    """All operations stored but views: for a backend that does one at a time."""
    exprs = order(roots)
    keep = {e for e in exprs if e in roots or (e.op not in acts.LEAVES and e.op not in STEPS)}
    keep |= {e.args[0] for e in exprs if e.op is acts.RESHAPE and _is_view(e.args[0])}
    return Storage(tuple(roots), [e for e in exprs if e in keep and e.op not in acts.GIVEN], keep, late)


def storage(roots: Sequence[Expr], in_place: Collection[Expr] = (), late: frozenset[Expr] = frozenset()) -> Storage:
    """Which expressions below `roots` are stored by a backend that fuses scalar functions into loops.

    `in_place` are reshapes that are read where the view lies that they are of.
    """
    result = Storage(tuple(roots), late=late)
    exprs = order(roots)
    keep = result.keep
    keep.update(root for root in roots)
    count = uses(exprs, roots, STEPS)
    for e in exprs:
        if e.op in acts.LEAVES or e.op in TRIVIAL:
            continue
        if e.op not in STEPS and (e.op not in SCALAR or count[e] > 1):
            keep.add(e)
    for e in reversed(exprs):
        if e.op is acts.RESHAPE and e not in keep and e not in in_place and _is_view(e.args[0]):
            keep.add(e.args[0])  # a copy, so that it lies in one piece
        if e.op is acts.LOOP:  # a step reads what lies in one piece; of another loop's results each does
            keep.update(a for a in e.args if a.op not in acts.GIVEN and a.op is not acts.PART)
        if e.attrs[:1] == ("distances",) and e.args[1].op is acts.TRANSPOSE:
            keep.add(e.args[1])  # loops run along its rows
        for arg in e.args:
            base = _base(arg, keep)
            if base.op in acts.LEAVES or base in keep:
                continue
            if e.op in acts.WHOLE or e.op is acts.RESHAPE or (
                    base.op not in TRIVIAL and sorted(map(str, base.shape)) != sorted(map(str, _visited(e, arg)))):
                keep.add(base)
    _cut(exprs, keep)
    result.stored = [e for e in exprs if e in keep and e.op not in acts.GIVEN]
    result.stored = by_memory(result)
    return result


def _is_view(e: Expr) -> bool:
    return e.op in STEPS and e.op is not acts.RESHAPE


def _base(e: Expr, keep: set[Expr]) -> Expr:
    while e.op in STEPS and e not in keep:
        e = e.args[0]
    return e


def _visited(e: Expr, arg: Expr) -> Shape:
    """The shape of the loops in which `e` reads `arg`."""
    if e.op in acts.FOLDING or e.op in acts.MOVES:
        return arg.shape
    return e.shape


def _cut(exprs: Sequence[Expr], keep: set[Expr]) -> None:
    """Long chains are stored in between, so that loop bodies (and the recursion that writes them) stay short."""
    length: dict[Expr, int] = {}
    for e in exprs:
        length[e] = 1 + sum(0 if a in keep else length[a] for a in e.args)
        while length[e] > LONGEST and e.op not in STEPS:
            open_args = [b for a in e.args if (b := _base(a, keep)) not in keep and b.op not in acts.LEAVES
                         and length[b] > 1]
            if not open_args:
                break
            longest = max(open_args, key=lambda a: length[a])
            keep.add(longest)
            length[e] = 1 + sum(0 if _base(a, keep) in keep else length[a] for a in e.args)


# lives ------------------------------------------------------------------------------------------------------------


def last_reads(of: Storage) -> dict[Expr, int]:
    """The step that reads each array last."""
    last: dict[Expr, int] = {}
    for step, e in enumerate(of.stored):
        for base in reads(e, of):
            last[base] = step
    return last


def by_memory(of: Storage) -> list[Expr]:
    """The steps in an order in which little is kept: always the step after which least is held, of those that can be.

    List scheduling, greedy, at typical sizes; among equals results come first, then the order stays. Results take
    memory in any case, so the gradient by a parameter comes as soon as it can, and what it was computed from is free
    for the next layer.
    """
    place = {e: i for i, e in enumerate(of.stored)}
    own = {e: [b for b in reads(e, of) if b in place] for e in of.stored}
    needs, late = _joined(of, own)
    readers: dict[Expr, dict[Expr, None]] = {e: {} for e in needs}
    for e, bases in needs.items():
        for b in bases:
            readers[b][e] = None
    waiting = {e: len(bases) for e, bases in needs.items()}
    results = set(of.roots)
    size = {e: 0 if e in results else bytes_of(e) for e in of.stored}

    def rank(e: Expr) -> tuple[int, bool, int]:
        return size[e] - sum(size[b] for b in needs[e] if len(readers[b]) == 1), e not in results, place[e]

    heap = [rank(e) for e in needs if not waiting[e]]
    heapify(heap)
    done: dict[Expr, None] = {}
    while heap:
        entry = heappop(heap)
        e = of.stored[entry[-1]]
        if e in done or entry != rank(e):  # there is a better entry for it
            continue
        done[e] = None
        for b in needs[e]:
            del readers[b][e]
            if len(readers[b]) == 1:
                (last,) = readers[b]
                if not waiting[last]:
                    heappush(heap, rank(last))
        for reader in readers[e]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heappush(heap, rank(reader))
    return list(with_late(done, own, late))


def _joined(of: Storage, own: Mapping[Expr, Sequence[Expr]]) -> tuple[dict[Expr, list[Expr]], set[Expr]]:
    """What the steps need that are done one by one, and the others, each of which comes with what reads it.

    These are late; or they work entry by entry, for one such step alone, which needs nothing large beside it: a chain is
    one step, its last one, and what it holds in between does not count.
    """
    count: dict[Expr, int] = {}
    for bases in own.values():
        for b in bases:
            count[b] = count.get(b, 0) + 1
    needs: dict[Expr, list[Expr]] = {}
    late = set(of.late)
    for e in of.stored:
        for b in own[e] if e.op in acts.SCALARS else ():
            if count[b] == 1 and b.op in acts.SCALARS and b.shape and b not in of.roots and all(
                    x in needs[b] or 8 * bytes_of(x) < bytes_of(b) for x in own[e] if x is not b):
                late.add(b)
        needs[e] = list(dict.fromkeys(x for b in own[e] for x in (needs[b] if b in late else [b])))
    return {e: bases for e, bases in needs.items() if e not in late}, late


def with_late(done: Iterable[Expr], needs: Mapping[Expr, Sequence[Expr]], late: Collection[Expr]) -> dict[Expr, None]:
    """Steps in order, each behind what it needs of what is late."""
    result: dict[Expr, None] = {}
    for e in done:
        stack = [e]
        while stack:
            waiting = [b for b in needs[stack[-1]] if b in late and b not in result]
            if waiting:
                stack.append(waiting[0])
            else:
                result[stack.pop()] = None
    return result


def bytes_of(e: Expr) -> int:
    """The memory of an array at typical sizes, in double precision."""
    return (1 if e.kind == BOOLEAN else 8) * prod(map(typical, e.shape))


Sharing = Callable[[Expr, Expr, Storage], bool]


def reads(e: Expr, of: Storage) -> list[Expr]:
    """The stored arrays that the step of `e` reads, each once."""
    found: dict[Expr, None] = {}
    stack = list(e.args)
    while stack:
        arg = stack.pop()
        if arg in of:
            found[arg] = None
        else:
            stack += arg.args
    return list(found)


def same_place(e: Expr, b: Expr, of: Storage) -> bool:
    """Does the loop of `e` read `b` only at the entry that it writes, so that it may write in the place of `b`?"""
    if e.op is acts.PLACE and e.attrs[0] and e.args[0] is b:  # a sum that parts are added to
        return b.shape == e.shape and not any(b in _below(arg, of) for arg in e.args[1:])
    if e.op not in SCALAR or e.kind != b.kind or not as_large(e, b):
        return False
    rank = len(e.shape)
    own = counters(rank)
    turn = AffineForm(0, strides(e.shape))
    stack = [(arg, own[rank - len(arg.shape):] if arg.shape == e.shape else None) for arg in e.args]
    while stack:
        arg, index = stack.pop()
        if arg in of:
            if arg is b and index != own:
                return False
            continue
        if index is None:
            if b in _below(arg, of):
                return False
            continue
        if arg.op in STEPS:
            inner, place = locate(arg, index, rank, of.__contains__)
            if isinstance(place, AffineForm):
                if inner is b and place != turn:  # of a reshape each entry lies where it lay
                    return False
                continue
            stack.append((inner, place))
            continue
        stack += [(a, index if a.shape == arg.shape else None) for a in arg.args]
    return True


def as_large(e: Expr, b: Expr) -> bool:
    """Have both the same number of entries, whatever the size?"""
    return e.shape == b.shape or bytes_of(e) == bytes_of(b) and entries(e.shape) == entries(b.shape)


def _below(e: Expr, of: Storage) -> set[Expr]:
    return {e} if e in of else set(reads(e, of))


def entries(shape: Shape) -> Size:
    """The number of entries."""
    total: Size = 1
    for size in shape:
        total = total * size
    return total
