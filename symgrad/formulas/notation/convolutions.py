"""Convolutions and pools as papers print them: K ⋆ X, its gradients Kᵀ ⋆ G and G ⋆ X, maxpool(X).

A graph knows windows, products and overlaps only; their geometry is read in `windowed.py`. A product of tiles and a
kernel that sums over the offsets is `K ⋆ X`, one that sums over the places is the gradient by the kernel, `G ⋆ X`, and a
product laid back by overlaps is the transpose, `Kᵀ ⋆ G`, with the convolution's stride, padding and dilation. In `G ⋆ X`
the entries of G lie a stride apart, and windows move by the dilation: sum over j of G_j X_{l + s j}, with as much of the
border as K reaches. `K ⋆ X` is the sum of K_p X_{i+p}: kernels are not flipped, those of the transpose are. Below the star
stands what is not the default: s the stride, p the padding, o the output padding of a transpose, d the dilation, g groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from symgrad.formulas.notation.coefficients import expression
from symgrad.formulas.notation.windowed import OFFSET, PLACE, Label, Laid, Side, Tiles, laid_back, signed, tiles_of
from symgrad.formulas.spelling.tree import Tree, big, call, num, transpose
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size, canonical

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Index, Writer


Factor = tuple[Node, tuple[Label, ...]]


def geometry(sides: Sequence[Side], pool: bool = False, groups: Size = 1) -> list[Tree]:
    """What is not the default: s=2, p=1 (p=0:1 where there is more behind), o=1, d=2, g=2; of a pool its width first, and
    the stride where it is another.
    """
    sides = sorted(sides, key=lambda side: side.axis)
    notes = [_one_or_all([expression(s.width) for s in sides])] if pool else []
    if any(s.step != (s.width if pool else 1) for s in sides):
        notes.append(_note("s", [num(s.step) for s in sides]))
    if any(any(map(bool, s.border)) for s in sides):
        even = all(front == back for front, back in (s.border for s in sides))
        notes.append(_note("p", [expression(s.border[0]) for s in sides] if even else [
            Tree("range", (*map(expression, s.border), None)) for s in sides]))
    if any(s.more for s in sides):
        notes.append(_note("o", [expression(s.more) for s in sides]))
    if any(s.gap != 1 for s in sides):
        notes.append(_note("d", [num(s.gap) for s in sides]))
    return notes if groups == 1 else [*notes, _note("g", [expression(groups)])]


def _note(word: str, values: Sequence[Tree]) -> Tree:
    return Tree("keyword", (word, _one_or_all(values)))


def _one_or_all(values: Sequence[Tree]) -> Tree:
    return values[0] if len(set(values)) == 1 else Tree("tuple", tuple(values))


def star(kernel: Tree, image: Tree, sides: Sequence[Side], groups: Size) -> Tree:
    """K ⋆ X, with the notes of its geometry."""
    return Tree("star", (kernel, image, tuple(geometry(sides, groups=groups))))


def write_convolution(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree | None:
    """A product with tiles as K ⋆ X or G ⋆ X, a sum over offsets as avgpool; None for other products, and at an entry."""
    if any(i is not None and not w.is_sample(i) for i in index):
        return None
    inputs, out = node.attrs
    for k, (operand, names) in enumerate(zip(node.operands, inputs, strict=True)):
        tiles = tiles_of(w, operand)
        if tiles is None or len(set(names)) < len(names):
            continue
        rest = [(o, x) for i, (o, x) in enumerate(zip(node.operands, inputs, strict=True)) if i != k]
        found = _as_star(w, tiles, tuple(names), rest, tuple(out), index, taken)
        if found is not None:
            return found
    return None


def write_grouped(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree | None:
    """A product of tiles and a kernel, or of tiles and a gradient, group by group, as a star of the whole; else None."""
    if any(i is not None and not w.is_sample(i) for i in index):
        return None
    for factors, out, count in _without_groups(w, node):
        for k, (operand, names) in enumerate(factors):
            tiles = tiles_of(w, operand)
            if tiles is None:
                continue
            rest = [factor for i, factor in enumerate(factors) if i != k]
            found = _as_star(w, tiles, names, rest, out, index, taken, count)
            if found is not None:
                return found
    return None


def _without_groups(w: Writer, node: Node) -> Iterator[tuple[list[Factor], tuple[Label, ...], Size]]:
    """The factors of a product whose groups are joined, and its labels, as if there were none; and how many there are.

    The label of the groups is dropped: that behind it counts all channels, of all groups.
    """
    if node.op is not ops.RESHAPE or len(node.shape) + 1 != len(node.operands[0].shape):
        return
    (inner,) = node.operands
    if inner.op is not ops.EINSUM or len(inner.operands) != 2 or not w.inlines(inner):
        return
    inputs, out = inner.attrs
    for axis in range(len(node.shape)):
        if not _cuts(node, inner, axis) or len(set(out)) < len(out):
            continue
        group, factors = out[axis], []
        for operand, names in zip(inner.operands, inputs, strict=True):
            place = names.index(group) if group in names else -1
            if place < 0 or operand.op is not ops.RESHAPE or not w.inlines(operand) or len(set(names)) < len(names) or (
                    not _cuts(operand.operands[0], operand, place)):
                break
            factors.append((operand.operands[0], tuple(x for x in names if x != group)))
        else:
            yield factors, tuple(x for x in out if x != group), inner.shape[axis]


def _cuts(whole: Node, parts: Node, axis: int) -> bool:
    """Is a tensor another one with an axis cut in two?"""
    before, after = whole.shape, parts.shape
    return len(after) == len(before) + 1 and axis < len(before) and before == (
        *after[:axis], canonical(after[axis] * after[axis + 1]), *after[axis + 2:])


def _as_star(w: Writer, tiles: Tiles, names: tuple[Label, ...], rest: Sequence[tuple[Node, Sequence[Label]]],
             out: tuple[Label, ...], index: Index, taken: frozenset[Tree], groups: Size = 1) -> Tree | None:
    places, offsets, others = tiles.labels(names, PLACE), tiles.labels(names, OFFSET), tiles.others(names)
    known = {x for _, labels in rest for x in labels}
    if not rest or not others:
        return None
    channel, lead = others[-1], others[:-1]
    if set(offsets) <= known and not known & set(places) and not set(out) & set(offsets):  # K ⋆ X
        free = [x for x in out if x not in (*lead, *places)]
        mine = (*free, channel, *offsets)
        if len(free) != 1 or out != (*lead, *free, *places) or known != set(mine):
            return None
        kernel = w.at(_together(rest, mine), (None,) * len(mine), taken)
        return star(kernel, w.at(tiles.image, _image_index(tiles, names, dict(zip(out, index, strict=True))), taken),
                    tiles.sides, groups)
    if set(places) <= known and not known & set(offsets) and not set(out) & set(places):  # G ⋆ X
        kept = tuple(x for x in lead if x in out)
        free = [x for x in out if x not in (*kept, channel, *offsets)]
        mine = (*lead, *free, *places)
        if len(free) != 1 or out != (*kept, *free, channel, *offsets) or known != set(mine):
            return None
        other = _together(rest, mine)
        token = dict(zip(out, index, strict=True))
        samples = {x[w.axes[o]] for o, x in rest if o in w.axes} if w.mode == "sample" else set()
        letters = [w.sample_letter(taken) for x in lead if x in samples and x not in out]
        token.update(zip((x for x in lead if x in samples and x not in out), letters, strict=True))
        inner = taken | set(letters)
        gradient = w.at(other, tuple(token.get(x) for x in mine), inner)
        image = w.at(tiles.image, _image_index(tiles, names, token), inner)
        turned = [_turned(side, tiles) for side in tiles.sides]
        return big(letters, star(gradient, image, turned, groups))
    return None


def _turned(side: Side, tiles: Tiles) -> Side:
    """A side of the windows that a gradient makes to give the kernel's: with as much of the border as these reach."""
    whole, count = tiles.image.shape[side.axis], tiles.node.shape[tiles.parts.index((PLACE, tiles.sides.index(side)))]
    front, back = side.border
    reached = signed(side.gap * (side.width - 1) + side.step * (count - 1) + 1 - whole - front)
    return replace(side, step=side.gap, gap=side.step, border=(front, reached if isinstance(reached, int) else back))


def _image_index(tiles: Tiles, names: Sequence[Label], token: dict[Label, Tree | None]) -> Index:
    """The samples of the image, where those of the product are."""
    found: list[Tree | None] = [None] * len(tiles.image.shape)
    for name, part in zip(names, tiles.parts, strict=True):
        if isinstance(part, int):
            found[part] = token.get(name)
    return tuple(found)


def _together(factors: Sequence[tuple[Node, Sequence[Label]]], out: Sequence[Label]) -> Node:
    """The product of the other factors, its axes in order; alone, it is what it was."""
    if len(factors) == 1 and tuple(factors[0][1]) == tuple(out):
        return factors[0][0]
    return contract([o for o, _ in factors], [tuple(x) for _, x in factors], tuple(out))


def write_transposed(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree | None:
    """What is laid back as Kᵀ ⋆ G, or unpool(G, argmaxpool(X)) where it went to the largest entries."""
    if any(i is not None and not w.is_sample(i) for i in index):
        return None
    laid = laid_back(w, node)
    if laid is None or laid.tiles.op not in (ops.EINSUM, ops.VIEW, ops.RESHAPE) or not w.inlines(laid.tiles):
        return None
    if laid.tiles.op is ops.RESHAPE:
        ways = (_transposed(w, laid, factors, out, count, index, taken) for factors, out, count in _without_groups(
            w, laid.tiles))
        return next((way for way in ways if way is not None), None)
    inputs, out = laid.tiles.attrs
    shape = Tiles(laid.tiles, laid.tiles, laid.parts, laid.sides)
    places, offsets, others = shape.labels(out, PLACE), shape.labels(out, OFFSET), shape.others(out)
    token = {x: i for x, part in zip(out, laid.parts, strict=True) if isinstance(part, int) for i in [index[part]]}
    factors = list(zip(laid.tiles.operands, inputs, strict=True))
    for k, (operand, names) in enumerate(factors):
        marked = _marked(w, operand) if tuple(names) == tuple(out) else None
        rest = [(o, x) for i, (o, x) in enumerate(factors) if i != k and not _shares(o, operand)]
        if marked is None or not rest or any(set(offsets) & set(x) for _, x in rest):
            continue
        other = _together(rest, (*others, *places))
        gradient = w.at(other, tuple(token.get(x) for x in (*others, *places)), taken)
        source, most = marked
        image = w.at(source.image, _image_index(source, out, token), taken)
        notes = geometry(source.sides, pool=True)
        if most is None:
            return call("unpool", gradient, call("argmaxpool", image, subs=notes))
        top = w.at(most, tuple(token.get(x) for x in (*others, *places)), taken)
        return call("unpool", gradient, Tree("relation", ("=", image, top)), subs=notes)
    kernels = [(o, x) for o, x in factors if set(offsets) & set(x)]
    rest = [(o, x) for o, x in factors if not set(offsets) & set(x)]
    kept = tuple(x for x in out if x not in offsets)
    if not kernels and len(rest) == 1 and laid.tiles.op is ops.VIEW and kept == tuple(rest[0][1]):
        gradient = w.at(rest[0][0], tuple(token.get(x) for x in rest[0][1]), taken)
        return call("spread", gradient, subs=geometry(laid.sides, pool=True))
    return _transposed(w, laid, factors, tuple(out), 1, index, taken)


def _transposed(w: Writer, laid: Laid, factors: Sequence[Factor], out: tuple[Label, ...], groups: Size, index: Index,
                taken: frozenset[Tree]) -> Tree | None:
    """What is laid back as Kᵀ ⋆ G, a product with the labels `out`."""
    shape = Tiles(laid.tiles, laid.tiles, laid.parts, laid.sides)
    places, offsets, others = shape.labels(out, PLACE), shape.labels(out, OFFSET), shape.others(out)
    token = {x: i for x, part in zip(out, laid.parts, strict=True) if isinstance(part, int) for i in [index[part]]}
    kernels = [(o, x) for o, x in factors if set(offsets) & set(x)]
    rest = [(o, x) for o, x in factors if not set(offsets) & set(x)]
    known = {x for _, labels in rest for x in labels}
    if not kernels or not rest or not others:
        return None
    channel, lead = others[-1], others[:-1]
    summed = [x for x in known if x not in out]
    mine = (*lead, *summed, *places)
    if len(summed) != 1 or known != set(mine) or {x for _, labels in kernels for x in labels} != {
            *summed, channel, *offsets}:
        return None
    kernel = w.at(_together(kernels, (*summed, channel, *offsets)), (None,) * (2 + len(offsets)), taken)
    gradient = w.at(_together(rest, mine), tuple(token.get(x) for x in mine), taken)
    return star(transpose(kernel), gradient, laid.sides, groups)


def _marked(w: Writer, node: Node) -> tuple[Tiles, Node | None] | None:
    """The tiles whose largest entries `node` marks; and what they are equal to, where that has a name of its own."""
    if node.op is not ops.ELEMENTWISE or node.attrs[0] != "equal" or not w.inlines(node):
        return None
    for tiles, most in (node.operands, node.operands[::-1]):
        found = tiles_of(w, tiles)
        if found is None or most.op is not ops.VIEW or not most.operands:
            continue
        (labels,), out = most.attrs
        inner = most.operands[0]
        places = tuple(x for x, part in zip(out, found.parts, strict=True) if not (
            isinstance(part, tuple) and part[0] == OFFSET))
        if labels == places and not w.inlines(inner):
            return found, inner
        if labels == places and inner.op is ops.MAX and inner.operands[0] is tiles:
            return found, None
    return None


def _shares(node: Node, marks: Node) -> bool:
    """The part that each of several largest entries has: one over how many they are, which is one almost everywhere."""
    below = node.operands[0] if node.op is ops.ELEMENTWISE and node.attrs[0] == "reciprocal" else None
    return below is not None and below.op is ops.EINSUM and below.operands == (marks,)


def write_pool(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree | None:
    """The largest entry, or the sum, of each window: maxpool(X), sumpool(X)."""
    if any(i is not None and not w.is_sample(i) for i in index):
        return None
    (operand,) = node.operands
    tiles = tiles_of(w, operand)
    if tiles is None:
        return None
    offsets = {axis for axis, part in enumerate(tiles.parts) if isinstance(part, tuple) and part[0] == OFFSET}
    if node.op is ops.MAX:
        gone, names, kind = set(node.attrs[0]), [i for i in range(len(operand.shape)) if i not in node.attrs[0]], "maxpool"
    else:
        (labels,), out = node.attrs
        gone = {i for i, x in enumerate(labels) if x not in out}
        names, kind = [i for i in range(len(labels)) if i not in gone], "sumpool"
        if tuple(out) != tuple(labels[i] for i in names):
            return None
    if gone != offsets:
        return None
    token: dict[Label, Tree | None] = dict(zip(names, index, strict=True))
    image = w.at(tiles.image, _image_index(tiles, range(len(operand.shape)), token), taken)
    return call(kind, image, subs=geometry(tiles.sides, pool=True))


def is_image_map(tree: Tree) -> bool:
    """Is it written as a convolution, with a weight or without?"""
    return tree.head == "star"


def convolves(w: Writer, node: Node) -> bool:
    """Is a product one with tiles?"""
    return any(tiles_of(w, operand) is not None for operand in node.operands)


def is_shift(node: Node) -> bool:
    """A vector, an entry for each channel, at every place of an image."""
    if node.op is not ops.VIEW or len(node.operands) != 1:
        return False
    (labels,), out = node.attrs
    return len(labels) == 1 and labels[0] in out[:-1] and len(set(out)) == len(out) > 1
