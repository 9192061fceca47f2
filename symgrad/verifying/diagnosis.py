"""Why a claim is not the right formula: explanations tried by numbers, the simplest first.

A claim is a multiple of the right formula; or differs from it by a multiple of one of its terms (which is then
missing, or has a wrong sign or weight); or is the right formula with one small edit (`pieces/edits.py`).
Terms and edits of the claim itself tell what it has too much. All are nodes, and all are computed together,
level by level: first the outermost sums and products, then those inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import scale
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.node import Node
from symgrad.graphs.pieces.edits import Edit, edits
from symgrad.graphs.pieces.terms import levels, nearest_sum, plain, unscaled
from symgrad.graphs.weights import MINUS, weight
from symgrad.verifying.called import is_residual, the_term
from symgrad.verifying.reshaping import transposes
from symgrad.verifying.sides import Sides
from symgrad.verifying.symmetry import exchanged, only_symmetric
from symgrad.verifying.trial import Trial, Values
from symgrad.verifying.verdict import Diagnosis, factor_sentence, factor_text, term_text

DEEPEST = 16  # levels that are looked at
CANDIDATES = 120  # edits of each side, and as many terms
PAIRED = 40  # terms of each side that are matched with each other


def diagnose(trial: Trial, sides: Sides) -> list[Diagnosis]:
    """All simplest explanations of the difference; none where nothing small explains it."""
    found = _whole(trial, sides)
    if found:
        return found
    known: list[Diagnosis] = []
    second: list[Diagnosis] = []  # an edit and a factor: two mistakes
    none: list[Any] = []
    true, mine = plain(sides.right.node), plain(sides.claim.node)
    iterators = (_levels(true), _levels(mine), edits(true, CANDIDATES), edits(mine, CANDIDATES))
    for depth, step in enumerate(zip_longest(*iterators, fillvalue=none)):
        terms, own, theirs, ours = step
        values = iter(trial.values([*terms, *own, *(e.root for e in theirs), *(e.root for e in ours)]))
        by_terms = _terms(trial, sides, terms, [next(values) for _ in terms], own, [next(values) for _ in own])
        by_edits: list[tuple[Edit, Diagnosis]] = []
        for edit in [*theirs, *ours]:
            value = next(values)
            of_claim = edit not in theirs
            c = trial.factor(trial.right if of_claim else trial.claim, value, trial.magnitude)
            if c is None:
                continue
            if c == 1:
                by_edits.append((edit, _edited(sides, edit, of_claim)))
            elif not second and edit.kind not in ("sign", "weight"):
                c = 1 / c if of_claim else c
                one = _edited(sides, edit, of_claim)
                text = f"{one.sentence}, and the claim has a wrong factor {factor_text(c)}"
                second.append(replace(one, sentence=text))
        first = [d for edit, d in by_edits if edit.kind not in ("term", "sign", "weight")]
        inner = [d for edit, d in by_edits if edit.kind in ("term", "sign", "weight")]
        if known:  # a term too long for a sentence: is it one of an inner sum?
            known = _shortened(known, inner)
        else:
            known = _distinct([*first, *_shortened(by_terms, inner), *inner])
        if depth >= DEEPEST or known and not any(d.term is not None and "…" in d.sentence for d in known if d not in first):
            break
    if not known and (turned := exchanged(trial, sides)):
        return turned
    return (known or second or _matched(trial, sides, true, mine)) + only_symmetric(trial, sides)


def _levels(node: Node) -> list[list[Node]]:
    """The terms of each level, those of the outermost sum at the depth at which it lies."""
    return [*([] for _ in range(nearest_sum(node))), *(new for _, new in levels(node, CANDIDATES))]


def _whole(trial: Trial, sides: Sides) -> list[Diagnosis]:
    """A factor; a transpose; zero."""
    claim, right = sides.claim, sides.right
    if all((v == 0).all() for v in trial.right):
        return [Diagnosis("surplus", f"the right formula is zero and the claim is {term_text(claim)}", claim)]
    if all((v == 0).all() for v in trial.claim):
        return [Diagnosis("factor", factor_sentence(0), None, weight(0).number),
                Diagnosis("missing", "", right)]
    found = []
    c = trial.factor(trial.claim, trial.right, trial.magnitude)
    if c is not None:
        found.append(Diagnosis("factor", factor_sentence(c), None, c))
        if not isinstance(c, sp.Expr) and c < 0:
            found.append(Diagnosis("sign", "", right))
    return found + transposes(trial, claim, right)


def _terms(trial: Trial, sides: Sides, terms: Sequence[Node], values: Sequence[Values],
           own: Sequence[Node], theirs: Sequence[Values]) -> list[Diagnosis]:
    """Claim less right formula as a multiple of one term of either."""
    gap = trial.differences()
    of_right = [(t, c) for t, v in zip(terms, values, strict=True)
                if (c := trial.factor(gap, v, trial.magnitude)) is not None]
    of_claim = [(t, c) for t, v in zip(own, theirs, strict=True)
                if (c := trial.factor(gap, v, trial.magnitude)) is not None]
    found: list[Diagnosis] = []
    for t, c in of_right:
        term, the = sides.part(t), the_term(t, terms)
        if c == -1:
            found.append(Diagnosis("missing", f"{the} {term_text(term)} is missing", term))
        elif c == -2:
            found.append(Diagnosis("sign", f"{the} {term_text(term)} of the right formula has the opposite sign "
                                   "in the claim", term))
    for t, c in of_claim:
        if c == 1:
            term = sides.part(t)
            found.append(Diagnosis("surplus", f"{the_term(t, own)} {term_text(term)} is too much", term))
    if found or not of_right:
        return found
    t, c = of_right[0]
    term = sides.part(t)
    left = sp.factor(1 + c) if isinstance(c, sp.Expr) else 1 + c
    text = (f"{the_term(t, terms)} {term_text(term)} of the right formula stands in the claim with the factor "
            f"{factor_text(left)}")
    here = float(c.subs(trial.points[0].sizes)) if isinstance(c, sp.Expr) else c
    if here < -1:
        return [Diagnosis("sign", text, term)]
    less = here < 0
    return [Diagnosis("missing", text, sides.part(t, -c)) if less else Diagnosis("surplus", text, sides.part(t, c))]


def _edited(sides: Sides, edit: Edit, of_claim: bool) -> Diagnosis:
    """What an edit says: of the right formula, what the claim lacks; of the claim, what it has too much."""
    part = sides.part(edit.part)
    text = term_text(part)
    lacks = "is too much" if of_claim else "is missing"
    kind = "surplus" if of_claim else "missing"
    inside = _inside(sides, edit, of_claim)
    the = the_term(edit.part, _beside(edit))
    match edit.kind:
        case "term":
            return Diagnosis(kind, f"{the} {text} {lacks}{inside}", part)
        case "factor":
            called = ", the residual," if is_residual(edit.part) else ""
            return Diagnosis(kind, f"the factor {text}{called} {lacks}{inside}", part)
        case "sign":
            part = sides.part(scale(edit.part, MINUS)) if of_claim else part
            where = inside.replace(" in ", " of ", 1) if inside and not of_claim else " of the right formula"
            return Diagnosis("sign", f"{the} {term_text(part)}{where} has the opposite sign in the claim", part)
        case "weight":
            word = "has a number too much" if of_claim else "lost its number"
            return Diagnosis("other", f"{the} {text} {word} in front{inside}", part)
        case "transpose":
            return Diagnosis("transposed", f"{text} must be transposed{inside}", part)
        case "order":
            assert isinstance(edit.other, Node)
            other = term_text(sides.part(edit.other))
            return Diagnosis("other", f"the factors {text} and {other} must be exchanged{inside}", part)
    name = str(edit.other)
    return Diagnosis("other", f"the function {name} of {text} is too much" if of_claim
                     else f"the function {name} is missing: the claim has {text} itself", part)


def _beside(edit: Edit) -> list[Node]:
    """The terms of the sum in which an edit is."""
    place = edit.place
    return [scale(o, by) for o, by in zip(place.operands, place.attrs[0], strict=True)] if place.op is ops.ADD else []


def _inside(sides: Sides, edit: Edit, of_claim: bool) -> str:
    """Where an edit is, if that is not the whole formula."""
    root = (sides.claim if of_claim else sides.right).node
    if edit.place in (root, unscaled(root)[1]):
        return ""
    text = term_text(sides.part(edit.place))
    return f" in {text}" if not text.endswith("…") else ""


def _shortened(terms: Sequence[Diagnosis], inner: Sequence[Diagnosis]) -> list[Diagnosis]:
    """A term too long for a sentence is told as the term of the inner sum that it comes from."""
    told = {d.kind: d.sentence for d in reversed(inner)}
    return [replace(d, sentence=told[d.kind]) if d.kind in told and "…" in d.sentence else d for d in terms]


def _distinct(found: Sequence[Diagnosis]) -> list[Diagnosis]:
    """The first diagnosis of each kind; those without a field of the verdict only where there is no other."""
    kinds: dict[str, Diagnosis] = {}
    for each in found:
        kinds.setdefault(each.kind, each)
    if len(kinds) > 1:
        kinds.pop("other", None)
    return list(kinds.values())


def _matched(trial: Trial, sides: Sides, right: Node, claim: Node) -> list[Diagnosis]:
    """Terms of both sides paired by their values: one term in the place of another, or several missing."""
    best: tuple[int, list[Node], list[Node]] | None = None
    for a in _sums(right):
        for b in _sums(claim):
            values = trial.values([*a, *b])
            mine, true = dict(zip(b, values[len(a):], strict=True)), dict(zip(a, values, strict=False))
            left = list(b)
            lacks = []
            for term in a:
                twin = next((t for t in left if trial.factor(mine[t], true[term], trial.magnitude) == 1), None)
                if twin is None:
                    lacks.append(term)
                else:
                    left.remove(twin)
            size = len(lacks) + len(left)
            if len(lacks) < len(a) and (min(len(lacks), len(left)) == 0 or size == 2) and (
                    best is None or size < best[0]):
                best = size, lacks, left
    if best is None:
        return []
    _, lacks, left = best
    found = []
    if lacks and left:
        right_term, wrong = sides.part(lacks[0]), sides.part(left[0])
        the = the_term(left[0], _sums(claim)[-1])
        text = f"{the} {term_text(wrong)} of the claim should be {term_text(right_term)}"
        return [Diagnosis("missing", text, right_term), Diagnosis("surplus", text, wrong)]
    for kind, terms, words in (("missing", lacks, ("is missing", "are missing")),
                               ("surplus", left, ("is too much", "are too much"))):
        if terms:
            found.append(Diagnosis(kind, f"{_listed(sides, terms, right if kind == 'missing' else claim)} "
                                   f"{words[len(terms) > 1]}", sides.part(add(terms))))
    return found


def _listed(sides: Sides, terms: Sequence[Node], whole: Node) -> str:
    """Terms in a sentence, each with its name where one has any."""
    shown = [(the_term(t, _sums(whole)[-1]), term_text(sides.part(t))) for t in terms]
    if len(terms) == 1 or any(the != "the term" for the, _ in shown):
        return " and ".join(f"{the} {text}" for the, text in shown)
    return f"the terms {' and '.join(text for _, text in shown)}"


def _sums(node: Node) -> list[list[Node]]:
    """The sums that a formula is, each more distributed than the one before."""
    found = [[node], *(parts for parts, _ in levels(node, PAIRED))]
    return [parts for parts in found[:5] if len(parts) <= PAIRED]
