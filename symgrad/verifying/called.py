"""What a textbook calls a term: the penalty, the bias, the cross term, the residual, the softmax.

A name is read from the term itself and from the terms beside it, which are those of the same sum. What has no name in a
textbook gets none here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from symgrad.formulas.spelling.glyphs import parse_name
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import Node, topological
from symgrad.graphs.pieces.terms import unscaled

PLAIN = (0.5, 1, 2)  # numbers in front that the derivative of a square brings along
BIASES, TARGETS = ("b", "c", "bias", "β"), ("y", "t", "Y", "ŷ")
BY_OPERATION = {ops.SOFTMAX: "softmax", ops.LOGDET: "log-determinant", ops.LOGSUMEXP: "log-sum-exp"}


def the_term(term: Node, beside: Sequence[Node]) -> str:
    """"the term", with its name where it has one; `beside` are the terms of the same sum.

    >>> import symgrad as sg
    >>> X, w, b = sg.data("X", (5, 3)), sg.parameter("w", 3), sg.parameter("b")
    >>> the_term(b.node, [(X @ w).node, b.node])
    'the bias term'
    """
    called = name_of(term, [part for other in beside if other is not term for part in _parts(other)])
    return f"the {called} term" if called else "the term"


def name_of(term: Node, others: Sequence[Node]) -> str:
    """The name of a term beside `others` in a textbook; empty where it has none."""
    base = _inner(term)
    if base.op in BY_OPERATION:
        return BY_OPERATION[base.op]
    if base.op is ops.SCATTER and literal_value(_inner(base.operands[0])) is not None:
        return "one-hot"
    if _is_penalty(term, others):
        return "penalty"
    if base.op is ops.INPUT:
        return _of_symbol(base, others)
    if _is_cross_term(term, others):
        return "cross"
    return "residual" if any(is_residual(factor) for factor in factors(term)) else ""


def _parts(node: Node) -> list[Node]:
    """The terms of a sum within a sum."""
    found, stack = [], [node]
    while stack:
        base = unscaled(top := stack.pop())[1]
        if base.op is ops.ADD and len(base.operands) > 1:
            stack += base.operands[::-1]
        else:
            found.append(top)
    return found


def is_residual(node: Node) -> bool:
    """Is it what is predicted less what is observed: a sum in which a symbol stands with the opposite sign?"""
    if node.op is not ops.ADD or len(node.operands) < 2:
        return False
    parts = [(by.number, _inner(part)) for part, by in zip(node.operands, node.attrs[0], strict=True)]
    observed = {number > 0 for number, part in parts if _is_observed(part)}
    predicted = {number > 0 for number, part in parts if not _is_observed(part)}
    return len(observed) == 1 and any(sign not in observed for sign in predicted)


def _is_observed(part: Node) -> bool:
    return part.op is ops.SCATTER or part.op is ops.INPUT and (
        part.attrs[0].kind != "parameter" and parse_name(part.attrs[0].name).base in TARGETS)


def factors(node: Node) -> Counter[Node]:
    """The factors of a term, however they are contracted: two of w in ‖w‖²."""
    found: Counter[Node] = Counter()
    stack = [node]
    while stack:
        top = _inner(stack.pop())
        if top.op is ops.EINSUM:
            stack += top.operands
        else:
            found[top] += 1
    return found


def _inner(node: Node) -> Node:
    """A node without its number, its name, and the order and the repeating of its axes."""
    while True:
        base = unscaled(node)[1]
        if base.op in ops.MARKS or base.op is ops.VIEW and base.operands:
            base = base.operands[0]
        if base is node:
            return node
        node = base


def _symbols(node: Node) -> set[Node]:
    return {each for each in topological([node]) if each.op is ops.INPUT}


def _is_penalty(term: Node, others: Sequence[Node]) -> bool:
    """Is it a number times a function of one array, which is fitted, or which other terms have together with data?"""
    symbols = _symbols(term)
    arrays, scalars = {s for s in symbols if s.shape}, {s for s in symbols if not s.shape}
    by = unscaled(term)[0]
    if len(arrays) != 1 or not (scalars or abs(float(by.number)) not in PLAIN):
        return False
    beside = {s for other in others for s in _symbols(other) if s.shape}
    fitted = any(s.attrs[0].kind == "parameter" for s in arrays)
    return bool(beside - arrays) and (fitted or bool(beside & arrays))


def _of_symbol(symbol: Node, others: Sequence[Node]) -> str:
    """A symbol alone is the bias beside a product, the target beside what is computed."""
    base = parse_name(symbol.attrs[0].name).base
    fitted = any(s.attrs[0].kind == "parameter" for other in others for s in _symbols(other))
    products = (other for other in others if sum(1 for factor in factors(other) if factor.shape) > 1)
    if base in BIASES and (symbol.attrs[0].kind == "parameter" or not fitted) and any(products):
        return "bias"
    return "target" if base in TARGETS and any(_inner(other).op not in ops.LEAVES for other in others) else ""


def _is_cross_term(term: Node, others: Sequence[Node]) -> bool:
    """Is it the u v of a square u² + 2 u v + v², or the derivative of that by a symbol in u?"""
    own = factors(term)
    for other in others:
        squared = factors(other)
        odd = [factor for factor, count in squared.items() if count % 2]
        if len(odd) > 1 or odd and len(squared) < 2:
            continue
        by = Counter(odd)  # what the square was differentiated by
        root = Counter({factor: count // 2 for factor, count in (squared + by).items()})
        rest = own + by - root
        mixed = bool(rest) and own + by == root + rest and rest != root
        if mixed and (odd or any(factors(each) == rest + rest for each in others)):
            return True
    return False
