"""Training or not: the two graphs that a graph with random operations or statistics of the batch stands for.

Three kinds of symbols are nobody's data. A mask is drawn anew for every call, in training; else it is one everywhere. A
mode is true in training and else false: `where(mode, value of the batch, running value)`. A state is a number that the
model keeps, like a parameter, which training moves by a formula of its own instead of a gradient: `tracked(value, mode,
state, next)` is `value`, and says that the state becomes `next` where `value` is computed in training.

Values are put in their place (`in_phase`) before anything is lowered, so programs know one ordinary graph for each phase.
Differentiation commutes with that: a derivative of the open graph is exact in either phase.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal, literal_value
from symgrad.graphs.algebra.primitives import tracked
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.sizes import Size
from symgrad.graphs.table import rebuild

MASK, MODE, STATE = "mask", "mode", "state"  # kinds of symbols
HELD = ("parameter", STATE)  # what a model keeps


def is_hidden(node: Node) -> bool:
    """Is it a symbol that no user gives: a mask or a mode?"""
    return node.op is ops.INPUT and node.attrs[0].kind in (MASK, MODE)


def is_data(node: Node) -> bool:
    """Is it a symbol for which a user has arrays?"""
    return node.op is ops.INPUT and node.attrs[0].kind not in (*HELD, MASK, MODE)


def is_open(roots: Iterable[Node]) -> bool:
    """Does a graph differ between training and all else?"""
    return any(is_hidden(node) for node in topological(roots))


def in_phase(roots: Sequence[Node], training: bool, given: Collection[Node] = ()) -> list[Node]:
    """The graphs in training, where masks stay symbols, or outside of it; what is `given` stays as it is."""
    order = topological(roots)
    memo = {node: put for node in order if is_hidden(node) and node not in given
            and (put := literal_of(node, training)) is not None}
    if not memo and not any(node.op is ops.TRACKED for node in order):
        return list(roots)
    return transform(roots, _rule, memo)


def literal_of(symbol: Node, training: bool) -> Node | None:
    """The number in the place of a mask or a mode; None for a mask in training, which is drawn."""
    if symbol.attrs[0].kind == MODE:
        return literal(int(training), symbol.shape)
    return None if training else literal(1, symbol.shape)


def masks_of(roots: Iterable[Node]) -> list[Node]:
    """The masks of a graph, in the order in which they were written."""
    return sorted((n for n in topological(roots) if n.op is ops.INPUT and n.attrs[0].kind == MASK),
                  key=_order)


def moves_of(roots: Sequence[Node]) -> dict[Node, Node]:
    """What each state becomes when the graphs are computed in training; what is moved twice, by calls in their order."""
    calls: dict[Node, dict[Node, Node]] = {}
    for node in topological(roots):
        if node.op is ops.TRACKED:
            _, call, state, after = node.operands
            calls.setdefault(call, {}).setdefault(state, after)
    flat = list(dict.fromkeys(after for own in calls.values() for after in own.values()))
    trained = dict(zip(flat, in_phase(flat, True), strict=True))
    moved: dict[Node, Node] = {}
    for call in sorted(calls, key=_order):
        own = calls[call]
        afters = [trained[after] for after in own.values()]
        if not moved.keys().isdisjoint(own):  # moved before
            afters = transform(afters, rebuild, dict(moved))
        moved |= zip(own, afters, strict=True)
    return moved


def check_still(step: Sequence[Node]) -> None:
    """Raises SymgradError for a step of a recurrence that moves what a model keeps: of how many steps would it be?"""
    for node in topological(step):
        if node.op is ops.TRACKED:
            raise SymgradError(f"scan: {node.operands[1].attrs[0].init[0]} has running statistics, which would move in "
                               "every step; normalise outside of the recurrence, or by sg.nn.LayerNorm")


def counts_of(roots: Iterable[Node]) -> list[tuple[str, Size]]:
    """How many values the statistics of each layer are taken of in training: who it is, and the number."""
    found = sorted((n for n in topological(roots) if n.op is ops.INPUT and n.attrs[0].kind == MODE), key=_order)
    return list(dict.fromkeys(node.attrs[0].init for node in found))


def too_few(name: str) -> str:
    """What is said of a batch of one value."""
    return f"{name}: one value a channel has no variance; in training a batch needs two or more"


def _order(symbol: Node) -> int:
    owner: int = symbol.attrs[0].owner
    return owner


def _rule(node: Node, operands: tuple[Node, ...]) -> Node:
    if node.op is ops.TRACKED:
        return tracked(*operands)
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "logical_not" and operands != node.operands:
        value = literal_value(operands[0])
        if value is not None and value.factor is None:
            return literal(int(not value.number), node.shape)
    return rebuild(node, operands)
