"""Rewrites that do not run at construction: `simplified`, a pure function graph -> graph, and its passes.

`with_identities` applies what declared facts say (`declared.py`) and local identities: `σ(-z) (1 - σ(-z)) =
σ(z) (1 - σ(z))`, a sum of sums, an inverse times a vector is a solve.
`merged` flattens products and sums that are used once and have no name, so that like terms meet.
`factored` pulls what all terms of a sum share out of it: `x_j (x_i a_ik + x_i b_ik)` becomes
`x_j x_i (a_ik + b_ik)`, where fewer entries are computed then.
No pass distributes a product over a sum. A pass is kept where the graph is not larger for it, in nodes and in
entries that are computed; so the result is never larger than the argument, and simplifying it again changes
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal_value, scale, zeros
from symgrad.graphs.algebra.flattening import expand, flat, is_sum, joined, product, pulled
from symgrad.graphs.algebra.linear import solve
from symgrad.graphs.algebra.primitives import elementwise
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.rewrites.declared import by_facts
from symgrad.graphs.rewrites.patterns import bare, row_of
from symgrad.graphs.sizes import size_key
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import MINUS, ONE

Pass = Callable[[Node], Node]


def simplified(root: Node) -> Node:
    """An equal graph that is not larger; that of the result is the result."""
    passes: Sequence[Pass] = (lambda node: with_identities([node])[0], merged, factored)
    progress = True
    while progress:
        progress = False
        for each in passes:
            found = each(root)
            if is_smaller([found], [root]):
                root, progress = found, True
    return root


# how large a graph is ---------------------------------------------------------------------------------

Entries = Mapping[tuple[str, ...], int]


def entries(order: Sequence[Node]) -> Entries:
    """The entries that nodes compute: a polynomial in their sizes."""
    found: Counter[tuple[str, ...]] = Counter()
    for node in order:
        if literal_value(node) is not None:
            continue
        number, symbols = 1, []
        for size in node.shape:
            if isinstance(size, int):
                number *= size
            else:
                symbols.append(size_key(size))
        found[tuple(sorted(symbols))] += number
    return found


def is_smaller(new: Sequence[Node], old: Sequence[Node], frontier: Collection[Node] = ()) -> bool:
    """Have `new` no more entries, nodes and edges than `old`, and fewer of one? What is below `frontier` is alike.

    Views count only where all else is equal.
    """
    if new == old:
        return False
    whole = [[n for n in topological(nodes, enter=lambda n: n not in frontier) if n not in frontier]
             for nodes in (new, old)]
    mine, theirs = ([n for n in order if n.op not in ops.FREE] for order in whole)
    counts = [(len(order), sum(len(n.operands) for n in order)) for order in (mine, theirs)]
    if any(a > b for a, b in zip(*counts, strict=True)):
        return False
    saved = Counter(entries(theirs))
    saved.subtract(entries(mine))
    fewer = counts[0] != counts[1] or any(saved.values()) or len(whole[0]) < len(whole[1])
    return fewer and _not_negative(saved)


def _not_negative(polynomial: Counter[tuple[str, ...]]) -> bool:
    """Is a polynomial not negative for all sizes of 1 or more? (No is no proof.)"""
    above = {key: number for key, number in polynomial.items() if number > 0}
    for key, number in sorted(polynomial.items(), key=lambda item: (-len(item[0]), item[0])):
        for other in sorted(above, key=lambda each: (len(each), each)) if number < 0 else ():
            if Counter(key) <= Counter(other):  # n k is at most n k d
                part = min(-number, above[other])
                above[other] -= part
                number += part
        if number < 0:
            return False
    return True


# flattening and factoring -----------------------------------------------------------------------------


def merged(root: Node) -> Node:
    """Products and sums that are used once and have no name become one with what uses them; like terms merge."""
    return _rewritten(root, _merge)


def factored(root: Node) -> Node:
    """What all terms of a sum share stands in front of it, where fewer entries are computed so.

    A product that uses such a sum takes what stands in front, so that the whole product is not computed.
    """
    return merged(_rewritten(root, _factor))


Rule = Callable[[Node, Mapping[Node, int], Node | None], Node]


def _rewritten(root: Node, rule: Rule) -> Node:
    """`rule(node, uses, user)` bottom-up: how often each node was used, and the one node that uses this one, if any."""
    order = topological([root])
    before = Counter(operand for node in order for operand in node.operands)
    users = {operand: node for node in order for operand in node.operands if before[operand] == 1}
    uses: Counter[Node] = Counter()

    def step(node: Node, operands: tuple[Node, ...]) -> Node:
        made = rule(rebuild(node, operands), uses, users.get(node))
        uses[made] += before[node]
        return made

    (result,) = transform([root], step, {})
    return result


def _merge(node: Node, uses: Mapping[Node, int], user: Node | None) -> Node:
    def inside(each: Node) -> bool:
        return each.op is not ops.NAMED and (each is node or uses[each] == 1)

    if node.op is ops.EINSUM:
        term = flat(node, inside=inside, deepest=0, vectors=True)
        return zeros(node.shape, node.dtype) if term is None else term.node()
    if is_sum(node):
        if user is not None and is_sum(user):  # which takes its terms: a long sum is taken apart once
            return node
        terms = expand(node, inside, deepest=0)
        return joined([(term.node(), ONE) for term in terms]) if terms else zeros(node.shape, node.dtype)
    return node


def _factor(node: Node, uses: Mapping[Node, int], user: Node | None) -> Node:
    if not is_sum(node):
        return node

    def inside(each: Node) -> bool:
        return each.op is not ops.NAMED

    apart = pulled(node, inside, deepest=0)
    if apart is None:
        return node
    shared, rest = apart
    axes = tuple(range(len(node.shape)))
    made = product([*shared, (rest, axes)], axes, dict(enumerate(node.shape)))
    frontier = {factor for term in expand(node, inside, deepest=0) for factor, _ in term.factors}
    region = topological([node], enter=lambda n: n not in frontier)
    within = Counter(operand for each in region if each not in frontier for operand in each.operands)
    staying = [each for each in region if each is not node and uses[each] > within[each]]
    absorbed = user is not None and user.op is ops.EINSUM
    return made if is_smaller([rest if absorbed else made, *staying], [node], frontier) else node


# local identities -------------------------------------------------------------------------------------


def with_identities(roots: Sequence[Node]) -> list[Node]:
    """The graph with declared facts and local identities applied; names stay."""
    roots = by_facts(roots, declared=True)
    uses = Counter(operand for node in topological(roots) for operand in node.operands)
    lone = {node for node, number in uses.items() if number == 1 and node.op is ops.INVERSE}
    return transform(roots, lambda node, operands: _identity(
        rebuild(node, operands), {new for old, new in zip(node.operands, operands, strict=True) if old in lone}), {})


def _identity(node: Node, lone: Collection[Node]) -> Node:
    if node.op is not ops.EINSUM:
        return node
    for rule in (_even, _summed_sums):
        changed = rule(node)
        if changed is not None and changed is not node:
            return changed if changed.op is not ops.EINSUM else _identity(changed, lone)
    return _solved(node, lone)


def _joined(factors: Sequence[tuple[Node, Sequence[int]]], out: Sequence[int]) -> Node:
    """The product of factors that have all labels of `out`."""
    return contract([each for each, _ in factors], [labels for _, labels in factors], out)


def _factors(node: Node) -> list[tuple[Node, tuple[int, ...]]]:
    return list(zip(node.operands, node.attrs[0], strict=True))


def _even(node: Node) -> Node | None:
    """σ(-z) (1 - σ(-z)) is even in z, and read with z."""
    factors = _factors(node)
    for i, (p, labels) in enumerate(factors):
        z = row_of(p, "sigmoid")
        if z is None or z.op is not ops.ADD or len(z.operands) != 1 or z.attrs[0][0].number >= 0:
            continue
        for j, (q, others) in enumerate(factors):
            if others == labels and _one_minus(q) is bare(p):
                flipped = elementwise("sigmoid", [scale(z, MINUS)])
                rest = [factor for k, factor in enumerate(factors) if k not in (i, j)]
                one = contract([], [], range(len(p.shape)), dict(enumerate(p.shape)))
                return _joined([*rest, (flipped, labels), (joined([(one, ONE), (flipped, MINUS)]), labels)], node.attrs[1])
    return None


def _one_minus(node: Node) -> Node | None:
    """p where `node` is 1 - p."""
    node = bare(node)
    if node.op is ops.ADD and node.attrs[0] == (ONE, MINUS) and literal_value(node.operands[0]) == ONE:
        return bare(node.operands[1])
    return None


def _summed_sums(node: Node) -> Node | None:
    """A sum of terms that is summed along an axis is the sum of the sums: an operand of lower order."""
    factors, out = _factors(node), node.attrs[1]
    seen = [x for each in node.attrs[0] for x in each]
    for i, (operand, labels) in enumerate(factors):
        kept = tuple(x for x in labels if seen.count(x) > 1 or x in out)
        if is_sum(operand) and len(kept) < len(labels):
            rest = [factor for k, factor in enumerate(factors) if k != i]
            terms = [(contract([each], [labels], tuple(dict.fromkeys(kept))), by)
                     for each, by in zip(operand.operands, operand.attrs[0], strict=True)]
            return _joined([*rest, (joined(terms), tuple(dict.fromkeys(kept)))], out)
    return None


def _solved(node: Node, lone: Collection[Node]) -> Node:
    """A^-1 b is a solve, where the inverse is used once and b is a vector for each matrix."""
    factors, out = _factors(node), node.attrs[1]
    seen = [x for each in node.attrs[0] for x in each]
    for i, (operand, labels) in enumerate(factors):
        if operand not in lone or operand.op is not ops.INVERSE or len(set(labels)) < len(labels):
            continue
        stack = labels[:-2]
        for free, summed, turned in ((labels[-2], labels[-1], False), (labels[-1], labels[-2], True)):
            near = [j for j, (_, names) in enumerate(factors) if summed in names]
            (j,) = [k for k in near if k != i] if len(near) == 2 else (None,)
            if j is None or seen.count(summed) != 2 or summed in out:
                continue
            b, names = factors[j]
            if free in names or not set(names) <= {*stack, summed}:
                continue
            a = operand.operands[0]
            if turned:
                last = len(a.shape) - 1
                a = contract([a], [range(last + 1)], (*range(last - 1), last, last - 1))
            size = dict(zip(labels, operand.shape, strict=True))
            column = contract([b], [names], (*stack, summed, "k"), {**{x: size[x] for x in stack}, "k": 1})
            x = solve(a, column)
            x = contract([x], [(*stack, free, "k")], (*stack, free))
            rest = [factor for k, factor in enumerate(factors) if k not in (i, j)]
            return _joined([*rest, (x, (*stack, free))], out)
    return node
