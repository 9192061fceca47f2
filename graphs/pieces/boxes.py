"""Boxes: a graph cut into the steps a textbook would name.

A box is a value that deserves a name: a symbol, a tensor the user named, an affine layer `a^i`, its
activation `x^i`, whatever is used more than once, and the output. Everything else is written inside the
box that uses it. Each box keeps its *local* formula: the same algebra over leaves that stand for other
boxes, so that formulas, local derivatives and drawings are all read from small graphs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, ones
from symgrad.graphs.algebra.primitives import add, input_node
from symgrad.graphs.facts import SIMPLEX, SYMMETRIC
from symgrad.graphs.node import REAL, Node, Symbol, topological, transform
from symgrad.graphs.pieces.choosing import choose
from symgrad.graphs.reverse import delta_seed, reverse
from symgrad.graphs.rewrites.declared import Facts, symmetric
from symgrad.graphs.samples import sample_axes
from symgrad.graphs.sizes import Size
from symgrad.graphs.table import rebuild
from symgrad.graphs.textbook.normal import textbook, textbooks

HIGH = re.compile("[\\^⁰¹²³⁴⁵⁶⁷⁸⁹]")  # begins a superscript
LEAF = -2  # the owner of the leaves that stand for boxes


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """One step: `node` of the whole graph, its `local` formula over `leaf`s of the boxes in `operands`."""

    name: str
    kind: str  # data | parameter | constant | affine | activation | operation | output
    node: Node
    local: Node
    leaf: Node
    operands: tuple[Box, ...]
    layer: int  # 0: before the first layer; the layer of what follows the last is its number + 1

    @property
    def is_given(self) -> bool:
        """Is it a symbol or a constant, and not computed?"""
        return self.node.op in ops.GIVEN


def boxes(root: Node, names: dict[Node, str], output: str, keep: Sequence[Node] = (), letter: str = "",
          order: Sequence[Node] = ()) -> list[Box]:
    """The boxes of `root`, operands first; the last one is `root` itself, named `output`.

    `names` gives the display names of inputs; nodes in `keep` become boxes in any case. Other values are named
    a^i, x^i, v_i, or by `letter` and a number, counted in `order`, a topological one. Afterwards: every leaf of a local
    formula is the leaf of one of the operands, a number, or a count.
    """
    return joint_boxes({root: output}, names, keep, letter, order)


def joint_boxes(outputs: Mapping[Node, str], names: dict[Node, str], keep: Sequence[Node] = (),
                letter: str = "", order: Sequence[Node] = ()) -> list[Box]:
    """The boxes of several outputs with their names, operands first; what they share is one box."""
    roots = list(outputs)
    order = order or topological(roots)
    chosen = choose(roots, order, set(keep))
    samples = sample_axes(roots)
    taken = {_own(n, names) for n in order if n.op in ops.BEARERS} | {*outputs.values()}
    data = [_own(n, names) for n in order if n.op is ops.INPUT and n.attrs[0].kind == "data"]
    count, high = {"a": 0, "x": 0, letter or "v": 0}, raised(taken, data)
    made: list[Box] = []
    places: dict[Node, list[int]] = {}  # of the boxes of a leaf
    local: dict[Node, Node] = {}
    layer = layers(order, {n for n, kind in chosen.items() if kind == "affine"})
    facts = Facts(True)

    def fresh(first: str, number: int | None = None) -> str:
        first = first if first not in high else letter or "v"
        while True:
            count[first] = number if number is not None else count[first] + 1
            name = f"{first}^{count[first]}" if first in ("a", "x") else f"{first}_{count[first]}"
            if name not in taken:
                taken.add(name)
                return name
            number = None

    for node in order:
        below = layer[node]
        kind = chosen.get(node)
        formula = rebuild(node, tuple(local[o] for o in node.operands))
        if kind is None:
            local[node] = formula
            continue
        if node in outputs:
            name, kind = outputs[node] if node.op not in (ops.INPUT, ops.NAMED) else _own(node, names), "output"
        elif node.op in ops.BEARERS:
            name = _own(node, names)
        elif letter or kind not in ("affine", "activation"):
            name = fresh(letter or "v")
        else:
            name = fresh("a" if kind == "affine" else "x", below)
        over = node.shape[0] if samples.get(node) == 0 else None
        leaf = named_leaf(node, names) if node.op in ops.GIVEN else input_node(
            Symbol("data", name, over, facts=_facts(node, facts), owner=LEAF), node.shape, node.dtype)
        used = sorted(i for n in topological([formula]) if n is not leaf for i in places.get(n, ()))
        places.setdefault(leaf, []).append(len(made))
        made.append(Box(name, kind, node, formula.operands[0] if formula.op is ops.NAMED else formula,
                        leaf, tuple(made[i] for i in used), below))
        local[node] = leaf
    return made


def raised(names: Iterable[str], data: Iterable[str] = ()) -> set[str]:
    """The letters whose superscripts count something else than layers: x of x^k, and of two `data` x^0 and x^1.

    >>> sorted(raised(["x^k", "W1", "y^0", "z_1^n"])), raised([], ["x^0", "x^1", "y^0"])
    (['x', 'z'], {'x'})
    """
    apart = [HIGH.split(name, maxsplit=1) for name in names]
    given = Counter(parts[0].split("_")[0] for name in data if len(parts := HIGH.split(name, maxsplit=1)) > 1)
    return {parts[0].split("_")[0] for parts in apart if len(parts) > 1 and parts[1] and not parts[1].isdecimal()} | {
        letter for letter, times in given.items() if times > 1}


def _facts(node: Node, facts: Facts) -> tuple[str, ...]:
    """What is known of the value of a box by its form, so that formulas over its leaf can use it."""
    inner = node.operands[0] if node.op is ops.NAMED else node
    if inner.op is ops.SOFTMAX and inner.attrs[0] == (len(inner.shape) - 1,):
        return (SIMPLEX,)
    return (SYMMETRIC,) if symmetric(inner, facts) else ()


def named_leaf(node: Node, names: Mapping[Node, str]) -> Node:
    """A leaf of a graph under its display name: what is printed of a part alone has the names of the whole."""
    symbol = node.attrs[0] if node.op is ops.INPUT else None
    if symbol is None or names.get(node, symbol.name) == symbol.name:
        return node
    return input_node(replace(symbol, name=names[node], latex=None), node.shape, node.dtype)


def layers(order: Sequence[Node], affine: Collection[Node]) -> dict[Node, int]:
    """The layer of each node: affine nodes are numbered in topological order, what uses them is with them."""
    layer: dict[Node, int] = {}
    count = 0
    for node in order:
        layer[node] = max((layer[o] for o in node.operands), default=0)
        if node in affine:
            count += 1
            layer[node] = count
    return layer


def affine_nodes(root: Node) -> set[Node]:
    """The affine layers below `root`."""
    return {n for n, kind in choose([root], topological([root]), set()).items() if kind == "affine"}


def _own(node: Node, names: dict[Node, str]) -> str:
    if node in names:
        return names[node]
    return str(node.attrs[0]) if node.op is ops.NAMED else str(node.attrs[0].name or "C")


def cotangent_leaf(box: Box, samples: Size | None = None) -> Node:
    """The leaf that stands for G_v in the formulas of other steps.

    Where the loss is one of each of `samples`, so is G_v, even of a value that is the same for all.
    """
    over, latex = (box.leaf.attrs[0].over, box.leaf.attrs[0].latex) if box.leaf.op is ops.INPUT else (None, None)
    shape = box.leaf.shape if over is not None or samples is None else (samples, *box.leaf.shape)
    return input_node(Symbol("data", f"G_{{{box.name}}}", over if over is not None else samples, owner=LEAF,
                             latex=f"G_{{{latex}}}" if latex else None), shape, REAL)


def local_cotangents(box: Box, cotangent: Node, wrt: Sequence[Node]) -> list[Node]:
    """What `cotangent` of the box gives each leaf in `wrt`: the transposed local Jacobian applied to it.

    The box's own value in the result is written as its leaf (`1 - x^2` for `1 - tanh(a)^2`).
    """
    memo: dict[Node, Node] = {**_own_values([box]), cotangent: cotangent}
    results = transform(reverse(box.local, cotangent, wrt, guarded=False), rebuild, memo)
    return textbooks(results, keep=[box.leaf])


def _own_values(found: Sequence[Box]) -> dict[Node, Node]:
    """Values that are written as the leaves of their boxes; those of a recurrence have a letter of each step, h_t."""
    return {box.local: box.leaf for box in found if box.local.op is not ops.SCAN}


def joint_cotangents(found: Sequence[Box], cotangents: Sequence[Node], wrt: Sequence[Node]) -> list[Node]:
    """What the cotangents of several boxes together give each leaf in `wrt`: results of one loop flow back in one."""
    axes = [range(len(box.local.shape)) for box in found]
    root = add([contract([box.local, u], [each, each], ()) for box, u, each in zip(found, cotangents, axes, strict=True)])
    memo: dict[Node, Node] = {**_own_values(found), **{u: u for u in cotangents}}
    results = transform(reverse(root, ones(()), wrt, guarded=False), rebuild, memo)
    return textbooks(results, keep=[box.leaf for box in found])


def local_jacobian(box: Box, operand: Box) -> Node | None:
    """The Jacobian of a box by one of its operands, of one sample, with the sample axis in front."""
    samples = sample_axes([box.local])
    lead = samples.get(box.local) == 0
    if samples.get(box.local, 0) != 0:
        return None
    free = [0] if lead and samples.get(operand.leaf) == 0 else []
    (j,) = reverse(box.local, delta_seed(box.local.shape, free=free), [operand.leaf], guarded=False)
    if free:
        rank = len(box.local.shape) - 1
        labels = list(range(len(j.shape)))
        j = contract([j], [labels], [rank, *(i for i in labels if i != rank)])
    (written,) = transform([j], rebuild, {box.local: box.leaf})  # 1 - x^2 for 1 - tanh(a)^2
    return textbook(written)


def steady(j: Node) -> Node | None:
    """A Jacobian that is the same for all samples (axis 0), without them; None where it is not."""
    if j.op is not ops.VIEW or not j.operands:
        return None
    (labels,), out = j.attrs
    if out[0] in labels or out.count(out[0]) > 1:
        return None
    return contract(j.operands, [labels], out[1:], dict(zip(out[1:], j.shape[1:], strict=True)))


def row_of(box: Box) -> str | None:
    """The elementwise function that a box applies to the value of one other box, if it is that."""
    local = box.local
    if local.op is ops.ELEMENTWISE and len(local.operands) == 1 and box.operands and (
            local.operands[0] is box.operands[0].leaf) and local.shape == box.operands[0].leaf.shape:
        return str(local.attrs[0])
    return None


def is_function(box: Box) -> bool:
    """Is a box a function of one other box, entry by entry or a softmax?"""
    local = box.local
    softmax = local.op is ops.SOFTMAX and bool(box.operands) and local.operands[0] is box.operands[0].leaf
    return softmax or row_of(box) is not None


def passes_on(box: Box, operand: Box) -> bool:
    """Is the operand one term of the sum that the box is, and in no other? Then the gradient passes on to it unchanged."""
    used = [o for o in box.local.operands if operand.leaf in topological([o])]
    return box.local.op is ops.ADD and len(used) == 1 and (
        used[0] is operand.leaf or used[0].op is ops.VIEW and used[0].operands == (operand.leaf,))
