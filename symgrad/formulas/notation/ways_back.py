"""The way back of a recurrence, as papers on backpropagation through time write it: by what it is the cotangent of.

A carry of the way back is what h_t receives through h_{t+1}. Where that is all that h_t receives, it is G_{h_t}, and a
step is told as it runs: `G_{h_{t-1}} = z_t ⊙ G_{h_t} + W_hhᵀ G_{a_t}`, from `G_{h_n}` on. Where h_t acts on the loss by
what it gives within its own step too, G_{h_t} is the sum of both, and the part that comes from the step behind is written
out: `G_{c_t} = o_t ⊙ G_{h_t} ⊙ (1 - tanh(c_t)²) + f_{t+1} ⊙ G_{c_{t+1}}`; of the last step, and of what the loop began
with, it has lines of its own, for there one of the two is not there.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from symgrad.formulas.notation.loop_names import Told
from symgrad.formulas.notation.steps import Lines, OneStep, at_step, in_order, is_zero, put, size_tree
from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.tree import UNIT, Tree, name, num, sum_of, walk
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import zeros
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.algebra.recurrence import Loop
from symgrad.graphs.algebra.scanning import walk_axes
from symgrad.graphs.node import Node, Symbol, transform
from symgrad.graphs.table import PRIMITIVES, rebuild
from symgrad.graphs.textbook.normal import textbook

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Writer


def back_lines(w: Writer, loop: Loop, told: Told) -> Lines:
    """The lines of a loop that runs back over another one."""
    return _Back(w, loop, told).lines()


class _Back(OneStep):
    """A step of a way back: its formulas are read as a textbook writes them."""

    def __init__(self, w: Writer, loop: Loop, told: Told) -> None:
        super().__init__(w, loop, told)
        body = loop.body
        self.last = size_tree(loop.length) if not loop.reverse else UNIT  # of the way back: where it ends
        self.first = UNIT if not loop.reverse else size_tree(loop.length)
        self.behind = sum_of([(1, self.letter), (-1 if not loop.reverse else 1, UNIT)])  # the step that it comes from
        self.next = sum_of([(1, self.letter), (1 if not loop.reverse else -1, UNIT)])  # the step that it goes to
        self.parts = {c: name("g", (Tree("hidden"), num(i))) for i, c in enumerate(body.carries) if c in told.totals}
        self.told_at: dict[Node, Tree] = {}
        for carry, letter in zip(body.carries, told.carries, strict=True):
            if carry in told.totals:
                self.told_at[carry] = self.parts[carry]
            else:
                self.told_at[carry] = self.named(letter, carry, self.letter if isinstance(letter, Name) else self.behind)
        self.told_at |= self.bound
        lines = {**told.repeated, **{n: told.others[n] for n in w.met[loop] if n in told.others}}
        self.values = {n: self.named(letter, n) for n, letter in lines.items()}
        self.alike = {n: self.values[m] for m, letter in lines.items() for n, x in told.cotangents.items()
                      if x == letter and n not in self.values and n not in self.told_at}

    def lines(self) -> Lines:
        loop, told, body = self.loop, self.told, self.loop.body
        rows, edges = [], []
        named = {**self.alike, **self.values}
        after = {carry: named[node] if node in named else self._read(node)
                 for carry, node in zip(body.carries, body.after, strict=True)}
        through = {self.parts[c]: at_step(after[c], self.letter, self.behind) for c in self.parts}
        for node, left in self.values.items():
            right = self._read(node)
            if any(_holds(right, part) for part in through):
                begins = {c: begin for c, begin in loop.begins.items() if c in self.parts}
                ended = self._read(node, [c for c, begin in begins.items() if is_zero(begin)])
                ended = put(ended, {self.parts[c]: self.whole(begin) for c, begin in begins.items()})
                edges.append((at_step(left, self.letter, self.first), at_step(ended, self.letter, self.first)))
                if loop.length == 1:
                    continue
                right = put(right, through)
            rows.append((left, right))
        ends: Lines = []
        for carry, letter in zip(body.carries, told.carries, strict=True):
            if carry in self.parts:
                if carry in self.w.met[loop]:  # of what the way forward began with
                    end = sum_of([(1, self.last), (1 if not loop.reverse else -1, UNIT)])
                    ends.append((self.named(letter, carry, end), at_step(after[carry], self.letter, self.last)))
                continue
            rows.append((self.named(letter, carry, self.next if isinstance(letter, Name) else None), after[carry]))
            first = self.first if isinstance(letter, Name) else at_step(self.behind, self.letter, self.first)
            edges.append((self.named(letter, carry, first), self.whole(loop.begins[carry])))
        return [*in_order(rows), *edges, *ends]

    def _read(self, node: Node, gone: Collection[Node] = ()) -> Tree:
        """What a step computes, as a textbook prints it over leaves for all that has a name; what is `gone` is zero."""
        if node in self.told_at:
            return self.told_at[node]
        inside = node.operands[0] if node.op is ops.NAMED else node
        known = {**self.alike, **self.values, **self.told_at}
        known = {n: tree for n, tree in known.items() if n is not node and n is not inside and (
            tree != self.values.get(node))}
        for n in known:
            leaf = Symbol("bound", f"known{len(self.told.leaves)}")
            self.told.leaves.setdefault(n, input_node(leaf, n.shape, n.dtype))
        leaves = {n: self.told.leaves[n] for n in known}
        start = {leaf: self.axes[n] for n, leaf in leaves.items() if n in self.axes}
        memo = {**leaves, **{c: zeros(c.shape) for c in gone}}
        written = textbook(transform([inside], rebuild, memo)[0])
        return self.written(written, {leaf: known[n] for n, leaf in leaves.items()},
                            walk_axes(PRIMITIVES, [written], start))


def _holds(tree: Tree, part: Tree) -> bool:
    """Is a part somewhere in a formula?"""
    return any(each == part for each in walk(tree))
