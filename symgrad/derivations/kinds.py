"""What the formula of a step is, where its operation has a name: dropout, scale and shift, heads, enlarged images."""

from __future__ import annotations

from symgrad.derivations.pieces import Sentence
from symgrad.formulas.spelling.glyphs import parse_name
from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import counts_along
from symgrad.graphs.node import Node
from symgrad.graphs.phases import MASK
from symgrad.graphs.pieces.boxes import LEAF
from symgrad.graphs.samples import sample_axes

NOISE = ("ε", "ϵ", "eps", "epsilon", "noise", "η", "ξ")


def bare(node: Node) -> Node:
    """A value without the views that repeat or turn it."""
    while node.op is ops.VIEW and len(node.operands) == 1:
        (node,) = node.operands
    return node


def is_product_of_entries(node: Node) -> bool:
    """A product in which nothing is summed."""
    return node.op is ops.EINSUM and len(node.operands) == 2 and set().union(*node.attrs[0]) == set(node.attrs[1])


def is_mask(node: Node) -> bool:
    """A random mask of dropout."""
    return node.op is ops.INPUT and node.attrs[0].kind == MASK


def mask_meaning(node: Node) -> Sentence:
    """What a mask of dropout is."""
    dropped = node.attrs[0].init
    kept = "" if dropped == 1 else f", else {1 / (1 - dropped):.4g}"
    return (f"a random mask, drawn anew in every step of a training: 0 with the probability {dropped:g}{kept}; "
            "in prediction all ones",)


def is_masked(local: Node) -> bool:
    """m ⊙ x with a mask of dropout."""
    return is_product_of_entries(local) and sum(
        is_mask(bare(o)) for o in local.operands) == 1


def is_scale_and_shift(local: Node) -> bool:
    """γ ⊙ x + β: a parameter for each entry, and another one, as in batch norm."""
    found = terms(local)
    scaled = [o for o in found if is_product_of_entries(o) and sum(map(_is_parameter, o.operands)) == 1]
    return len(scaled) == 1 and any(_is_parameter(o) for o in found if o not in scaled)


def terms(local: Node) -> list[Node]:
    """What is added up, in sums within sums too."""
    if local.op is not ops.ADD or len(local.operands) < 2:
        return [local]
    return [o for each in local.operands for o in terms(each)]


def _is_parameter(node: Node) -> bool:
    found = bare(node)
    return found.op is ops.INPUT and found.attrs[0].kind == "parameter" and bool(found.shape)


def is_noisy(local: Node) -> bool:
    """μ + σ ⊙ ε: a value, and noise that is data, scaled."""
    if local.op is not ops.ADD or len(local.operands) != 2:
        return False
    scaled = [o for o in local.operands if is_product_of_entries(o) and sum(map(_is_noise, o.operands)) == 1]
    return len(scaled) == 1 and not any(_is_noise(o) for o in local.operands)


def _is_noise(node: Node) -> bool:
    found = bare(node)
    return found.op is ops.INPUT and found.attrs[0].kind == "data" and found.attrs[0].owner != LEAF and (
        parse_name(found.attrs[0].name).base in NOISE)


def is_split(node: Node) -> bool:
    """Features cut into heads: (..., rows, heads, features) turned to (..., heads, rows, features)."""
    if not _swaps(node):
        return False
    (cut,) = node.operands
    return cut.op is ops.RESHAPE and cut.shape[:-2] == cut.operands[0].shape[:-1]


def is_joined(node: Node) -> bool:
    """Heads side by side, as one matrix."""
    return node.op is ops.RESHAPE and _swaps(node.operands[0]) and node.shape[:-1] == node.operands[0].shape[:-2]


def _swaps(view: Node) -> bool:
    if view.op is not ops.VIEW or len(view.operands) != 1:
        return False
    (labels,), out = view.attrs
    if not 3 <= len(labels) == len(out) == len(set(labels)):
        return False
    *lead, a, b, c = labels
    return tuple(out) == (*lead, b, a, c)


def is_enlarged(node: Node) -> bool:
    """Every entry repeated along both sides of an image."""
    if node.op is not ops.RESHAPE or node.operands[0].op is not ops.VIEW or len(node.operands[0].operands) != 1:
        return False
    view = node.operands[0]
    (labels,), out = view.attrs
    fresh = [place for place, label in enumerate(out) if label not in labels]
    return tuple(x for x in out if x in labels) == tuple(labels) and len(fresh) == 2 and (
        fresh == [len(out) - 3, len(out) - 1]) and len(node.shape) == len(labels)


def picks(node: Node) -> tuple[int, int, bool] | None:
    """Of entries picked by one index: the axes of the body, those of the index, and whether each row has its own.

    Axes are those of one sample. None where several indices pick, or one along another axis than the first.
    """
    axes = sample_axes([node])
    body, *indices = node.operands
    (places,) = node.attrs
    own = [(index, place) for index, place in zip(indices, places, strict=True) if counts_along(index) is None]
    paired = [place for index, place in zip(indices, places, strict=True) if counts_along(index) is not None]
    sampled = int(body in axes)
    if len(own) != 1 or any(place > sampled for place in paired):
        return None
    ((index, place),) = own
    by_row = sampled in paired
    if place != sampled + by_row:
        return None
    rank = len(body.shape) - sampled
    return rank, len(node.shape) - (node in axes) - (rank - 1 - by_row) - by_row, by_row
