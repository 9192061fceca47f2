"""Small mistakes as edits of a graph: a term or a factor left out, a sign turned, a matrix transposed, ...

`edits(root, most)` changes one node at a time, everywhere it is used or in one place, and rebuilds the graph
above it; those nearest to the result come first. The graph of a claim that holds one such mistake has the value of one of
these graphs, in whatever form either was written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, product, scale
from symgrad.graphs.algebra.linear import swapped
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.node import BOOLEAN, Node, topological, transform
from symgrad.graphs.pieces.terms import is_clear, replaced
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import MINUS, ONE, Weight, exact

PRODUCT = 8  # factors of a product of which two may be left out
WORK = 40_000  # nodes rebuilt for all edits of one graph


@dataclass(frozen=True, eq=False)
class Edit:
    """One mistake: in `place`, `part` is ... (by `kind`), which gives `root`.

    | kind      | the mistake                                            | part         |
    |-----------|--------------------------------------------------------|--------------|
    | term      | a term of a sum is left out                            | the term     |
    | sign      | a term has the opposite sign                           | the term     |
    | factor    | a factor of a product, or two, are left out            | the factor   |
    | weight    | the number in front of a term is left out              | the term     |
    | transpose | a matrix is transposed                                 | the matrix   |
    | order     | the factor and the one of `other` are exchanged        | the factor   |
    | function  | a function (its name in `other`) is left out           | its argument |
    """

    kind: str
    place: Node
    part: Node
    root: Node
    other: object = None


Small = tuple[str, Node, Node, object]  # kind, part, new place, other


def edits(root: Node, most: int) -> Iterator[list[Edit]]:
    """The edits of the graph of `root`, by depth: one list for each level, at most `most` in all."""
    whole = topological([root])
    uses = Counter(operand for node in whole for operand in node.operands)
    left = min(most, max(WORK // len(whole), 1))
    level, seen, made = [root], {root}, {root}
    while level and left > 0:
        found: list[Edit] = []
        deeper: list[Node] = []
        stack = list(reversed(level))
        while stack:
            node = stack.pop()
            for place, (kind, part, new, other) in _at(node, uses):
                if len(found) == left:
                    break
                (edited,) = transform([root], rebuild, {node: new})
                if edited not in made:
                    made.add(edited)
                    found.append(Edit(kind, place, part, edited, other))
            fresh = [o for o in dict.fromkeys(node.operands) if o not in seen]
            seen.update(fresh)
            if is_clear(node):
                stack.extend(reversed(fresh))
            else:
                deeper += fresh
        left -= len(found)
        level = deeper
        yield found


def _at(node: Node, uses: Counter[Node]) -> Iterator[tuple[Node, Small]]:
    """The changes of `node`, and those of operands that others use too, in this use alone."""
    for change in _changes(node):
        yield node, change
    if node.op not in (ops.EINSUM, ops.VIEW, ops.ADD, ops.ELEMENTWISE):
        return
    here = Counter(node.operands)
    for i, operand in enumerate(node.operands):
        if uses[operand] > 1:
            for kind, part, new, other in _changes(operand):
                if 1 < here[operand] < uses[operand]:
                    whole = tuple(new if o is operand else o for o in node.operands)
                    yield operand, (kind, part, rebuild(node, whole), other)
                yield operand, (kind, part, replaced(node, i, new), other)


def _changes(node: Node) -> list[Small]:
    """The small changes of one node; each keeps its shape."""
    if node.op is ops.ADD and node.operands:
        return _of_sum(node)
    if node.op is ops.EINSUM:
        return _of_product(node)
    if node.op is ops.VIEW:
        return _of_view(node)
    if node.op is ops.SOLVE:
        a, b = node.operands
        moved = rebuild(node, (swapped(a), b))
        rest = tuple(range(len(a.shape) - 2))
        columns = ("k",) * (len(b.shape) - len(rest) - 1)  # none: the right side is a vector
        times = contract([a, b], [(*rest, "i", "j"), (*rest, "j", *columns)], (*rest, "i", *columns))
        return [("transpose", a, moved, None), ("function", a, times, "inverse")]
    inner = node.operands[0] if node.operands else node
    alone = node.op in (ops.SOFTMAX, ops.INVERSE, ops.CHOLESKY, ops.CUMSUM) or (
        node.op is ops.ELEMENTWISE and len(node.operands) < 3)
    if alone and inner.shape == node.shape and BOOLEAN not in (node.dtype, inner.dtype):
        return [("function", inner, inner, node.attrs[0] if node.op is ops.ELEMENTWISE else node.op)]
    return []


def _of_sum(node: Node) -> list[Small]:
    terms, weights = node.operands, node.attrs[0]
    found: list[Small] = []
    for i, (term, by) in enumerate(zip(terms, weights, strict=True)):
        part = scale(term, by)
        turned = Weight(exact(-by.number), by.factor)
        changed = [("sign", turned)]
        if by not in (ONE, MINUS):
            changed.append(("weight", ONE if by.number > 0 else MINUS))
        if len(terms) > 1:
            found.append(("term", part, add([*terms[:i], *terms[i + 1:]], [*weights[:i], *weights[i + 1:]]), None))
        found += [(kind, part, add(terms, [*weights[:i], new, *weights[i + 1:]]), by) for kind, new in changed]
    return found


def _of_product(node: Node) -> list[Small]:
    factors, (labels, out) = node.operands, node.attrs
    sizes = dict(zip(out, node.shape, strict=True))
    found: list[Small] = []
    for i, (factor, own) in enumerate(zip(factors, labels, strict=True)):
        others = [*factors[:i], *factors[i + 1:]]
        rest = [*labels[:i], *labels[i + 1:]]
        if others and set(own) <= {x for each in rest for x in each}:
            found.append(("factor", factor, contract(others, rest, out, sizes), None))
        elif others and len(own) == 2 and factor.shape[0] == factor.shape[1]:  # the identity in its place
            first, second = own
            joined = [tuple(first if x == second else x for x in each) for each in (*rest, out)]
            if first in {x for each in joined[:-1] for x in each}:
                found.append(("factor", factor, contract(others, joined[:-1], joined[-1]), None))
        for a in range(len(own)):
            for b in range(a + 1, len(own)):
                if factor.shape[a] == factor.shape[b] and own[a] != own[b]:
                    turned = (*own[:a], own[b], *own[a + 1:b], own[a], *own[b + 1:])
                    new = contract(factors, [*labels[:i], turned, *labels[i + 1:]], out, sizes)
                    found.append(("transpose", factor, new, None))
        for j in range(i + 1, len(factors)):
            if factor.shape == factors[j].shape and len(factor.shape) > 1 and factor is not factors[j]:
                exchanged = [*labels[:i], labels[j], *labels[i + 1:j], own, *labels[j + 1:]]
                found.append(("order", factor, contract(factors, exchanged, out, sizes), factors[j]))
    return found + _pairs(node)


def _pairs(node: Node) -> list[Small]:
    """Two factors left out at once: the derivative p (1 - p) of a sigmoid is two."""
    _, out = node.attrs
    sizes = dict(zip(out, node.shape, strict=True))
    factors = _flat(node)
    found: list[Small] = []
    for i, j in combinations(range(len(factors)), 2):
        (one, own), (two, labels) = factors[i], factors[j]
        rest = [each for k, each in enumerate(factors) if k not in (i, j)]
        if own == labels and set(own) <= {x for _, each in rest for x in each}:
            new = contract([f for f, _ in rest], [x for _, x in rest], out, sizes)
            found.append(("factor", product(one, two), new, None))
    return found if len(factors) <= PRODUCT else []


def _flat(node: Node) -> list[tuple[Node, tuple[int, ...]]]:
    """The factors of a product, those of inner entrywise products included, with the labels of their axes."""
    found: list[tuple[Node, tuple[int, ...]]] = []
    stack = list(zip(node.operands, node.attrs[0], strict=True))[::-1]
    while stack:
        factor, own = stack.pop()
        labels, out = factor.attrs if factor.op is ops.EINSUM else ((), ())
        if labels and all(x in out for each in labels for x in each):
            inner = [tuple(own[out.index(x)] for x in each) for each in labels]
            stack += list(zip(factor.operands, inner, strict=True))[::-1]
        else:
            found.append((factor, tuple(own)))
    return found


def _of_view(node: Node) -> list[Small]:
    """A matrix that stands transposed in a sum."""
    if not node.operands or node.operands[0].shape != node.shape:
        return []
    base = node.operands[0]
    straight = tuple(range(len(base.shape)))
    (labels,), out = node.attrs
    if sorted(labels) == sorted(out) == list(straight):
        return [("transpose", base, base, None)]
    return []
