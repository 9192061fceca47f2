"""The letters by which formulas of one graph call its loops: h_t a carry, g_t one of the way back, y_t what is read."""

from __future__ import annotations

import itertools
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from symgrad.graphs import ops
from symgrad.graphs.algebra.recurrence import Loop, is_computed, loop_of
from symgrad.graphs.node import Node, consumers, topological

STATES, BACK, VALUES, SLOPES, BEFORE = "hcsz", "g", "yaeoq", "δεζη", "pq"
STEPS = "tτ"
ORDER = "aifgorzn"  # in which papers tell the values of a step
WORTH = 4  # pieces of what is read several times from which on it has a name


@dataclass
class Told:
    """What a formula says of one loop: the letters of its carries, those of what else is read, and the lines."""

    carries: list[str]
    repeated: dict[Node, str] = field(default_factory=dict)  # what a step would write several times
    others: dict[Node, str] = field(default_factory=dict)

    def letter(self, what: Node) -> str | None:
        """The letter of what a step computes several times, with its name or without it."""
        return next((letter for node, letter in self.repeated.items()
                     if what in (node, *node.operands[:node.op is ops.NAMED])), None)


@dataclass
class Recurrences:
    """The loops that the formulas of one lexicon have met, in that order: all of them call one loop alike."""

    loops: dict[Loop, Told] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    step: str = ""

    def copy(self) -> Recurrences:
        """The same, to go on from."""
        loops = {loop: Told([*told.carries], {**told.repeated}, {**told.others}) for loop, told in self.loops.items()}
        return Recurrences(loops, {*self.used}, self.step)

    def fresh(self, bases: AbstractSet[str], letters: str) -> str:
        """A letter that means nothing yet."""
        taken = {*bases, *self.used}
        found = next((x for x in letters if x not in taken), None)
        numbered = (f"{letters[0]}^{number}" for number in itertools.count(1))
        found = found or next(x for x in numbered if x not in taken)
        self.used.add(found)
        return found

    def _together(self, bases: AbstractSet[str], wishes: list[str]) -> list[str]:
        """The letters of one loop: as they are wished, or all of them with one number, h^1, c^1, i^1; all differ."""
        taken = {*bases, *self.used}
        groups = [wishes] if len(set(wishes)) == len(wishes) else [[wish] for wish in wishes]
        found: list[str] = []
        for group in groups:
            ends = itertools.chain([""], (f"^{number}" for number in itertools.count(1)))
            found += next(way for end in ends if not {*taken, *found} & {*(way := [f"{x}{end}" for x in group])})
        self.used.update(found)
        return found

    def _own(self, wish: str) -> str:
        self.used.add(wish)
        return wish

    def told(self, bases: AbstractSet[str], loop: Loop) -> Told:
        """The names of a loop."""
        if not self.step:
            self.step = next((x for x in STEPS if x not in bases), "τ")
            self.used.add(self.step)
        if loop not in self.loops:
            for node in topological(list(loop.operands)):  # what comes first has the plain letters
                if node.op is ops.SCAN:
                    self.told(bases, loop_of(node))
            back = is_adjoint(loop)
            gates = [n for n in topological(loop.body.after) if n.op is ops.NAMED]
            gates.sort(key=lambda node: ORDER.find(node.attrs[0]))
            if back or len(loop.body.carries) > len(STATES):
                carries = [self.fresh(bases, BACK if back else STATES) for _ in loop.body.carries]
                gates = [n for n in gates if n.attrs[0] not in {*bases, *self.used}]
                letters = [self._own(node.attrs[0]) for node in gates]
            else:
                wishes = [*STATES[:len(loop.body.carries)], *(node.attrs[0] for node in gates)]
                wishes = self._together(bases, wishes)
                carries, letters = wishes[:len(loop.body.carries)], wishes[len(loop.body.carries):]
            self.loops[loop] = Told(carries, dict(zip(gates, letters, strict=True)))
            values = SLOPES if back else VALUES
            self.loops[loop].repeated.update((node, self.fresh(bases, values)) for node in _repeated(loop))
        return self.loops[loop]


def _repeated(loop: Loop) -> list[Node]:
    """What a step would write again and again: computed once, read several times, and longer than a name."""
    after = loop.body.after
    order, uses = topological(after), consumers(after)
    pieces: dict[Node, int] = {}
    found = []
    for node in order:
        pieces[node] = min(1 + sum(pieces[o] for o in dict.fromkeys(node.operands)), 1000)
        if len(uses[node]) > 1 and pieces[node] >= WORTH and is_computed(node) and node not in after:
            pieces[node] = 1
            found.append(node)
    return found


def is_adjoint(loop: Loop) -> bool:
    """Does it run over what a loop that runs the other way has computed, with nothing from outside that this has not?"""
    given = set(loop.given.values())
    others = {loop_of(n) for n in topological(list(loop.operands)) if n.op is ops.SCAN}
    return any(each.reverse is not loop.reverse and each.length == loop.length and given <= set(each.given.values())
               for each in others)
