"""Which values of a graph deserve a name, as a textbook gives names.

Affine layers and their activations; the weights of a softmax and what they are made from; whatever is used more
than once; what the user named; what has grown beyond a line. Everything else is written inside what uses it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import REAL, Node, consumers, depends
from symgrad.graphs.pieces.images import AROUND, is_pool, with_surroundings
from symgrad.graphs.pieces.statistics import centred
from symgrad.graphs.pieces.uses import MANY, added_up, is_multiple, is_partial, solid, squared, used
from symgrad.graphs.samples import sample_axes

WIDEST = 14  # nodes written inside one box
SQUASHING = frozenset({"sigmoid", "tanh", "relu", "leaky_relu", "elu", "silu", "gelu"})
POINTWISE = ops.SUMS | ops.FUNCTIONS | {ops.EINSUM, ops.NAMED}
LINEAR = AROUND | {ops.ADD, ops.VIEW, ops.EINSUM, ops.WINDOWS}  # what affine layers consist of
LAID = AROUND | {ops.VIEW, ops.WINDOWS}  # what lays out an input
RESIDUAL = 5  # nodes written inside a residual that is squared where it stands
SCORES = 2  # nodes written inside a softmax


def choose(roots: Sequence[Node], order: Sequence[Node], keep: Collection[Node]) -> dict[Node, str]:
    """The nodes that become boxes, with their kinds; `order` is the topological order of what is below `roots`."""
    uses = consumers(roots)
    parameters = {n for n in order if n.op is ops.INPUT and n.attrs[0].kind == "parameter"}
    weighted = depends(roots, parameters)
    weights = parameters | {n for n in order if n.op in (ops.SLICE, ops.RESHAPE) and n.operands[0] in parameters}
    samples = sample_axes(roots)
    affine = _affine_nodes(order, weights, uses)
    summands = added_up(roots, order, uses)
    activations = _activations(order, affine, uses) - summands
    count, residuals, fed = used(roots, order, uses), squared(order), _fed(order, affine, weights, uses)
    chosen: dict[Node, str] = {}
    width: dict[Node, int] = {}  # of what is written inside a box
    made: dict[Node, int] = {}  # how many computed boxes that refers to, up to MANY
    for node in order:
        width[node] = 1 + sum(width[o] for o in dict.fromkeys(node.operands))
        made[node] = min(MANY, sum(made[o] for o in dict.fromkeys(node.operands)) + _is_embedding(node))
        kind = _kind(node, parameters, affine, activations)
        if kind == "affine" and _is_scaled(node, uses) and not _weighs(node, weights):
            kind = None  # scores are Q Kᵀ/√d, at once
        if node in roots:
            kind = kind or "operation"
        elif any(user.op is ops.NAMED for user in uses[node]) and len(uses[node]) == 1 and node.op is not ops.INPUT:
            kind = None  # the name is the box
        elif kind is None and (node in keep or is_pool(node, uses) or solid(node) and (
                count[node] >= MANY and (node in fed or not _plain_sum(node, chosen)) and not _is_weight(node, uses)
                or node.op is ops.SCAN or _weights(node) or any(map(_weights, uses[node])) and width[node] > SCORES
                or made[node] >= MANY and (node in residuals or any(map(_squashes, uses[node]))) and not _plain_sum(
                    node, chosen)
                or made[node] and (node in fed or node in residuals and width[node] > RESIDUAL)
                or width[node] > WIDEST and node not in summands and not is_partial(node, uses))
                or _is_cut(node) and made[node] and len(uses[node]) > 1):
            kind = "operation"
        if kind is not None and node.op is not ops.INPUT and samples.get(node, 0) != 0 and node not in keep:
            kind = None  # a value whose sample axis is not in front is not one a user wrote
        if kind is not None:
            chosen[node] = kind
            width[node] = 1
            made[node] = int(node.op not in ops.GIVEN)
    return {n: k if k != "affine" or n in weighted and _is_affine(n, chosen) and _is_layer(n, weights) else "operation"
            for n, k in chosen.items()}


def _is_affine(node: Node, chosen: Collection[Node]) -> bool:
    """Is a value, over the boxes that it is written with, a sum of them and of products of two of them?"""
    inner = node.operands[0] if node.op is ops.NAMED else node
    stack = [inner]
    while stack:
        each = stack.pop()
        if each.op is ops.STOP:
            continue
        if each.op not in LINEAR or each.op is ops.EINSUM and (
                len(each.operands) > 2 or any(o not in chosen and o.op is ops.ADD for o in each.operands)):
            return False
        stack += [o for o in each.operands if o not in chosen and literal_value(o) is None]
    return True


def _fed(order: Sequence[Node], affine: Collection[Node], parameters: Collection[Node],
         uses: dict[Node, list[Node]]) -> set[Node]:
    """What layers multiply by weights, pool or normalise, before it is laid out: their input is a step of its own."""
    found: set[Node] = {_laid_out(node.operands[0]) for node in order if is_pool(node, uses)}
    found |= {x for node in order for x in [centred(node)] if x is not None}
    for node in affine:
        stack = [node]
        while stack:
            each = stack.pop()
            if each.op is ops.EINSUM:
                found |= {_laid_out(operand) for operand in each.operands if operand not in parameters
                          and len(each.operands) == 2}
            elif each.op in (ops.ADD, ops.NAMED, *AROUND):
                stack += each.operands
    return found


def _laid_out(node: Node) -> Node:
    """What is rearranged, as an image is laid out as a vector, or in windows with a border."""
    while node.op in LAID and node.operands or node.op is ops.EINSUM and len(node.operands) == 1:
        node = node.operands[0]
    return node


def _is_layer(node: Node, parameters: Collection[Node]) -> bool:
    """Do the products multiply an input by weights? Q Kᵀ of two parameters, and a scale for each entry, are no layers."""
    stack, products = [node], []
    while stack:
        each = stack.pop()
        if each.op is ops.EINSUM:
            products.append(each)
        elif each.op in (ops.ADD, ops.NAMED, *AROUND):
            stack += each.operands
    return any(_weighs(each, parameters) for each in products)


def _is_scaled(node: Node, uses: dict[Node, list[Node]]) -> bool:
    """A product that is only multiplied by a number or a scalar, which makes the scores of a softmax."""
    return node.op is ops.EINSUM and bool(uses[node]) and all(
        (is_multiple(user) or user.op is ops.EINSUM and user.shape == node.shape and all(
            o is node or not o.shape for o in user.operands)) and any(map(_weights, uses[user])) for user in uses[node])


def _weighs(node: Node, parameters: Collection[Node]) -> bool:
    labels, out = node.attrs
    weights = [own for o, own in zip(node.operands, labels, strict=True) if o in parameters]
    return len(weights) != len(labels) and any(not own or set(own) - set(out) for own in weights)


def _kind(node: Node, parameters: Collection[Node], affine: Collection[Node],
          activations: Collection[Node]) -> str | None:
    if node.op is ops.INPUT:
        return "parameter" if node in parameters else "data"
    if node.op is ops.CONSTANT:
        return "constant"
    inner = node.operands[0] if node.op is ops.NAMED else node
    if inner in affine:
        return "affine"
    if inner in activations:
        return "activation"
    return "operation" if node.op is ops.NAMED else None


def _affine_nodes(order: Sequence[Node], parameters: Collection[Node], uses: dict[Node, list[Node]]) -> set[Node]:
    """W x, or W x + b: contractions with a parameter matrix, alone or as terms of a sum of what is not made of them."""
    parts: set[Node] = set()
    images = with_surroundings(order, {n for n in order if _contraction(n, parameters)}, uses)
    neurons = {o for n in order if _squashes(n) for o in n.operands}  # each with what its sum adds up
    neurons |= {o for n in neurons if n.op is ops.ADD for o in n.operands}
    for node in order:
        if node in images:
            parts.discard(images[node])
            parts.add(node)
        elif node.op is ops.ADD:
            linear = [o for o in node.operands if o in parts and (o.op is ops.EINSUM or o in images or len(uses[o]) == 1)]
            whole = any(o.op is ops.ADD for o in linear)  # a layer that is complete takes another bias, and no target
            rest = [o for o in node.operands if o not in linear]
            if len(node.operands) > 1 and linear and not any(_made_of(o, linear) for o in node.operands) and all(
                    _bias(o, parameters) if whole else _bare(o, uses) for o in rest):
                parts.add(node)
        elif _contraction(node, parameters) or node in neurons and _product(node, parameters, uses):
            parts.add(node)
    return {n for n in parts if not any(u.op is ops.ADD and u in parts and (n.op is ops.EINSUM or len(uses[n]) == 1)
                                        for u in uses[n])}


def _bare(node: Node, uses: dict[Node, list[Node]]) -> bool:
    """A symbol, a value with a name or one that gets one, repeated perhaps along an axis."""
    while node.op is ops.VIEW and node.operands and len(uses[node]) == 1:
        (node,) = node.operands
    return node.op in ops.BEARERS or literal_value(node) is not None or len(uses[node]) > 1 or not solid(node)


def _bias(node: Node, parameters: Collection[Node]) -> bool:
    """A parameter, repeated perhaps along an axis."""
    while node.op is ops.VIEW and node.operands:
        (node,) = node.operands
    return node in parameters


def _contraction(node: Node, parameters: Collection[Node]) -> bool:
    if node.op is not ops.EINSUM or node.dtype != REAL or not node.shape or len(node.operands) != 2:
        return False
    summed = {x for names in node.attrs[0] for x in names} - set(node.attrs[1])
    return bool(summed) and any(o in parameters for o in node.operands)


def _squashes(node: Node) -> bool:
    """The activation of a neuron: of one number, or one number a sample."""
    return node.op is ops.ELEMENTWISE and node.attrs[0] in SQUASHING and node.dtype == REAL


def _product(node: Node, parameters: Collection[Node], uses: dict[Node, list[Node]]) -> bool:
    """w x, or the inner product of both, for a neuron: its weights are parameters and x is none."""
    return node.op is ops.EINSUM and node.dtype == REAL and len(node.operands) == 2 and (
        sum(o in parameters for o in node.operands) == 1 and all(_bare(o, uses) or _squashes(o) for o in node.operands))


def _made_of(node: Node, linear: list[Node], depth: int = 3) -> bool:
    """Is a term such as logsumexp(W x), beside W x, a function of one of `linear`? A few operations are looked through."""
    while len(node.operands) == 1 and (node.op in (ops.VIEW, ops.NAMED) or is_multiple(node)):
        (node,) = node.operands
    return depth > 0 and any(o in linear or _made_of(o, linear, depth - 1) for o in node.operands)


def _activations(order: Sequence[Node], affine: Collection[Node], uses: dict[Node, list[Node]]) -> set[Node]:
    """Nonlinear functions of one affine box and nothing else, the largest ones: a and a sigmoid(a), not sigmoid(a).

    In a loss that has the affine box beside it as well (softplus(a) - y a) such a function is no activation.
    """
    source: dict[Node, Node] = {}  # the affine node of which a node is a function, entry by entry
    for node in order:
        if node in affine:
            source[node] = node
            continue
        solid = [o for o in node.operands if literal_value(o) is None]
        found = {source.get(o) for o in solid}
        if node.op in POINTWISE and len(found) == 1 and None not in found and (
                all(o.shape == node.shape for o in solid) and _pointwise(node, affine)):
            source[node] = source[solid[0]]
    shared = {a for n, a in source.items() if any(source.get(u) is not a for u in uses[n]) and _plain(n, affine)}
    deep: set[Node] = set()  # below another affine node
    for node in reversed(order):
        if any(u in affine or u in deep for u in uses[node]):
            deep.add(node)
    largest = [n for n, a in source.items() if n.dtype == REAL and n.op not in (ops.ADD, ops.NAMED)
               and not _plain(n, affine) and any(source.get(u) is not a or u.op is ops.NAMED for u in uses[n])]
    count = Counter(source[n] for n in largest)
    return {n for n in largest if n in deep or source[n] not in shared and count[source[n]] == 1}


def _plain(node: Node, affine: Collection[Node]) -> bool:
    """The affine box itself, perhaps under its name."""
    while node.op is ops.NAMED:
        node = node.operands[0]
    return node in affine


def _pointwise(node: Node, affine: Collection[Node]) -> bool:
    """Does each entry come from the entries at its place? Of products, only a times a function of a."""
    return node.op is not ops.EINSUM or len(set(node.operands)) > 1 and any(
        _plain(o, affine) for o in node.operands) and all(
        names == node.attrs[1] for names in node.attrs[0])


def _is_weight(node: Node, uses: dict[Node, list[Node]]) -> bool:
    """exp(z) in a softmax by hand, where it is added up and divided by the sum: no step unless its author names it."""
    if node.op is not ops.ELEMENTWISE or node.attrs[0] != "exp":
        return False
    added = any(u.op is ops.EINSUM and len(u.operands) == 1 and len(u.shape) < len(node.shape) for u in uses[node])
    return added and all(u.op in (ops.EINSUM, ops.GATHER, ops.SLICE) for u in uses[node])


def _is_embedding(node: Node) -> bool:
    """Rows of a table of parameters: what a layer gives."""
    return node.op is ops.GATHER and node.operands[0].op is ops.INPUT and node.operands[0].attrs[0].kind == "parameter"


def _is_cut(node: Node) -> bool:
    """Axes cut in parts, as channels in groups."""
    return node.op is ops.RESHAPE and len(node.shape) > len(node.operands[0].shape)


def _weights(node: Node) -> bool:
    return node.op is ops.SOFTMAX and node.dtype == REAL


def _plain_sum(node: Node, chosen: Collection[Node]) -> bool:
    """A sum of two boxes or numbers: as short as a name."""
    return node.op is ops.ADD and len(node.operands) <= 2 and all(
        o in chosen or literal_value(o) is not None or o.op is ops.VIEW and all(b in chosen for b in o.operands)
        for o in node.operands)
