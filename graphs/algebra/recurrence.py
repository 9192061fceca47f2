"""A recurrence as one node: c_t = F(c_{t-1}, x_t, θ) for t = 1..n, and one thing that is read from it.

| op   | operands                        | attributes                                | value                              |
|------|---------------------------------|-------------------------------------------|------------------------------------|
| scan | c_0 each, x stacked each, θ each | (Recurrence, what, length, reverse, anew) | c_n, or what stacked over t = 1..n |

F is a small closed graph over bound symbols, in the order of the operands: what it would take from outside is an operand
too (`closed`). So the same recurrence written twice is one node, and no graph grows with its length. `what` is the place
of a carry, of which the last value is meant, or a node over the bound symbols, of which all values are meant, stacked
along a new axis 0. Nodes that share recurrence and operands are results of one loop. `anew`: a derivative computes each
step again, from the carries before it, and keeps nothing else.

A body may hold further recurrences. Its symbols bear a level above theirs, so that symbols of two bodies are never one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import broadcast, zeros
from symgrad.graphs.node import Node, Symbol, depends, make, topological, transform
from symgrad.graphs.ops import Op
from symgrad.graphs.primitive import Primitive
from symgrad.graphs.sizes import Shape, Size

Rows = Mapping[Op, Primitive]


class Recurrence(NamedTuple):
    """The bound symbols of one step, and the carries after it.

    A way back that is to be read knows what it is the way back of: the steps `forward`, and pairs of what one of its own
    steps computes and the value of that step forward of which it is the cotangent. Nothing is computed from these.
    """

    carries: tuple[Node, ...]
    slices: tuple[Node, ...]
    constants: tuple[Node, ...]
    after: tuple[Node, ...]
    forward: Recurrence | None = None
    cotangents: tuple[tuple[Node, Node], ...] = ()

    @property
    def symbols(self) -> tuple[Node, ...]:
        """All bound symbols, in the order of the operands."""
        return (*self.carries, *self.slices, *self.constants)


class Loop(NamedTuple):
    """A recurrence with its operands: what its results have in common."""

    body: Recurrence
    operands: tuple[Node, ...]
    length: Size
    reverse: bool
    anew: bool = False

    def last(self, place: int) -> Node:
        """The carry after all steps."""
        return scan(self, place)

    def stack(self, what: Node) -> Node:
        """The values of a node of the body in all steps."""
        return scan(self, what)

    @property
    def stacks(self) -> dict[Node, Node]:
        """The slices, each with the operand that it is a step of."""
        before = len(self.body.carries)
        return dict(zip(self.body.slices, self.operands[before:before + len(self.body.slices)], strict=True))

    @property
    def given(self) -> dict[Node, Node]:
        """The constants, each with its operand."""
        count = len(self.body.constants)
        return dict(zip(self.body.constants, self.operands[len(self.operands) - count:], strict=True))

    @property
    def begins(self) -> dict[Node, Node]:
        """The carries, each with its first value."""
        return dict(zip(self.body.carries, self.operands, strict=False))


def loop_of(node: Node) -> Loop:
    """What a node of a recurrence shares with the other results of its loop."""
    body, _, *rest = node.attrs
    return Loop(body, node.operands, *rest)


def scan(loop: Loop, what: int | Node) -> Node:
    """The last value of carry `what`, or all values of the node `what` of the body, stacked.

    Without a step, carries are what they began as.
    """
    body, operands, length, *rest = loop
    if isinstance(what, int):
        if length == 0:
            return operands[what]
        shape, dtype = body.carries[what].shape, body.carries[what].dtype
    else:
        shape, dtype = (length, *what.shape), what.dtype
        if length == 0:
            return zeros(shape, dtype)
        if what in body.slices:
            return loop.stacks[what]
        if what in body.constants:
            given = loop.given[what]
            return broadcast(given, range(1, len(shape)), shape)
    return make(ops.SCAN, operands, (body, what, length, *rest), shape, dtype)


def bound(name: str, level: int, place: int, shape: Shape, dtype: str) -> Node:
    """A bound symbol: `name` says what it stands for, `level` that of the body."""
    symbol = Symbol("bound", f"{name}{place}" if level == 1 else f"{name}{place}_{level}")
    return make(ops.INPUT, (), (symbol,), shape, dtype)


def level_of(roots: Sequence[Node]) -> int:
    """The level of a body with these results: above those of the recurrences within."""
    inner = [node for node in topological(roots) if node.op is ops.SCAN]
    return 1 + max((_level(node.attrs[0]) for node in inner), default=0)


def _level(body: Recurrence) -> int:
    names = [symbol.attrs[0].name for symbol in body.symbols]
    return max((int(name.partition("_")[2] or 1) for name in names), default=1)


def substituted(rows: Rows, roots: Sequence[Node], new: Mapping[Node, Node]) -> list[Node]:
    """`roots` with other nodes in the place of some."""
    return transform(roots, lambda node, operands: node if operands == node.operands
                     else rows[node.op].rebuild(node, operands), dict(new))


def closed(rows: Rows, carries: Mapping[Node, Node], slices: Mapping[Node, Node], given: Mapping[Node, Node],
           after: Sequence[Node], results: Sequence[Node], length: Size, reverse: bool,
           anew: bool = False) -> tuple[Loop, list[Node]]:
    """The loop of a step that was written with free symbols, and what is read from it in terms of its bound ones.

    `carries` maps free symbols to first values, `slices` to stacks, `given` nodes that are the same in every step to
    operands; `after` are the carries after the step.
    """
    roots = [*after, *results]
    level = level_of(roots)
    new = {old: bound(name, level, i, old.shape, old.dtype)
           for name, group in (("carry", carries), ("slice", slices), ("given", given)) for i, old in enumerate(group)}
    made = substituted(rows, roots, new)
    own, each, same = (tuple(new[old] for old in group) for group in (carries, slices, given))
    body = Recurrence(own, each, same, tuple(made[:len(after)]))
    return Loop(body, (*carries.values(), *slices.values(), *given.values()), length, reverse, anew), made[len(after):]


def is_computed(node: Node) -> bool:
    """Is it more than an operand seen differently?"""
    return node.op not in ops.FREE | {ops.SLICE, ops.RESHAPE} and not (node.op is ops.ADD and len(node.operands) < 2)


def invariant(roots: Sequence[Node], varying: Collection[Node]) -> list[Node]:
    """The largest nodes below `roots` that do not depend on `varying`, below views; no literals."""
    return frontier(roots, depends(roots, varying))


def frontier(roots: Sequence[Node], inside: Collection[Node]) -> list[Node]:
    """The first nodes below `roots` that are not `inside`, below views and weights; no literals, no counts."""
    found: dict[Node, None] = {}
    for node in topological(roots, enter=lambda n: n in inside or not _stands_alone(n)):
        if node not in inside and _stands_alone(node):
            found[node] = None
    return list(found)


def _stands_alone(node: Node) -> bool:
    return is_computed(node) or node.op in ops.GIVEN or node.op in ops.MARKS


def letters_within(roots: Sequence[Node]) -> set[str]:
    """The names that the steps of recurrences give to what they compute."""
    found: set[str] = set()
    for body in {node.attrs[0] for node in topological(roots) if node.op is ops.SCAN}:
        found |= {node.attrs[0] for node in topological(body.after) if node.op is ops.NAMED} | letters_within(body.after)
    return found


def first_met(roots: Sequence[Node], stops: Collection[Node]) -> list[Node]:
    """The nodes of `stops` that are met first on the way down from `roots`."""
    return [node for node in topological(roots, enter=lambda n: n not in stops) if node in stops]
