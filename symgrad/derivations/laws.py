"""The general laws that a derivation uses: which rows of the lawbook explain the pieces of a step.

The gradient of a value comes back through the formula of the box that uses it. What lies between the two are pieces: a
product, a pool, entries picked. Each piece has its law, written down (`lawbook.py`) or derived (`deriving.py`), and a
derivation prints those that its steps cite.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from symgrad.derivations import lawbook
from symgrad.derivations.deriving import (
    OPERATIONS,
    derived,
    inside_sum,
    labels_of,
    layer_labels,
    layer_law,
    product_law,
)
from symgrad.derivations.kinds import (
    bare,
    is_enlarged,
    is_joined,
    is_masked,
    is_noisy,
    is_scale_and_shift,
    is_split,
    picks,
    terms,
)
from symgrad.derivations.lawbook import LawRow
from symgrad.derivations.pieces import Math, Sentence
from symgrad.derivations.text import is_function_of_one, of_number, slope_of
from symgrad.derivations.through_time import FROM_THE_END, RECURRENCE
from symgrad.derivations.transcript import Stage, World
from symgrad.graphs import ops
from symgrad.graphs.algebra.recurrence import loop_of
from symgrad.graphs.node import Node, depends, topological
from symgrad.graphs.pieces.boxes import Box, row_of
from symgrad.graphs.pieces.images import is_convolution, is_pooled, is_tiles, is_transposed
from symgrad.graphs.pieces.statistics import Means, mean_of, role
from symgrad.graphs.pieces.uses import is_row
from symgrad.graphs.samples import sample_axes

CHAIN = {"unicode": "G_v = ∑_u (∂u/∂v)ᵀ G_u, over all u that use v",
         "latex": r"G_{v} = \sum_{u} \left(\frac{\partial u}{\partial v}\right)^{\top} G_{u}"}
USERS: dict[str, Sentence] = {"unicode": (), "latex": (" over all ", Math("u"), " that use ", Math("v"))}  # ends it
CHAIN_RULE, DERIVED = "Chain rule", "Derived by SymPy"
WINDOWED = frozenset({ops.WINDOWS, ops.OVERLAP, ops.PAD})  # of convolutions, whose law speaks of them


@dataclass(frozen=True)
class Law:
    """An operation and what it does to gradients; without an operation, formulas that stand by themselves."""

    title: str
    operation: str
    formulas: tuple[str, ...]
    end: Sentence = ()
    signs: tuple[str, ...] = ()  # what it says, in Unicode


def laws(steps: Sequence[Stage], style: str) -> list[Law]:
    """The laws that the backward steps cite, each once, in the order of first use."""
    rows = dict.fromkeys(row for step in steps for user in _users(step) for row in cited(user, step.box, step.world))
    if any(n.op is ops.STOP for n in topological([step.node for step in steps])):
        rows.setdefault(lawbook.STOPPED)
    found = [Law(CHAIN_RULE, "", (CHAIN[style],), USERS[style])]
    for row in rows:
        operation, *formulas = row.texts(style)
        parts = row.end.split("`")
        found.append(Law(row.title, operation, tuple(formulas),
                         tuple(Math(part) if i % 2 else part for i, part in enumerate(parts) if part), row.unicode))
    slopes = tuple(slope_of(node, style, steps[0].world.taken) for node in functions_of(steps))
    return [*found, *([Law(DERIVED, "", slopes)] if slopes else [])]


def functions_of(steps: Sequence[Stage]) -> list[Node]:
    """The functions through which the backward steps go, at a number, each once."""
    return list(dict.fromkeys(of_number(node) for step in steps for user in _users(step)
                              for node in _functions(user, step.box, step.world)))


def _users(step: Stage) -> list[Box]:
    """The boxes whose laws a step cites: mean and variance are in that of what is standardised."""
    means = step.world.means
    if step.kind != "backward":
        return []
    if step.applied is None or lawbook.STANDARDISED not in {
            row for user in step.consumers for row in cited(user, step.box, step.world)}:
        return list(step.consumers)
    return [user for user in step.consumers if user.leaf not in means and role(user.local, means) != "variance"]


def cited(user: Box, box: Box, world: World) -> tuple[LawRow, ...]:
    """The laws by which a gradient goes back through one box, that of what is done last in front."""
    if (user, box) not in world.cited:
        rows = [lawbook.ENTRYWISE] if row_of(user) is not None else _pieces(user, box.leaf, world.means)
        world.cited[user, box] = tuple(dict.fromkeys(row for row in rows if row is not None))
    return world.cited[user, box]


def general(step: Stage, style: str) -> str:
    """The general law of which a backward step is an instance."""
    if step.kind == "mean":
        return ""
    if step.kind != "backward" or len(step.consumers) > 1:
        return "" if step.kind == "forward" else CHAIN[style]
    found = cited(step.consumers[0], step.box, step.world)
    if len(found) != 1:
        return CHAIN[style]
    text = found[0].texts(style)
    colon, comma = (r":\quad ", r",\quad ") if style == "latex" else (": ", ", ")
    return text[0] + colon + comma.join(text[1:])


def _pieces(user: Box, leaf: Node, means: Means) -> Iterator[LawRow | None]:
    local = user.local
    if user.kind == "affine":
        yield from _layer(user, leaf)
        return
    if (found := role(local, means)) in ("variance", "standardised", "standard deviation"):
        if found == "standardised" and leaf.shape == user.leaf.shape:
            yield lawbook.STANDARDISED  # what comes back through mean and variance is in it
        return
    for is_it, row in ((is_masked, lawbook.DROPOUT), (is_noisy, lawbook.NOISE)):
        if is_it(local):
            yield row
            return
    if is_pooled(local):
        yield {ops.MAX: lawbook.MAX_POOL, ops.EINSUM: lawbook.SUM_POOL}.get(local.op, lawbook.MEAN_POOL)
        return
    live = _between(local, leaf)
    if local not in live:
        yield lawbook.STOPPED if any(n.op is ops.STOP for n in depends([local], {leaf})) else None
        return
    told: set[Node] = set()  # pieces of what has been explained
    added = terms(local)
    scaled = is_scale_and_shift(local) and not any(bare(o) is leaf and leaf.shape == local.shape for o in added)
    if len(added) > (2 if scaled else 1):
        yield lawbook.SUM
    if scaled:
        yield lawbook.SCALE
        told |= set(added)
    for node in reversed(topological([local], enter=lambda n: n in live)):
        if node in live and node not in told:
            yield _law(node, live | {leaf}, told, user)


def _between(local: Node, leaf: Node) -> set[Node]:
    """What lies between a leaf and the formula, as a gradient goes: not through what is constant."""
    live = {leaf}
    for node in topological([local]):
        if node.op not in ops.FLAT and any(o in live for o in node.operands):
            live.add(node)
    return live - {leaf}


def _law(node: Node, live: set[Node], told: set[Node], user: Box) -> LawRow | None:
    """The law of one operation."""
    op = node.op
    if op is ops.SCAN:
        return FROM_THE_END if loop_of(node).reverse else RECURRENCE
    if mean_of(node) is not None:
        if is_row(node):
            return None
        if not _shape(node):
            told |= {node.operands[0]} if op is ops.ADD else set()
            return lawbook.MEAN
    if op is ops.EINSUM:
        if is_row(node) or len(node.operands) == 2 and any(not o.shape and o not in live for o in node.operands):
            return None  # times a number that is none of the values
        return _product(node, told, user.operands)
    if op in (ops.MAX, ops.MIN):
        return _largest(node)
    if op in (ops.SOFTMAX, ops.LOGSUMEXP):
        return _of_exponentials(node)
    if op in OPERATIONS:
        return derived(op)
    if op is ops.ELEMENTWISE:
        return _entrywise(node, told)
    if is_split(node) or is_enlarged(node) or is_joined(node):
        told |= set(node.operands)
        return lawbook.HEADS if is_split(node) else lawbook.HEADS_JOINED if is_joined(node) else lawbook.ENLARGED
    if op is ops.GATHER:
        return _picked(node)
    if op is ops.RESHAPE:
        return lawbook.FLATTENED if _shape(node) == 1 else (
            lawbook.UNFLATTENED if _shape(node.operands[0]) == 1 else lawbook.RESHAPED)
    if op in WINDOWED and is_convolution(user.local):
        return None
    return {ops.CONCAT: lawbook.JOINED, ops.SLICE: lawbook.SLICED, ops.PAD: lawbook.PADDED,
            ops.SCATTER: lawbook.ADDED_AT, ops.SOLVE: lawbook.SOLVED}.get(op)


def _product(node: Node, told: set[Node], boxes: Sequence[Box] = ()) -> LawRow | None:
    tiles = [o for o in node.operands if is_tiles(o)]
    if tiles:
        return lawbook.convolution(_sides(tiles[0]), False) if len(tiles) == 1 and len(node.operands) == 2 else None
    if is_masked(node):
        return lawbook.DROPOUT
    if (inner := inside_sum(node)) is not None:
        told.add(inner)
    if len(node.operands) == 2 and _weighs(node, boxes):
        return lawbook.ATTENTION
    return product_law(*labels_of(node))


def _sides(tiles: Node) -> int:
    """Over how many sides of an image windows are taken."""
    return sum(n.op is ops.WINDOWS for n in topological([tiles])) or 2


def _shape(node: Node) -> int:
    """The axes of one sample."""
    return len(node.shape) - (node in sample_axes([node]))


def _weighs(node: Node, boxes: Sequence[Box]) -> bool:
    """A V with the rows of a softmax as A."""
    inputs, out = node.attrs
    for box in boxes:
        if box.leaf in node.operands and box.local.op is ops.SOFTMAX and box.local.attrs[0] == (len(box.local.shape) - 1,):
            mine = inputs[node.operands.index(box.leaf)]
            return len(mine) > 1 and mine[-1] not in out and mine[-2] in out and mine[-1] in inputs[
                1 - node.operands.index(box.leaf)] and len(out) > 1
    return False


def _largest(node: Node) -> LawRow | None:
    if is_tiles(node.operands[0]):
        return lawbook.MAX_POOL if node.op is ops.MAX else None
    return lawbook.LARGEST if node.op is ops.MAX else lawbook.SMALLEST


def _of_exponentials(node: Node) -> LawRow | None:
    rank = _shape(node.operands[0])
    if rank == 1:
        return derived(node.op)
    if node.attrs[0] != (len(node.operands[0].shape) - 1,):
        return None
    return lawbook.SOFTMAX_OF_ROWS if node.op is ops.SOFTMAX else lawbook.LOGSUMEXP_OF_ROWS if rank == 2 else None


def _entrywise(node: Node, told: set[Node]) -> LawRow | None:
    name = node.attrs[0]
    if name == "where":
        return lawbook.CASES
    if name in ("maximum", "minimum"):
        return lawbook.LARGER if name == "maximum" else lawbook.SMALLER
    squares = node.operands[0]
    if name == "sqrt" and squares.op is ops.EINSUM and _product(squares, set()) == product_law(((0,), (0,)), (), (0, 0)):
        told |= {squares, *squares.operands}
        return lawbook.NORM
    return lawbook.ENTRYWISE if is_function_of_one(node) else None


def _functions(user: Box, box: Box, world: World) -> list[Node]:
    """The functions of one number through which a gradient goes back."""
    if lawbook.ENTRYWISE not in cited(user, box, world):
        return []
    live = _between(user.local, box.leaf)
    return [n for n in topological([user.local]) if n in live and n.op is ops.ELEMENTWISE and (
        n is user.local and len(n.operands) == 1 or is_function_of_one(n))]


def _picked(node: Node) -> LawRow | None:
    if (found := picks(node)) is None:
        return None
    rank, width, by_row = found
    if any(n.op is ops.ARGSORT for n in topological(node.operands[1:])):
        return lawbook.SORTED if (rank, width) == (1, 1) and not by_row else None
    if by_row:
        return lawbook.PICKED_BY_ROW if (rank, width) == (2, 0) else None
    return {(1, 0): lawbook.PICKED, (2, 0): lawbook.LOOKED_UP, (2, 1): lawbook.EMBEDDED,
            (1, 1): lawbook.PICKED_MANY}.get((rank, width))


def _layer(user: Box, leaf: Node) -> Iterator[LawRow | None]:
    """The law of a layer that is affine, in its own form, and those of what is done to its operands."""
    local = user.local
    if is_convolution(local):
        yield lawbook.convolution(_shape(local) - 1, is_transposed(local))
        return
    live = _between(local, leaf)
    shifts = [len(found.shape) for o in terms(local) if _is_weight(found := bare(o))]
    for node in topological([local]):
        if node.op is ops.EINSUM and len(node.operands) == 2 and (node in live or not any(
                n in live and n.op is ops.EINSUM for n in topological([local]))):
            weights = [o for o in node.operands if _is_weight(o)]
            labels = layer_labels(node, weights[0]) if weights else None
            yield None if labels is None else layer_law(*labels, shifts[0] if shifts else None)
    for node in topological([local], enter=lambda n: n in live):
        if node in live and node.op in ops.MOVES and not is_split(node):
            yield _law(node, live, set(), user)


def _is_weight(node: Node) -> bool:
    while node.op in (ops.SLICE, ops.VIEW, ops.STOP, ops.RESHAPE) and len(node.operands) == 1:
        (node,) = node.operands
    return node.op is ops.INPUT and node.attrs[0].kind == "parameter"
