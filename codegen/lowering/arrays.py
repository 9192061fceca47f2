"""Array expressions: what NumPy can do in one call, as data. Nodes are lowered to these, texts are read off them.

An expression knows its exact shape and its kind: "real" (the function's dtype), "integer", "boolean", or
"number" for a Python number, which NumPy 2 never lets decide a dtype. An expression may be *loose*: its
shape only broadcasts to that of the node it stands for; `filled` makes it exact. Views never copy.

Equal expressions are one object within one `Arrays`, so common subexpressions are common for free.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.codegen.lowering import acts
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL, Node
from symgrad.graphs.sizes import Shape, Size
from symgrad.graphs.weights import ONE, Weight, inverse, joins, times, weight

NUMBER = "number"
CHAIN = 16  # operands of one sum or product: more are taken in turns
ALL = ("all",)
NEW = ("new",)


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Expr:
    """One array operation; made by `Arrays`, never directly."""

    op: acts.Act
    args: tuple[Expr, ...]
    attrs: tuple[Any, ...]
    shape: Shape
    kind: str

    def __repr__(self) -> str:
        return f"<{self.op} {self.kind} {self.shape}>"


def broadcast_shape(shapes: Iterable[Shape]) -> Shape:
    """NumPy's broadcasting of sizes: only a literal 1 stretches."""
    result: list[Size] = []
    for shape in shapes:
        missing = len(shape) - len(result)
        if missing > 0:
            result[:0] = [1] * missing
        for i, size in enumerate(shape, start=len(result) - len(shape)):
            if size != 1:
                result[i] = size
    return tuple(result)


def is_view(e: Expr) -> bool:
    """May `e` share the memory of its first argument? An integer as an index gives a view, an array a copy."""
    return e.op in acts.VIEWS or e.op is acts.GATHER and all(index.shape == () for index in e.args[1:])


def base_of(e: Expr) -> Expr:
    """The expression that `e` is a view of."""
    while is_view(e):
        e = e.args[0]
    return e


def signed(by: Weight) -> tuple[int, Weight]:
    """A weight as a sign and what is left."""
    number = by.number
    return (-1, Weight(-number, by.factor)) if number < 0 else (1, by)


def _is_own_inverse(item: tuple[Any, ...]) -> bool:
    """A whole axis, as it is or from the end."""
    return item == ALL or item[:4] == ("slice", None, None, -1)


def _compose(inner: Sequence[tuple[Any, ...]], outer: Sequence[tuple[Any, ...]]) -> tuple[Any, ...] | None:
    """Two basic indexings as one; None where the second drops an axis that the first stretched or reversed."""
    result: list[tuple[Any, ...]] = []
    rest = list(inner)
    for item in outer:
        while item != NEW and rest and rest[0][0] == "take":
            result.append(rest.pop(0))
        if item == NEW:
            result.append(NEW)
        elif item == ALL:
            result.append(rest.pop(0))
        else:
            first = rest.pop(0)
            if first[0] == "slice" and first[3] > 0:
                result.append(("take", first[1] or 0))
            elif first == ALL:
                result.append(item)
            elif first != NEW:
                return None
    return (*result, *rest)


def is_reciprocal(e: Expr) -> bool:
    """Is `e` 1 / b?"""
    return e.op is acts.PRODUCT and e.attrs == (ONE, 0) and len(e.args) == 1


def is_inverse(e: Expr, depth: int = 4) -> bool:
    """Is `e` a quotient with more below than above?"""
    if e.op is not acts.PRODUCT or not depth:
        return False
    above = [is_inverse(a, depth - 1) for a in e.args[:e.attrs[1]]]
    return len(e.args) - len(above) + 2 * sum(above) > len(above)


def _in_turn(arrays: list[Expr]) -> list[Expr]:
    """Factors of one shape with reciprocals among them in turn: a r r, not r r a, whose first product may overflow."""
    below = [e for e in arrays if is_inverse(e)]
    if not below or len(below) == len(arrays) or len({e.shape for e in arrays}) > 1:
        return arrays
    above = [e for e in arrays if not is_inverse(e)]
    mixed = [e for pair in zip(above, below, strict=False) for e in pair]
    return [*mixed, *above[len(below):], *below[len(above):]]


class Arrays:
    """The expressions of one function, each content once."""

    def __init__(self, quick: bool = False, single: bool = False) -> None:
        self.quick = quick  # for a step of a training loop: see complements.py
        self.single = single  # are reals float32, whose long sums are added in parts?
        self._table: dict[tuple[Any, ...], Expr] = {}

    def make(self, op: acts.Act, args: Sequence[Expr], attrs: tuple[Any, ...], shape: Shape, kind: str) -> Expr:
        """The one expression with this content."""
        raw = (op, tuple(args), attrs, shape, kind)
        known = self._table.get(raw)
        if known is None:
            known = self._table[raw] = Expr(acts.named(op), raw[1], attrs, shape, kind)
        return known

    # leaves -----------------------------------------------------------------------------------------

    def leaf(self, node: Node) -> Expr:
        """An input or a constant array."""
        return self.make(acts.named(node.op), (), (node,), node.shape, node.dtype)

    def number(self, value: Any) -> Expr:
        """A Python number: an int, float, fraction, size or `Weight`."""
        return self.make(acts.NUMBER, (), (weight(value),), (), NUMBER)

    def full(self, value: Weight, shape: Shape, kind: str) -> Expr:
        """An array of `shape` with the number `value` everywhere."""
        return self.make(acts.FULL, (), (value,), shape, kind)

    def filled(self, e: Expr, shape: Shape, kind: str) -> Expr:
        """`e` with exactly this shape and kind."""
        if e.kind == NUMBER:
            return self.full(e.attrs[0], shape, kind)
        e = self.cast(e, kind)
        if e.op is acts.FULL:
            return self.full(e.attrs[0], shape, kind)
        return e if e.shape == shape else self.make(acts.BROADCAST, [e], (), shape, kind)

    def cast(self, e: Expr, kind: str) -> Expr:
        """`e` in another kind; numbers take whatever kind they meet."""
        return e if e.kind in (kind, NUMBER) else self.make(acts.CAST, [e], (), e.shape, kind)

    # views ------------------------------------------------------------------------------------------

    def transpose(self, e: Expr, axes: Sequence[int]) -> Expr:
        """Axis i of the result is axis `axes[i]`."""
        order = tuple(axes)
        if e.op is acts.TRANSPOSE:
            order = tuple(e.attrs[0][a] for a in order)
            e = e.args[0]
        if order == tuple(range(len(e.shape))):
            return e
        return self.make(acts.TRANSPOSE, [e], (order,), tuple(e.shape[a] for a in order), e.kind)

    def index(self, e: Expr, items: Sequence[tuple[Any, ...]]) -> Expr:
        """Basic indexing; each item is ALL, NEW, ("take", i) or ("slice", start, stop, step, size)."""
        if all(item == ALL for item in items):
            return e
        shape: list[Size] = []
        axis = 0
        for item in items:
            if item[0] == "new":
                shape.append(1)
                continue
            if item[0] == "all":
                shape.append(e.shape[axis])
            elif item[0] == "slice":
                shape.append(item[4])
            axis += 1
        if e.op is acts.INDEX and all(item in (ALL, NEW, ("take", 0)) for item in items):
            joined = _compose(e.attrs[0], items)
            if joined is not None:
                return self.make(acts.INDEX, e.args, (joined,), tuple(shape), e.kind)
        if e.op is acts.INDEX and e.attrs[0] == tuple(items) and all(map(_is_own_inverse, items)):
            return e.args[0]
        return self.make(acts.INDEX, [e], (tuple(items),), tuple(shape), e.kind)

    def align(self, e: Expr, labels: Sequence[Any], target: Sequence[Any]) -> Expr:
        """`e`, with one label per axis, transposed and stretched so that it broadcasts to `target`."""
        if tuple(labels) == tuple(target):
            return e
        order = [labels.index(x) for x in target if x in labels]
        e = self.transpose(e, order)
        items = [ALL if x in labels else NEW for x in target]
        while items and items[0] == NEW:
            del items[0]  # NumPy adds leading axes by itself
        return self.index(e, items)

    def reshape(self, e: Expr, shape: Shape) -> Expr:
        """The entries in row-major order in another shape."""
        if e.op is acts.RESHAPE:
            e = e.args[0]
        if e.op is acts.PART:
            return self.part(e.args[0], e.attrs[0], shape)
        return e if e.shape == shape else self.make(acts.RESHAPE, [e], (), shape, e.kind)

    def part(self, e: Expr, start: Size, shape: Shape) -> Expr:
        """Entries of an array of one axis, from `start` on, in row-major order as `shape`."""
        return self.make(acts.PART, [e], (start,), shape, e.kind)

    def diagonal(self, e: Expr, labels: Sequence[Any]) -> tuple[Expr, tuple[Any, ...]]:
        """`e` on the entries where repeated labels agree, and the labels left."""
        kept = tuple(dict.fromkeys(labels))
        if len(kept) == len(labels):
            return e, kept
        shape = tuple(e.shape[labels.index(x)] for x in kept)
        pattern = tuple(kept.index(x) for x in labels)
        return self.make(acts.DIAGONAL, [e], (pattern,), shape, e.kind), kept

    # arithmetic -------------------------------------------------------------------------------------

    def row(self, name: str, args: Sequence[Expr], kind: str) -> Expr:
        """An elementwise function of NumPy, with broadcasting; at least one argument is an array."""
        if all(a.kind == NUMBER for a in args):
            first = self.full(args[0].attrs[0], (), REAL if kind == BOOLEAN else kind)
            args = [first, *args[1:]]
        return self.make(acts.ROW, args, (name,), broadcast_shape(a.shape for a in args), kind)

    def product(self, factors: Sequence[Expr], divisors: Sequence[Expr], by: Weight, kind: str) -> Expr:
        """by * factors / divisors, entry by entry, in an order that keeps the dtype."""
        arrays, below = [], []
        for e in factors:
            if e.kind == NUMBER:
                by = times(by, e.attrs[0])
            else:
                arrays.append(e)
        for e in divisors:
            if e.kind == NUMBER:
                by = times(by, inverse(e.attrs[0]))
            else:
                below.append(self.cast(e, kind))
        if not arrays and not below:
            return self.number(by)
        if kind == REAL:  # a mask may stay boolean behind a real array
            arrays = [self.cast(e, REAL) if e.kind == INTEGER else e for e in arrays]
            if not any(e.kind == REAL for e in arrays):
                arrays = [self.cast(e, REAL) for e in arrays]
        elif not any(e.kind == INTEGER for e in arrays):
            arrays = [self.cast(e, kind) for e in arrays]
        numbers = [e for e in arrays if e.kind != BOOLEAN]
        arrays = [*_in_turn(numbers), *(e for e in arrays if e.kind == BOOLEAN)]  # no sign stands before a truth value
        if below and kind == REAL and not self.quick:
            arrays, below = self._divided_in_turn(arrays, below)
        while len(arrays) > CHAIN:
            arrays[:CHAIN] = [self.product(arrays[:CHAIN], [], ONE, kind)]
        if len(arrays) == 1 and not below:
            (e,) = arrays
            if e.op is acts.PRODUCT and len(e.args) == 1 and e.attrs[1] == 1 and joins(by, e.attrs[0]):  # -(-x)
                return self.product(e.args, [], times(by, e.attrs[0]), kind)
            if by == ONE:
                return self.cast(e, kind)
        shape = broadcast_shape(e.shape for e in (*arrays, *below))
        return self.make(acts.PRODUCT, [*arrays, *below], (by, len(arrays)), shape, kind)

    def _divided_in_turn(self, above: list[Expr], below: list[Expr]) -> tuple[list[Expr], list[Expr]]:
        """a b / (c d) as a / c * (b / d), where all have one shape: what is of one size over- or underflows nowhere."""
        whole = [a for e in below for a in (e.args if e.op is acts.PRODUCT and e.attrs == (ONE, len(e.args)) else (e,))]
        if len({e.shape for e in (*above, *whole)}) > 1 or len(above) + len(whole) > CHAIN or not above:
            return above, below
        pairs = min(len(above) - 1, len(whole))
        quotients = [self.product([a], [d], ONE, REAL) for a, d in zip(above, whole[:pairs], strict=False)]
        return [*quotients, *above[pairs:]], whole[pairs:]

    def add(self, terms: Sequence[tuple[Expr, Weight]], kind: str) -> Expr:
        """The weighted sum, signs taken out and a positive term in front."""
        if len(terms) == 1:
            return self.product([self.cast(terms[0][0], kind)], [], terms[0][1], kind)
        terms = list(terms)
        while len(terms) > CHAIN:
            terms[:CHAIN] = [(self.add(terms[:CHAIN], kind), ONE)]
        parts: list[tuple[int, Expr]] = []
        for e, by in terms:
            if e.kind == NUMBER:
                sign, size = signed(times(by, e.attrs[0]))
                e = self.number(size)
            else:
                sign, size = signed(by)
                e = self.product([self.cast(e, kind)], [], size, kind)
            parts.append((sign, e))
        if all(e.kind == NUMBER for _, e in parts):
            parts[0] = (parts[0][0], self.full(parts[0][1].attrs[0], (), kind))
        first = next((i for i, (sign, _) in enumerate(parts) if sign > 0), 0)
        parts.insert(0, parts.pop(first))
        args = [e for _, e in parts]
        return self.make(acts.ADD, args, (tuple(s for s, _ in parts),), broadcast_shape(e.shape for e in args), kind)

    # what takes whole arrays ------------------------------------------------------------------------

    def reduce(self, op: acts.Act, e: Expr, axes: Sequence[int], kind: str, keepdims: bool = False) -> Expr:
        """sum, max, min, argmax or argmin over `axes`."""
        if not axes:
            return self.cast(e, kind)
        chosen = set(axes)
        shape = tuple(1 if i in chosen else s for i, s in enumerate(e.shape) if keepdims or i not in chosen)
        return self.make(op, [e], (tuple(sorted(axes)), keepdims), shape, kind)

    def call(self, name: str, args: Sequence[Expr], attrs: tuple[Any, ...], shape: Shape, kind: str) -> Expr:
        """A function of whole arrays, spelled by the backend under `name`."""
        return self.make(acts.CALL, args, (name, *attrs), shape, kind)


def order(roots: Sequence[Expr]) -> list[Expr]:
    """All expressions below `roots`, arguments first."""
    done: dict[Expr, None] = {}
    for root in roots:
        stack = [(root, False)]
        while stack:
            e, ready = stack.pop()
            if e in done:
                continue
            if ready or not e.args:
                done[e] = None
                continue
            stack.append((e, True))
            stack.extend((a, False) for a in reversed(e.args) if a not in done)
    return list(done)


def uses(exprs: Sequence[Expr], roots: Sequence[Expr], again: Collection[acts.Act]) -> dict[Expr, int]:
    """How often each expression would be written if all were written once but those `again`, at every use."""
    count = dict.fromkeys(exprs, 0)
    for root in roots:
        count[root] += 1
    for e in reversed(exprs):
        for arg in e.args:
            count[arg] += count[e] if e.op in again else 1
    return count
