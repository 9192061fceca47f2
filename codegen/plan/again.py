"""What is computed again in place of being kept: what costs little, from what is kept anyway.

Where most is held, between the way forward and the way back, some arrays wait for steps that read them much later. Which
of them wait, and which are computed again where they are read, is a smallest cut: an array that is kept costs its bytes,
one that is computed again a part of them for each pass over memory, and only what works entry by entry, with arithmetic
and no functions, is computed again at all (for recomputation by cuts: Jain et al., Checkmate, MLSys 2020; PyTorch's
partitioner). So of x, x - mean, (x - mean) / deviation and its affine map one array is kept, of GELU its argument and erf.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, order
from symgrad.codegen.plan.flows import Arc, before_cut
from symgrad.codegen.plan.indices import STEPS
from symgrad.codegen.plan.storage import LARGE, SCALAR, Storage, bytes_of, last_reads, reads
from symgrad.graphs.weights import ONE

PASS = 8  # a pass over an array costs one part in so many of what keeping it costs
FUNCTION = 2  # so many passes stand for a function
MOST = 6  # passes for one array
NEAR = 12  # steps: what is read again this soon is not computed again
FEW = 3  # large arrays, below which nothing is gained
LEAST = 0.04  # of all that is held, what has to be saved
ARITHMETIC = frozenset({"maximum", "minimum", "where", "abs", "sign", "negative", "less", "less_equal", "greater",
                        "greater_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not"})

Stepwise = Callable[[Sequence[Expr], frozenset[Expr]], Storage]


@dataclass(frozen=True)
class LessKept:
    """New results, and what each new expression stands for; some stand for one that is computed in two places."""

    roots: list[Expr]
    origin: Mapping[Expr, Expr]
    copies: frozenset[Expr]


def computed_again(roots: Sequence[Expr], stored: Stepwise, functions: Collection[str] = (),
                   loops: bool = False) -> LessKept | None:
    """The same results, some of what they need computed again; None where that saves too little.

    `stored` gives the steps below results in order, of which some are done as late as can be. `functions` are those
    that cost no more than a few passes over memory; with `loops`, what one loop reads is computed within it.
    """
    if sum(bytes_of(e) >= LARGE for e in order(roots)) < FEW:
        return None
    kept = stored(roots, frozenset())
    when, most = fullest(kept)
    cut = _Cut(kept, when, functions, loops)
    again = cut.cheapest()
    if sum(bytes_of(e) for e in again if e in cut.late) < LEAST * most:
        return None
    writer = _Rewriting(kept, when, again)
    new = [writer.late(root, len(kept.stored)) for root in roots]
    return LessKept(new, writer.origin, frozenset(writer.copies))


def fullest(kept: Storage) -> tuple[int, int]:
    """The step at which most is held, results not counted, and how many bytes at typical sizes."""
    last, results = last_reads(kept), set(kept.roots)
    change = [0] * (len(kept.stored) + 1)
    for step, e in enumerate(kept.stored):
        if e not in results:
            change[step] += bytes_of(e)
            change[last.get(e, step) + 1] -= bytes_of(e)
    now, most, when = 0, -1, 0
    for step in range(len(kept.stored)):
        now += change[step]
        if now > most:
            most, when = now, step
    return when, most


def passes(e: Expr, of: Storage, functions: Collection[str] = ()) -> int | None:
    """How often memory is passed to compute `e` from stored arrays; None where it is no arithmetic on entries."""
    count, stack = 0, [e]
    while stack:
        part = stack.pop()
        if part is not e and (part in of or part.op in acts.LEAVES or part.op in acts.FILLS):
            continue
        if part.op not in SCALAR and part.op not in STEPS or part is e and part.op in STEPS:
            return None
        if part.op is acts.ROW and part.attrs[0] not in ARITHMETIC:
            if part.attrs[0] not in functions:
                return None
            count += FUNCTION
        elif part.op in acts.SCALARS:
            weighted = part.op is acts.PRODUCT and part.attrs[0] != ONE
            count += max(1, len(part.args) - 1 + weighted)
        stack += part.args
    return count


class _Cut:
    """The cut at one step: what is read after it, from what was made before it."""

    def __init__(self, kept: Storage, when: int, functions: Collection[str], loops: bool) -> None:
        self.kept, self.results = kept, set(kept.roots)
        self.early = [e for e in kept.stored[:when] if e not in self.results and e.op not in acts.FILLS]
        self.cost = {e: passes(e, kept, functions) for e in self.early}
        readers: dict[Expr, list[int]] = {e: [step] for step, e in enumerate(kept.stored[:when]) if e in self.cost}
        for step, r in enumerate(kept.stored):
            for b in reads(r, kept):
                if b in readers:
                    readers[b].append(step)
        self.late = {e for e, steps in readers.items() if steps[-1] >= when}
        self.fixed: set[Expr] = set()  # never computed again
        for e in self.late:
            before, after = ([s for s in readers[e] if (s < when) is early] for early in (True, False))
            inside = loops and len(after) == 1 and kept.stored[after[0]].op in SCALAR
            if after[0] - before[-1] <= NEAR or after[0] <= when + NEAR and not inside:
                self.fixed.add(e)
        self.fixed |= {e for e in self.early if self.cost[e] is None or bytes_of(e) < LARGE}

    def cheapest(self) -> set[Expr]:
        """What is computed again: each in few passes, all that it needs counted."""
        while True:
            again = self._once()
            spent: dict[Expr, int] = {}
            for e in self.early:
                if e in again:
                    spent[e] = (self.cost[e] or 0) + sum(spent.get(b, 0) for b in reads(e, self.kept))
            long = {e for e in again if spent[e] > MOST}
            if not long:
                return again
            self.fixed |= long

    def _once(self) -> set[Expr]:
        source, sink = "before", "after"
        endless = 1 + 2 * sum(map(bytes_of, self.early)) * (MOST + 1)
        inside, arcs = set(self.early), list[Arc]()
        for e in self.early:
            arcs.append(((e, 0), (e, 1), bytes_of(e)))
            if e in self.fixed:
                arcs.append((source, (e, 0), endless))
            else:
                arcs.append((source, (e, 0), bytes_of(e) * (self.cost[e] or 1) // PASS))
                arcs += [((b, 1), (e, 0), endless) for b in reads(e, self.kept) if b in inside]
            if e in self.late:
                arcs.append(((e, 1), sink, endless))
        there = before_cut(arcs, source, sink)
        return {e for e in self.early if (e, 0) not in there}


@dataclass
class _Rewriting:
    """Expressions after the step `when`, with what is computed again in place of what was kept."""

    kept: Storage
    when: int
    again: set[Expr]
    new: dict[Expr, Expr] = field(default_factory=dict)
    origin: dict[Expr, Expr] = field(default_factory=dict)
    copies: set[Expr] = field(default_factory=set)
    made: dict[Expr, tuple[Expr, int]] = field(default_factory=dict)  # computed again, and for which step last

    def __post_init__(self) -> None:
        self.place = {e: step for step, e in enumerate(self.kept.stored)}
        for step in range(self.when, len(self.kept.stored)):
            e = self.kept.stored[step]
            self.new[e] = self._from(e, [self.late(a, step) for a in e.args])

    def late(self, e: Expr, step: int) -> Expr:
        """What the step `step` reads for `e`."""
        if e in self.new:
            return self.new[e]
        if e in self.again:
            return self._again(e, step)
        if e in self.kept or not e.args:
            return e
        return self._from(e, [self.late(a, step) for a in e.args])

    def _from(self, e: Expr, args: Sequence[Expr]) -> Expr:
        if all(a is b for a, b in zip(args, e.args, strict=True)):
            return e
        changed = replace(e, args=tuple(args))
        self.origin[changed] = e
        return changed

    def _again(self, e: Expr, step: int) -> Expr:
        known = self.made.get(e)
        if known is None or step - known[1] > NEAR:
            known = self._copy(e, step), step
            self.copies.add(known[0])
        self.made[e] = known[0], step
        return known[0]

    def _copy(self, e: Expr, step: int) -> Expr:
        """`e` once more, and all between it and what is stored."""
        args = [self.late(a, step) if a in self.kept or not a.args else self._copy(a, step) for a in e.args]
        copy = replace(e, args=tuple(args))
        self.origin[copy] = e
        return copy
