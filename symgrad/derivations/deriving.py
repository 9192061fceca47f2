"""Laws that the engine derives, each once, on symbols of its own: what an operation is, it says itself.

A product has its law in the form in which it stands, `A = X Wᵀ` as well as `a = W x`: the labels of its factors are the
form, and the derivative rule of the product does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from symgrad.derivations.lawbook import TOTAL, TRACE, LawRow
from symgrad.derivations.text import show
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.primitives import add, input_node
from symgrad.graphs.node import REAL, Node, Symbol, topological
from symgrad.graphs.pieces.boxes import LEAF, Box, cotangent_leaf, local_cotangents
from symgrad.graphs.samples import sample_axes
from symgrad.graphs.sizes import Shape
from symgrad.language.linear_algebra import cumsum, det, inv, logdet
from symgrad.language.reduction import logsumexp, softmax
from symgrad.language.symbols import dim
from symgrad.language.tensor import Tensor, wrap

Labels = tuple[int, ...]
STYLES = ("unicode", "latex")
LETTERS = "nmkl"  # of sizes
MOST = 3  # factors of a product that has a law
MATRICES = "a product of matrices: the other factor, transposed"
# What is derived: a title, why a step holds, the axes of x, and y.
OPERATIONS: dict[str, tuple[str, str, int, Callable[[Tensor], Tensor]]] = {
    ops.SOFTMAX: ("Softmax", "through softmax", 1, softmax),
    ops.LOGSUMEXP: ("Log-sum-exp", "through log-sum-exp", 1, logsumexp),
    ops.CUMSUM: ("Running sum", "an entry is in all sums from its place on", 1, cumsum),
    ops.INVERSE: ("Inverse", "through the inverse", 2, inv),
    ops.LOGDET: ("Log-determinant", "through the log-determinant", 2, logdet),
    "det": ("Determinant", "through the determinant", 2, det),
}


@lru_cache
def derived(operation: str) -> LawRow:
    """The law of an operation on one operand."""
    title, why, rank, make = OPERATIONS[operation]
    x = _symbol("x" if rank == 1 else "X", (dim("n"),) * rank)
    return law_of_formula(title, why, make(wrap(x)).node, [x])


@lru_cache
def product_law(factors: tuple[Labels, ...], out: Labels, who: tuple[int, ...]) -> LawRow | None:
    """The law of a sum of products, by the labels of its factors; those of one number in `who` are one value.

    None where a factor has more axes than a matrix.
    """
    if len(factors) == 1 and not out and factors[0]:
        (labels,) = factors
        return TOTAL if len(set(labels)) == len(labels) else TRACE if len(labels) == 2 else None
    known = {x for labels in factors for x in labels}
    flat = [x for labels in factors for x in labels]
    if len(factors) > 1 and any(flat.count(x) < 2 for x in known - set(out)):
        return None  # summed in one factor alone
    if len(factors) > MOST or any(len(x) > 2 or len(set(x)) < len(x) for x in (*factors, out)) or not known >= set(out):
        return None
    if len(set(who)) == len(who):
        factors = tuple(sorted(factors, key=lambda labels: _place(labels, out, len(factors))))
    found = _named(factors, out, who)
    if found is None:
        return None
    title, why, names = found
    sizes = {label: dim(LETTERS[i]) for i, label in enumerate(dict.fromkeys(x for labels in factors for x in labels))}
    first = dict(zip(reversed(who), reversed(factors), strict=True))
    for each, labels in 2 * list(zip(who, factors, strict=True)):  # one value has one shape
        for a, b in zip(first[each], labels, strict=True):
            sizes[b] = sizes[a] = min(sizes[a], sizes[b], key=str)
    symbols = [_symbol(name, tuple(sizes[x] for x in labels)) for name, labels in zip(names, factors, strict=True)]
    y = contract(symbols, factors, out, sizes)
    return law_of_formula(title, why, y, list(dict.fromkeys(symbols)), "C" if "A" in names and len(out) == 2 else "")


def _place(labels: Labels, out: Labels, count: int) -> tuple[int, int]:
    """Where a factor stands: rows of the value first; of a product with a vector, the matrix."""
    first = 0 if out and out[0] in labels else 1
    return (0, 0) if count > 2 else (first, -len(labels)) if len(out) == 2 else (-len(labels), first)


def _named(factors: Sequence[Labels], out: Labels, who: Sequence[int]) -> tuple[str, str, list[str]] | None:
    """The title of a product, why a step by it holds, and names of the factors."""
    ranks = [len(labels) for labels in factors]
    kept = {x for labels in factors for x in labels} == set(out)
    if len(factors) == 1:
        return None if kept else ("Sum along an axis", "every entry has the same part in the sum", ["X"])
    if not any(ranks):
        same = len(set(who)) == 1
        return None if len(factors) > 2 else ("Square", "twice the number", ["s", "s"]) if same else (
            "Product of numbers", "times the other factor", ["s", "t"])
    if len(set(who)) == 1:
        names = ["x" if ranks[0] == 1 else "X"] * len(factors)
        if len(set(factors)) > 1:
            return ("Product with itself", "it stands in the product twice", names) if len(factors) == 2 else None
        if kept:
            return "Entrywise power", "each entry by itself: times the derivative of the power", names
        return ("Squared norm", "through the sum of squares", names) if len(factors) == 2 and not out else None
    if len(factors) == 3:
        return _of_three(factors, out, ranks, who)
    one, other = factors
    if one == other and kept:
        names = ["U", "V"] if ranks[0] == 2 else ["u", "v"]
        return "Entrywise product", "times the other factor, entry by entry", names
    if one == other and not out:
        return "Inner product", "times the other factor", ["u", "v"] if ranks[0] == 1 else ["A", "B"]
    if 0 in ranks:
        return "Product with a number", "times the other factor", [{0: "s", 1: "x", 2: "X"}[rank] for rank in ranks]
    if ranks == [1, 1]:
        return "Outer product", "the outer product, times the other factor", ["u", "v"]
    if ranks == [2, 2]:
        return None if set(one) & set(other) & set(out) else ("Matrix product", MATRICES, ["A", "B"])
    if kept:
        return "Rows or columns scaled", "times the other factor, entry by entry", ["X" if r == 2 else "s" for r in ranks]
    return "Matrix times vector", MATRICES, ["A" if r == 2 else "x" for r in ranks]


def _of_three(factors: Sequence[Labels], out: Labels, ranks: Sequence[int],
              who: Sequence[int]) -> tuple[str, str, list[str]] | None:
    """A matrix between two vectors."""
    ends = [labels for labels in factors if len(labels) == 1]
    if sorted(ranks) != [1, 1, 2] or out or len({*ends}) < 2:
        return None
    same = len(set(who)) == 2
    vectors = iter("xx" if same else "uv")
    names = [next(vectors) if rank == 1 else "A" for rank in ranks]
    return "Quadratic form" if same else "Bilinear form", "through a matrix between two vectors", names


@lru_cache
def layer_law(x: Labels, w: Labels, out: Labels, bias: int | None) -> LawRow | None:
    """The law of an affine layer in its own form, by the labels of what enters, of the weights, and of the value.

    `bias` is the number of its axes, none where there is no bias.
    """
    if max(map(len, (x, w, out))) > 2 or any(len(set(each)) < len(each) for each in (x, w, out)) or (
            not set(out) <= {*x, *w} or not set(x) & set(w)):
        return None
    sizes = {label: dim(LETTERS[i]) for i, label in enumerate(dict.fromkeys((*x, *w)))}
    enters = _symbol("X" if len(x) == 2 else "x", tuple(sizes[each] for each in x))
    weights = _symbol("W" if len(w) == 2 else "w", tuple(sizes[each] for each in w))
    value = contract([weights, enters], [w, x], out, sizes)
    wrt = [enters, weights]
    if bias is not None:
        mine = tuple(each for each in out if each in w)[-bias:] if bias else ()
        if len(mine) != bias:
            return None
        b = _symbol("b", tuple(sizes[each] for each in mine))
        value = add([value, contract([b], [mine], out, {each: sizes[each] for each in out})])
        wrt.append(b)
    title = ("Linear layer" if bias is None else "Affine layer") + " of rows" * (len(out) == 2)
    return law_of_formula(title, "through the affine layer", value, wrt, "A" if len(out) == 2 else "a")


def labels_of(node: Node) -> tuple[tuple[Labels, ...], Labels, tuple[int, ...]]:
    """The labels of the factors of a product and of its value, and which factors are one: `product_law`.

    They are those of one sample, counted from 0, without those of a stack in which each has its own factors.
    """
    operands, inputs, out = _factors(node)
    axes = sample_axes([node])
    gone = {labels[axes[o]] for o, labels in zip(operands, inputs, strict=True) if o in axes}

    def kept(labels: Sequence[int]) -> tuple[int, ...]:
        return tuple(label for label in labels if label not in gone)

    shared = [x for x in kept(out) if all(x in labels for labels in inputs)]
    entrywise = all(set(labels) == set(out) for labels in inputs)
    while max((len(kept(labels)) for labels in (*inputs, out)), default=0) > (1 if entrywise else 2) and shared:
        gone.add(shared.pop(0))
    order: dict[int, int] = {}
    for labels in inputs:
        for label in kept(labels):
            order.setdefault(label, len(order))
    if not kept(out) and entrywise_sum(inputs) and len(order) > 2:  # of an array: of the vector of its entries
        return tuple((0,) for _ in inputs), (), tuple(map(operands.index, operands))
    return tuple(tuple(order[x] for x in kept(labels)) for labels in inputs), tuple(
        order.setdefault(x, len(order)) for x in kept(out)), tuple(map(operands.index, operands))


def entrywise_sum(inputs: Sequence[Labels]) -> bool:
    """Have all factors the same labels in one order?"""
    return len(set(inputs)) == 1


def _factors(node: Node) -> tuple[list[Node], list[Labels], Labels]:
    """The factors of a product, with their labels; of a sum over a product, those of both at once."""
    inputs, out = node.attrs
    if (inner := inside_sum(node)) is not None:
        labels = dict(zip(inputs[0], inner.attrs[1], strict=True))
        return list(inner.operands), list(inner.attrs[0]), tuple(labels[x] for x in out)
    return list(node.operands), list(inputs), tuple(out)


def inside_sum(node: Node) -> Node | None:
    """The product over which a node only sums."""
    if len(node.operands) != 1 or node.operands[0].op is not ops.EINSUM:
        return None
    (labels,), out = node.attrs
    inner = node.operands[0]
    return inner if len(set(labels)) == len(labels) > len(out) and len(inner.operands) == 2 and (
        len(set(inner.attrs[1])) == len(labels)) else None


def law_of_formula(title: str, why: str, local: Node, wrt: Sequence[Node], value: str = "") -> LawRow:
    """The law of a formula over symbols."""
    value = value or ("Y" if local.shape and len(local.shape) == 2 else "y")
    y = input_node(Symbol("data", value, owner=LEAF), local.shape, REAL)
    box = Box(value, "operation", local, local, y, (), 0)
    parts = local_cotangents(box, cotangent_leaf(box), wrt)
    sources = [cotangent_leaf(Box(str(x.attrs[0].name), "data", x, x, x, (), 0)) for x in wrt]
    unicode, latex = ((f"{show(y, style)} = {show(local, style)}",
                       *(f"{show(g, style)} = {show(part, style)}" for g, part in zip(sources, parts, strict=True)))
                      for style in STYLES)
    return LawRow(title, why, unicode, latex)


def _symbol(name: str, shape: Shape) -> Node:
    return input_node(Symbol("data", name, owner=LEAF), shape, REAL)


def layer_labels(local: Node, weights: Node) -> tuple[Labels, Labels, Labels] | None:
    """Of the product of an affine layer with its weights: the labels of what enters, of the weights, of the value."""
    for n in topological([local]):
        if n.op is ops.EINSUM and len(n.operands) == 2 and weights in n.operands:
            (one, other), out, _ = labels_of(n)
            return (one, other, out) if n.operands[1] is weights else (other, one, out)
    return None
