"""Where the arrays of a function in a workspace lie: given arrays, new ones, slots; and what each is called.

Its results go into arrays that are given, as in a training step, or into new ones that it returns (`form`). A result
that is a product in another shape is computed where it is returned, not copied there. An array whose place is taken by
the step that reads it last hands on its name with its place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, base_of, is_view
from symgrad.codegen.plan.lives import Turn, alone, clashes
from symgrad.codegen.plan.scheduling import scheduled, shrinking, smallest
from symgrad.codegen.plan.slots import Slot, slots
from symgrad.codegen.plan.storage import Storage, by_memory, every_operation, last_reads
from symgrad.codegen.python.identifiers import Identifiers, identifier
from symgrad.codegen.python.inplace import as_it_lies, first_only
from symgrad.codegen.python.planner import Wish
from symgrad.codegen.python.setting import Setting


@dataclass
class Results:
    """What becomes of the outputs: arrays of a name each, given as arguments or made anew; copies of what is one."""

    named: dict[Expr, str] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)
    copies: list[tuple[str, Expr]] = field(default_factory=list)


@dataclass(frozen=True)
class Places:
    """The memory of a function: what is stored, where, under which name."""

    kept: Storage
    results: Results
    taken: Mapping[Expr, Expr]  # what is written over an input
    constant: list[Expr]  # the same for all batches of one size
    lent: Mapping[Expr, Expr]  # what lies in the array of a result that is the same in another shape
    slots: list[Slot]
    home: Mapping[Expr, int]
    names: Mapping[Expr, str]
    memory: Mapping[Expr, object]  # two with equal memory share it

    def shares(self, e: Expr, b: Expr) -> bool:
        """Do both lie in the same place?"""
        b = as_it_lies(b)
        return e in self.memory and b in self.memory and self.memory[e] == self.memory[b]

    def rooms(self) -> list[tuple[str, Expr]]:
        """The arrays in slots, largest tenant of a name first made: a slot is made in its full size."""
        return list({self.names[e]: (self.names[e], e) for e in self.kept.stored if e in self.home}.values())


def places(begun: Setting) -> Places:
    """The places of a function that is ready to be written."""
    form, roots, arrays = begun.job.form, begun.roots, begun.given
    wanted = roots if form is None else [base_of(root) for root in roots]  # of new arrays, views are returned
    kept = every_operation([e for e in dict.fromkeys(wanted) if e not in arrays], begun.late)
    if form is not None:
        wanted = [_lies_in(root, kept) for root in roots]
        kept = every_operation([e for e in dict.fromkeys(wanted) if e not in arrays], begun.late)
    over = begun.overwritten()
    if not over:  # else the order of the formulas, in which a state is read before it is overwritten
        in_order(kept)
    taken = _overwritten(kept, roots, [wish for wish, _ in begun.job.outputs], over, arrays)
    results = _filled(begun, taken, over) if form is None else _made(begun, wanted)
    constant = [e for e in kept.stored if e.op in acts.FILLS and e not in results.named]
    lent = {root.args[0]: root for root in results.named if root.op is acts.RESHAPE and root not in taken
            and root.args[0] in kept.keep and root.args[0] not in {*results.named, *constant, *arrays}}
    found, home = slots(kept, {*results.named, *constant, *lent, *taken}, first_only)
    names = _named(kept, {**arrays}, results.named, taken, _heirs(kept, home), begun.wishes, begun.scope)
    memory: dict[Expr, object] = {**home, **{e: names[b] for e, b in taken.items()}}
    memory.update({e: names[e] for e in names if e.op is acts.INPUT})
    assert not (wrong := _clashes(kept, memory, constant, lent, results)), wrong
    return Places(kept, results, taken, constant, lent, found, home, names, memory)


def _lies_in(e: Expr, kept: Storage) -> Expr:
    """What a returned view is of: the copy of a transpose that is kept, say, because another step reads it in one piece."""
    while is_view(e) and e not in kept.keep:
        (e,) = e.args
    return e


def in_order(kept: Storage) -> None:
    """The order in which steps are done."""
    kept.stored = by_memory(kept)
    smallest(kept, [lambda: kept.stored, lambda: scheduled(kept), lambda: scheduled(kept, shrinking(kept))], first_only)


def steps_of(roots: Sequence[Expr], late: frozenset[Expr]) -> Storage:
    """The steps below results, in order."""
    kept = every_operation(roots, late)
    in_order(kept)
    return kept


def _clashes(kept: Storage, memory: Mapping[Expr, object], constant: Collection[Expr], lent: Mapping[Expr, Expr],
             results: Results) -> list[str]:
    """What is wrong with these places; what is lent stands for the result that it is."""
    def place(e: Expr) -> object:
        return memory.get(e, e)

    turns = []
    for e in kept.stored:
        if e not in constant and not (e.args and lent.get(e.args[0]) is e):
            read = {lent.get(b, b): own for b, own in alone(e, kept, place, first_only).items()}
            turns.append(Turn((lent.get(e, e),), (read,), frozenset([lent.get(e, e)])))
    return clashes(turns, place, list(results.named))


def _made(begun: Setting, wanted: Sequence[Expr]) -> Results:
    """New arrays, of which the outputs are views."""
    results = Results()
    for e, root, wish in zip(wanted, begun.roots, begun.result_names(), strict=True):
        if e not in begun.given and e not in results.named:
            name = wish if e is root else begun.wishes[e].name if e in begun.wishes else None
            results.named[e] = begun.scope.fresh(name) if name else begun.scope.numbered("v")
    return results


def _filled(begun: Setting, taken: Collection[Expr], over: Mapping[str, str]) -> Results:
    """Arrays that are given; those of an input where an output overwrites it."""
    results = Results()
    for root, (wish, _) in zip(begun.roots, begun.job.outputs, strict=True):
        target = over[wish] if wish in over else begun.scope.fresh(identifier(wish))
        if wish not in over:
            results.given.append(target)
        if root in begun.given or root in results.named or (root not in taken and wish in over):
            results.copies.append((target, root))
        else:
            results.named[root] = target
    return results


def _named(kept: Storage, names: dict[Expr, str], results: Mapping[Expr, str], taken: Mapping[Expr, Expr],
           heirs: Mapping[Expr, Expr], wishes: Mapping[Expr, Wish], scope: Identifiers) -> dict[Expr, str]:
    """Names for all that is stored, beside those of arguments: wished for, or of those who take the place."""
    for e in reversed(kept.stored):
        wish = wishes[e].name if e in wishes else None
        if e in results:
            names[e] = results[e]
        elif e in taken:
            names[e] = names[taken[e]]
        elif wish is None and e in heirs and heirs[e] in names:
            names[e] = names[heirs[e]]
        elif wish:
            names[e] = scope.fresh(wish)
    for e in kept.stored:
        chain = [e]
        while chain[-1] not in names and chain[-1] in heirs:
            chain.append(heirs[chain[-1]])
        if chain[-1] not in names:
            names[chain[-1]] = scope.numbered("v")
        names.update(dict.fromkeys(chain, names[chain[-1]]))
    return names


def _heirs(kept: Storage, home: Mapping[Expr, int]) -> dict[Expr, Expr]:
    """For arrays whose place is taken by the step that reads them last: who takes it, in the same shape."""
    heirs: dict[Expr, Expr] = {}
    last = last_reads(kept)
    for step, e in enumerate(kept.stored):
        for b in e.args:
            same = b in home and e in home and home[b] == home[e] and (b.shape, b.kind) == (e.shape, e.kind)
            if same and last[b] == step:
                heirs[b] = e
    return heirs


def _overwritten(kept: Storage, roots: Sequence[Expr], wishes: Sequence[str],
                 over: Mapping[str, str], arrays: Mapping[Expr, str]) -> dict[Expr, Expr]:
    """The results that can be written over an input: nothing reads that input at a later step."""
    last, place = last_reads(kept), {e: i for i, e in enumerate(kept.stored)}
    by_name = {name: e for e, name in arrays.items()}
    taken: dict[Expr, Expr] = {}
    for root, wish in zip(roots, wishes, strict=True):
        if wish not in over or root not in place:
            continue
        old = by_name[over[wish]]
        when = last.get(old, -1)
        if root.shape == old.shape and (when < place[root] or (when == place[root] and first_only(root, old, kept))):
            taken[root] = old
            for e in root.args:  # what only this result is computed from may be there before
                if e in place and last[e] == place[root] and place[e] == when and e not in roots and (
                        e.shape == old.shape and first_only(root, e, kept) and first_only(e, old, kept)):
                    taken[e] = old
    return taken
