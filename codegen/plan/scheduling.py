"""In which order the steps of a plan are done, so that little is held at once: several are tried, and measured."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.slots import slots
from symgrad.codegen.plan.storage import LARGE, Sharing, Storage, bytes_of, reads

MARGIN = 0.02  # of the workspace, from which another order is worth it


def workspace(kept: Storage, fixed: Collection[Expr], shares: Sharing) -> int:
    """The bytes of all slots, at typical sizes."""
    return sum(max(map(bytes_of, slot.tenants)) for slot in slots(kept, set(fixed), shares)[0])


def scheduled(kept: Storage, first: Collection[Expr] = ()) -> list[Expr]:
    """Steps in an order in which what is needed is computed shortly before: of its operands, the deepest first.

    They are computed for the results and what is to come `first`, in the order in which these stand. An unrolled
    recurrence then does cell after cell the same, in less memory, and not all products with data first.
    """
    needs = {e: [b for b in reads(e, kept) if b.op not in acts.GIVEN] for e in kept.stored}
    wanted = {*kept.roots, *first}
    depth: dict[Expr, int] = {}
    for e in kept.stored:
        depth[e] = 1 + max((depth[b] for b in needs[e]), default=0)
    done: dict[Expr, None] = {}
    for root in kept.stored:
        stack = [root] if root in wanted else []
        while stack:
            e = stack[-1]
            waiting = [b for b in needs[e] if b not in done]
            if waiting:
                stack.append(max(waiting, key=depth.__getitem__))
                continue
            done[stack.pop()] = None
    return list(done)


def shrinking(kept: Storage) -> set[Expr]:
    """The steps after which much less may be held than before: sums, and products that sum over what is long."""
    return {e for e in kept.stored if 4 * bytes_of(e) < sum(bytes_of(b) for b in reads(e, kept))}


def smallest(kept: Storage, orders: Sequence[Callable[[], list[Expr]]], shares: Sharing) -> None:
    """Puts the steps into that of these orders whose workspace is smallest: the first, unless another saves enough.

    Where no array is large, it is the first.
    """
    given, (first, *others) = kept.stored, orders
    kept.stored = best = first()
    if max(map(bytes_of, best), default=0) < LARGE:
        return
    least = workspace(kept, kept.roots, shares)
    for each in others:
        kept.stored = given
        kept.stored = each()
        size = workspace(kept, kept.roots, shares)
        if size < (1 - MARGIN) * least:
            best, least = kept.stored, size
    kept.stored = best
