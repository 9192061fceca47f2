"""A scalar as a constant and a sum of squares, written out or not: `c + ∑ |r|²`.

Its terms that are squares by their symmetry (`squares.py`) are so at once. What is left is a product of a half that is
known and something else: `-2 y'X w` beside `‖X w‖²`. The halves are then like letters of a quadratic form with numbers
as coefficients, and the form is a sum of squares where its matrix is positive semidefinite: Cholesky's factor gives the
residuals back. What holds no variable may be added and taken away, so that its own squares need not be there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from symgrad.graphs.algebra.einsum import literal, scale
from symgrad.graphs.algebra.einsum import product as entrywise
from symgrad.graphs.algebra.flattening import Factor, product
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.algebra.signs import is_positive
from symgrad.graphs.node import Node, topological
from symgrad.graphs.stationary.halves import Varies, is_known_nonnegative, root_of_weight
from symgrad.graphs.stationary.squares import (
    Scalar,
    SquareTerm,
    distributed,
    exponentials_halved,
    fully_opened,
    half_node,
    only_exponentials,
    opened,
    rooted,
    scalars,
    square,
    total_of,
    weights_node,
    without_names,
)
from symgrad.graphs.weights import ONE, Weight, exact, weight

MOST = 400  # products to which sums inside products are taken apart
ZERO = 1e-12  # of a coefficient, relative to the largest


@dataclass(frozen=True, slots=True, eq=False)
class SumOfSquares:
    """`constant` + ∑ |residual|². Nobody declared that `weights` are not negative and `matrices` positive definite."""

    residuals: tuple[Node, ...]
    constant: Node
    weights: tuple[Node, ...]
    matrices: tuple[Node, ...]


@dataclass(slots=True, eq=False)
class QuadraticForm:
    """The squares of one weight: letters (tensors of one shape), the coefficient of each product of two."""

    term: SquareTerm  # of the first letter: the axes, and the weights that all share
    letters: list[Node] = field(default_factory=list)
    shown: list[Node] = field(default_factory=list)  # the same tensors, less taken apart
    patterns: list[tuple[list[Factor], tuple[int, ...]]] = field(default_factory=list)
    varying: list[bool] = field(default_factory=list)
    doubted: set[int] = field(default_factory=set)  # a square by chance, unless something is a multiple of it
    by: dict[tuple[int, int], float] = field(default_factory=dict)

    def letter(self, node: Node, shown: Node, varying: bool, pattern: tuple[list[Factor], tuple[int, ...]]) -> int:
        """The place of a letter, which is a new one where it is not known."""
        if node in self.letters:
            return self.letters.index(node)
        self.letters.append(node)
        self.shown.append(shown)
        self.varying.append(varying)
        self.patterns.append(pattern)
        return len(self.letters) - 1

    def put(self, i: int, j: int, number: float) -> None:
        """Add `number` times the product of two letters."""
        key = (min(i, j), max(i, j))
        self.by[key] = self.by.get(key, 0) + number


Forms = dict[tuple[object, ...], QuadraticForm]


def sum_of_squares_of(root: Node, variables: Sequence[Node]) -> SumOfSquares | None:
    """A scalar as a constant and squares of tensors, as functions of `variables`; None where it is not seen to be that."""
    root = without_names(root)
    known = dict.fromkeys(variables, True)

    def varies(node: Node) -> bool:
        for each in topological([node], enter=lambda n: n not in known):
            if each not in known:
                known[each] = any(known[o] for o in each.operands)
        return known[node]

    constants: list[tuple[Weight, Node]] = []
    forms: Forms = {}
    todo, waiting = scalars(root), list[Scalar]()
    matrices: dict[Node, None] = {}
    left = MOST + len(todo)
    while todo or waiting:
        left -= len(todo)
        if left < 0:
            return None
        for scalar in todo:
            if not math.isfinite(scalar.by.number):
                return None
            if not any(varies(node) for node, _ in scalar.factors):
                constants.append((scalar.by, product(scalar.factors, (), scalar.sizes)))
                continue
            term, scalar = _square(scalar, varies)
            if term is None:
                waiting.append(scalar)
            else:
                matrices |= dict.fromkeys(term.matrices)
                _enter(forms, term, varies)
        waiting = [scalar for scalar in waiting if not any(_crossed(form, scalar, varies) for form in forms.values())]
        todo = _pieces(waiting, forms, varies)
        if waiting and not todo:
            term = _doubtful(waiting, varies)
            if term is None:
                return None
            _enter(forms, term, varies)
    residuals: list[Node] = []
    weights: dict[Node, None] = {}
    for form in forms.values():
        found = _residuals(form)
        if found is None:
            return None
        residuals += found[0]
        constants += found[1]
        weights |= dict.fromkeys(node for node, _ in form.term.weights if not is_known_nonnegative(node))
        if not is_positive(by := Weight(1, form.term.by.factor)):
            weights[literal(by)] = None
    constant = total_of([node for _, node in constants], [by for by, _ in constants])
    return SumOfSquares(tuple(residuals), constant, tuple(weights), tuple(matrices))


def _square(scalar: Scalar, varies: Varies) -> tuple[SquareTerm | None, Scalar]:
    """A product as a square, opened as little as that needs; None, and the product opened, where it is none."""
    while True:
        term, deeper = square(scalar, varies), opened(scalar, varies)
        if term is not None or deeper is None:
            return term, scalar
        scalar = deeper


def _doubtful(waiting: list[Scalar], varies: Varies) -> SquareTerm | None:
    """A product that is a square with exp(z) as exp(z/2)²; it waits no longer. First those without weights."""
    found = [(square(exponentials_halved(scalar, varies), varies), scalar) for scalar in waiting]
    for term, scalar in sorted(found, key=lambda each: 0 if each[0] is None else len(each[0].weights)):
        if term is not None:
            waiting.remove(scalar)
            return replace(term, doubted=only_exponentials(term))
    return None


def _pieces(waiting: list[Scalar], forms: Forms, varies: Varies) -> list[Scalar]:
    """The first product that can be distributed over a sum, so; it waits no longer. First those that hold no letter."""
    ranked = sorted(waiting, key=lambda each: any(True for form in forms.values() for _ in _embedded(form, each, varies)))
    for scalar in ranked:
        pieces = distributed(scalar)
        if pieces is not None:
            waiting.remove(scalar)
            return pieces
    return []


def _enter(forms: Forms, term: SquareTerm, varies: Varies) -> None:
    """A square, as one more letter of its quadratic form."""
    weights = weights_node(term)
    key = (term.by.factor, weights, tuple(term.sizes[x] for x in term.out))
    form = forms.setdefault(key, QuadraticForm(term))
    whole = fully_opened(Scalar(ONE, term.half, term.sizes), varies)
    node = product(whole.factors, term.out, {**term.sizes, **whole.sizes})
    shown = half_node(term)
    i = form.letter(node, shown, True, ([*term.weights, *whole.factors], term.out))
    if term.doubted:
        form.doubted.add(i)
    form.put(i, i, float(term.by.number))


def _crossed(form: QuadraticForm, scalar: Scalar, varies: Varies) -> bool:
    """Is a product one of a letter and something else that may be a letter? It is put into the form then."""
    found = sorted(_embedded(form, scalar, varies), key=lambda each: each[1] not in form.letters and varies(each[1]))
    for i, node in found:
        varying = varies(node)
        if varying and node not in form.letters:
            return False
        j = form.letter(node, node, varying, ([], ()))
        form.put(i, j, float(scalar.by.number))
        return True
    return False


def _embedded(form: QuadraticForm, scalar: Scalar, varies: Varies) -> Iterator[tuple[int, Node]]:
    """The letters that are factors of a product, each with the rest of it, as a tensor with the letter's axes."""
    if scalar.by.factor != form.term.by.factor:
        return
    whole = fully_opened(scalar, varies)
    for i, (pattern, out) in enumerate(form.patterns):
        for used, place in _found(pattern, whole.factors) if pattern else ():
            rest = [f for k, f in enumerate(whole.factors) if k not in used]
            outer = tuple(place[x] for x in out)
            elsewhere = {x for _, labels in rest for x in labels}
            if elsewhere.isdisjoint(set(place.values()).difference(outer)):
                yield i, product(rest, outer, whole.sizes)
                break


def _found(pattern: Sequence[Factor], factors: Sequence[Factor]) -> Iterator[tuple[set[int], dict[int, int]]]:
    """The ways in which `pattern` is a part of `factors`: the places that it takes, its labels there."""
    stack: list[tuple[int, set[int], dict[int, int]]] = [(0, set(), {})]
    tried = 0
    while stack and tried < 500:
        tried += 1
        k, used, place = stack.pop()
        if k == len(pattern):
            yield used, place
            continue
        node, labels = pattern[k]
        for j in reversed(range(len(factors))):
            if j in used or factors[j][0] is not node:
                continue
            more = dict(place)
            if all(more.setdefault(a, b) == b for a, b in zip(labels, factors[j][1], strict=True)) and (
                    len(set(more.values())) == len(more)):
                stack.append((k + 1, used | {j}, more))


def _residuals(form: QuadraticForm) -> tuple[list[Node], list[tuple[Weight, Node]]] | None:
    """The residuals of a form, and what of it holds no variable; None where it is not positive semidefinite."""
    size = len(form.letters)
    if any(not any(number and i in key and key != (i, i) for key, number in form.by.items()) for i in form.doubted):
        return None
    c = [[form.by.get((min(i, j), max(i, j)), 0) * (1 if i == j else 0.5) for j in range(size)] for i in range(size)]
    top = max(abs(x) for row in c for x in row)
    todo, rest = ([i for i in range(size) if form.varying[i] is varying] for varying in (True, False))
    root = rooted(form.term)
    factor = root_of_weight(Weight(1, form.term.by.factor))
    residuals = []
    while todo:
        p = max(todo, key=lambda i: c[i][i])
        if c[p][p] <= ZERO * top:
            if any(abs(c[i][j]) > ZERO * top for i in todo for j in (*todo, *rest)):
                return None
            break
        todo.remove(p)
        others = [j for j in (*todo, *rest) if abs(c[p][j]) > ZERO * top]  # c_pp (u_p + ∑ c_pj/c_pp u_j)²
        inner = add([form.shown[p], *(form.shown[j] for j in others)], [ONE, *(weight(c[p][j] / c[p][p]) for j in others)])
        own = root_of_weight(weight(exact(c[p][p])))
        residuals.append(scale(scale(entrywise(root, inner), own), factor))
        for i in others:
            for j in others:
                c[i][j] -= c[p][i] * c[p][j] / c[p][p]
    constants = []
    squared = entrywise(root, root)
    for i in rest:
        for j in rest:
            if abs(c[i][j]) > ZERO * top:
                axes = range(len(squared.shape))
                whole = product([(squared, axes), (form.letters[i], axes), (form.letters[j], axes)], (),
                                dict(enumerate(squared.shape)))
                constants.append((Weight(exact(c[i][j]), form.term.by.factor), whole))
    return residuals, constants
