"""Products with named indices in matrix notation: X' diag(s) X instead of a sum over k.

The algorithm: fragments have at most two labels. Parallel matrices join by Hadamard; then the contracted
label whose elimination leaves the lowest order goes first, again and again: vectors on it give a diagonal or
a dot product, one matrix M v, two matrices M diag(v) N, a loop a trace. What is left on the labels of the
result is an outer product, a diagonal or a row of ones. Of equal forms the one with the fewest primes wins.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from symgrad.formulas.spelling.tree import (
    EYE,
    ONES,
    UNIT,
    Tree,
    big,
    call,
    fraction,
    hadamard,
    num,
    power,
    primes,
    product,
    transpose,
    weight_of,
)

Label = Hashable
Fragment = tuple[Tree, tuple[Label, ...]]


def matrix_form(parts: Sequence[Fragment], out: tuple[Label, ...], unit: frozenset[Label] | set[Label]) -> Tree | None:
    """The product of `parts` with the labels `out` (at most two) left; None where indices are needed.

    Vectors are columns. `unit` are labels of size 1: a matrix of one column is a vector.
    """
    if len(out) > 2 or any(len(labels) > 2 for _, labels in parts):
        return None
    if unit:
        flip = len(out) == 2 and out[0] in unit and out[1] not in unit
        small = [_squeezed(part, unit) for part in parts]
        inner = matrix_form(small, tuple(x for x in out if x not in unit), set())
        return transpose(inner) if flip and inner is not None and any(labels for _, labels in small) else inner
    rank: dict[Label, int] = {}
    for label in (*out, *(x for _, labels in parts for x in labels)):
        rank.setdefault(label, len(rank))
    work = _Work(rank, out)
    for tree, labels in parts:
        work.add(tree, labels)
    left = [label for label in rank if label not in out]
    while left:
        label = min(left, key=lambda x: (len(work.beside(x)), work.turned(x), rank[x]))
        if not work.eliminate(label):
            return None
        left.remove(label)
        left = [x for x in left if x not in work.gone]
    return _assemble(work, out)


def _squeezed(part: Fragment, unit: frozenset[Label] | set[Label]) -> Fragment:
    tree, labels = part
    kept = tuple(x for x in labels if x not in unit)
    if len(labels) == 2 and len(kept) == 1 and kept[0] == labels[1]:
        tree = transpose(tree)
    elif len(labels) == 2 and not kept and tree.head == "transpose":  # one number
        tree = tree.args[0]
    return tree, kept


class _Work:
    """Fragments by their labels while labels are eliminated."""

    def __init__(self, rank: dict[Label, int], out: tuple[Label, ...]) -> None:
        self.rank = rank
        self.out = out
        self.scalars: list[Tree] = []
        self.vectors: dict[Label, list[Tree]] = {}
        self.matrices: dict[tuple[Label, Label], list[Tree]] = {}
        self.gone: set[Label] = set()

    def add(self, tree: Tree, labels: tuple[Label, ...]) -> None:
        if not labels:
            self.scalars.append(tree)
        elif len(labels) == 1:
            self.vectors.setdefault(labels[0], []).append(tree)
        elif labels[0] == labels[1]:
            self.vectors.setdefault(labels[0], []).append(call("diagonal", tree))
        elif self.rank[labels[0]] < self.rank[labels[1]]:
            self.matrices.setdefault((labels[0], labels[1]), []).append(tree)
        else:
            self.matrices.setdefault((labels[1], labels[0]), []).append(transpose(tree))

    def beside(self, label: Label) -> list[Label]:
        """The labels that share a matrix with `label`."""
        return [pair[0] if pair[1] == label else pair[1] for pair in self.matrices if label in pair]

    def turned(self, label: Label) -> int:
        """The matrices that would show a prime if `label` is eliminated."""
        return sum((tree.head == "transpose") == (pair[1] == label)
                   for pair, trees in self.matrices.items() if label in pair for tree in trees)

    def matrix(self, row: Label, column: Label) -> list[Tree]:
        """Take the matrices between two labels out, with `row` down and `column` across."""
        if (row, column) in self.matrices:
            return self.matrices.pop((row, column))
        return [transpose(tree) for tree in self.matrices.pop((column, row))]

    def eliminate(self, label: Label) -> bool:
        """Sum over `label`. False where that would leave a fragment of three labels."""
        near = self.beside(label)
        if len(near) > 2:
            return False
        if not near:
            self.scalars.append(dot(self.vectors.pop(label)))
            return True
        if len(near) == 1:
            self._one(near[0], label)
            return True
        first, second = sorted(near, key=lambda x: self.rank[x])
        left = parallel(self.matrix(first, label))
        right = parallel(self.matrix(label, second))
        middle = [call("diag", hadamard(self.vectors.pop(label), 1))] if label in self.vectors else []
        self.add(product((), [left, *middle, right]), (first, second))
        return True

    def _one(self, near: Label, label: Label) -> None:
        trees = self.matrix(near, label)
        closed = near not in self.out and not self.vectors.get(near) and not self.vectors.get(label) and (
            not self.beside(near))
        if closed:
            self.scalars.append(_total(trees))
            self.gone.add(near)
            return
        vector = hadamard(self.vectors.pop(label), 1) if label in self.vectors else ONES
        self.add(product((), [parallel(trees), vector]), (near,))


def _total(trees: list[Tree]) -> Tree:
    """The sum of all entries of a Hadamard product of matrices."""
    if len(trees) == 2:
        if trees[0] == trees[1]:
            return squared_norm(trees[0], 2)
        a, b = trees
        pairs = (transpose(a), b), (transpose(b), a), (a, transpose(b)), (b, transpose(a))
        form = min((product((), pair) for pair in pairs), key=_cost)
        return _square(form) or call("tr", form)
    return call("sum", _unprimed(hadamard([transpose(tree) for tree in trees], 2), hadamard(trees, 2)))


def _square(tree: Tree) -> Tree | None:
    """tr(A X Xᵀ Aᵀ) as ‖A X‖²: a product of factors and their transposes in reverse order."""
    factors = tree.args[1]
    half = len(factors) // 2
    if len(factors) % 2 or any(transpose(a) != b for a, b in zip(factors[:half], reversed(factors), strict=False)):
        return None
    return product(tree.args[0], [squared_norm(product((), factors[:half]), 2)])


def parallel(trees: list[Tree]) -> Tree:
    """The Hadamard product of matrices; one prime behind it serves all."""
    if len(trees) == 1:
        return trees[0]
    return _unprimed(hadamard(trees, 2), transpose(hadamard([transpose(tree) for tree in trees], 2)))


def _unprimed(a: Tree, b: Tree) -> Tree:
    return a if primes(a) < primes(b) or not primes(a) else b


def squared_norm(tree: Tree, order: int) -> Tree:
    """‖v‖², or of a matrix the square of Frobenius' norm."""
    if order == 1 and tree.head == "transpose":  # of a row
        return squared_norm(tree.args[0], 2)
    tree = _unprimed(transpose(tree), tree) if order > 1 else tree
    return power(Tree("norm", (tree, "F" if order > 1 else "")), num(2), False)


def _cost(tree: Tree) -> tuple[int, tuple[int, str]]:
    return primes(tree), weight_of(tree)


def dot(vectors: list[Tree]) -> Tree:
    """The sum of the entries of an entrywise product of vectors."""
    counts: dict[Tree, int] = {}
    for tree in vectors:
        counts[tree] = counts.get(tree, 0) + 1
    if len(vectors) == 1:
        (only,) = vectors
        if only.head == "call" and only.args[0] == "diagonal":
            return call("tr", only.args[1][0])
        if only.head == "entries":
            return big(only.args[1], only.args[0])
        if only.head == "product" and only.args[1] and only.args[1][-1] == ONES and len(only.args[1]) > 1:
            return product(only.args[0], [call("sum", product((), only.args[1][:-1]))])
        return call("sum", only.args[0] if only.head == "transpose" else only)  # of a row: its entries
    if len(counts) == 1 and len(vectors) == 2:
        return squared_norm(vectors[0], 1)
    if any(tree.head == "fraction" and tree.args[0] == UNIT for tree in counts):  # sum(y/x), sum(r²/v)
        return call("sum", hadamard(vectors, 1))
    if len(counts) == 2 and len(vectors) == 2:
        a, b = counts
        return min((product((), [transpose(a), b]), product((), [transpose(b), a])), key=_dot_cost)
    if len(counts) == 2 and sorted(counts.values()) == [1, 2]:
        once, twice = sorted(counts, key=lambda tree: counts[tree])
        return product((), [transpose(twice), call("diag", once), twice])
    return call("sum", hadamard(vectors, 1))


def _dot_cost(tree: Tree) -> tuple[int, tuple[int, str]]:
    """The simpler vector stands first, under the prime."""
    return primes(tree), weight_of(tree.args[1][0]) if tree.head == "product" and tree.args[1] else (0, "")


def _assemble(work: _Work, out: tuple[Label, ...]) -> Tree:
    scalars = hadamard(work.scalars, 0) if work.scalars else UNIT
    below = UNIT
    if scalars.head == "fraction":
        scalars, below = scalars.args
    factors = _factors(work, out)
    if factors is None:
        return fraction(scalars, below)
    if len(factors) == 1 and factors[0].head == "fraction" and below != UNIT:  # n/(s x²), not (n/x²)/s
        above, under = factors[0].args
        top = product([scalars], [above]) if above != UNIT else scalars
        return fraction(top, product([below], [under]))
    if len(factors) == 1 and factors[0].head != "product":
        return fraction(product([scalars], factors), below)
    return product([fraction(scalars, below)], factors)  # 1/s A B: the weight stays in front


def _factors(work: _Work, out: tuple[Label, ...]) -> list[Tree] | None:
    """What is left on the labels of the result; None where it is the same at every entry."""
    if not out:
        return None
    vectors = {label: hadamard(trees, 1) for label, trees in work.vectors.items()}
    if len(out) == 1:
        return [vectors[out[0]]] if out[0] in vectors else None
    a, b = out
    if a == b:
        return [call("diag", vectors[a])] if a in vectors else [EYE]
    u, v = vectors.get(a), vectors.get(b)
    if (a, b) in work.matrices or (b, a) in work.matrices:
        middle = parallel(work.matrix(a, b))
        return [*([call("diag", u)] if u else []), middle, *([call("diag", v)] if v else [])]
    if u is None and v is None:
        return None
    return [u or ONES, transpose(v or ONES)]
