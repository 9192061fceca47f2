"""What values the entries of a node can have: an interval for each node, from its form and from declared facts.

Only points count at which the formula is a real number. So an argument of a logarithm or of a root is not negative,
wherever else it occurs, if all of its entries are asked for: `required` finds those, and `Ranges` cuts intervals with
what they say. `raw` is the interval that holds without such a cut of the node itself: the convexity of a domain is
proved from that one (`domains.py`), in topological order, so no proof rests on itself.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.convexity.interval import (
    INF,
    NONNEGATIVES,
    POSITIVES,
    REALS,
    SIGNED_UNIT,
    UNIT,
    ZERO,
    End,
    Interval,
    common,
    hull,
    increasing_image,
    magnitudes,
    negated,
    plus_interval,
    point,
    powers,
    reciprocals,
    times_interval,
)
from symgrad.graphs.facts import NONNEGATIVE, ORTHOGONAL, POSITIVE, SIMPLEX, facts_of
from symgrad.graphs.node import BOOLEAN, INTEGER, Node, topological
from symgrad.graphs.sizes import Size
from symgrad.graphs.sizes import product as product_of_sizes
from symgrad.graphs.weights import Weight

HALF_PI = Fraction(math.pi / 2) + Fraction(1, 10**12)
LIMITS: Mapping[str, tuple[Callable[[float], float], End, End]] = MappingProxyType({  # increasing, with their limits
    "exp": (math.exp, Fraction(0), INF), "expm1": (math.expm1, Fraction(-1), INF), "log": (math.log, -INF, INF),
    "log2": (math.log2, -INF, INF), "log10": (math.log10, -INF, INF),
    "log1p": (math.log1p, -INF, INF), "tanh": (math.tanh, Fraction(-1), Fraction(1)),
    "arctan": (math.atan, -HALF_PI, HALF_PI), "erf": (math.erf, Fraction(-1), Fraction(1)),
    "arcsinh": (math.asinh, -INF, INF), "sinh": (math.sinh, -INF, INF),
    "sigmoid": (lambda x: 1 / (1 + math.exp(-x)), Fraction(0), Fraction(1)),
    "softplus": (lambda x: math.log1p(math.exp(x)), Fraction(0), INF)})
KNOWN: Mapping[str, Interval] = MappingProxyType({
    "sin": SIGNED_UNIT, "cos": SIGNED_UNIT, "sign": SIGNED_UNIT, "cosh": Interval(Fraction(1), INF),
    "sech": Interval(Fraction(0), Fraction(1), True), "erfc": Interval(Fraction(0), Fraction(2), True, True),
    "log_cosh": NONNEGATIVES, "arccosh": NONNEGATIVES, "hazard": POSITIVES, "log_ndtr": negated(POSITIVES),
    "log1mexp": negated(POSITIVES), "zeroed": ZERO, "arcsin": Interval(-HALF_PI, HALF_PI),
    "arccos": Interval(Fraction(0), 2 * HALF_PI)})
TESTS_OF_TRUTH = frozenset(
    "less less_equal greater greater_equal equal not_equal logical_and logical_or logical_not isnan isfinite isinf".split())
PICKS = (ops.NAMED, ops.STOP, ops.SLICE, ops.RESHAPE, ops.GATHER, ops.WINDOWS, ops.MAX, ops.MIN)
ALL_USED = (ops.ADD, ops.NAMED, ops.EINSUM, ops.VIEW, ops.ELEMENTWISE, ops.SOFTMAX, ops.MAX, ops.MIN, ops.LOGSUMEXP,
            ops.RESHAPE, ops.CONCAT, ops.PAD, ops.CUMSUM, ops.MULTIPLY, ops.LOGDET, ops.INVERSE, ops.COFACTOR)
CHOOSING = ("where", "taken", "defined", "times_power", "times_exp", "log_or_zero")


def exact_number(by: Weight) -> Fraction | None:
    """A weight without sizes as a fraction, floats as they are typed; None for another, and for what is not finite."""
    if by.factor is not None or not math.isfinite(by.number):
        return None
    return Fraction(repr(by.number)) if isinstance(by.number, float) else Fraction(by.number)


def weight_range(by: Weight) -> Interval:
    """The values of a weight for all sizes."""
    number = exact_number(by)
    if number is not None:
        return point(number)
    if not math.isfinite(by.number):
        return REALS
    if by.factor is not None and (by.factor.is_positive or (1 / by.factor).is_nonnegative):  # 1/(n - 1) is finite
        return POSITIVES if by.number > 0 else negated(POSITIVES) if by.number < 0 else ZERO
    if by.factor is not None and by.factor.is_nonnegative:
        return NONNEGATIVES if by.number >= 0 else negated(NONNEGATIVES)
    return REALS


def exponent_of(node: Node) -> Fraction | None:
    """The number at every entry of a literal, exactly."""
    value = literal_value(node)
    return None if value is None else exact_number(value)


def required(root: Node) -> set[Node]:
    """The nodes below `root` of which every entry must be a number for `root` to be one."""
    found = {root}
    for node in reversed(topological([root])):
        if node not in found or node.op not in ALL_USED:
            continue
        if node.op is ops.ELEMENTWISE and node.attrs[0] in CHOOSING:
            continue
        labels = node.attrs[0] if node.op in ops.PRODUCTS else [()] * len(node.operands)
        found.update(o for o, names in zip(node.operands, labels, strict=True) if len(set(names)) == len(names))
    return found


def demanded(node: Node) -> tuple[Node, Interval] | None:
    """An operand of a function that is a number only in an interval, and that interval."""
    if node.op is not ops.ELEMENTWISE:
        return None
    row, x = node.attrs[0], node.operands[0]
    if row in ("log", "log2", "log10", "log1mexp"):
        return x, POSITIVES
    if row == "sqrt":
        return x, NONNEGATIVES
    if row == "log1p":
        return x, Interval(Fraction(-1), INF, True)
    if row in ("arcsin", "arccos"):
        return x, SIGNED_UNIT
    if row in ("arctanh", "erfinv"):
        return x, Interval(Fraction(-1), Fraction(1), True, True)
    if row == "power" and (p := exponent_of(node.operands[1])) is not None and p.denominator > 1:
        return x, NONNEGATIVES if p > 0 else POSITIVES
    return None


def _solved_for_symbol(node: Node, cut: Interval) -> list[tuple[Node, Interval]]:
    """What `a + b x` in an interval says of a symbol x. (Of no other node: see above, `raw`.)"""
    if node.op is not ops.ADD or not node.operands:
        return []
    free = [(o, by) for o, by in zip(node.operands, node.attrs[0], strict=True) if exponent_of(o) is None]
    if len(free) != 1 or free[0][0].op is not ops.INPUT:
        return []
    rest = ZERO
    for o, by in zip(node.operands, node.attrs[0], strict=True):
        if o is not free[0][0]:
            rest = plus_interval(rest, times_interval(weight_range(by), point(exponent_of(o) or 0)))
    x, by = free[0]
    slope = exact_number(by)
    return [(x, times_interval(point(1 / slope), plus_interval(cut, negated(rest))))] if slope else []


class Ranges:
    """Intervals for all nodes below a root."""

    def __init__(self, root: Node) -> None:
        cuts: dict[Node, Interval] = {}
        asked = required(root)
        for node in asked:
            known = demanded(node)
            if known is not None and known[0] in asked:
                for x, cut in (known, *_solved_for_symbol(*known)):
                    cuts[x] = common(cuts.get(x, REALS), cut)
        self._cuts = cuts
        self.raw: dict[Node, Interval] = {}
        self._known: dict[Node, Interval] = {}
        self(root)

    def sharpen(self, node: Node, values: Interval) -> None:
        """What was proved of a node by other means."""
        self.raw[node] = common(self.raw[node], values)
        self._known[node] = common(self._known[node], values)

    def __call__(self, node: Node) -> Interval:
        """The interval of a node, of one that is not below the root too."""
        if node not in self._known:
            for each in topological([node], enter=lambda n: n not in self._known):
                if each not in self._known:
                    made = _range(each, [self._known[o] for o in each.operands])
                    self.raw[each] = made if made.low < INF and made.high > -INF else REALS  # no number is in there
                    cut = self._cuts.get(each)
                    self._known[each] = self.raw[each] if cut is None else common(self.raw[each], cut)
        return self._known[node]


def _range(node: Node, parts: Sequence[Interval]) -> Interval:
    value = literal_value(node)
    if value is not None:
        return weight_range(value)
    if node.op in ops.LEAVES:
        return _leaf_range(node)
    if node.op is ops.ADD:
        total = ZERO
        for by, part in zip(node.attrs[0], parts, strict=True):
            total = plus_interval(total, times_interval(weight_range(by), part))
        return total
    if node.op in ops.PRODUCTS:
        return _product_range(node, parts)
    if node.op is ops.ELEMENTWISE:
        return function_range(node.attrs[0], parts, [exponent_of(o) for o in node.operands])
    if node.op in PICKS:
        return parts[0]
    if node.op is ops.CONCAT:
        return hull(parts)
    if node.op is ops.PAD:
        return hull([parts[0], ZERO])
    if node.op is ops.CUMSUM:
        return repeated(parts[0], None)
    if node.op in (ops.OVERLAP, ops.SCATTER):
        return repeated(hull([parts[0], ZERO]), None)
    if node.op is ops.SOFTMAX:
        return Interval(Fraction(0), Fraction(1), True)
    if node.op is ops.LOGSUMEXP:
        return Interval(parts[0].low, INF, parts[0].low_open)
    if node.op is ops.MULTIPLY and node.attrs[1] == 0:
        return UNIT if parts[0].inside(0, 1) else POSITIVES if parts[0].positive else (
            NONNEGATIVES if parts[0].nonnegative else REALS)
    return NONNEGATIVES if node.op in ops.ARGUMENTS else REALS


def _leaf_range(node: Node) -> Interval:
    if node.dtype == BOOLEAN:
        return UNIT
    if node.op is ops.IOTA:
        return NONNEGATIVES
    if node.op is ops.CONSTANT:
        value = np.asarray(node.attrs[0].value, float)
        if not value.size or not np.isfinite(value).all():
            return REALS
        return Interval(Fraction(float(value.min())), Fraction(float(value.max())))
    facts = facts_of(node)
    if SIMPLEX in facts:
        return Interval(Fraction(0), Fraction(1), POSITIVE in facts)
    if POSITIVE in facts:
        return POSITIVES
    if NONNEGATIVE in facts or (node.dtype == INTEGER and node.attrs[0].classes is not None):
        return NONNEGATIVES
    return SIGNED_UNIT if ORTHOGONAL in facts else REALS


def _product_range(node: Node, parts: Sequence[Interval]) -> Interval:
    inputs, out = node.attrs
    total = point(1)
    known = dict(zip(zip(node.operands, inputs, strict=True), parts, strict=True))
    for key, count in Counter(zip(node.operands, inputs, strict=True)).items():
        total = times_interval(total, powers(known[key], Fraction(count)))
    size: dict[int, Size] = {}
    for operand, labels in zip(node.operands, inputs, strict=True):
        size.update(zip(labels, operand.shape, strict=True))
    summed = [size[label] for label in size if label not in out]
    if summed:
        number = product_of_sizes(summed)
        total = repeated(total, number if isinstance(number, int) else None)
    return hull([total, ZERO]) if len(set(out)) < len(out) else total


def repeated(a: Interval, number: int | None) -> Interval:
    """All sums of `number` members; None: of any number of them, one or more."""
    if number is not None:
        return times_interval(point(number), a)
    return Interval(a.low if a.low >= 0 else -INF, a.high if a.high <= 0 else INF, a.low_open, a.high_open)


def function_range(row: str, parts: Sequence[Interval], literals: Sequence[Fraction | None]) -> Interval:
    """The values of an elementwise function of entries in `parts`."""
    a = parts[0]
    if row in LIMITS:
        return increasing_image(LIMITS[row][0], a, *LIMITS[row][1:])
    if row in KNOWN:
        return KNOWN[row]
    if row == "power":
        p = literals[1]
        if p is not None:
            return powers(a, p)
        return POSITIVES if a.positive else NONNEGATIVES if a.nonnegative else REALS
    if row in ("maximum", "minimum"):
        b = parts[1]
        a, b = (a, b) if row == "maximum" else (negated(a), negated(b))
        low, high = max(a.low, b.low), max(a.high, b.high)
        made = Interval(low, high, any(i.low_open for i in (a, b) if i.low == low),
                        all(i.high_open for i in (a, b) if i.high == high))
        return made if row == "maximum" else negated(made)
    rules: Mapping[str, Callable[[], Interval]] = {
        "real": lambda: a, "sqrt": lambda: powers(a, Fraction(1, 2)), "reciprocal": lambda: reciprocals(a),
        "abs": lambda: magnitudes(a), "relu": lambda: rectified(a),
        "where": lambda: hull(parts[1:]), "defined": lambda: parts[1], "taken": lambda: hull([parts[1], ZERO]),
        "clip": lambda: hull(parts), "times_exp": lambda: times_interval(a, increasing_image(
            math.exp, parts[1], Fraction(0), INF))}
    if row in rules:
        return rules[row]()
    return UNIT if row in TESTS_OF_TRUTH else REALS


def rectified(a: Interval) -> Interval:
    """All of max(x, 0)."""
    return function_range("maximum", [a, ZERO], [])
