"""Proofs of convexity, witnesses and obstacles in words and formulas."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from symgrad.calculus.derivatives import hessian, variables_of
from symgrad.calculus.structures import structure
from symgrad.graphs import ops
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.convexity.bends import Bend
from symgrad.graphs.convexity.calculus import Calculus
from symgrad.graphs.convexity.kernels import Kernel
from symgrad.graphs.convexity.pieces import InPieces
from symgrad.graphs.convexity.proof import AFFINE_VERDICT, CONVEX, ConvexityProof, Obstruction
from symgrad.graphs.convexity.second import is_smooth
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import REAL, Node, Symbol, topological
from symgrad.language.tensor import Tensor, wrap

LONGEST, MOST_TERMS, DEEPEST, MOST_SENTENCES = 60, 4, 3, 6
SMALLEST_ROOT = 40  # nodes of a loss whose Hessian is shown with the proof
SHOWN = {"gram": " is a Gram matrix", "kronecker": " is a Kronecker product", "diagonal": ""}  # kinds of structures
DEFINITE = "part of an inverse, convex where a matrix is positive definite"
LAWS: Mapping[str, str] = MappingProxyType({
    "squares": "a sum of squares of {parts}", "power": "a power of {parts}",
    "absolute": "a sum of absolute values of {parts}",
    "absolute powers": "a sum of powers of absolute values of {parts}",
    "monomial": "by its degrees a product of powers of {parts}",
    "quadratic form": "a quadratic form in {parts}, with a positive semidefinite matrix",
    "matrix fraction": "a form uᵀ V⁻¹ u, convex in u and V together where V is positive definite, of {parts}",
    "trace of inverse": DEFINITE + ", of {parts}", "inverse diagonal": DEFINITE + ", of {parts}",
    "cholesky diagonal": "a root of a Schur complement, which is concave, of {parts}",
    "logdet": "the log det, concave where a matrix is positive definite, of {parts}",
    "det": "the det, of which a root is concave where a matrix is positive definite, of {parts}",
    "exp": "the exponential of {parts}", "log": "the logarithm of {parts}", "log1p": "the logarithm of 1 plus {parts}",
    "sigmoid": "the log-concave σ of {parts}", "erfc": "the log-concave erfc of {parts}",
    "cosh": "two exponentials of {parts}", "softmax": "the log-concave softmax of {parts}",
    "logsumexp": "the convex, increasing logsumexp of {parts}", "product along": "the product of the entries of {parts}",
    "maximum": "the larger of {parts}", "minimum": "the smaller of {parts}", "max": "the largest entry of {parts}",
    "min": "the smallest entry of {parts}", "abs": "the absolute value of {parts}",
    "choice": "entry by entry one of {parts}",
    "relu": "the convex, increasing max(·, 0) of {parts}", "log_cosh": "the convex log cosh of {parts}",
    "softplus": "the convex, increasing log(1 + exp(·)) of {parts}",
    "log_ndtr": "the concave, increasing log of the normal distribution of {parts}"})
NAMES_OF_POWERS = {Fraction(1, 2): "its root", Fraction(-1): "its reciprocal", Fraction(2): "its square"}
OPPOSITE = {"convex": "concave", "concave": "convex"}


def argument_of(proof: ConvexityProof, loss: Tensor, wrt: Any) -> str:
    """The proof in words: what each term is, and what its parts are."""
    names = ", ".join(x.name or short_formula(x.node) for x in dict.fromkeys(variables_of(wrt, "convexity")))
    if proof.verdict == AFFINE_VERDICT:
        if proof.root not in proof.calculus.live:
            return f"it does not depend on {names}"
        return f"its second derivatives by {names} are zero"
    up = proof.verdict == CONVEX
    if proof.by_hessian is not None:
        sign = "positive" if up else "negative"
        return f"∇² = {short_formula(proof.by_hessian)} is {sign} semidefinite: Gram forms with weights of one sign"
    told: list[str] = []
    for node in proof.terms:
        told += _told(node, proof.calculus, up, up)
    told = list(dict.fromkeys(told))
    if len(told) > MOST_SENTENCES:
        told = [*told[:MOST_SENTENCES], "and so on for the other terms"]
    told += [_kernel(k, up) for k in proof.kernels if not k.second.is_zero_matrix] + [_pieces(p, up) for p in proof.pieces]
    if _is_sum(proof):
        told.insert(0, f"a sum of {proof.verdict} terms")
    return "; ".join([*told, *_hessian(proof, loss, wrt)])


def _is_sum(proof: ConvexityProof) -> bool:
    if len(proof.terms) + len(proof.kernels) + len(proof.pieces) > 1:
        return True
    why = proof.calculus.reasons.get(proof.root)
    return proof.terms == (proof.root,) and why is not None and why.rule == "sum" and len(why.parts) > 1


def _told(node: Node, c: Calculus, up: bool, wanted: bool, deepest: int = DEEPEST) -> list[str]:
    """Sentences about a node and the parts that its rule rests on; `up`: is it to be convex? `wanted`: the whole."""
    why, bend = c.reasons.get(node), c.bends[node]
    if not (bend.convex or bend.above is not None) if up else not (bend.concave or bend.below is not None):
        up = not up  # it has a negative weight
    if why is None or bend.affine:
        return []
    if why.rule in ("sum", "weight"):
        return [s for part in why.parts[:MOST_TERMS] for s in _told(part, c, up, wanted, deepest)]
    law = LAWS.get(why.rule, f"{why.rule} of {{parts}}, as it bends and rises there")
    parts = " and ".join(_part(p, c, up) for p in why.parts)
    minus = ", and it is subtracted" if up != wanted and deepest == DEEPEST else ""
    top = deepest == DEEPEST
    is_norm = _is_norm(node, c)
    if is_norm:
        why, law = c.reasons[node.operands[0]], "the norm of {parts}"
        parts = " and ".join(_part(p, c, up) for p in why.parts)
    told = [f"{short_formula(node)} is {_known(bend, up, top)}, {law.format(parts=parts)}{minus}"]
    if deepest > 1:
        told += [s for p in why.parts for s in _told(p, c, up, wanted, deepest - 1)]
    return told


def _is_norm(node: Node, c: Calculus) -> bool:
    """The root of a sum of squares, which needs no reason but its name."""
    if node.op is not ops.ELEMENTWISE or node.attrs[0] != "sqrt":
        return False
    why = c.reasons.get(node.operands[0])
    return why is not None and why.rule == "squares"


def _part(node: Node, c: Calculus, up: bool) -> str:
    if c.bends[node].affine:
        return f"the affine {short_formula(node)}"
    return f"{short_formula(node)}, which is {_known(c.bends[node], up)}"


def _known(bend: Bend, up: bool, plainly: bool = False) -> str:
    """What is known of a part, in the direction that counts first; `plainly`: without what only powers rest on."""
    if bend.affine:
        return "affine"
    found = [("convex", bend.convex, bend.above), ("concave", bend.concave, bend.below)]
    for word, plain, t in found if up else found[::-1]:
        if t == 0:
            return f"log-{word}"
        if t is not None and t != 1 and not (plain and plainly):
            whole = sp.sympify(t)
            number = f"{float(whole):.4g}" if whole.is_Rational and whole.q > 100 else str(whole)
            root = NAMES_OF_POWERS.get(t, f"its power {number}")
            way = word if whole.is_positive else OPPOSITE[word]
            return f"{word} ({root} is {way})" if plain else f"such that {root} is {way}"
        if plain:
            return word
    return "neither convex nor concave"


def _kernel(kernel: Kernel, up: bool) -> str:
    names, which = _letters(kernel.atoms, kernel.constants)
    g = _text(kernel.formula.xreplace(names))
    letters = ", ".join(str(names[s]) for s in kernel.atoms)
    summed = any(node.shape for node in kernel.atoms.values())
    first = f"the sum of g({letters}) = {g} over its indices{which}" if summed else f"g({letters}) = {g}{which}"
    if len(kernel.atoms) == 1:
        second = _text(sp.factor(sp.simplify(kernel.second[0])).xreplace(names))
        return f"{first}, where g″({letters}) = {second} {'≥' if up else '≤'} 0"
    return f"{first}, where no principal minor of {'' if up else '-'}∇²g is negative"


def _pieces(found: InPieces, up: bool) -> str:
    names, which = _letters({found.symbol: found.atom}, found.constants)
    places = ", ".join(_text(b.xreplace(names)) for b in found.breaks)
    pieces = ", ".join(_text(sp.factor(p).xreplace(names)) for p in found.pieces)
    kind = "convex" if up else "concave"
    return (f"the sum of a function of {names[found.symbol]} in pieces{which}: {pieces}, each of them {kind}; "
            f"they meet at {places}, where the slope never {'falls' if up else 'rises'}")


def _letters(atoms: Mapping[sp.Symbol, Node],
             constants: Mapping[sp.Symbol, Node]) -> tuple[dict[sp.Symbol, sp.Symbol], str]:
    """A letter for each symbol: its own name, or one that is explained."""
    names: dict[sp.Symbol, sp.Symbol] = {}
    taken = {x.attrs[0].name for x in (*atoms.values(), *constants.values()) if x.op is ops.INPUT}
    free = [letter for letter in "uvwabcpqrs" if letter not in taken]
    told = []
    for s, node in {**atoms, **constants}.items():
        if node.op is ops.INPUT:
            names[s] = sp.Symbol(node.attrs[0].name)
            continue
        names[s] = sp.Symbol(free.pop(0) if free else f"u_{len(names)}")
        told.append(f"{names[s]} {'an entry of ' if node.shape else '= '}{short_formula(node)}")
    return names, f" ({', '.join(told)})" if told else ""


def _text(e: sp.Expr) -> str:
    """A scalar formula of SymPy as symgrad prints it; as SymPy does, where that is a form that symgrad has not."""
    try:
        text = str(wrap(lower(e, {s: input_node(Symbol("data", str(s)), (), REAL) for s in e.free_symbols}, ()), None))
    except SymgradError:
        text = sp.sstr(e).replace("**", "^")
    return text if len(text) <= 2 * LONGEST else text[:2 * LONGEST - 1] + "…"


def _hessian(proof: ConvexityProof, loss: Tensor, wrt: Any) -> list[str]:
    """The Hessian where it is short and its structure shows: ∇² = 2 XᵀX is a Gram matrix."""
    if not isinstance(wrt, Tensor) or wrt.node.op is not ops.INPUT or len(topological([loss.node])) > SMALLEST_ROOT:
        return []
    if not is_smooth(proof.root, proof.calculus):
        return []
    try:
        h = hessian(loss, wrt)
        found = structure(h)
        formula = found.formula if wrt.ndim else str(h)
    except SymgradError:
        return []
    if found.kind not in SHOWN or len(formula) > LONGEST:
        return []
    minus = formula.startswith("-")
    return [f"∇² = {formula}" + (SHOWN[found.kind] if wrt.ndim and not minus else "")]


def witness_text(values: Mapping[str, Any], direction: Mapping[str, Any], curvature: float, kinked: bool) -> str:
    """Where and along what the curvature is negative."""
    at = ", ".join(f"{name} = {_number(value)}" for name, value in values.items() if np.size(value) <= 3)
    along = ", ".join(f"{name}: {_number(value)}" for name, value in direction.items() if np.size(value) <= 3)
    place = f"at {at}" if len(at) <= 2 * LONGEST and at else "at the values of the witness"
    way = f"along ({along})" if len(along) <= 2 * LONGEST and along else "along its direction"
    bend = "it has a kink or a jump that no convex function has" if kinked else f"the curvature is {curvature:.4g} < 0"
    return f"{place}, {way}, {bend}; other values show that it is not concave either"


def _number(value: Any) -> str:
    value = np.asarray(value)
    if value.ndim == 0:
        return f"{value.item():.4g}" if value.dtype.kind == "f" else str(value.item())
    return np.array2string(value + 0.0, precision=4, separator=", ", suppress_small=True).replace("\n", "")


def obstacle_of(obstruction: Obstruction | ConvexityProof | None, curved: str) -> str:
    """Why nothing was proved, where not both was refuted; `curved`: what was."""
    if isinstance(obstruction, Obstruction) and obstruction.kind == "orthogonal":
        return f"orthogonal matrices are no convex set, and {short_formula(obstruction.node)} is declared one"
    if isinstance(obstruction, Obstruction):
        return (f"the domain of {short_formula(obstruction.node)} may not be a convex set; "
                "declare what is positive, nonnegative or positive_definite")
    found = f"by values it is {curved}" if curved else "no values were found at which it is neither"
    return f"no rule proves it convex or concave; {found}"


def short_formula(node: Node) -> str:
    """A node on one line, cut where it is long."""
    text = str(wrap(node, None))
    return text if len(text) <= LONGEST else text[:LONGEST - 1] + "…"
