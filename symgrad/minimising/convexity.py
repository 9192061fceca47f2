"""`sg.convexity`: a proof that a function is convex, or values at which it is not, or "unknown".

The proofs are in `graphs/convexity/` and hold for all values and sizes; the search for a witness is in `refuting.py`, the
words in `arguing.py`. "convex" is never said without a proof, and "not convex" never without a witness and, since it
says "nor concave" as well, curvature of the other sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from symgrad.calculus.derivatives import hessian, variables_of
from symgrad.calculus.variables import check_twin, varied
from symgrad.codegen.plan.binding import bind_sizes
from symgrad.formulas.names import display_names
from symgrad.graphs import ops
from symgrad.graphs.convexity.proof import AFFINE_VERDICT, CONVEX, ConvexityProof, Obstruction, prove, prove_by_hessian
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.rewrites.simplification import merged
from symgrad.language.naming import layer_names
from symgrad.language.recipes import stable, stand_in
from symgrad.language.tensor import Tensor
from symgrad.minimising.arguing import argument_of, obstacle_of, witness_text
from symgrad.minimising.refuting import Bent, Refuter
from symgrad.minimising.stationary import closed

NOT_CONVEX, UNKNOWN = "not convex", "unknown"


class Witness(NamedTuple):
    """Where a function is not convex: values of all symbols, a direction in the variables, the curvature along it."""

    values: dict[str, Any]
    direction: dict[str, Any]
    curvature: float


@dataclass(frozen=True, eq=False)
class Convexity:
    """What `sg.convexity` found.

    `verdict` is "affine", "convex", "concave", "not convex" (nor concave) or "unknown"; `bool` of it: is convexity proved?
    `reason` is the proof in words, or the witness; `hessian` that of the function, in the form of the variables.

    >>> import symgrad as sg
    >>> x = sg.parameter("x")
    >>> c = sg.convexity(sg.sqrt(1 + x**2), x)
    >>> c.verdict, bool(c), str(c.hessian)
    ('convex', True, '1/(1 + x²)^(3/2)')
    """

    verdict: str
    witness: Witness | None
    _loss: Tensor = field(repr=False)
    _wrt: Any = field(repr=False)
    _proof: ConvexityProof | Obstruction | None = field(repr=False)
    _kinked: bool = field(repr=False, default=False)
    _curved: str = field(repr=False, default="")

    def __bool__(self) -> bool:
        return self.verdict in (AFFINE_VERDICT, CONVEX)

    @cached_property
    def hessian(self) -> Any:
        """The second derivatives: a tensor, or blocks in the form of the variables. (Of a kink they say nothing.)"""
        return hessian(self._loss, self._wrt)

    @cached_property
    def reason(self) -> str:
        """Why: the rules that the proof used, the witness, or what is in the way."""
        if isinstance(self._proof, ConvexityProof):
            return argument_of(self._proof, self._loss, self._wrt)
        if self.witness is not None:
            return witness_text(*self.witness, kinked=self._kinked)
        return obstacle_of(self._proof, self._curved)

    def __str__(self) -> str:
        return f"{self.verdict}: " + self.reason.replace("; ", "\n  ")


def convexity(f: Any, wrt: Any) -> Convexity:
    """Is the scalar `f` convex in `wrt`, a tensor, list or dict of variables, all together?

    A verdict holds for all values of the other symbols and for all sizes, where the formula is a real number and declared
    facts hold: `positive`, `nonnegative`, `simplex` cut the domain, `symmetric` and `positive_definite` leave symmetric
    directions. What has kinks is judged by composition, never by a Hessian. "not convex" comes with a `witness`: values
    of all symbols, a direction for each variable by name, and the curvature along it, which is negative. What cannot be
    proved or refuted is "unknown". A function that does not depend on the variables is affine.

    Raises ShapeError for an `f` that is no scalar, SymgradError for variables that are none. Sources: Boyd and
    Vandenberghe, Convex Optimization, 2004, chapter 3; Grant, Boyd and Ye, Disciplined Convex Programming, 2006.

    >>> import symgrad as sg
    >>> n, d = sg.dims("n d")
    >>> X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
    >>> sg.convexity(sg.sum((X @ w - y) ** 2), w).verdict
    'convex'
    >>> a, b = sg.parameter("a"), sg.parameter("b")
    >>> values, direction, curvature = sg.convexity(a * b, [a, b]).witness
    >>> curvature < 0
    True
    """
    loss = closed(f, "convexity")
    target, inner = _posed(loss, wrt)
    roots, variables = _forms(target), [x.node for x in inner]
    proof = prove(roots, variables, terms=False)
    if isinstance(proof, ConvexityProof):
        return Convexity(proof.verdict, None, loss, wrt, proof)
    names = display_names([target.node, *variables], layer_names([target, *inner]))
    refuter = Refuter(roots[-1], variables, names)
    found = refuter.glance()
    if found.negative is None or not found.not_concave:
        proof = proof or prove(roots, variables)
        if isinstance(proof, ConvexityProof):
            return Convexity(proof.verdict, None, loss, wrt, proof)
        found = refuter.search()
    if found.negative is not None and found.not_concave:
        witness = _witness(found.negative, names, roots[0], variables)
        return Convexity(NOT_CONVEX, witness, loss, wrt, None, found.negative.kinked)
    if proof is None:
        proof = prove_by_hessian(roots[-1], variables)
        if proof is not None and not (found.negative if proof.verdict == CONVEX else found.not_concave):
            return Convexity(proof.verdict, None, loss, wrt, proof)
        proof = None
    curved = "not convex, and may be concave" if found.negative is not None else (
        "not concave, and may be convex" if found.not_concave else "")
    return Convexity(UNKNOWN, None, loss, wrt, proof, False, curved)


def certified(f: Any, wrt: Any) -> Convexity | None:
    """The proof that `f` is convex in `wrt`, by rules alone and in milliseconds; None where they prove nothing.

    >>> x = sg.parameter("x")
    >>> certified(x**4, x).verdict, certified(x**3, x)
    ('convex', None)
    """
    loss = closed(f, "convexity")
    target, inner = _posed(loss, wrt)
    proof = prove(_forms(target), [x.node for x in inner])
    if isinstance(proof, ConvexityProof) and proof.verdict in (AFFINE_VERDICT, CONVEX):
        return Convexity(proof.verdict, None, loss, wrt, proof)
    return None


def _forms(target: Tensor) -> list[Node]:
    """The graph as written, and equal ones: as programs compute it, that with its sums and products taken together."""
    (stabilised,) = stable([target])
    return list(dict.fromkeys([target.node, merged(stabilised), stabilised]))


def _posed(target: Tensor, wrt: Any) -> tuple[Tensor, list[Tensor]]:
    """The loss and its variables as symbols."""
    try:
        variables = list(dict.fromkeys(variables_of(wrt, "convexity")))
    except TypeError as error:
        raise SymgradError(f"{error}; give a tensor, or a list or dict of tensors") from None
    if not variables:
        raise SymgradError("convexity: there is no variable; name the tensors in which the function may be convex")
    below = set(topological([target.node]))
    inner = []
    for x in variables:
        if x.node.op is ops.INPUT:
            check_twin(target, x, below, "convexity")
            inner.append(x)
        else:
            new = stand_in(x)
            target = varied(target, x, new, "convexity")
            inner.append(new)
    return target, inner


def _witness(bent: Bent, names: Mapping[Node, str], root: Node, variables: Sequence[Node]) -> Witness:
    values = {names[node]: np.asarray(bent.point.values[node]) for node in names}
    shown = bind_sizes([(name, node.shape) for node, name in names.items()], {})
    missing = {str(s): size for s, size in bent.point.sizes.items() if s not in shown}
    direction = {names[x]: bent.direction[x] for x in variables}
    return Witness({**values, **missing}, direction, float(bent.curvature))
