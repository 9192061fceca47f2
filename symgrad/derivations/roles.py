"""What a value of a derivation is: affine layer, attention scores, residual connection, read from the formulas around it.

A role follows from the formula of a box, from those it uses and from those that use it: an addition is a residual
connection where one term is a value and another has been made of it by layers; a product of two values is scores where a
softmax takes it. Names play no part. What has no better word is called by its operation; where its author gave it a
name, a definition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from symgrad.derivations.kinds import bare, is_enlarged, is_joined, is_masked, is_scale_and_shift, is_split
from symgrad.derivations.text import is_number, samples_of
from symgrad.derivations.transcript import World
from symgrad.formulas.rendering import Said, parted
from symgrad.formulas.spelling.tree import walk
from symgrad.formulas.words.products import geometry
from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import counts_along
from symgrad.graphs.node import Node, topological
from symgrad.graphs.pieces.boxes import LEAF, Box, row_of
from symgrad.graphs.pieces.images import is_convolution, is_pooled, is_transposed
from symgrad.graphs.pieces.recurring import recurrence_of
from symgrad.graphs.pieces.statistics import role
from symgrad.graphs.sizes import Size
from symgrad.graphs.weights import ONE, Weight, times

OPERATIONS: Mapping[str, str] = MappingProxyType({
    ops.CONCAT: "concatenation", ops.RESHAPE: "the same entries in another shape", ops.SLICE: "a part of it",
    ops.PAD: "zeros around it", ops.MAX: "the largest", ops.MIN: "the smallest", ops.ARGMAX: "the place of the largest",
    ops.ARGMIN: "the place of the smallest", ops.LOGSUMEXP: "log-sum-exp", ops.SOLVE: "the solution of a linear system",
    ops.INVERSE: "inverse", ops.LOGDET: "log-determinant", ops.COFACTOR: "cofactors", ops.CHOLESKY: "Cholesky factor",
    ops.CUMSUM: "running sums", ops.MULTIPLY: "running products", ops.WINDOWS: "windows", ops.ARGSORT: "the order",
    ops.EIGVALS: "eigenvalues", ops.EIGVECS: "eigenvectors", ops.SVDVALS: "singular values",
    ops.SVD: "singular vectors", ops.QR: "a factor of QR", ops.STOP: "held constant for the derivative",
})
POOLED = MappingProxyType({ops.MAX: "largest", ops.EINSUM: "sum"})
PAIRS = MappingProxyType({"maximum": "the larger of each pair", "minimum": "the smaller of each pair", "power": "power",
                          "where": "cases by a condition"})
DEFINITION = "definition"
SCORES, WEIGHED = "attention scores: queries times keys", "the values weighted by the attention"


def role_of(box: Box, world: World) -> str:
    """What the value of a box is, in a few words."""
    if box.kind == "output":
        return "loss"
    row, local = row_of(box), box.local
    if box.kind == "activation" or row is not None and box.kind != "affine":
        first = "activation, " if box.kind == "activation" else ""
        return f"{first}{row.replace('_', ' ')}{'' if is_number(box) else ' entry by entry'}" if row else "activation"
    if _is_residual(local):
        return "residual"
    if box.kind == "affine":
        return _layer(box, world)
    if local.op is ops.SOFTMAX:
        return "softmax of each row" if len(box.leaf.shape) > 1 + samples_of(box) else "softmax"
    if is_pooled(local):
        return f"pooling: the {POOLED.get(local.op, 'mean')} of each window"
    if recurrence_of(local) is not None:
        return "recurrence, step by step"
    if is_masked(local):
        return "dropout, by a random mask"
    if (groups := _groups(box)) is not None:
        return f"in {groups} groups"
    return _in_statistics(box, world) or _of_attention(box, world) or _of_sum(box, world) or _moved(local) or (
        DEFINITION if box.node.op is ops.NAMED else _operation(box))


def _layer(box: Box, world: World) -> str:
    local, values = box.local, {o.leaf for o in box.operands if o.kind not in ("parameter", "constant")}
    if is_convolution(local):
        what = _convolution(local)
    else:
        what = "affine layer" + " of the heads, side by side" * any(map(is_joined, _reshapes(local)))
    terms = [term for term, by in _terms(local) if term in values and by == ONE]
    around = any(term in topological([other]) for term in terms for other in local.operands if other is not term)
    return f"{what}, and a residual connection" if around or terms and _is_connection(box, world) else what


def _convolution(local: Node) -> str:
    """What kind of convolution a layer is, with what is not the default."""
    tree, _ = parted(local, "sample", frozenset(), Said())
    stars = [part for part in walk(tree) if part.head == "star"]
    told = geometry(stars[0].args[2]) if len(stars) == 1 else []
    return ", ".join(["transposed convolution" if is_transposed(local) else "convolution", *told])


def _in_statistics(box: Box, world: World) -> str:
    """A mean, a variance, ...; with what it is taken over where that is the samples, too."""
    found = role(box.local, world.means)
    if found not in ("mean", "variance") or samples_of(box) or not any(map(samples_of, box.operands)):
        return found
    places = len(box.leaf.shape) + 1 < max(len(each.leaf.shape) for each in box.operands)
    return f"{found} over all samples{' and places' * places}"


def _reshapes(local: Node) -> Iterator[Node]:
    return (n for n in topological([local]) if n.op is ops.RESHAPE)


# attention ------------------------------------------------------------------------------------------------


def _of_attention(box: Box, world: World) -> str:
    """Scores, their mask, what is weighted by them, heads; empty where it is none of them."""
    local, values = box.local, {o.leaf: o for o in box.operands}
    if is_split(local):
        return "cut into heads"
    if is_joined(local):
        return "heads, side by side"
    if _scores(local, values) and _is_softened(box, world, deepest=2):
        return SCORES
    if (mask := _mask(local, values)) and _is_softened(box, world, deepest=1):
        return mask
    weights = [leaf for leaf, o in values.items() if o.local.op is ops.SOFTMAX]
    if local.op is ops.EINSUM and len(local.operands) == 2 and len(weights) == 1 and weights[0] in local.operands:
        mine = local.attrs[0][local.operands.index(weights[0])]
        other = local.attrs[0][1 - local.operands.index(weights[0])]
        scored = any(_scores(o.local, found) or _mask(o.local, found) for o in values[weights[0]].operands
                     for found in [{x.leaf: x for x in o.operands}])
        if scored and mine[-1] in other and mine[-1] not in local.attrs[1]:
            return WEIGHED
    return ""


def _scores(local: Node, values: Mapping[Node, Box]) -> bool:
    """Is it the product of two computed values, or a multiple of that, summed over one label?"""
    while local.op is ops.ADD and len(local.operands) == 1 or local.op is ops.EINSUM and sum(
            bool(o.shape) for o in local.operands) == 1 < len(local.operands):
        local = next(o for o in local.operands if o.shape)
    if local.op is not ops.EINSUM or len(local.operands) != 2:
        return False
    summed = set().union(*local.attrs[0]) - set(local.attrs[1])
    shared = set(local.attrs[0][0]) & set(local.attrs[0][1])
    found = [values[leaf] for leaf in map(bare, local.operands) if leaf in values]
    computed = len(found) == 2 and all(o.kind not in ("parameter", "constant") for o in found)
    return computed and len(summed) == 1 and summed <= shared and len(local.attrs[1]) > 1


def _mask(local: Node, values: Mapping[Node, Box]) -> str:
    """A mask over one value; empty where it is none."""
    if local.op is ops.ELEMENTWISE and local.attrs[0] == "where" and any(o in values for o in local.operands[1:]):
        return "causal mask: no later place is seen" if _is_lower(bare(local.operands[0])) else (
            "mask: what is not seen has no weight")
    masks = [o for o in local.operands if bare(o) in values and values[bare(o)].is_given]
    return "mask, added to the scores" if local.op is ops.ADD and len(local.operands) == 2 and len(masks) == 1 and any(
        o in values for o in local.operands if o not in masks) else ""


def _is_lower(test: Node) -> bool:
    """Is a condition that the place along the last axis is at most that along the one before?"""
    if test.op is not ops.ELEMENTWISE or test.attrs[0] not in ("less_equal", "greater_equal"):
        return False
    one, other = map(counts_along, test.operands)
    if one is None or other is None:
        return False
    return one < other if test.attrs[0] == "greater_equal" else other < one


def _is_softened(box: Box, world: World, deepest: int) -> bool:
    """Does a softmax take the value, at once or behind masks?"""
    users = world.users.get(box, [])
    return any(user.local.op is ops.SOFTMAX for user in users) or deepest > 1 and any(
        _mask(user.local, {o.leaf: o for o in user.operands}) and _is_softened(user, world, deepest - 1) for user in users)


# sums and moves -------------------------------------------------------------------------------------------


def _of_sum(box: Box, world: World) -> str:
    """Scale and shift, a residual connection, an embedding that is added, an affine layer whose parameters are held."""
    scaled = is_scale_and_shift(box.local)
    if _is_connection(box, world):
        return "scale and shift, and a residual connection" if scaled else "residual connection"
    terms = [term for term, _ in _terms(box.local)]
    if scaled:
        return "scale and shift"
    if len(terms) > 1 and any(map(_is_embedding, terms)):
        return "sum with an embedding"
    factors = [term.operands if term.op is ops.EINSUM else (term,) for term in terms]
    if any(term.op is ops.EINSUM for term in terms) and all(any(_is_held(bare(o)) for o in each) for each in factors):
        return "affine layer, its parameters held constant"
    return ""


def _is_held(node: Node) -> bool:
    """A parameter under `stop`."""
    return node.op is ops.STOP and bare(node.operands[0]).op is ops.INPUT and (
        bare(node.operands[0]).attrs[0].kind == "parameter")


def _terms(local: Node, by: Weight = ONE) -> Iterator[tuple[Node, Weight]]:
    """What is added up, with its weight, in sums within sums too."""
    if local.op is not ops.ADD:
        yield local, by
        return
    for operand, weight in zip(local.operands, local.attrs[0], strict=True):
        yield from _terms(operand, times(by, weight))


def _is_connection(box: Box, world: World) -> bool:
    """x + f(x): is one term a value of which layers have made another?"""
    terms = list(_terms(box.local))
    values = {o.leaf: o for o in box.operands}
    for term, by in terms:
        start = values.get(term)
        if start is None or by != ONE or start.kind in ("parameter", "constant") or len(terms) < 2:
            continue
        others = [values[leaf] for other, weight in terms if other is not term and weight.number > 0
                  for leaf in topological([other]) if leaf in values]
        if any(o is not start and _made_by_layers(o, start, world) for o in others):
            return True
    return False


def _made_by_layers(box: Box, start: Box, world: World) -> bool:
    """Has a layer between the two part in what one box makes of another? Only what lies between is looked at."""
    first, seen = world.order[start], {box}
    queue = [(box, box.kind == "affine")]
    while queue:
        each, layered = queue.pop()
        for operand in each.operands:
            if operand is start and layered:
                return True
            if operand not in seen and world.order[operand] > first:
                seen.add(operand)
                queue.append((operand, layered or operand.kind == "affine"))
    return False


def _is_embedding(node: Node) -> bool:
    """Rows of a parameter, picked by index."""
    body = bare(node.operands[0]) if node.op is ops.GATHER else node
    return node.op is ops.GATHER and body.op is ops.INPUT and body.attrs[0].kind == "parameter"


def _moved(local: Node) -> str:
    """Entries that take other places."""
    if is_enlarged(local):
        return "upsampling: every entry repeated"
    if local.op is ops.CONCAT:
        return "concatenation" + ", one part upsampled" * any(map(is_enlarged, _reshapes(local)))
    if local.op is ops.GATHER:
        return "embedding: rows picked by index" if _is_embedding(local) else (
            "entries picked by index" if len(local.operands[0].shape) == 1 else "rows picked by index")
    if local.op is ops.SCATTER:
        inside = topological([local.operands[0]])
        picked, weighted = any(n.op is ops.GATHER for n in inside), any(n.op is ops.EINSUM for n in inside)
        return "rows picked, " * picked + "weighted, " * weighted + "added up by index"
    return ""


def _operation(box: Box) -> str:
    """An operation that has no better name."""
    local, each = box.local, "" if is_number(box) else " entry by entry"
    if local.op is ops.ADD:
        weights = local.attrs[0]
        return "a multiple" if len(weights) == 1 else (
            "difference" if len(weights) == 2 and (weights[0].number < 0) != (weights[1].number < 0) else "sum")
    if local.op is ops.EINSUM:
        summed = set().union(*local.attrs[0]) - set(local.attrs[1])
        if len(local.operands) == 1:
            return "sum over entries"
        return "product" if summed else f"{'square' if len(set(local.operands)) == 1 else 'product'}{each}"
    if local.op is ops.ELEMENTWISE:
        return PAIRS.get(local.attrs[0], str(local.attrs[0]).replace("_", " "))
    return OPERATIONS.get(local.op, DEFINITION)


def _groups(box: Box) -> Size | None:
    """How many groups a reshape makes of the first axis of each sample, as group norm does of channels."""
    local, axis = box.local, samples_of(box)
    if local.op is not ops.RESHAPE or local.operands[0].op is not ops.INPUT:
        return None
    whole, parts = local.operands[0].shape, local.shape
    split = len(parts) == len(whole) + 1 and (whole[:axis], whole[axis + 1:]) == (parts[:axis], parts[axis + 2:])
    return parts[axis] if split and parts[axis] != 1 else None


def _is_residual(local: Node) -> bool:
    """What is computed less the data, or the other way round."""
    if local.op is not ops.ADD or len(local.operands) < 2:
        return False
    signs = {given: {by.number > 0 for o, by in zip(local.operands, local.attrs[0], strict=True) if _is_data(o) is given}
             for given in (True, False)}
    return all(len(found) == 1 for found in signs.values()) and signs[True] != signs[False] and any(
        o.op is ops.EINSUM for o in local.operands)


def _is_data(node: Node) -> bool:
    """Data of a user, repeated perhaps along an axis."""
    found = bare(node)
    return found.op is ops.INPUT and found.attrs[0].kind == "data" and found.attrs[0].owner != LEAF
