"""Attention by the names of its papers: queries Q, keys K, values V, scores S (masked: M), weights A, and O of heads.

A softmax whose rows weigh the rows of something else, and whose scores are products of rows, is an attention wherever it
stands: written by hand, by `attention`, within a layer. Each part gets its letter, unless its author gave it a name or
uses the letter for something else; with heads in front, Q, K, V and O are stacks of one matrix for each head.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal_value
from symgrad.graphs.algebra.primitives import named
from symgrad.graphs.node import REAL, Node, consumers, topological, transform
from symgrad.graphs.samples import sample_axes
from symgrad.graphs.table import rebuild

Names = Mapping[Node, str]


@dataclass(frozen=True)
class AttentionParts:
    """The nodes of one attention: O = A V with A = softmax(S), S a multiple of Q Kᵀ."""

    taken: Node  # the product of weights and values
    weights: Node
    masked: Node  # what the softmax takes: scores, perhaps behind a mask
    scores: Node
    products: Node  # of queries and keys
    heads: bool


def with_attention(root: Node, letters: Collection[str], keep: Collection[Node] = ()) -> Node:
    """`root` with names for the parts of its attentions; nodes in `keep` stay as they are, `letters` are in use."""
    found = list(_attentions(root))
    if not found:
        return root
    labels = [letter for letter in "QKVSMAO" if letter not in letters]
    numbers = {each: f"_{i}" if len(found) > 1 else "" for i, each in enumerate(found, 1)}

    def names(letter: str, pairs: Iterator[tuple[AttentionParts, Node]]) -> dict[Node, str]:
        return {node: f"{letter}{numbers[each]}" for each, node in pairs} if letter in labels else {}

    whole = names("M", ((a, a.masked) for a in found if a.masked is not a.scores and a.masked.op is not ops.NAMED))
    whole |= names("S", ((a, a.scores) for a in found)) | names("A", ((a, a.weights) for a in found))
    products = {a.products: a for a in found}
    taken = {a.taken: a for a in found}

    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        if node in products:
            letter = [f"{x}{numbers[products[node]]}" if x in labels else "" for x in "QK"]
            made = _product(node, operands, _in_order(node, letter), "")
        elif node in taken:
            a = taken[node]
            value = f"V{numbers[a]}" if "V" in labels else ""
            letter = ["", value] if node.operands[0] is a.weights else [value, ""]
            made = _product(node, operands, letter, f"O{numbers[a]}" if a.heads and "O" in labels else "")
        else:
            made = rebuild(node, operands)
        return named(made, whole[node]) if node in whole and made.op is not ops.NAMED else made

    return transform([root], rule, {each: each for each in keep})[0]


def _attentions(root: Node) -> Iterator[AttentionParts]:
    """Every attention below `root`, in the order of computation."""
    uses = consumers([root])
    samples = sample_axes([root])
    for node in topological([root]):
        if node.op is not ops.SOFTMAX or node.attrs[0] != (len(node.shape) - 1,) or node.dtype != REAL:
            continue
        if any(user.op is ops.NAMED for user in uses[node]):
            continue  # named by its author, with all that is around it
        weights = node
        while len(uses[weights]) == 1 and (user := uses[weights][0]).op is ops.ELEMENTWISE and (
                user.attrs[0] == "where" and user.operands[1] is weights):
            weights = user  # a row that sees nothing counts as zeros
        taken = [u for u in uses[weights] if _weighs_rows(u, weights)]
        scores, products = _scores(node.operands[0])
        if taken and products is not None:
            heads = len(products.shape) - (samples.get(products) is not None) > 2
            yield AttentionParts(taken[0], weights, node.operands[0], scores, products, heads)


def _weighs_rows(node: Node, weights: Node) -> bool:
    """Is it A V: a product that sums over the last axis of the weights, and over nothing else?"""
    if node.op is not ops.EINSUM or len(node.operands) != 2 or node.operands.count(weights) != 1:
        return False
    inputs, out = node.attrs
    own = inputs[node.operands.index(weights)]
    other = inputs[1 - node.operands.index(weights)]
    return _matrices(own, other, out) is not None and own[-1] not in out


def _scores(node: Node, deepest: int = 3) -> tuple[Node, Node | None]:
    """Of what a softmax takes, the scores without masks, and the products of queries and keys in them.

    Of a sum one term is looked into, `deepest` times at most: what is added to scores are masks.
    """
    scores = node
    while deepest:
        if node.op is ops.NAMED:
            node = node.operands[0]
        elif node.op is ops.ELEMENTWISE and node.attrs[0] == "where":  # a mask takes out what it does not show
            node = scores = node.operands[1]
        elif node.op is ops.ADD:
            if len(node.operands) == 1:
                (node,) = node.operands
                continue
            deepest -= 1
            parts = [found for o in node.operands if (found := _scores(o, deepest))[1] is not None]
            return parts[0] if len(parts) == 1 else (scores, None)
        elif node.op is ops.EINSUM and len(node.operands) == 2:
            inputs, out = node.attrs
            shaped = [o for o in node.operands if o.shape]
            if len(shaped) == 1:  # times a scale
                (node,) = shaped
                continue
            return scores, node if _matrices(inputs[0], inputs[1], out) is not None else None
        else:
            break
    return scores, None


def _matrices(one: Sequence[int], other: Sequence[int],
              out: Sequence[int]) -> tuple[list[int], int, int, int] | None:
    """Of a product of matrices, or of stacks of them: the labels of the stack, the rows, what is summed, the columns.

    Labels of the stack may be those of one of the two alone, as of samples that share their keys.
    """
    summed = [x for x in one if x in other and x not in out]
    rows, columns = [x for x in one if x not in other], [x for x in other if x not in one]
    alone = all(len(set(x)) == len(x) for x in (one, other, out))
    if not alone or len(summed) != 1 or not rows or not columns or set(out) != {*one, *other} - set(summed):
        return None
    return [x for x in out if x not in (rows[-1], columns[-1])], rows[-1], summed[0], columns[-1]


def _in_order(node: Node, names: list[str]) -> list[str]:
    """The names of the operands of Q Kᵀ: the rows of the scores are those of the queries."""
    inputs, out = node.attrs
    found = _matrices(inputs[0], inputs[1], out)
    assert found is not None
    _, rows, _, columns = found
    return names if list(out).index(rows) < list(out).index(columns) else names[::-1]


def _product(node: Node, operands: tuple[Node, ...], names: Sequence[str], whole: str) -> Node:
    """A product of matrices with its operands under their names, and itself under `whole`: stacks in front, then rows."""
    inputs, out = node.attrs
    found = _matrices(inputs[0], inputs[1], out)
    assert found is not None
    stack, rows, summed, columns = found
    queries = list(out).index(rows) < list(out).index(columns)
    made, labels = [], []
    for operand, own, name in zip(operands, inputs, names, strict=True):
        side = rows if rows in own else columns
        lead = [x for x in stack if x in own]
        order = (*lead, side, summed) if not whole and name[:1] != "V" else (*lead, summed, side)
        if name and operand.op not in ops.BEARERS and literal_value(operand) is None:
            made.append(named(contract([operand], [tuple(own)], order), name))
            labels.append(tuple(order))
        else:
            made.append(operand)
            labels.append(tuple(own))
    if not whole:
        return contract(made, labels, tuple(out))
    order = (*stack, rows, columns) if queries else (*stack, columns, rows)
    return contract([named(contract(made, labels, order), whole)], [order], tuple(out))
