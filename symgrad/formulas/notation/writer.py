"""From a graph to the presentation tree of its formula: one algorithm for all that is printed.

Every node is written *at* an index: per axis a letter, or None where the axis stays open. With all axes
open a matrix prints as a matrix (`X w`), with all fixed as an entry (`∑_k X_ik w_k`); the formula of one
sample is the one whose sample axis is fixed to a hidden index, and a sum over samples gives that index a
letter. So matrix notation, index notation, per-sample and batch formulas are one walk.

Nodes with a name print as that name: inputs, `named` tensors, and what a caller names in a side table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from symgrad.formulas.notation.coefficients import written_out
from symgrad.formulas.notation.lexicon import Lexicon, free_letters, letters_of
from symgrad.formulas.notation.loop_names import STEPS
from symgrad.formulas.notation.own_letters import cleared, unit
from symgrad.formulas.spelling.tree import DOTS, HIDDEN, ONES, Tree, contains, is_symmetric, name, product, transpose, walk
from symgrad.graphs import ops
from symgrad.graphs.algebra.recurrence import Loop
from symgrad.graphs.node import Node, topological
from symgrad.graphs.rewrites.declared import symmetric

Index = tuple[Tree | None, ...]
SAMPLE, BATCH, EACH = "sample", "batch", "each"
DEEPEST = 120  # nested operations in one formula: the caller names intermediates long before
NESTED = 3  # abbreviations in abbreviations that are looked through


class Writer:
    """Writes formulas of nodes below `roots`, in the names of a lexicon.

    Nodes in `stop` print as dots; of sums of more than `terms` terms some are left out.
    """

    def __init__(self, operators: Mapping[ops.Op, Any], roots: Sequence[Node], words: Lexicon, mode: str = SAMPLE,
                 stop: AbstractSet[Node] = frozenset(), terms: int | None = None) -> None:
        if mode not in (SAMPLE, BATCH, EACH):
            raise ValueError(f"the mode of a formula is 'sample', 'each' or 'batch', not {mode!r}")
        self.operators = operators
        self.mode, self.terms, self.axes = SAMPLE if mode == EACH else mode, terms, words.axes
        self.names = words.gathered if mode == BATCH else words.names
        order = topological(roots, enter=lambda node: node not in self.names or node in roots)
        self.stop = {node: Tree("dots", (i,)) for i, node in enumerate(n for n in order if n in stop)}
        sizes = letters_of((), (node.shape for node in order))
        steps = {STEPS[0]} if any(node.op is ops.SCAN for node in order) else set()  # no sample is called as a step is
        samples, others = free_letters(words.used | steps | sizes)
        self._sample_letters, self._letters = list(map(name, samples)), list(map(name, others))
        self.here = self._sample_letters[0] if mode == EACH else HIDDEN  # the sample that a formula is about
        self.recurs = bool(steps)
        self.step_axes: dict[Node, int] | None = None  # see `steps.step_axis`
        self.stacked: set[Tree] = set()  # letters that count matrices of a stack
        self.depth = 0
        self._defined: Node | None = None
        self._meanings: dict[Node, Tree | None] = {}
        self._nested = 0
        self._abbreviated, self._facts, self.roots = words.abbreviated, words.facts, roots
        self._done: dict[tuple[Node, Index, frozenset[Tree]], Tree] = {}  # y y is one formula, twice
        self.bases, self.used = words.bare | sizes, words.used  # which letters of recurrences are not; what mean something
        self.recurrences = words.recurrences
        self.met: dict[Loop, dict[Node, None]] = {}  # the loops that are written of, and what is read from them
        self.homes: dict[Loop, Writer] = {}  # by which writer each was met first: of one within a step, that of the step
        self.nest = 0  # loops around
        self.lines: dict[Loop, list[tuple[Tree, Tree]]] = {}  # what the letters of each stand for
        self.told: dict[Loop, int] = {}  # how much was read of it then
        self.bound: Mapping[Node, Tree] = {}  # within a step of a recurrence: what its symbols stand for
        self._words = words

    def clear(self, tree: Tree) -> Tree:
        """A formula without letters of mathematics that mean something else here."""
        return cleared(tree, self.used, self._words.raised)

    @property
    def setting(self) -> tuple[Any, ...]:
        """What of a writer shows in all of its formulas, beside names."""
        return self.mode, self.here, self.terms, tuple(self._letters), tuple(self._sample_letters), frozenset(self.used)

    def formula(self, node: Node, over: bool = False) -> Tree:
        """The formula of `node`; `over` says that its axis 0 is the sample axis even if nothing below is."""
        inside = node
        while inside.op is ops.NAMED:
            inside = inside.operands[0]
        before, self._defined = self._defined, inside if inside.operands else None  # not by its own name
        try:
            return self._formula(node, inside, over)
        finally:
            self._defined = before

    def _formula(self, node: Node, inside: Node, over: bool) -> Tree:
        axis = self.axes.get(node, 0 if over else None) if self.mode == SAMPLE else None
        index: Index = tuple(self.here if i == axis else None for i in range(len(node.shape)))
        taken = self._around if axis is not None else frozenset()  # t of this sample
        tree = self._write(inside, index, taken)
        if None in index and self.recurrences.are_stacked(tree) and (stack := self._stack(inside, index, True)) is not None:
            return stack
        uneven = _counts(tree) or sum(i is None for i in index) > 1 and any(map(_counts, walk(tree)))
        if (contains(tree, "entries") or uneven) and sum(i is None for i in index) > 2:
            if (stack := self._stack(inside, index)) is not None:
                return stack
        if contains(tree, "entries") and tree.head != "entries" or uneven:
            mine = [i == self.axes.get(node) for i, at in enumerate(index) if at is None]
            letters = self.letters(len(mine), taken, mine)
            left = iter(letters)
            full = tuple(next(left) if i is None else i for i in index)
            inner = self._write(inside, full, taken | set(letters))
            if uneven or not contains(inner, "entries"):
                return Tree("entries", (inner, tuple(letters))) if letters else inner
        return tree

    def left(self, node: Node) -> Tree:
        """The name of a value where it is defined: with the index of the sample that formulas are about."""
        return name(self.names[node], [self.here] if self.here != HIDDEN and node in self.axes else [])

    def within(self, axes: Mapping[Node, int]) -> Writer:
        """A writer for a step of a recurrence, in which the sample axes are these."""
        inner = Writer(self.operators, (), Lexicon({}, axes, self._words.taken), self.mode, frozenset(), self.terms)
        inner._letters, inner._sample_letters = self._letters, self._sample_letters
        inner.bases, inner.used, inner.recurrences, inner.stacked = self.bases, self.used, self.recurrences, self.stacked
        inner.met, inner.here, inner.recurs, inner.nest, inner.homes = self.met, self.here, True, self.nest + 1, self.homes
        return inner

    @property
    def _around(self) -> frozenset[Tree]:
        """The letters in use around a whole formula."""
        return frozenset() if self.here == HIDDEN else frozenset([self.here])

    def hidden(self, node: Node, index: Sequence[Tree | None], before: int) -> list[Tree | None]:
        """An open index behind `before` axes, in a formula of one sample with the index of that."""
        axis = self.axes.get(node) if self.mode == SAMPLE else None
        return [self.here if axis == before + i else each for i, each in enumerate(index)]

    def indexed(self, tree: Tree, index: Index) -> Tree:
        """A tree at an index."""
        return indexed(self, tree, index)

    def _stack(self, node: Node, index: Index, steps: bool = False) -> Tree | None:
        """A tensor as a stack of what is written without indices: [Q_i K_iᵀ]_i; None where it needs them."""
        first = index.index(None)
        if any(size == 1 and at is None for at, size in zip(index[first + 1:], node.shape[first + 1:], strict=True)):
            return None  # an axis of one entry shows in its index
        (letter,) = self.letters(1, self._around, [first == self.axes.get(node)])
        letter = name(self.recurrences.step_of(self.bases, node.shape[first], self.nest)) if steps else letter
        self.stacked.add(letter)
        try:
            inner = self._write(node, (*index[:first], letter, *index[first + 1:]), self._around | {letter})
        finally:
            self.stacked -= set() if steps else {letter}
        parts = list(walk(inner))
        needed = unit(letter) in parts or any(  # what needs more indices
            part.head in ("entries", "dots", "count", "colon") or _counts(part) or _spreads(part) for part in parts)
        return None if needed or letter not in parts else Tree("entries", (inner, (letter,)))

    def at(self, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
        """`node` at `index`; `taken` are the letters in use around it."""
        if node in self.bound:
            return indexed(self, self.bound[node], index)
        if node in self.names and node is not self._defined:
            return self._atom(node, index)
        if node in self.stop:
            return self.stop[node]
        if self.depth >= DEEPEST:
            return DOTS
        key = node, index, taken
        if key not in self._done:
            self._done[key] = self._write(node, index, taken)
        return self._done[key]

    def _write(self, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
        if node.op in ops.GIVEN:
            return self._atom(node, index)
        self.depth += 1
        try:
            return self.operators[node.op](self, node, index, taken)
        finally:
            self.depth -= 1

    def inlines(self, node: Node) -> bool:
        """Is a node written out where it is used?"""
        return (node not in self.names or node is self._defined) and node not in self.stop and node not in self.bound

    # names and indices ----------------------------------------------------------------------------

    def _atom(self, node: Node, index: Index) -> Tree:
        if node not in self.names:
            plain = name(node.attrs[0].name) if node.op is ops.INPUT else written_out(node)  # bound in a loop around
            return indexed(self, plain, index)
        matrix = len(index) - sum(i is not None for i in index) == 2
        turned = matrix and (symmetric(node, self._facts) if node.op in ops.BEARERS else self._is_symmetric(node))
        return indexed(self, name(self.names[node], symmetric=turned), index)

    def _is_symmetric(self, node: Node) -> bool:
        """Is the transpose of what an abbreviation stands for written alike?"""
        if len(node.shape) != 2 or node.shape[0] != node.shape[1]:
            return False
        meaning = self._meaning(node)
        return meaning is not None and is_symmetric(meaning)

    def _meaning(self, node: Node) -> Tree | None:
        """What an abbreviation stands for, over other abbreviations; None while that is being written.

        Abbreviations stand for one another along a whole recurrence: they are looked through NESTED times.
        """
        if node not in self._meanings:
            if self._nested >= NESTED:
                return None
            self._meanings[node] = None
            self._nested += 1
            index = tuple(self.here if i == self.axes.get(node) and self.mode == SAMPLE else None
                          for i in range(len(node.shape)))
            try:
                self._meanings[node] = self._write(node, index, self._around)
            finally:
                self._nested -= 1
        return self._meanings[node]

    def unfolded(self, tree: Tree) -> Tree:
        """A product with what its abbreviations stand for in their place: by this, terms are alike or not."""
        if tree.head not in ("name", "product"):
            return tree
        front, factors = tree.args if tree.head == "product" else ((), (tree,))
        written = [self._written(factor) for factor in factors]
        return tree if written == list(factors) else product(front, written)

    def is_symbol(self, tree: Tree) -> bool:
        """Is a tree the name of what has no other writing?"""
        return tree.head == "name" and tree.args[0] not in self._abbreviated

    def _written(self, factor: Tree) -> Tree:
        node = self._abbreviated.get(factor.args[0]) if factor.head == "name" and not factor.args[1] else None
        if node is None or node in self.roots:
            return factor
        meaning = self._meaning(node)
        return factor if meaning is None or meaning.head == "entries" else meaning

    def letters(self, count: int, taken: AbstractSet[Tree], samples: Sequence[bool] = ()) -> list[Tree]:
        """Fresh letters for axes; `samples` says which of them run over samples."""
        free = iter([*(x for x in self._letters if x not in taken),
                     *(x for i in range(count + len(taken)) if (x := name(f"i_{i}")) not in taken)])
        found: list[Tree] = []
        for sample in (*samples, *[False] * (count - len(samples))):
            found.append(self.sample_letter({*taken, *found}) if sample else next(free))
        return found

    @property
    def sample_letters(self) -> Sequence[Tree]:
        """The letters that run over samples."""
        return self._sample_letters

    def sample_letter(self, taken: AbstractSet[Tree]) -> Tree:
        """A fresh letter for a sample."""
        return next((x for x in self._sample_letters if x not in taken), name("τ"))

    def is_fixed(self, token: Tree | None) -> bool:
        """Is an index that of a sample or of one matrix of a stack? What is left open prints without indices."""
        return self.is_sample(token) or token in self.stacked

    def is_sample(self, token: Tree | None) -> bool:
        """Is an index that of a sample?"""
        return token == HIDDEN or token in self._sample_letters


def _counts(tree: Tree) -> bool:
    """Does a case or a condition depend on places? Then each entry says which it is."""
    if tree.head == "bracket":
        return contains(tree, "count") or tree.args[0].head in ("logic", "not") and _places(tree.args[0])
    return tree.head == "cases" and any(_places(test) for _, test in tree.args[0])


def _spreads(tree: Tree) -> bool:
    """Does a sum add one number to every entry of a matrix? Entry by entry that is told without ones."""
    return tree.head == "sum" and any(part.head == "product" and part.args[1] == (ONES, transpose(ONES))
                                      for _, part in tree.args)


def _places(test: Tree) -> bool:
    """Is a condition one on places: on what counts, on entries, a triangle or the diagonal?"""
    return any(part.head in ("count", "eye", "entries") or part.head == "call" and part.args[0] in ("tril", "triu")
               for part in walk(test))


def indexed(writer: Writer, tree: Tree, index: Index) -> Tree:
    """A tree whose axes are all open, at `index`: subscripts where nothing or only samples are fixed."""
    shown = [i for i in index if i is not None and i != HIDDEN]
    if not shown:
        return tree
    partly = any(i is None for i in index) and any(i is not None and not writer.is_sample(i) for i in index)
    if partly and all(writer.is_fixed(i) for i in index[:len(index) - index.count(None)]):
        partly = False  # row i of a matrix, of a stack of them
    if partly:
        parts = [Tree("colon") if i is None else i for i in index if i != HIDDEN]
        if writer.is_sample(index[0]) and index[0] != HIDDEN:
            tree, parts = indexed(writer, tree, (index[0],)), parts[1:]
        while parts and parts[-1].head == "colon":
            parts.pop()
        return Tree("item", (tree, tuple(parts)))
    if tree.head == "name":
        base, subs, symmetric = tree.args
        return Tree("name", (base, (*subs, *shown), False))
    return Tree("at", (tree, tuple(shown)))
