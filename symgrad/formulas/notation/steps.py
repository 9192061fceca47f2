"""One step of a recurrence, as its lines and those of the way back write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from symgrad.formulas.notation.coefficients import expression
from symgrad.formulas.notation.loop_names import Letter, Told, is_way_back
from symgrad.formulas.spelling.glyphs import has_capital, parse_name, upper
from symgrad.formulas.spelling.tree import UNIT, Tree, name, num, sum_of, walk
from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import COUPLED
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.algebra.recurrence import Loop, loop_of
from symgrad.graphs.algebra.scanning import body_axes, walk_axes
from symgrad.graphs.node import Node, topological
from symgrad.graphs.sizes import Size
from symgrad.graphs.table import PRIMITIVES

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Index, Writer

Lines = list[tuple[Tree, Tree]]


def letter_of(w: Writer, letter: Letter, sampled: bool) -> Letter:
    """A letter; over a batch a capital one for what is of each sample, where that is free."""
    if w.mode != "batch" or not sampled:
        return letter
    plain = parse_name(letter) if isinstance(letter, str) else letter
    return upper(plain) if has_capital(plain, {"G", *w.used}) else letter


class OneStep:
    """Step t of a loop: what its symbols and all that has a letter are called there."""

    def __init__(self, w: Writer, loop: Loop, told: Told) -> None:
        self.w, self.loop, self.told = w, loop, told
        self.letter = step_letter(w, loop.length)
        self.axes = dict(body_axes(PRIMITIVES, loop, w.axes, [*told.repeated, *told.others]) or {})
        self.bound: dict[Node, Tree] = {}
        for symbol, stack in loop.stacks.items():
            self.bound[symbol] = self._of_stack(stack)
        for symbol, operand in loop.given.items():
            self.bound[symbol] = self._at(operand)

    def named(self, letter: Letter, node: Node, place: Tree | None = None) -> Tree:
        """A letter at a step, that of `node`."""
        return name(letter_of(self.w, letter, node in self.axes), [self.letter if place is None else place])

    @property
    def other(self) -> Tree:
        """The step from which a carry comes."""
        return sum_of([(1, self.letter), (1 if self.loop.reverse else -1, UNIT)])

    def formula(self, node: Node) -> Tree:
        """What a step computes, over the letters of all else."""
        told, body = self.told, self.loop.body
        begun = {c: self.named(letter, c, self.other) for c, letter in zip(body.carries, told.carries, strict=True)}
        known = {**begun, **self.bound, **{n: self.named(letter, n) for n, letter in told.repeated.items()},
                 **{n: self.named(told.others[n], n) for n in self.w.met[self.loop] if n in told.others}}
        known |= {n: self.named(letter, n) for letter, n in zip(told.carries, body.after, strict=True) if n not in known}
        if node in self.bound or node in body.carries:
            return begun.get(node, known[node])
        return self.written(node, known, self.axes)

    def written(self, node: Node, known: Mapping[Node, Tree], axes: Mapping[Node, int]) -> Tree:
        """A formula within a step, in which nodes are called as they are `known`."""
        if node.op is ops.INPUT and node in known:
            return known[node]
        inner = self.w.within(axes)
        inner.bound = known
        return inner.formula(node)

    def whole(self, node: Node) -> Tree:
        """What a loop begins with."""
        return num(0) if is_zero(node) else self._at(node)

    def _at(self, node: Node) -> Tree:
        return self.w.at(node, tuple(self.w.hidden(node, [None] * len(node.shape), 0)), frozenset())

    def _of_stack(self, stack: Node) -> Tree:
        """One step of a stack: x_t, of which the first is x_1; of what counts entries, from 0, the one before."""
        w, step = self.w, self.letter
        w.stacked.add(step)
        axes = [None] * (len(stack.shape) - 1)
        place = sum_of([(1, step), (-1, UNIT)]) if counts_steps(stack) else step
        return w.at(stack, (place, *w.hidden(stack, axes, 1)), frozenset([step]))


def step_axis(w: Writer, node: Node) -> int | None:
    """The axis of the steps of a way back in what is read of it; sums over it are written step by step: ∑_t δ_t x_tᵀ."""
    if not w.recurs:
        return None
    if node.op is ops.SCAN or not w.roots:
        return 0 if _runs_back(node) else None
    if w.step_axes is None:
        inside = topological(w.roots, enter=lambda n: n.op is not ops.SCAN)
        start = {n: 0 for n in inside if _runs_back(n)}
        w.step_axes = dict(walk_axes(PRIMITIVES, [n for n in inside if n.op is not ops.SCAN], start)) if start else {}
    axis = w.step_axes.get(node)
    return None if axis == COUPLED else axis


def _runs_back(node: Node) -> bool:
    return node.op is ops.SCAN and isinstance(node.attrs[1], Node) and is_way_back(loop_of(node))


def step_letter(w: Writer, length: Size) -> Tree:
    """The index of one of so many steps."""
    letter = name(w.recurrences.step_of(w.bases, length, w.nest))
    w.stacked.add(letter)
    return letter


def of_step(w: Writer, node: Node, index: Index) -> Index:
    """An index that may be a step: of what counts entries, from 0, the one before."""
    letters = {name(letter) for letter in w.recurrences.steps.values()}
    if letters.isdisjoint(index) or not counts_steps(node):
        return index
    return tuple(sum_of([(1, each), (-1, UNIT)]) if each in letters else each for each in index)


def counts_steps(stack: Node) -> bool:
    """Does what is stacked over steps count entries, from 0?"""
    return any(node.op is ops.IOTA for node in topological([stack], enter=lambda n: n.op is not ops.SCAN))


def is_zero(node: Node) -> bool:
    """Is a node the number zero?"""
    value = literal_value(node)
    return value is not None and value.number == 0


def size_tree(size: Size) -> Tree:
    """A size in a formula."""
    return num(size) if isinstance(size, int) else expression(size)


def in_order(rows: Lines) -> Lines:
    """Each line behind those that it reads, c_t before the h_t that is made of it."""
    left = {tree for tree, _ in rows}
    needs = {tree: left.intersection(walk(right)) - {tree} for tree, right in rows}
    found: Lines = []
    while rows:
        done = {tree for tree, _ in found}
        ready = next((row for row in rows if needs[row[0]] <= done), rows[0])
        found.append(ready)
        rows = [row for row in rows if row is not ready]
    return found


def at_step(tree: Tree, step: Tree, place: Tree) -> Tree:
    """A formula of step t at another one: what was at t - 1 is at t where that is t + 1."""
    return put(tree, {step: place})


def put(tree: Tree, new: Mapping[Tree, Tree]) -> Tree:
    """A formula with others in the place of some of its parts; sums stay flat, and zeros leave them."""
    if tree in new:
        return new[tree]
    args: tuple[Any, ...] = tuple(_put(arg, new) for arg in tree.args)
    if args == tree.args:
        return tree
    if tree.head == "sum":
        return sum_of([(sign, part) for sign, part in args if part != num(0)])
    return Tree(tree.head, args)


def _put(arg: Any, new: Mapping[Tree, Tree]) -> Any:
    if isinstance(arg, Tree):
        return put(arg, new)
    return tuple(_put(each, new) for each in arg) if isinstance(arg, tuple) else arg
