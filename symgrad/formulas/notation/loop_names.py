"""The letters by which formulas of one graph call its loops: h_t a carry, y_t what is read of one; and on the way back
G_{h_t}, the cotangent of h_t. What is the cotangent of nothing that has a name has a letter too: g_t a carry, δ_t.

A letter means one thing: none is taken that has a meaning in the formulas around, bare or with an index.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from symgrad.formulas.spelling.glyphs import Name, parse_name
from symgrad.formulas.spelling.tree import Tree, walk
from symgrad.graphs import ops
from symgrad.graphs.algebra.recurrence import Loop, is_computed, loop_of
from symgrad.graphs.node import Node, consumers, topological
from symgrad.graphs.sizes import Size
from symgrad.graphs.textbook.normal import textbook

Letter = str | Name
STATES, BACK, VALUES, SLOPES, BEFORE = "hczd", "g", "auykb", "δεζη", "pq"
STEPS = "tτκ"
ORDER = "aifgorzn"  # in which papers tell the values of a step
ELSE = {"n": "h_tilde", "g": "c_tilde"}  # what other papers call a gate, where its letter means something else
LONG = 10  # pieces of what is read once
WORTH = 4  # pieces of what is read several times from which on it has a name


@dataclass
class Told:
    """What a formula says of one loop: the letters of its carries, those of what else is read, and the lines."""

    carries: list[Letter]
    repeated: dict[Node, Letter] = field(default_factory=dict)  # what a step would write several times
    others: dict[Node, Letter] = field(default_factory=dict)
    back: bool = False  # does it run back over another one?
    cotangents: dict[Node, Name] = field(default_factory=dict)  # on the way back: what is the cotangent of a named value
    leaves: dict[Node, Node] = field(default_factory=dict)  # what stands for values where a line is brought to its form
    totals: dict[Node, Node] = field(default_factory=dict)  # of a carry, what it is a part of: all that a value receives

    def letter(self, what: Node) -> Letter | None:
        """The letter of what a step computes several times, with its name or without it."""
        return next((letter for node, letter in self.repeated.items()
                     if what in (node, *node.operands[:node.op is ops.NAMED])), None)

    def cotangent(self, what: Node) -> Name | None:
        """The name of a cotangent."""
        return (self.cotangents.get(what) or self.cotangents.get(textbook(what))) if self.cotangents else None


@dataclass
class Recurrences:
    """The loops that the formulas of one lexicon have met, in that order: all of them call one loop alike.

    `bases` are letters that mean something else in the text around, and names with a superscript. `letters`: cotangents
    have letters of their own, too.
    """

    loops: dict[Loop, Told] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    steps: dict[tuple[int, Size], str] = field(default_factory=dict)  # the letters of steps, by loops around and lengths
    letters: bool = False
    returned: dict[Loop, Loop] = field(default_factory=dict)  # over which one runs back: only one has the names

    def copy(self) -> Recurrences:
        """The same, to go on from."""
        loops = {loop: Told([*told.carries], {**told.repeated}, {**told.others}, told.back, told.cotangents, told.leaves,
                            told.totals)
                 for loop, told in self.loops.items()}
        return Recurrences(loops, {*self.used}, {**self.steps}, self.letters, {**self.returned})

    def fresh(self, bases: AbstractSet[str], letters: str) -> str:
        """A letter that means nothing yet."""
        taken = {*_with_first(bases), *self.used}
        found = next((x for x in letters if x not in taken), None)
        numbered = (f"{letters[0]}^{number}" for number in itertools.count(1))
        found = found or next(x for x in numbered if x not in taken)
        self.used.add(found)
        return found

    def are_stacked(self, tree: Tree) -> bool:
        """Does a formula read values of a way back in all steps at once? Each of them has an index, G_{a_t}."""
        letters = {x if isinstance(x, Name) else parse_name(x) for told in self.loops.values() if told.back
                   for x in (*told.carries, *told.repeated.values(), *told.others.values())}
        return bool(letters) and any(part.head == "name" and not part.args[1] and part.args[0] in letters
                                     for part in walk(tree))

    def _together(self, bases: AbstractSet[str], wishes: list[str]) -> list[str]:
        """The letters of one loop: as they are wished, or all of them with one number, h^1, c^1, i^1; all differ."""
        wishes = [ELSE[x] if x in bases and x in ELSE else x for x in wishes]
        taken = {*bases, *self.used}
        groups = [wishes] if len(set(wishes)) == len(wishes) else [[wish] for wish in wishes]
        found: list[str] = []
        for group in groups:
            ends = itertools.chain([""], (f"^{number}" for number in itertools.count(1)))
            found += next(way for end in ends if not {*taken, *found} & {*(way := [f"{x}{end}" for x in group])})
        self.used.update(found)
        return found

    @property
    def step(self) -> str:
        """The letter of the steps of the first loop; empty before one is met."""
        return next(iter(self.steps.values()), "")

    def step_of(self, bases: AbstractSet[str], length: Size, nest: int = 0) -> str:
        """The letter of so many steps, within so many loops: one letter counts to one number."""
        if (nest, length) not in self.steps:
            free = (x for x in STEPS if x not in bases and x not in self.used)
            self.steps[nest, length] = next(free, f"{STEPS[1]}^{len(self.steps) + 1}")
            self.used.add(self.steps[nest, length])
        return self.steps[nest, length]

    def told(self, bases: AbstractSet[str], loop: Loop) -> Told:
        """The names of a loop."""
        if loop not in self.loops:
            for node in topological(list(loop.operands)):  # what comes first has the plain letters
                if node.op is ops.SCAN:
                    self.told(bases, loop_of(node))
            self.loops[loop] = self._back(bases, loop) if is_way_back(loop) else self._forward(bases, loop)
        return self.loops[loop]

    def _forward(self, bases: AbstractSet[str], loop: Loop) -> Told:
        gates = [n for n in topological(loop.body.after) if n.op is ops.NAMED]
        gates.sort(key=lambda node: ORDER.find(node.attrs[0]))
        count = len(loop.body.carries)
        many = [self.fresh(bases, STATES) for _ in loop.body.carries] if count > len(STATES) else []
        around = _with_first(bases, [] if loop.reverse else loop.operands[:count])
        letters = [*many, *self._together(around, [*STATES[:count - len(many)], *(node.attrs[0] for node in gates)])]
        told = Told(list(letters[:count]), dict(zip(gates, letters[count:], strict=True)))
        told.repeated.update((node, self.fresh(bases, VALUES)) for node in repeated(loop))
        return told

    def _back(self, bases: AbstractSet[str], loop: Loop) -> Told:
        told, over = Told([], back=True), self._run_over(loop)
        if over is None:
            told.carries += [self.fresh(bases, BACK) for _ in loop.body.carries]
        else:
            self._call_cotangents(bases, told, loop, over)
        several = dict.fromkeys([*told.totals.values(), *repeated(loop, told.cotangents)])
        told.repeated = {node: told.cotangent(node) or self.fresh(bases, SLOPES) for node in several}
        return told

    def _call_cotangents(self, bases: AbstractSet[str], told: Told, loop: Loop, over: Loop) -> None:
        """The names of what is the cotangent of a named value of the loop that it runs over."""
        body, forward, known = loop.body, over.body, self.loops[over]
        words = {**{n: x for each, x in known.repeated.items() for n in (each, *each.operands[:each.op is ops.NAMED])},
                 **dict(zip(forward.after[::-1], known.carries[::-1], strict=True))}
        pairs = body.cotangents[len(body.carries):]
        for here, there in pairs:
            if there in words:
                for node in (here, textbook(here)):
                    told.cotangents.setdefault(node, cotangent_of(words[there]))
        totals = {there: here for here, there in pairs}
        for carry, (_, source) in zip(body.carries, body.cotangents, strict=False):
            place = forward.carries.index(source)
            total = totals.get(forward.after[place])
            if total is None or total is not carry and carry in _apart_from(total, body.after):
                told.carries.append(self.fresh(bases, BACK))
                continue
            told.carries.append(cotangent_of(known.carries[place]))
            if total is not carry:
                told.totals[carry] = total

    def _run_over(self, loop: Loop) -> Loop | None:
        """The one loop over which a way back runs, where it is known."""
        if self.letters:
            return None
        operands = topological(list(loop.operands), enter=lambda n: n.op is not ops.SCAN)
        met = dict.fromkeys(loop_of(n) for n in operands if n.op is ops.SCAN)
        for known in (met, self.loops):
            found = [each for each in known if each.body == loop.body.forward and _opposite(loop, each)]
            if found:
                free = len(found) == 1 and not self.loops[found[0]].back and found[0] not in self.returned
                return self.returned.setdefault(found[0], found[0]) if free else None
        return None


def _apart_from(node: Node, roots: Sequence[Node]) -> list[Node]:
    """What is read otherwise than through a node."""
    return topological(roots, enter=lambda n: n is not node)


def _with_first(bases: AbstractSet[str], begins: Sequence[Node] = ()) -> set[str]:
    """Letters that mean something, also those of names at 0 but where a state begins as these: h_0 is h at 0."""
    names = (parse_name(begin.attrs[0].name) for begin in begins if begin.op is ops.INPUT)
    own = {f"{each.base}_0" for each in names if each.sub == "0"}
    return {*bases, *(each.removesuffix("_0") for each in bases if each not in own)}


def cotangent_of(letter: Letter) -> Name:
    """G_{h_t}, the name of the cotangent of h_t: what is below has the index."""
    return Name("G", parse_name(letter) if isinstance(letter, str) else letter, deep=True)


def repeated(loop: Loop, named: Container[Node] = ()) -> list[Node]:
    """What a step would write again and again: computed once, read several times, and longer than a name; what is `named`
    already, where it is long.
    """
    after = loop.body.after
    order, uses = topological(after), consumers(after)
    pieces: dict[Node, int] = {}
    found = []
    for node in order:
        pieces[node] = min(1 + sum(pieces[o] for o in dict.fromkeys(node.operands)), 1000)
        worth = LONG if len(uses[node]) < 2 and node in named else WORTH if len(uses[node]) > 1 else None
        if worth is not None and pieces[node] >= worth and is_computed(node) and node not in after:
            pieces[node] = 1
            found.append(node)
    return found


def is_way_back(loop: Loop) -> bool:
    """Is it made by a derivative: does it know so, or run over what a loop that runs the other way has computed, with
    nothing from outside that this has not?"""
    if loop.body.forward is not None:
        return True
    others = {loop_of(n) for n in topological(list(loop.operands)) if n.op is ops.SCAN}
    return any(_opposite(loop, each) for each in others)


def _opposite(loop: Loop, other: Loop) -> bool:
    return other.reverse is not loop.reverse and other.length == loop.length and (
        set(loop.given.values()) <= set(other.given.values()))
