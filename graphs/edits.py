"""Small mistakes as edits of a graph: a term or a factor left out, a sign turned, a matrix transposed, ...

`edits(root, most)` changes one node at a time, everywhere it is used, and rebuilds the graph above it; those
nearest to the result come first. The graph of a claim that holds one such mistake has the value of one of
these graphs, in whatever form either was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from symgrad.graphs.einsum import contract, scale, transpose
from symgrad.graphs.node import BOOLEAN, Node, topological, transform
from symgrad.graphs.primitives import add, rebuild
from symgrad.graphs.weights import MINUS, ONE, Weight, exact

WORK = 40_000  # nodes rebuilt for all edits of one graph
CLEAR = ("named", "stop", "view")  # what does not make a part deeper


@dataclass(frozen=True, eq=False)
class Edit:
    """One mistake: in `place`, `part` is ... (by `kind`), which gives `root`.

    | kind      | the mistake                                            | part         |
    |-----------|--------------------------------------------------------|--------------|
    | term      | a term of a sum is left out                            | the term     |
    | sign      | a term has the opposite sign                           | the term     |
    | factor    | a factor of a product is left out                      | the factor   |
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
    left = min(most, max(WORK // len(whole), 1))
    level, seen = [root], {root}
    made = {root}
    while level and left > 0:
        found: list[Edit] = []
        deeper: list[Node] = []
        stack = list(reversed(level))
        while stack:
            node = stack.pop()
            for kind, part, new, other in _changes(node):
                if len(found) == left:
                    break
                (edited,) = transform([root], rebuild, {node: new})
                if edited not in made:
                    made.add(edited)
                    found.append(Edit(kind, node, part, edited, other))
            fresh = [o for o in dict.fromkeys(node.operands) if o not in seen]
            seen.update(fresh)
            if node.op in CLEAR or (node.op == "add" and len(node.operands) == 1):
                stack.extend(reversed(fresh))
            else:
                deeper += fresh
        left -= len(found)
        level = deeper
        yield found


def _changes(node: Node) -> list[Small]:
    """The small changes of one node; each keeps its shape."""
    if node.op == "add" and node.operands:
        return _of_sum(node)
    if node.op == "einsum":
        return _of_product(node)
    if node.op == "view":
        return _of_view(node)
    if node.op == "solve":
        a, b = node.operands
        swapped = rebuild(node, (_swapped(a), b))
        return [("transpose", a, swapped, None)]
    inner = node.operands[0] if node.operands else node
    alone = node.op in ("softmax", "inverse", "cholesky", "cumsum") or (
        node.op == "elementwise" and len(node.operands) < 3)
    if alone and inner.shape == node.shape and BOOLEAN not in (node.dtype, inner.dtype):
        return [("function", inner, inner, node.attrs[0] if node.op == "elementwise" else node.op)]
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
        for a in range(len(own)):
            for b in range(a + 1, len(own)):
                if factor.shape[a] == factor.shape[b] and own[a] != own[b]:
                    swapped = (*own[:a], own[b], *own[a + 1:b], own[a], *own[b + 1:])
                    new = contract(factors, [*labels[:i], swapped, *labels[i + 1:]], out, sizes)
                    found.append(("transpose", factor, new, None))
        for j in range(i + 1, len(factors)):
            if factor.shape == factors[j].shape and len(factor.shape) > 1 and factor is not factors[j]:
                exchanged = [*labels[:i], labels[j], *labels[i + 1:j], own, *labels[j + 1:]]
                found.append(("order", factor, contract(factors, exchanged, out, sizes), factors[j]))
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


def _swapped(a: Node) -> Node:
    last = len(a.shape) - 1
    return transpose(a, (*range(last - 1), last, last - 1))
