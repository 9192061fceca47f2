"""Means, variances and standardised values by their names: a teacher writes batch norm and layer norm in these steps.

`mu = mean(x)`, `sigma^2 = mean((x - mu)^2)`, `x_hat = (x - mu) / sqrt(sigma^2 + eps)`: where a value is centred and
divided by its deviation, each gets its name, unless its author gave one or uses the letter for something else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, scale, zeros
from symgrad.graphs.algebra.primitives import add, named
from symgrad.graphs.node import Node, consumers, topological, transform
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import MINUS, ONE, Weight, inverse, times, weight

Means = Mapping[Node, tuple[Node, tuple[int, ...]]]  # of the leaf of a mean: the values, and the axes it is taken over
MEANS, VARIANCES, STANDARDISED = ("mu", "m"), ("sigma^2", "s^2"), ("x_hat", "z_hat")
SIGMOID = ("sigmoid", "silu")  # sigma is their letter


@dataclass
class Normalisation:
    """A centred value and what divides it: the nodes of the graph, as far as they have no name yet."""

    centred: Node
    mean: Node | None  # the sum that the mean is a multiple of
    moment: Node  # the sum of squares
    variance: Node | None  # the sum that the moment is a term of
    standardised: list[Node] = field(default_factory=list)


def with_statistics(root: Node, letters: Collection[str], keep: Collection[Node] = ()) -> Node:
    """`root` with names for the means, variances and standardised values of its normalisations.

    `letters` are those that names use; nodes in `keep` stay as they are.
    """
    return statistics_named([root], letters, keep)[0]


def statistics_named(roots: Sequence[Node], letters: Collection[str], keep: Collection[Node] = ()) -> list[Node]:
    """`with_statistics` of the first of the roots; the others use what they share with it under its names."""
    root, *others = _by_own_means(_summed_at_once(roots, keep), keep)
    found = list(_normalisations(root))
    if not found:
        return [root, *others]
    order = topological([root])
    greek = any(n.op is ops.ELEMENTWISE and n.attrs[0] in SIGMOID for n in order)
    taken = {*letters, *(["σ"] if greek else [])}
    mean, variance, hat = (_free(choices, taken) for choices in (MEANS, VARIANCES, STANDARDISED))
    memo: dict[Node, Node] = {each: each for each in keep}
    means = {n.centred: (n.mean, _numbered(mean, i, len(found))) for i, n in enumerate(found, 1) if n.mean is not None}
    variances = {n.variance: (n.moment, _numbered(variance, i, len(found)))
                 for i, n in enumerate(found, 1) if n.variance is not None}
    hats = {h: _numbered(hat, i, len(found)) for i, n in enumerate(found, 1) for h in n.standardised}

    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        if node in means:
            return _with_named(node, operands, *means[node], over=True)
        if node in variances:
            return _with_named(node, operands, *variances[node], over=False)
        made = rebuild(node, operands)
        return named(made, hats[node]) if node in hats else made

    return transform([root, *others], rule, memo)


def _summed_at_once(roots: Sequence[Node], keep: Collection[Node]) -> list[Node]:
    """`roots` with sums over axes of sums over others as one: the mean over pixels and samples of batch norm is one."""
    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        made = rebuild(node, operands)
        if not _is_sum(made) or not made.shape or not _is_sum(made.operands[0]):
            return made
        (inner,) = made.operands
        (names,), kept = inner.attrs
        (labels,), out = made.attrs
        place = dict(zip(labels, kept, strict=True))
        return contract(inner.operands, [names], [place[x] for x in out])

    return transform(roots, rule, {each: each for each in keep})


def _is_sum(node: Node) -> bool:
    """A sum of entries over some axes, no diagonal among them."""
    return node.op is ops.EINSUM and len(node.operands) == 1 and len(set(node.attrs[0][0])) == len(node.operands[0].shape)


def _by_own_means(roots: Sequence[Node], keep: Collection[Node]) -> list[Node]:
    """`roots` with the name of a mean wherever that is taken of values: a variance takes its own."""
    order = topological(roots[:1])
    names: dict[Node, str] = {}
    for node in order:
        if node.op is ops.NAMED and mean_of(node.operands[0]) is not None:
            inner = node.operands[0]
            names.setdefault(inner.operands[0] if inner.op is ops.ADD else inner, node.attrs[0])
    means = {node: found for node in order if node.op is ops.ADD and len(node.operands) == 2
             and (found := _mean(node)) is not None and found in names} if names else {}
    if not means:
        return list(roots)

    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        part = means.get(node)
        return rebuild(node, operands) if part is None else _with_named(node, operands, part, names[part], over=True)

    return transform(roots, rule, {each: each for each in keep})


def _with_named(node: Node, operands: tuple[Node, ...], part: Node, name: str, over: bool) -> Node:
    """A sum with the multiple of a part under a name: x - 1/n sum(x) as x - mu, where the part is under a view, or not."""
    places = [i for i, o in enumerate(node.operands) if o is part or over and o.op is ops.VIEW and o.operands == (part,)]
    (place,) = places
    by = node.attrs[0][place]
    front = MINUS if over else ONE
    inner = operands[place]
    whole = named(scale(inner.operands[0] if node.operands[place] is not part else inner, times(by, front)), name)
    inner = rebuild(node.operands[place], (whole,)) if node.operands[place] is not part else whole
    return add([inner if i == place else o for i, o in enumerate(operands)],
               [front if i == place else w for i, w in enumerate(node.attrs[0])])


def _normalisations(root: Node) -> Iterator[Normalisation]:
    """Centred values that are divided by their own deviation."""
    uses = consumers([root])
    for node in topological([root]):
        if node.op is not ops.ADD or len(node.operands) != 2:
            continue
        mean = _mean(node)
        if mean is None:
            continue
        squares = [u for u in uses[node] if u.op is ops.EINSUM and u.operands == (node, node)
                   and u.attrs[0][0] == u.attrs[0][1]]
        moments = [m for s in squares for m in ([s] if len(s.shape) < len(node.shape) else [
            u for u in uses[s] if u.op is ops.EINSUM and len(u.operands) == 1])]
        for moment in moments:
            for variance in (u for u in uses[moment] if u.op is ops.ADD):
                roots = [u for u in uses[variance] if u.op is ops.ELEMENTWISE and u.attrs[0] == "sqrt"]
                if roots:
                    own = any(u.op is ops.NAMED for r in roots for u in uses[r])
                    yield Normalisation(node, None if mean.op is ops.NAMED else mean, moment,
                                        None if own or len(variance.operands) < 2 else variance,
                                        list(_standardised(node, roots, uses)))
                    break


def _mean(node: Node) -> Node | None:
    """Of x - mean(x), the sum that the mean is a multiple of, or the mean under its name."""
    for x, m, by, back in ((*node.operands, *node.attrs[0]), (*node.operands[::-1], *node.attrs[0][::-1])):
        inner = m.operands[0] if m.op is ops.VIEW and len(m.operands) == 1 else m
        count: Weight = ONE
        plain = inner
        if plain.op is ops.NAMED:
            plain = plain.operands[0]
            if plain.op is ops.ADD and len(plain.operands) == 1:
                (count,), (plain,) = plain.attrs[0], plain.operands
        if by != ONE or plain.op is not ops.EINSUM or plain.operands != (x,):
            continue
        (labels,), out = plain.attrs
        size = prod((n for label, n in zip(labels, x.shape, strict=True) if label not in out), start=1)
        if size != 0 and times(back, count) == times(MINUS, inverse(weight(size))):
            return inner
    return None


def centred(node: Node) -> Node | None:
    """Of x - mean(x), the values x; None for other formulas."""
    if node.op is not ops.ADD or len(node.operands) != 2 or _mean(node) is None:
        return None
    return next((x for x, by in zip(node.operands, node.attrs[0], strict=True) if by == ONE), None)


def _standardised(centred: Node, roots: list[Node], uses: dict[Node, list[Node]]) -> Iterator[Node]:
    """The quotients of a centred value by its deviation that have no name."""
    deviations = [*roots, *(u for r in roots for u in uses[r] if u.op is ops.NAMED)]
    for r in (u for each in deviations for u in uses[each]):
        if r.op is ops.ELEMENTWISE and r.attrs[0] == "reciprocal":
            for quotient in uses[r]:
                if quotient.op is ops.EINSUM and set(quotient.operands) == {centred, r} and not any(
                        u.op is ops.NAMED for u in uses[quotient]):
                    yield quotient


def mean_of(node: Node) -> tuple[Node, tuple[int, ...]] | None:
    """Of a mean: the values, and the axes over which it is taken."""
    by, inner = (node.attrs[0][0], node.operands[0]) if node.op is ops.ADD and len(node.operands) == 1 else (ONE, node)
    if inner.op is not ops.EINSUM or len(inner.operands) != 1:
        return None
    (x,), ((labels,), out) = inner.operands, inner.attrs
    axes = tuple(a for a, label in enumerate(labels) if label not in out)
    size = prod((x.shape[a] for a in axes), start=1)
    return (x, axes) if axes and size != 0 and by == inverse(weight(size)) else None


def without_deviations(node: Node, means: Means) -> Node:
    """A formula without the sums that are zero because values deviate from their mean to both sides.

    `means` tells of the leaf of a mean what it is the mean of, and over which axes.
    """
    if not means or not any(n in means for n in topological([node])):
        return node

    def rule(n: Node, operands: tuple[Node, ...]) -> Node:
        made = rebuild(n, operands)
        if made.op is ops.ADD and len(made.operands) > 1:
            return _without_differences(made, means)
        return zeros(made.shape) if made.op is ops.EINSUM and _cancels(made, means) else made

    return transform([node], rule, {})[0]


def _cancels(node: Node, means: Means) -> bool:
    inputs, out = node.attrs
    for operand, labels in zip(node.operands, inputs, strict=True):
        summed = [labels[a] for a in _deviation(operand, means)]
        if summed and all(x not in out and sum(names.count(x) for names in inputs) == 1 for x in summed):
            return True
    return False


def _without_differences(node: Node, means: Means) -> Node:
    """A sum without sum(x) - n mean(x)."""
    terms = dict(zip(node.operands, node.attrs[0], strict=True))
    for mu in [o for o in node.operands if o in means]:
        x, axes = means[mu]
        size = weight(prod((x.shape[a] for a in axes), start=1))
        for term, by in terms.items():
            if size.number and term.operands == (x,) and mean_of(scale(term, inverse(size))) == (x, axes) and (
                    terms[mu] == times(MINUS, times(by, size))):
                rest = {o: w for o, w in terms.items() if o is not mu and o is not term}
                return add(list(rest), list(rest.values())) if rest else zeros(node.shape)
    return node


def _deviation(node: Node, means: Means) -> tuple[int, ...]:
    """The axes over which the entries of x - mean(x) add up to zero; none of what is no such deviation."""
    if node.op is ops.ADD and len(node.operands) == 2 and node.attrs[0][0] == times(MINUS, node.attrs[0][1]):
        for x, m in (node.operands, node.operands[::-1]):
            mu = m.operands[0] if m.op is ops.VIEW and len(m.operands) == 1 else m
            if mu in means and means[mu][0] is x:
                return means[mu][1]
    return ()


def through_standardised(local: Node, hat: Node, gradient: Node, axes: tuple[int, ...]) -> Node | None:
    """What goes back through x_hat = (x - mu) / s to x, by way of mu and s too, as papers print it.

    (g - mean(g) - x_hat mean(g x_hat)) / s, with g the `gradient` of `hat`, and means over `axes`; `local` is the formula
    of x_hat. None where a gradient has more axes, one for each sample.
    """
    if local.op is not ops.EINSUM or len(local.operands) != 2 or gradient.shape != hat.shape:
        return None
    inputs, out = local.attrs
    divisors = [(o, names) for o, names in zip(local.operands, inputs, strict=True)
                if o.op is ops.ELEMENTWISE and o.attrs[0] == "reciprocal"]
    if len(divisors) != 1 or len(set(out)) < len(out):
        return None
    ((divisor, names),) = divisors
    kept = tuple(x for a, x in enumerate(out) if a not in axes)
    sizes = dict(zip(out, hat.shape, strict=True))
    count = inverse(weight(prod((hat.shape[a] for a in axes), start=1)))
    mean = contract([contract([gradient], [out], kept)], [kept], out, sizes)
    along = contract([hat, contract([gradient, hat], [out, out], kept)], [out, kept], out)
    inner = add([gradient, mean, along], [ONE, times(MINUS, count), times(MINUS, count)])
    return contract([inner, divisor], [out, tuple(names)], out)


def role(node: Node, means: Means) -> str:
    """What a formula over leaves is in statistics: a mean, a variance, ...; empty where it is none of these."""
    if node.op is ops.ADD and len(node.operands) == 1 and _is_moment(node.operands[0], means):
        return "variance"
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "sqrt" and node.operands[0].op is ops.ADD and any(
            _is_moment(o, means) for o in node.operands[0].operands):
        return "standard deviation"
    if mean_of(node) is not None:
        return "mean"
    if node.op is ops.EINSUM and len(node.operands) == 2 and any(_deviation(o, means) for o in node.operands) and any(
            o.op is ops.ELEMENTWISE and o.attrs[0] == "reciprocal" for o in node.operands):
        return "standardised"
    return ""


def _is_moment(node: Node, means: Means) -> bool:
    """The sum of squares of deviations from their mean."""
    squares = node.operands[0] if node.op is ops.EINSUM and len(node.operands) == 1 else node
    if squares.op is not ops.EINSUM or len(squares.operands) != 2:
        return False
    one, other = squares.operands
    return one is other and len(node.shape) < len(one.shape) and bool(_deviation(one, means))


def _free(choices: tuple[str, ...], taken: Collection[str]) -> str:
    """The first name whose letter is free; else a longer one."""
    letters = {"mu": "μ", "sigma^2": "σ", "s^2": "s", "x_hat": "x\u0302", "z_hat": "\u1e91"}  # as a textbook prints them
    return next((name for name in choices if letters.get(name, name) not in taken), f"{choices[0]}_0")


def _numbered(name: str, number: int, count: int) -> str:
    if count == 1:
        return name
    base, mark, power = name.partition("^")
    return f"{base}_{number}{mark}{power}"
