"""Reverse mode on the graph: cotangents of nodes are nodes, and so are the results.

One pass, `cotangents`, gives everything. A gradient seeds it with one; a Jacobian with a delta over the
axes of its numerator, which disappears by renaming where it meets a product; a forward product is the
transpose of the transposed one, so no operation needs a second rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs.algebra.einsum import contract, zeros
from symgrad.graphs.algebra.primitives import as_real, input_node
from symgrad.graphs.derivative.backward import Wrap, carried_back
from symgrad.graphs.node import Node, Symbol
from symgrad.graphs.sizes import Shape
from symgrad.graphs.table import PRIMITIVES


def cotangents(root: Node, seed: Node, wrt: Sequence[Node], wrap: Wrap | None = None,
               guarded: bool = True) -> dict[Node, Node]:
    """The cotangent of every node between `wrt` and `root`, in the order in which they are found.

    `seed` has the axes of `root` behind any number of seed axes. `wrap(node, cotangent)` may replace each
    finished cotangent (give it a name, say) before it flows on. `guarded`: local derivatives that may be infinite are
    taken only where they count; a formula that is read does without.
    """
    return carried_back(PRIMITIVES, [(root, seed)], len(seed.shape) - len(root.shape), wrt, wrap, guarded)


def reverse(root: Node, seed: Node, wrt: Sequence[Node], guarded: bool = True) -> list[Node]:
    """The cotangents of `wrt`: zeros where `root` does not depend on them."""
    lead = len(seed.shape) - len(root.shape)
    found = cotangents(root, seed, wrt, guarded=guarded)
    return [as_real(found[v]) if v in found else zeros((*seed.shape[:lead], *v.shape)) for v in wrt]


def delta_seed(shape: Shape, free: Sequence[int] = ()) -> Node:
    """A seed for the Jacobian of a tensor of `shape`: deltas over its axes, ones along the axes `free`.

    The seed axes are the axes of `shape` that are not free.
    """
    axes = range(len(shape))
    return contract([], [], [*(a for a in axes if a not in free), *axes], dict(zip(axes, shape, strict=True)))


def push_forward(root: Node, wrt: Node, direction: Node, guarded: bool = True) -> Node:
    """The Jacobian of `root` by `wrt` times `direction`: reverse mode, twice."""
    u = input_node(Symbol("data", "transpose", owner=TRANSPOSE), root.shape, root.dtype)
    (g,) = reverse(root, u, [wrt], guarded)
    axes = range(len(wrt.shape))
    inner = contract([g, direction], [axes, axes], ())
    (result,) = reverse(inner, contract([], [], ()), [u], guarded)
    return result


TRANSPOSE = -1  # the owner of the one dummy of push_forward, which never survives it
