"""Can a matrix be inverted at all? Tried at random values of several sizes: one regular matrix is an answer.

A determinant that is not zero as a function of the data is not zero at random data (Schwartz, Fast probabilistic
algorithms for verification of polynomial identities, 1980), so nothing is inverted that no data make regular. What
cancels to zero leaves rounding behind: it is told from a small matrix by the same computation in float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice, permutations
from typing import Any

import numpy as np

from symgrad.computing.functions import Function, function
from symgrad.computing.points import number, random_value, size_symbols
from symgrad.computing.threads import Alone, within
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.errors import DataError
from symgrad.graphs.node import INTEGER, REAL, Node, Symbol, topological
from symgrad.graphs.sizes import product
from symgrad.language.tensor import Tensor, wrap

SIZES_TRIED = 120  # in search of sizes at which a matrix is regular
LARGEST = 40_000  # entries of a tensor that is tried
SINGULAR = 1e-10  # relative to the largest singular value
ROUNDING = 2e-6  # of float64, relative to that of float32, with a factor of 1000


def generically_regular(matrices: Sequence[tuple[Node, int]]) -> bool:
    """Are matrices, each with its number of stack axes in front, regular for some data of some sizes?

    True where it cannot be told: for large ones, and where no values are found at which they exist.
    """
    asked = [(node, stack) for node, stack in matrices if len(node.shape) > stack or literal_value(node) is None]
    nodes = [node for node, _ in asked]
    if not asked:
        return True
    below = topological(nodes)
    inputs = [n for n in below if n.op is ops.INPUT]
    sizes = [*(size for n in below for size in n.shape), *(n.attrs[0].classes for n in inputs)]
    symbols = size_symbols(nodes)
    inputs += [input_node(Symbol("data", f"size {s}"), (s,), REAL) for s in symbols]
    arguments = {f"x{i}": plain(n) for i, n in enumerate(inputs)}
    rough = any(n.op in (ops.SOLVE, ops.INVERSE) or n.attrs == ("reciprocal",) for n in below)  # what can cancel to zero
    versions = [function(arguments, [plain(node) for node in nodes], dtype=dtype)
                for dtype in ("float64", "float32")[:1 + rough]]
    rng = np.random.default_rng(0)
    judged = False
    unbounded = any(n.dtype == INTEGER and n.attrs[0].classes is None for n in inputs)
    orders = permutations(_spread(len(symbols) + 1, sizes), len(symbols))
    sized = (dict(zip(symbols, order, strict=True)) for order in orders)
    for at, top in islice(((chosen, top) for chosen in sized for top in _tops(below, chosen, unbounded)), SIZES_TRIED):
        if max(number(product(node.shape), at) for node in below) > LARGEST:
            continue
        values = [_value(n, at, rng, top) for n in inputs]
        try:
            regular = within(Alone, _regular)(versions, values, [stack for _, stack in asked])
        except DataError:  # sizes that do not fit, or an inverse inside that does not exist at these
            continue
        judged = True
        if all(regular):
            return True
    return not judged


def _regular(versions: Sequence[Function], values: Sequence[Any], stacks: Sequence[bool]) -> list[bool]:
    """Which Hessians are regular at these values, judged by the results of all versions."""
    found = [f(*values) for f in versions]
    return [_is_regular(h, rest, stack) for h, *rest, stack in zip(*found, stacks, strict=True)]


def plain(node: Node) -> Tensor:
    """All axes shown: a sample axis is one of the axes of a Hessian."""
    return wrap(node, None)


def _tops(below: Sequence[Node], at: Mapping[Any, int], unbounded: bool) -> list[int]:
    """Bounds of integers that declare no classes: what they select is along some axis, and all of it must occur."""
    return sorted({2, *(number(size, at) for n in below for size in n.shape if size != 0)}) if unbounded else [2]


def _value(node: Node, at: Mapping[Any, int], rng: np.random.Generator, top: int) -> Any:
    """A random value; integers take every value below their bound equally often, so that no class stays empty by chance."""
    if node.dtype != INTEGER:
        return random_value(node, at, rng)
    shape, classes = [number(size, at) for size in node.shape], node.attrs[0].classes
    below = top if classes is None else number(classes, at)
    return rng.permutation(np.arange(int(np.prod(shape))) % below).reshape(shape)


def _spread(count: int, sizes: Sequence[Any]) -> list[int]:
    """Sizes to try, from above all numbers among `sizes` down to 3."""
    top = max([40, *(3 * size for size in sizes if isinstance(size, int) and size < 100)])
    found = np.geomspace(top, 3, count).round().astype(int) if count > 1 else [top]
    return [int(size) for size in found]


def _is_regular(h: Any, rough: Sequence[Any], stack: int) -> bool:
    """Is every matrix of a stack regular, beyond rounding? One that is not finite may be."""
    h = np.asarray(h, float)
    if not np.isfinite(h).all() or not h.size:
        return True
    order = int(np.prod(h.shape[stack:stack + (h.ndim - stack) // 2]))
    s = np.linalg.svd(h.reshape(-1, order, order), compute_uv=False)
    noise = sum(float(np.linalg.norm(np.asarray(other, float) - h)) for other in rough) * ROUNDING
    return bool((s[:, -1] > np.maximum(SINGULAR * s[:, 0], noise)).all())
