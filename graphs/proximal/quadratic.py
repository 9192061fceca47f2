"""The step of a quadratic form that couples entries: one linear system."""

from __future__ import annotations

from symgrad.graphs.algebra import linear
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.primitives import add, input_node
from symgrad.graphs.algebra.signs import is_positive
from symgrad.graphs.node import Node, Symbol, depends
from symgrad.graphs.proximal.kinks import NotConvex
from symgrad.graphs.proximal.scalars import never_negative
from symgrad.graphs.reverse import reverse
from symgrad.graphs.stationary.affine import at_zero, degrees, substituted, terms, tidy
from symgrad.graphs.stationary.systems import jacobian, system
from symgrad.graphs.weights import MINUS, ONE

POINT = -5000  # the owner of a stand-in for the variable, which never survives


def quadratic_step(root: Node, x: Node, s: Node, proved: bool) -> Node:
    """(I + s H)^-1 (x - s b): the zero of z - x + s g'(z). Raises NotConvex where that is not known to be the minimum."""
    if not proved:
        _prove_quadratic(root, x)
    z = input_node(Symbol("data", "z", x.attrs[0].over, facts=x.attrs[0].facts, owner=POINT), x.shape, x.dtype)
    axes = range(len(x.shape))
    (slope,) = reverse(substituted(root, {x: z}), contract([], [], ()), [z])
    if len(x.shape) == 1:
        slope = tidy(slope)
        h, b = jacobian(slope, z), at_zero(slope, z)
        matrix = add([contract([], [], (0, 0), {0: x.shape[0]}), contract([s, h], [(), (0, 1)], (0, 1))])
        return linear.solve(matrix, add([x, contract([s, b], [(), axes], axes)], [ONE, MINUS]))
    zero = add([contract([s, slope], [(), axes], axes), z, x], [ONE, ONE, MINUS])
    return tidy(system(tidy(zero), z).solution())


def _prove_quadratic(root: Node, x: Node) -> None:
    """Raises NotConvex where a quadratic form is not a sum of squares by its form."""
    live = depends([root], [x])
    for term in terms(root, live):
        mine = [factor for factor in term.factors if factor[0] in live]
        rest = term.over([f for f in term.factors if f[0] not in live], sorted({i for n, e in term.factors for i in e}))
        squared = len(mine) == 2 and mine[0] == mine[1] and is_positive(term.by) and never_negative(rest)
        if not squared and degrees([term.node()], [x])[term.node()] > 1:
            raise NotConvex("its Hessian is not known to have no negative eigenvalue")
