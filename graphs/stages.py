"""Losses whose samples meet, cut where they do: stages between which processes that share a batch add up their sums.

A mean over the samples is sum / count. Whatever is a function of sums over samples (the statistics of a batch, the root of
a mean, and what goes back through them) follows from sums that all processes have added up. So a loss and its gradients
fall into stages: a sum that something else than a sum needs is added up before, and is a number that everyone knows from
then on; a sum that needs it belongs to a later stage. The last stage leaves nothing but sums, which a step adds up anyway,
with weights n/N (`parts.py`). Maxima over samples are known to all in the same way, and with them what is made of maxima
and sums: a logsumexp is m + log sum exp(x - m), for m the maximum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import COUPLED
from symgrad.graphs.algebra.einsum import broadcast, contract, literal, scale, zeros
from symgrad.graphs.algebra.primitives import add, as_real, elementwise, input_node, reduction
from symgrad.graphs.node import BOOLEAN, Node, Symbol, topological, transform
from symgrad.graphs.parts import Halves, MixedSamples, begin, counted, moved, sums_samples
from symgrad.graphs.samples import sample_size
from symgrad.graphs.sizes import Size, free_symbols
from symgrad.graphs.table import PRIMITIVES, rebuild
from symgrad.graphs.weights import MINUS, ONE, inverse, weight

AGAIN = frozenset({ops.VIEW, ops.NAMED})  # what costs nothing is computed again in a later stage
Symbols = tuple[tuple[Node, Node], ...]  # a symbol, and what it stands for


@dataclass(frozen=True)
class SumStage:
    """What a stage hands on, by the symbols of later ones: `kept` is of a part alone, `sums` are added up over all, and of
    `maxima` the largest is taken."""

    kept: Symbols
    sums: Symbols
    maxima: Symbols

    @property
    def outputs(self) -> Symbols:
        """All of it, in the order in which a program hands it on."""
        return (*self.kept, *self.sums, *self.maxima)


@dataclass(frozen=True)
class Staged:
    """The stages before the last; the last one's shares of a loss and its gradients, and what all processes know."""

    stages: tuple[SumStage, ...]
    shares: tuple[Node, ...]
    known: tuple[Node, ...]


def staged(shares: Sequence[Node], known: Sequence[Node], count: Node) -> Staged:
    """Stages for a loss and its gradients (`shares`), and for what each process needs whole (`known`).

    `count` is N, the number of samples of the whole batch, a scalar symbol. Raises MixedSamples where samples meet in
    something else than a sum or a maximum.
    """
    size = sample_size([*shares, *known])
    assert size is not None
    walk = _Walk(size)
    for node in topological([*shares, *known]):
        walk.take(node)
    for root in known:
        walk.add_up(root)
    roots, memo = [], dict[Node, Node]()
    for root in shares:
        total, rest = walk.sums.get(walk.new[root], (None, walk.new[root]))
        terms = [] if rest is None else [counted(rest, size, count, memo)]
        if total is not None:
            labels = tuple(range(len(total.shape)))
            whole = contract([count, counted(total, size, count, memo)], [(), labels], labels)
            terms.insert(0, scale(whole, inverse(weight(size))))
        roots.append(add(terms))
    roots += [counted(walk.new[root], size, count, memo) for root in known]
    cuts = [(symbol, counted(total, size, count, memo)) for symbol, total in walk.cuts]
    stages, last = _stages(roots, cuts, walk.largest)
    return Staged(tuple(stages), tuple(last[:len(shares)]), tuple(last[len(shares):]))


class _Walk:
    """Every node with the sums that are added up before as symbols; `new` maps the nodes of the graph."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.new: dict[Node, Node] = {}
        self.seen: set[Node] = set()
        self.axes: dict[Node, int] = {}  # of what is one thing for each sample: where the samples are
        self.places: set[Node] = set()  # numbers of samples, 0, 1, 2, ...
        self.sums: dict[Node, Halves] = {}  # not added up yet
        self.cuts: list[tuple[Node, Node]] = []  # a symbol, and the sum that it is, or the maximum
        self.largest: set[Node] = set()  # symbols of maxima

    def take(self, node: Node) -> None:
        """A node of the graph, after its operands."""
        self.new[node] = self._settled(self._again(node))

    def add_up(self, node: Node) -> None:
        """A sum that is to be known to all."""
        found = self.new[node]
        if found in self.sums:
            self.new[node] = self._cut(found)

    def _again(self, node: Node) -> Node:
        operands = tuple(self.new.get(o, o) for o in node.operands)
        return node if operands == node.operands else rebuild(node, operands)

    def _settled(self, node: Node) -> Node:
        """`node`, or the same of sums that are added up before."""
        for inner in topological([node], enter=lambda n: n not in self.seen):
            if inner not in self.seen and inner is not node:  # a normal form made it
                self.new[inner] = self._settled(self._again(inner))
        node = self._again(node)
        if node in self.seen:
            return node
        met = node.op in MEETINGS and self.axes.get(node.operands[0]) in node.attrs[0]
        if met and (node.op is not ops.MAX or node.dtype == BOOLEAN):
            return self._settled(MEETINGS[node.op](node))
        pending = [o for o in node.operands if o in self.sums]
        if pending:
            beside = any(o in self.axes or o in self.places for o in node.operands)
            alone = not beside and self.size not in free_symbols(node.shape)
            try:
                if not alone:
                    raise MixedSamples(node, "")
                self.sums[node] = moved(node, self.sums)
                self.seen.add(node)
                return node
            except MixedSamples:
                for o in pending:
                    self.new[o] = self._cut(o)
                return self._settled(self._again(node))
        self.seen.add(node)
        if met:
            return self._symbol(node, "max", self.largest)
        self._classified(node)
        return node

    def _classified(self, node: Node) -> None:
        """Where the samples of a node are that needs no sum."""
        read = node.operands[:1] if node.op in ops.INDEXED else node.operands
        if node.op is ops.IOTA and node.shape[0] == self.size:
            self.places.add(node)
        elif node.op is ops.VIEW and any(o in self.places for o in node.operands):
            self.places.add(node)
        elif any(o in self.places for o in read):
            raise MixedSamples(node, "the place of a sample in the batch is used")
        elif any(o in self.axes or o in self.places for o in node.operands):
            axis = PRIMITIVES[node.op].axis(node, self.axes)
            if axis != COUPLED:
                self.axes[node] = axis
            elif sums_samples(node, self.axes, self.size):
                self.sums[node] = node, None
            else:
                raise MixedSamples(node, "samples meet in it, and it is no sum over them, nor a maximum")
        elif self.size in free_symbols(node.shape):
            begin(node, self.size, self.axes)

    def _cut(self, node: Node) -> Node:
        """A sum as a symbol, beside what stands with it and has no samples."""
        total, rest = self.sums[node]
        if total is None:
            assert rest is not None
            return self._settled(rest)
        symbol = self._symbol(total, "sum", set())
        return symbol if rest is None else self._settled(add([symbol, rest]))

    def _symbol(self, total: Node, kind: str, among: set[Node]) -> Node:
        """The symbol of what all processes find together from this node."""
        symbol = input_node(Symbol("data", f"{kind}_{len(self.cuts) + 1}", owner=-1), total.shape, total.dtype)
        self.cuts.append((symbol, total))
        self.seen.add(symbol)
        among.add(symbol)
        return symbol


def _as_count(node: Node) -> Node:
    """Any, or all, of truth values: a number of those that hold is more than 0, or one of those that do not is 0."""
    (operand,) = node.operands
    some = node.op is ops.MAX
    labels = tuple(range(len(operand.shape)))
    ones = as_real(operand if some else elementwise("logical_not", [operand]))
    count = contract([ones], [labels], tuple(a for a in labels if a not in node.attrs[0]))
    return elementwise("greater" if some else "equal", [count, literal(0)])


def _as_maximum(node: Node) -> Node:
    """A minimum is a maximum of what is taken from 0."""
    return _as_count(node) if node.dtype == BOOLEAN else scale(reduction(ops.MAX, scale(node.operands[0], MINUS),
                                                                         node.attrs[0]), MINUS)


def _as_logarithm(node: Node) -> Node:
    """logsumexp(x) = m + log sum exp(x - m), where m is the maximum, or 0 where that is infinite."""
    (x,), (axes,) = node.operands, node.attrs
    labels = tuple(range(len(x.shape)))
    largest = reduction(ops.MAX, x, axes)
    m = elementwise("where", [elementwise("isfinite", [largest]), largest, zeros(largest.shape)])
    powers = elementwise("exp", [add([x, broadcast(m, _others(x, axes), x.shape)], [ONE, MINUS])])
    total = contract([powers], [labels], _others(x, axes))
    return add([m, elementwise("log", [total])])


def _as_quotient(node: Node) -> Node:
    """softmax(x) = exp(x - logsumexp(x))."""
    (x,), (axes,) = node.operands, node.attrs
    back = broadcast(reduction(ops.LOGSUMEXP, x, axes), _others(x, axes), x.shape)
    return elementwise("exp", [add([x, back], [ONE, MINUS])])


def _others(node: Node, axes: Sequence[int]) -> tuple[int, ...]:
    """The axes of `node` but for these."""
    return tuple(i for i in range(len(node.shape)) if i not in axes)


# Where samples meet in something else than a sum, and all the same follow from sums and maxima; of MAX, truth values do.
MEETINGS: Mapping[ops.Op, Callable[[Node], Node]] = {
    ops.MAX: _as_count, ops.MIN: _as_maximum, ops.LOGSUMEXP: _as_logarithm, ops.SOFTMAX: _as_quotient}


def _stages(roots: Sequence[Node], cuts: Sequence[tuple[Node, Node]],
            largest: set[Node]) -> tuple[list[SumStage], list[Node]]:
    """The sums in as few stages as there are sums of sums, and the roots as the last stage computes them."""
    levels: dict[Node, int] = {}  # of a node: so many sums must be known one after the other

    def measure(tops: Sequence[Node]) -> None:
        for n in topological(tops, enter=lambda n: n not in levels):
            levels.setdefault(n, max((levels[o] for o in n.operands), default=0))

    for symbol, total in cuts:
        measure([total])
        levels[symbol] = levels[total] + 1
    measure(roots)
    needed = set(topological([*roots, *(total for _, total in cuts)]))
    last = max((levels[root] for root in roots), default=0)
    by_stage: list[list[tuple[Node, Node]]] = [[] for _ in range(last)]
    for symbol, total in cuts:
        if symbol in needed and levels[symbol] <= last:
            by_stage[levels[symbol] - 1].append((symbol, total))
    kept: list[dict[Node, Node]] = [{} for _ in range(last)]
    for stage in range(last, -1, -1):  # what a stage takes from earlier ones, which then compute it
        tops = list(roots) if stage == last else [total for _, total in by_stage[stage]] + list(kept[stage])
        stack, met = list(tops), set(tops)
        while stack:
            node = stack.pop()
            if levels[node] < stage and node.op not in AGAIN and node.operands:
                own = Symbol("data", f"kept_{sum(map(len, kept)) + 1}", owner=-1)
                kept[levels[node]].setdefault(node, input_node(own, node.shape, node.dtype))
                continue
            for o in node.operands:
                if o not in met:
                    met.add(o)
                    stack.append(o)
    stages, known = [], dict[Node, Node]()
    for stage in range(last):
        wanted = [*kept[stage], *(total for _, total in by_stage[stage])]
        found = transform(wanted, rebuild, dict(known))
        mine = tuple((kept[stage][node], made) for node, made in zip(kept[stage], found, strict=False))
        whole = [(symbol, made) for (symbol, _), made in zip(by_stage[stage], found[len(mine):], strict=True)]
        sums, maxima = (tuple(each for each in whole if (each[0] in largest) is kind) for kind in (False, True))
        stages.append(SumStage(mine, sums, maxima))
        known |= kept[stage]
    return stages, transform(roots, rebuild, dict(known))
