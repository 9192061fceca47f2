"""A picture in words, for those who listen: what goes into what, in order, then the gradients.

The text alternative of a drawing: a few sentences in the order of the computation.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.drawing.pictures.palette import STYLES
from symgrad.drawing.pictures.picture import Arrow, DrawnBox, Picture

MOST = 24           # values told of, forward; and as many gradients
LEAVES = ("data", "parameter", "shared", "constant")


def told(picture: Picture, most: int = MOST) -> str:
    """The picture as sentences.

    >>> boxes = (DrawnBox("x", "x", "data", shape="3"), DrawnBox("r", "r = ‖x‖²", "loss", noun="loss"))
    >>> told(Picture(boxes, (Arrow("x", "r"),)))
    'x (3) gives the loss r = ‖x‖².'
    """
    derived = {a.head for a in picture.arrows if a.derivative}
    forward = [b for b in picture.boxes if b.kind not in LEAVES and not STYLES[b.kind].backward and b.noun != "carry"]
    backward = [b for b in picture.boxes if STYLES[b.kind].backward and b.key not in derived and b.noun != "part"]
    later = [b for b in picture.boxes if b.key in derived]
    sentences = [_title(picture), *_forward(picture, forward[:most])]
    if not forward:
        sentences += [f"{_listed([_leaf(b) for b in picture.boxes[:most]])}."] if picture.boxes else ["An empty picture."]
    rest = len(forward) - most
    if rest > 0:
        sentences.append(f"{rest} more values follow; the last is {_name(forward[-1])}.")
    for opening, boxes in (("Backward, step by step: ", backward), ("Derivatives: ", later)):
        if boxes:
            names = [_name(box) for box in boxes[:most]]
            names += [f"and {len(boxes) - most} more"] if len(boxes) > most else []
            sentences.append(f"{opening}{'; '.join(names)}.")
    return " ".join(filter(None, sentences))


def heading(picture: Picture) -> str:
    """A title of a few words: of what this is the graph."""
    if picture.title:
        return _one_line(picture.title)
    ends = [b for b in picture.boxes if b.kind == "loss"] or list(picture.boxes[-1:])
    back = any(a.backward for a in picture.arrows)
    of = f"Graph of {_listed([_name(b) for b in ends[:3]])}" if ends else "An empty picture"
    return of + (", forward and backward" if back else "")


def _title(picture: Picture) -> str:
    return f"{_one_line(picture.title)}." if picture.title else ""


def _forward(picture: Picture, forward: Sequence[DrawnBox]) -> list[str]:
    """One sentence for each chain, in which every value uses the one before."""
    boxes = {box.key: box for box in picture.boxes}
    into: dict[str, list[Arrow]] = {key: [] for key in boxes}
    for arrow in picture.arrows:
        if not arrow.mirrored:
            into[arrow.head].append(arrow)
    sentences: list[str] = []
    seen: set[str] = set()
    last: DrawnBox | None = None
    for box in forward:
        tails = list({arrow.tail: boxes[arrow.tail] for arrow in into[box.key]}.values())
        weights = [t for t in tails if t.kind in ("parameter", "shared")]
        solid = [t for t in tails if t not in weights] or weights
        with_ = _with([t for t in weights if t not in solid], seen)
        if last is not None and solid == [last] and box.kind != "loss":
            step = f", then into {_thing(box)}" if _goes(box) else f", which gives {_thing(box)}"
            sentences[-1] += step + with_
        elif not solid:
            sentences.append(f"{_thing(box)} stands alone")
        else:
            verb = ("goes into" if len(solid) == 1 else "go into") if _goes(box) else (
                "gives" if len(solid) == 1 else "give")
            sentences.append(f"{_listed([_leaf(t, seen) for t in solid])} {verb} {_thing(box)}{with_}")
        last = box
    return [f"{s[0].upper()}{s[1:]}." if s.startswith(("layer", "value", "the ")) else f"{s}." for s in sentences]


def _goes(box: DrawnBox) -> bool:
    return box.kind == "layer" or box.noun in ("affine layer", "activation")


def _thing(box: DrawnBox) -> str:
    if box.kind == "layer":
        name, _, functions = box.noun.partition(": ")
        return f"{name} ({functions})" if functions else name
    return f"the {box.noun} {_one_line(box.label)}" if box.noun else _one_line(box.label)


def _with(weights: Sequence[DrawnBox], seen: set[str]) -> str:
    if not weights:
        return ""
    return f" with the parameter{'s' if len(weights) > 1 else ''} {_listed([_leaf(w, seen) for w in weights])}"


def _leaf(box: DrawnBox, seen: set[str] | None = None) -> str:
    """The name of a value; of a leaf with its shape, where it is told of first."""
    name = _name(box, short=True)
    if box.kind not in LEAVES or not box.shape or seen is not None and name in seen:
        return name
    if seen is not None:
        seen.add(name)
    return f"{name} ({box.shape})"


def _name(box: DrawnBox, short: bool = False) -> str:
    """What a box says, or (`short`) the left-hand side of it; of a folded box its title."""
    first = box.label.split("\n")[0]
    if box.kind in ("layer", "layer_gradients"):
        return first.partition(":")[0]
    return first.partition(" = ")[0] if short else _one_line(box.label)


def _listed(texts: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))


def _one_line(text: str) -> str:
    return " ".join(text.split())
