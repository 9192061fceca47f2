"""`sg.draw`: forward and backward in one picture, from the boxes of a derivation or of plain tensors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from symgrad.derivation import Derivation, derive
from symgrad.derivation_text import formula, gradient_name, show
from symgrad.derivatives import gradient_of
from symgrad.formulas import render as formula_text
from symgrad.graphing import flat
from symgrad.graphs.boxes import Box as Step
from symgrad.graphs.boxes import boxes
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.rewrite import stabilise
from symgrad.names import display_names
from symgrad.picture import Arrow, Box, Cluster, Picture
from symgrad.render import Drawing, render
from symgrad.tensor import Tensor

KINDS = {"data": "data", "parameter": "parameter", "constant": "constant", "affine": "operation",
         "activation": "activation", "operation": "operation", "output": "loss"}
DIRECTIONS = ("LR", "TB", "RL", "BT")


def draw(outputs_or_derivation: Any, path: str | os.PathLike[str] | None = None, direction: str = "LR",
         depth: int | None = None, formulas: bool = True) -> Drawing:
    """Draw tensors, or a derivation with its gradients; write to `path` (.svg .png .pdf .dot) if given.

    Gradients among the outputs are drawn as the derivation of the loss they belong to. `depth=1` folds each
    layer into one box; `formulas=False` leaves names only. Works with the `dot` program and without.
    Raises SymgradError for an unknown suffix or direction.

    >>> import symgrad as sg
    >>> w, x = sg.parameter("w", 3), sg.data("x", 3)
    >>> "<svg" in sg.draw(sg.derive(w @ x)).svg
    True
    """
    if direction not in DIRECTIONS:
        raise SymgradError(f"draw: direction must be one of {', '.join(DIRECTIONS)}, not {direction!r}")
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 1):
        raise SymgradError(f"draw: depth must be a whole number from 1, not {depth!r}")
    return render(picture(outputs_or_derivation, direction, depth, formulas), path)


def picture(what: Any, direction: str = "LR", depth: int | None = None, formulas: bool = True) -> Picture:
    """The abstract picture behind `draw`."""
    derivation = what if isinstance(what, Derivation) else _as_derivation(flat([what]))
    if derivation is not None:
        found = list(derivation.graph)
        boxes_, arrows = _forward(found, formulas)
        more, back = _backward(derivation, formulas)
        boxes_, arrows = boxes_ + more, arrows + back
    else:
        tensors = flat([what])
        boxes_, arrows, found = _plain(tensors, formulas)
    clusters = _clusters(found)
    if depth == 1:
        boxes_, arrows, clusters = _fold(boxes_, arrows, clusters)
    keys = {c.key for c in clusters}
    boxes_ = [b if b.cluster in keys or b.cluster is None else replace(b, cluster=None) for b in boxes_]
    return Picture(tuple(boxes_), tuple(arrows), tuple(clusters), direction)


def _as_derivation(tensors: Sequence[Tensor]) -> Derivation | None:
    """The derivation that draws a loss together with its gradients, if the tensors are that."""
    known = [gradient_of(t.node) for t in tensors]
    gradients = [pair for pair in known if pair is not None]
    losses = {t for t, pair in zip(tensors, known, strict=True) if pair is None}
    roots = {y for y, _ in gradients}
    if len(roots) != 1 or not losses <= roots:
        return None
    return derive(gradients[0][0], [x for _, x in gradients])


def _plain(tensors: Sequence[Tensor], formulas: bool) -> tuple[list[Box], list[Arrow], list[Step]]:
    """Forward boxes of several outputs, drawn once where they share."""
    nodes = stabilise([t.node for t in tensors])
    names = display_names(nodes)
    found: dict[str, Step] = {}
    for number, (tensor, node) in enumerate(zip(tensors, nodes, strict=True), start=1):
        name = tensor.name or ("L" if len(tensors) == 1 and not tensor.shape else f"y_{number}")
        for box in boxes(node, names, name):
            found.setdefault(box.name if box.node in names else f"{number}:{box.name}", box)
    seen: dict[Any, Step] = {}
    for box in found.values():
        seen.setdefault(box.node, box)
    result = _forward(list(seen.values()), formulas, {box.node: box for box in seen.values()})
    return (*result, list(seen.values()))


def _key(box: Step) -> str:
    return f"v {box.name}"


def _forward(found: Sequence[Step], formulas: bool,
             same: dict[Any, Step] | None = None) -> tuple[list[Box], list[Arrow]]:
    drawn, arrows = [], []
    for box in found:
        name = show(box.leaf, "unicode")
        leaf = box.kind in ("data", "parameter", "constant")
        label, tex = name, show(box.leaf, "latex")
        if not leaf and formulas:
            label = f"{name} = {formula_text(box.local)}"
            tex = f"{tex} = {formula_text(box.local, style='latex')}"
        drawn.append(Box(_key(box), label, KINDS[box.kind], cluster=_cluster(box, found), tooltip=label, latex=tex))
        for operand in box.operands:
            tail = same[operand.node] if same is not None else operand
            arrows.append(Arrow(_key(tail), _key(box), _shape(operand)))
    return drawn, arrows


def _shape(box: Step) -> str:
    """The shape on an edge: `T × 128`; a scalar has none."""
    return " × ".join(map(str, box.leaf.shape))


def _cluster(box: Step, found: Sequence[Step]) -> str | None:
    if box.kind == "parameter":
        users = [b for b in found if box in b.operands]
        layers = {b.layer for b in users if b.kind == "affine"}
        return f"layer {layers.pop()}" if len(layers) == 1 and len(users) == 1 else None
    return f"layer {box.layer}" if box.kind in ("affine", "activation") else None


def _clusters(found: Sequence[Step]) -> list[Cluster]:
    rows: dict[int, list[Step]] = {}
    for box in found:
        if box.kind in ("affine", "activation"):
            rows.setdefault(box.layer, []).append(box)
    titles = []
    for number, members in sorted(rows.items()):
        functions = [str(b.local.attrs[0]) if b.local.op == "elementwise" else b.local.op
                     for b in members if b.kind == "activation"]
        titles.append(Cluster(f"layer {number}", ", ".join([f"layer {number}: affine", *functions])))
    return titles if len(titles) > 1 or any(len(m) > 1 for m in rows.values()) else []


def _backward(d: Derivation, formulas: bool) -> tuple[list[Box], list[Arrow]]:
    drawn, arrows = [], []
    for step in d.steps:
        if step.kind != "backward":
            continue
        name = gradient_name(step.box, "unicode")
        label = formula(step, "unicode", "sample") if formulas else name
        tex = formula(step, "latex", "sample") if formulas else gradient_name(step.box, "latex")
        kind = "parameter_gradient" if step.box.kind in ("parameter", "data", "constant") else "gradient"
        drawn.append(Box(f"g {step.box.name}", label, kind, tooltip=f"({step.number}) {step.rule}",
                         cluster=_cluster(step.box, d.graph), latex=tex, beside=_key(step.box)))
        for user in step.consumers:
            tail = _key(user) if user.kind == "output" else f"g {user.name}"
            arrows.append(Arrow(tail, f"g {step.box.name}", backward=True))
    return drawn, arrows


def _fold(boxes_: list[Box], arrows: list[Arrow],
          clusters: list[Cluster]) -> tuple[list[Box], list[Arrow], list[Cluster]]:
    """Each layer as one box, its gradients as another."""
    home = {box.key: (box.cluster, box.key.startswith("g ")) for box in boxes_}
    titles = {c.key: c.title for c in clusters}
    folded: dict[str, Box] = {}
    place: dict[str, str] = {}
    for box in boxes_:
        cluster, back = home[box.key]
        if cluster not in titles:
            folded[box.key], place[box.key] = box, box.key
            continue
        key = f"{'gradients of ' if back else ''}{cluster}"
        place[box.key] = key
        title = f"gradients of {cluster}" if back else titles[cluster]
        known = folded.get(key)
        tooltip = box.label if known is None else f"{known.tooltip}\n{box.label}"
        folded[key] = Box(key, title, "gradient" if back else "operation", tooltip,
                          beside=cluster if back else None)
    seen: dict[tuple[str, str], Arrow] = {}
    for arrow in arrows:
        tail, head = place[arrow.tail], place[arrow.head]
        if tail != head:
            seen.setdefault((tail, head), Arrow(tail, head, arrow.label, arrow.backward))
    return list(folded.values()), list(seen.values()), []
