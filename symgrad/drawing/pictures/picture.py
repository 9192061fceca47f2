"""An abstract picture of a computation: boxes, arrows and clusters, and the graphviz source that lays it out.

Nothing here knows of tensors. Forward boxes are data, parameters, operations and a loss; backward boxes are
gradients. Three habits make the layout readable, all of them plain graphviz (`symgrad.ranks` decides where):

* a backward arrow is written from its head to its tail with `dir=back`, so that the backward half mirrors the
  forward half;
* a gradient box stands in the rank of the box it is `beside` (`rank=same`, across clusters by `newrank`);
* an arrow that enters a cluster passes a *door*, an invisible point inside the cluster at the rank of its
  parameters. Without it, dot leads the arrow round the cluster and the layers end up as a staircase.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import symgrad.drawing.pictures.palette as look
from symgrad.drawing.pictures.lines import block
from symgrad.drawing.pictures.typeset import ASCENT, DESCENT, LINE, text_width
from symgrad.graphs.errors import SymgradError

DIRECTIONS = ("LR", "RL", "TB", "BT")


@dataclass(frozen=True)
class DrawnBox:
    """A box: `label` is Unicode text, possibly of several lines; `latex`, if given, is set in its place.

    `beside` is the key of the box whose rank it shares: a gradient stands beside its value. `tooltip` is the
    label, if not given; `cluster` is the key of the innermost cluster that holds the box; `link` is the id of
    an element of the page around the picture, `folded` those of the boxes that this one stands for. `noun` and `shape`
    say in words what it is.
    """

    key: str
    label: str
    kind: str
    tooltip: str = ""
    cluster: str | None = None
    latex: str = ""
    beside: str | None = None
    link: str = ""
    noun: str = ""
    shape: str = ""
    folded: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrow:
    """An arrow from `tail` to `head`, the way of the computation, with a text such as the shape 'n × 8'.

    `latex`, if given, is set in place of the text. A `backward` arrow is dashed red and mirrors the forward half; one
    into a `derivative` of what is drawn is dashed red too, and runs forward. `weight` straightens it: None lets the
    picture choose. One that `returns` is dashed: it leads what a step of a loop ends with to the beginning of the next,
    against the way of the computation.
    """

    tail: str
    head: str
    label: str = ""
    backward: bool = False
    weight: int | None = None
    derivative: bool = False
    latex: str = ""
    returns: bool = False

    @property
    def mirrored(self) -> bool:
        """Is it laid out from its head to its tail?"""
        return self.backward or self.returns


@dataclass(frozen=True)
class Cluster:
    """A titled area around boxes, inside `parent` if given; folded to one box, it says `label` (`latex`), if given."""

    key: str
    title: str
    parent: str | None = None
    label: str = ""
    latex: str = ""


@dataclass(frozen=True)
class Picture:
    """Boxes, arrows and clusters, checked: keys are unique, every name that is used is there.

    `legend` explains the kinds of boxes and arrows below the picture, `notes` stand there too. `aspect` is the width
    over the height that is wanted: rows wrap for it (`rows.py`), without it those of a picture longer than `longest`.

    >>> Picture((DrawnBox("x", "x", "data"),), (Arrow("x", "z"),))
    Traceback (most recent call last):
        ...
    symgrad.graphs.errors.SymgradError: the arrow 'x' -> 'z' ends at 'z', which is no box of the picture
    """

    boxes: tuple[DrawnBox, ...]
    arrows: tuple[Arrow, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    direction: str = "LR"
    title: str = ""
    legend: bool = False
    notes: tuple[str, ...] = ()
    aspect: float | None = None
    longest: float = math.inf

    def __post_init__(self) -> None:
        for name in ("boxes", "arrows", "clusters", "notes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _check(self)


def _check(picture: Picture) -> None:
    if picture.direction not in DIRECTIONS:
        raise SymgradError(f"direction {picture.direction!r} is unknown; known: {', '.join(DIRECTIONS)}")
    boxes = _unique("boxes", (box.key for box in picture.boxes))
    clusters = _unique("clusters", (cluster.key for cluster in picture.clusters))
    for box in picture.boxes:
        if box.kind not in look.STYLES:
            raise SymgradError(
                f"box {box.key!r} is of the unknown kind {box.kind!r}; known: {', '.join(look.STYLES)}")
        if box.cluster is not None and box.cluster not in clusters:
            raise SymgradError(f"box {box.key!r} is in {box.cluster!r}, which is no cluster of the picture")
        if box.beside is not None and box.beside not in boxes:
            raise SymgradError(f"box {box.key!r} is beside {box.beside!r}, which is no box of the picture")
    for arrow in picture.arrows:
        for verb, end in (("starts", arrow.tail), ("ends", arrow.head)):
            if end not in boxes:
                raise SymgradError(f"the arrow {arrow.tail!r} -> {arrow.head!r} {verb} at {end!r}, "
                                   "which is no box of the picture")
    for cluster in picture.clusters:
        if cluster.parent is not None and cluster.parent not in clusters:
            raise SymgradError(
                f"cluster {cluster.key!r} is in {cluster.parent!r}, which is no cluster of the picture")
    parents = {cluster.key: cluster.parent for cluster in picture.clusters}
    for cluster in picture.clusters:
        if len(enclosing(parents, cluster.key)) > len(parents):
            raise SymgradError(f"cluster {cluster.key!r} is inside itself")


def _unique(what: str, keys: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise SymgradError(f"two {what} of the picture have the key {key!r}")
        seen.add(key)
    return seen


def box_size(box: DrawnBox) -> tuple[float, float]:
    """Width and height of a box in points, from its text and shape."""
    typeset = block(box.latex, look.BOX_SIZE) if box.latex else None
    if typeset is not None:
        width, height = typeset.width, typeset.ascent + typeset.descent
    else:
        width = text_width(box.label, look.BOX_SIZE)
        height = look.BOX_SIZE * (ASCENT + DESCENT + box.label.count("\n") * LINE)
    height = max(height, look.BOX_SIZE)
    match look.STYLES[box.kind].shape:
        case "ellipse":     # the smallest ellipse around the text's rectangle, a little padded
            return max(math.sqrt(2) * (width + 6), 42.0), max(math.sqrt(2) * (height + 4), 30.0)
        case "octagon":     # its corners are cut by 0.29 of each side
            return max(1.12 * width + 3 * look.PAD_X, 60.0), 1.3 * height + 3 * look.PAD_Y
    return max(width + 2 * look.PAD_X, 34.0), height + 2 * look.PAD_Y


def text_size(arrow: Arrow) -> tuple[float, float]:
    """Width and height of the text on an arrow in points."""
    typeset = block(arrow.latex, look.LABEL_MATH) if arrow.latex else None
    if typeset is not None:
        return typeset.width, typeset.ascent + typeset.descent
    return text_width(arrow.label, look.LABEL_SIZE), look.LABEL_SIZE * (1.0 + arrow.label.count("\n") * LINE)


def enclosing(parents: dict[str, str | None], key: str | None) -> list[str]:
    """A cluster and those around it, innermost first (cut short where clusters form a cycle)."""
    chain: list[str] = []
    while key is not None and len(chain) <= len(parents):
        chain.append(key)
        key = parents[key]
    return chain
