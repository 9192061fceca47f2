"""The verdict on a scalar graph, by two provers that know nothing of each other's way: a proof, or None.

The domain comes first: where it may have holes nothing is proved. Then `calculus.py` judges the graph as written, and in
its stable form. Where it is silent, the loss is taken as a sum: the terms that the calculus proves stay, the others are
added up over their indices, and `kernels.py` proves their sum, or `pieces.py` where it has kinks. Last of all, `second.py`
reads the structure of the Hessian.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symgrad.graphs.convexity.calculus import Calculus
from symgrad.graphs.convexity.domains import first_hole
from symgrad.graphs.convexity.interval import Interval, point, times_interval
from symgrad.graphs.convexity.kernels import (
    Kernel,
    Summand,
    bends_upward,
    kernel_of,
    kinked,
    summands_of,
    written,
)
from symgrad.graphs.convexity.pieces import InPieces, bends_in_pieces
from symgrad.graphs.convexity.ranges import weight_range
from symgrad.graphs.convexity.scalars import SYMPY_FAILS, Located, NoKernel
from symgrad.graphs.convexity.second import hessian_sign
from symgrad.graphs.facts import ORTHOGONAL, facts_of
from symgrad.graphs.node import Node
from symgrad.graphs.weights import weight

AFFINE_VERDICT, CONVEX, CONCAVE = "affine", "convex", "concave"


@dataclass(frozen=True, slots=True, eq=False)
class ConvexityProof:
    """What was proved of `root`, and by what: nodes of the calculus, kernels, functions in pieces, or the Hessian."""

    verdict: str
    root: Node
    calculus: Calculus
    terms: tuple[Node, ...] = ()  # proved by the calculus
    kernels: tuple[Kernel, ...] = ()
    pieces: tuple[InPieces, ...] = ()
    by_hessian: Node | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Obstruction:
    """Why nothing can be proved: the domain may have a hole at `node`, or a variable is not free to move along lines."""

    kind: str
    node: Node


def prove(roots: Sequence[Node], variables: Sequence[Node], terms: bool = True) -> ConvexityProof | Obstruction | None:
    """A proof that a scalar is convex or concave in `variables`. `roots`: the graph as written, then equal ones.

    `terms`: by second derivatives of its terms too, which takes SymPy's time.
    """
    for x in variables:
        if ORTHOGONAL in facts_of(x):
            return Obstruction("orthogonal", x)
    first = Calculus(roots[0], variables)
    hole = first_hole(roots[0], first)
    if hole is not None:
        return Obstruction("hole", hole)
    each = {roots[0]: first, **{root: Calculus(root, variables) for root in roots[1:] if root is not roots[0]}}
    for root, c in each.items():
        bend = c.bends[root]
        if bend.convex or bend.concave:
            verdict = AFFINE_VERDICT if bend.affine else CONVEX if bend.convex else CONCAVE
            return ConvexityProof(verdict, root, c, () if bend.affine else (root,))
    if not terms:
        return None
    safe = reversed(each.items())  # the stable form first: softplus(u) says more than the logarithms it was written with
    return next((found for root, c in safe if (found := _by_terms(root, c)) is not None), None)


def prove_by_hessian(root: Node, variables: Sequence[Node]) -> ConvexityProof | None:
    """The same by the structure of the Hessian, where `prove` found neither a proof nor an obstruction."""
    c = Calculus(root, variables)
    sign, h = hessian_sign(root, variables, c)
    return ConvexityProof(CONVEX if sign > 0 else CONCAVE, root, c, by_hessian=h) if sign else None


def _by_terms(root: Node, c: Calculus) -> ConvexityProof | None:
    try:
        summands = summands_of(root, c)
    except NoKernel:
        return None
    for sign in (1, -1):
        proved = [s for s in summands if _is_proved(s, sign, c)]
        rest = [s for s in summands if s not in proved]
        found = _kernels(rest, proved, sign, c)
        if found is not None:
            kernels, pieces, left = found
            terms = tuple(dict.fromkeys(s.source for s in left if not c.bends[s.source].affine))
            flat = not pieces and not terms and all(k.second.is_zero_matrix for k in kernels)
            verdict = AFFINE_VERDICT if flat else CONVEX if sign > 0 else CONCAVE
            return ConvexityProof(verdict, root, c, terms, tuple(kernels), tuple(pieces))
    return None


def _is_proved(s: Summand, sign: int, c: Calculus) -> bool:
    bend = c.bends[s.source]
    if bend.affine:
        return True
    total: Interval = weight_range(weight(s.weight)) if isinstance(s.weight, sp.Expr) else point(1)
    for node, _ in s.constants:
        total = times_interval(total, c.ranges(node))
    if not total.nonnegative and not total.nonpositive:
        return False
    return bend.convex if total.nonnegative == (sign > 0) else bend.concave


def _kernels(rest: list[Summand], proved: list[Summand], sign: int,
             c: Calculus) -> tuple[list[Kernel], list[InPieces], list[Summand]] | None:
    """Proofs for the sums of `rest` over the same indices, each with terms that were proved where these are needed."""
    symbols: dict[Located, sp.Symbol] = {}
    try:
        groups: dict[object, list[sp.Expr]] = {}
        for s in rest:
            key, e = written(s, c, symbols)
            groups.setdefault(key, []).append(e)
    except (NoKernel, *SYMPY_FAILS):
        return None
    kernels: list[Kernel] = []
    pieces: list[InPieces] = []
    left = list(proved)
    for key, terms in groups.items():
        made = _proof_of(terms, symbols, sign, c)
        if made is None:
            helping = [(s, e) for s, e in _same_indices(left, key, symbols, c)]
            made = _proof_of([*terms, *(e for _, e in helping)], symbols, sign, c) if helping else None
            left = [s for s in left if all(s is not other for other, _ in helping)]
        if made is None:
            return None
        if isinstance(made, Kernel):
            kernels.append(made)
        else:
            pieces.append(made)
    return kernels, pieces, left


def _same_indices(summands: Sequence[Summand], key: object, symbols: dict[Located, sp.Symbol],
                  c: Calculus) -> list[tuple[Summand, sp.Expr]]:
    found = []
    for s in summands:
        try:
            other, e = written(s, c, symbols)
        except NoKernel:
            continue
        if other == key:
            found.append((s, e))
    return found


def _proof_of(terms: Sequence[sp.Expr], symbols: dict[Located, sp.Symbol], sign: int,
              c: Calculus) -> Kernel | InPieces | None:
    try:
        kernel = kernel_of(terms, symbols, c)
        if kinked(kernel.formula):
            return bends_in_pieces(kernel, sign, c.ranges)
        return kernel if bends_upward(kernel, sign, c.ranges) else None
    except (NoKernel, *SYMPY_FAILS):
        return None
