"""`sg.draw`: forward and backward in one picture, from the boxes of a derivation or of plain tensors."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

from symgrad.calculus.derivatives import gradient_of, jacobian
from symgrad.derivations.derivation import Derivation, as_derived, derive
from symgrad.derivations.steps import Step, flow
from symgrad.derivations.text import formula, gradient_name, show
from symgrad.drawing.cells import OpenedLoops
from symgrad.drawing.clusters import Homes
from symgrad.drawing.condense import Parts, condensed
from symgrad.drawing.outputs import flat, sizes_text
from symgrad.drawing.pictures.layout import lay_out
from symgrad.drawing.pictures.lines import break_line
from symgrad.drawing.pictures.palette import BOX_SIZE
from symgrad.drawing.pictures.picture import DIRECTIONS, Arrow, DrawnBox, Picture
from symgrad.drawing.pictures.render import Drawing, render
from symgrad.drawing.returns import Returns
from symgrad.formulas.names import display_names
from symgrad.graphs import ops
from symgrad.graphs.errors import DifferentiationError, SymgradError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.pieces.boxes import Box, joint_boxes
from symgrad.graphs.pieces.images import is_convolution
from symgrad.language.naming import layer_names
from symgrad.language.ordering import written_order
from symgrad.language.phases import phased
from symgrad.language.printing import short
from symgrad.language.recipes import stable
from symgrad.language.tensor import Tensor

KINDS = {"data": "data", "parameter": "parameter", "constant": "constant", "affine": "operation",
         "activation": "activation", "operation": "operation", "output": "loss"}
NOUNS = {"affine": "affine layer", "activation": "activation", "operation": "", "output": "loss"}
WIDEST, MOST_LINES = 270.0, 3       # of a formula in a box: points, lines
TOLERATED = 0.3                     # logarithm of an aspect that is off, before another direction is tried
LONGEST = 1500.0                    # points: a picture without a wanted aspect that is longer wraps
SEVERAL = 3                         # uses of a shared parameter from which on each has its part of the gradient


def draw(outputs_or_derivation: Any, path: str | os.PathLike[str] | None = None,
         direction: str | None = None, depth: int | None = None, formulas: bool = True, aspect: float | None = None,
         format: str | None = None) -> Drawing:
    """Draw tensors, or a derivation with its gradients; write to `path` (.svg .png .pdf .dot .tex) if given.

    Gradients among the outputs are drawn as the derivation of the loss they belong to. `depth=2` shows every
    box, `depth=1` one for each layer, `depth=0` one for each run of alike layers; None takes the largest that
    stays readable: every box below three layers. `formulas=False` leaves names only. `aspect` is the wanted width
    over the height, 16/9 for a slide: rows wrap for it. What is wider than a page wraps unasked; `aspect=math.inf`
    is one row. The picture runs left to right ("LR") unless `direction` says otherwise ("TB", "RL", "BT"); with an
    aspect alone it runs downwards where that comes nearer. `format` ("svg", "png", "pdf", "dot", "tikz") is what the
    file is, whatever its suffix; `str` of the drawing is then its text. Works with the `dot` program and without.
    Boxes of a derivation link to `#step-1`, `#step-2`, ..., the numbers of its steps. Raises SymgradError for an
    unknown suffix, format, direction, depth or aspect.

    >>> import symgrad as sg
    >>> w, x = sg.parameter("w", 3), sg.data("x", 3)
    >>> print(sg.draw(sg.derive(w @ x)).alt)
    x (3) gives the loss L = wᵀ x with the parameter w (3). Backward, step by step: G_w = x.
    """
    if direction is not None and direction not in DIRECTIONS:
        raise SymgradError(f"draw: direction must be one of {', '.join(DIRECTIONS)}, not {direction!r}")
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 0):
        raise SymgradError(f"draw: depth must be a whole number from 0, not {depth!r}")
    if aspect is not None and (isinstance(aspect, bool) or not isinstance(aspect, Real) or not aspect > 0):
        raise SymgradError(f"draw: aspect is the wanted width over the height, such as 16/9, not {aspect!r}")
    shown = picture(outputs_or_derivation, direction or "LR", depth, formulas, aspect)
    if aspect is not None and direction is None:
        shown = _nearest(shown, float(aspect))
    return render(shown, path, format)


def _nearest(shown: Picture, aspect: float) -> Picture:
    """The picture, or the same from top to bottom where that comes clearly nearer to the aspect."""
    def off(picture: Picture) -> float:
        scene = lay_out(picture)
        return abs(math.log(scene.width / scene.height / aspect))

    far = 0.0 if math.isinf(aspect) else off(shown)
    turned = replace(shown, direction="TB")
    return turned if far > TOLERATED and off(turned) < far - TOLERATED / 2 else shown


def picture(what: Any, direction: str = "LR", depth: int | None = None, formulas: bool = True,
            aspect: float | None = None) -> Picture:
    """The abstract picture behind `draw`."""
    tensors = [] if isinstance(what, Derivation) else phased(flat([what]), True)
    derivation = what if isinstance(what, Derivation) else _as_derivation(tensors)
    parts, notes = _derived(derivation, formulas) if derivation is not None else _plain(tensors, formulas)
    parts, level = condensed(parts, depth)
    if level < 2 and any(box.kind == "layer" and box.label.startswith("layers ") for box in parts.boxes):
        notes = [*notes, "alike layers folded"]
    keys = {c.key for c in parts.clusters}
    boxes = [replace(b, cluster=b.cluster if b.cluster in keys else None, latex=_broken(b.latex)) for b in parts.boxes]
    return Picture(tuple(boxes), parts.arrows, parts.clusters, direction, legend=True, notes=tuple(notes),
                   aspect=None if aspect is None else float(aspect), longest=LONGEST)


def _broken(latex: str) -> str:
    """Formulas that fit into a box: long ones in several lines."""
    return "\n".join(break_line(line, BOX_SIZE, WIDEST, MOST_LINES) for line in latex.split("\n"))


def _as_derivation(tensors: Sequence[Tensor]) -> Derivation | None:
    """The derivation that draws a loss together with its gradients, if the tensors are that."""
    known = [gradient_of(t) for t in tensors]
    gradients = [pair for pair in known if pair is not None]
    losses = {t for t, pair in zip(tensors, known, strict=True) if pair is None}
    roots = {y for y, _ in gradients}
    if len(roots) != 1 or not losses <= roots:
        return None
    try:
        return derive(gradients[0][0], [x for _, x in gradients])
    except DifferentiationError:  # by what is no step of the loss, such as a part of a parameter
        return None


def _derived(d: Derivation, formulas: bool) -> tuple[Parts, list[str]]:
    homes = Homes(d.graph)
    numbers = {step.box: step.number for step in d.steps if step.kind == "forward"}
    cells = OpenedLoops(d.graph, homes, formulas)
    boxes, arrows = _forward(d.graph, homes, cells, formulas, numbers)
    returns = Returns()
    more, back = _backward(d, homes, formulas, returns)
    notes = []
    if d.weight is not None and d.over is not None:
        notes.append(f"{show(d.graph[-1].leaf, 'unicode')} is the loss of one sample; "
                     f"the last step averages over {sizes_text((d.over,), 'unicode')}")
    return Parts((*boxes, *more, *returns.boxes), (*arrows, *back, *returns.arrows),
                 (*homes.clusters, *cells.clusters, *returns.clusters)), notes


def _plain(tensors: Sequence[Tensor], formulas: bool) -> tuple[Parts, list[str]]:
    """Boxes of several outputs, drawn once where they share; derivatives among them by their names."""
    alone = len(tensors) == 1 and gradient_of(tensors[0]) is None
    nodes = [as_derived(tensors[0])] if alone else stable(tensors)
    names = display_names(nodes, layer_names(tensors))
    taken = {*names.values(), *(str(n.attrs[0]) for n in topological(nodes) if n.op is ops.NAMED)}
    outputs: dict[Node, str] = {}
    derived: set[Node] = set()
    for number, (tensor, node) in enumerate(zip(tensors, nodes, strict=True), start=1):
        derivative = _derivative_name(tensor, names)
        scalars = sum(not t.shape and _derivative_name(t, names) is None for t in tensors)
        usual = tensor.name or derivative or ("L" if not tensor.shape and scalars == 1 else f"y_{number}")
        name = usual if usual not in taken or node in names else f"y_{number}"
        if node not in outputs:
            outputs[node] = name
            taken.add(name)
            derived |= {node} if derivative is not None else set()
    found = joint_boxes(outputs, names, order=written_order(tensors, list(outputs)))
    homes = Homes(found)
    cells = OpenedLoops(found, homes, formulas)
    boxes, arrows = _forward(found, homes, cells, formulas, {}, derived)
    return Parts(tuple(boxes), tuple(arrows), (*homes.clusters, *cells.clusters)), []


def _derivative_name(t: Tensor, names: dict[Node, str]) -> str | None:
    """`G_{w}` of a gradient by w, `H_{w}` or `H_{w,v}` of a second derivative."""
    pair = gradient_of(t)
    if pair is not None:
        return f"G_{{{_name(pair[1], names)}}}"
    made = t.recipe
    if made is None or made.function is not jacobian or not isinstance(made.args[0], Tensor):
        return None
    first = gradient_of(made.args[0])
    if first is None:
        return None
    x, z = _name(first[1], names), _name(made.args[1], names)
    return f"H_{{{x}}}" if x == z else f"H_{{{x},{z}}}"


def _name(x: Tensor, names: dict[Node, str]) -> str:
    return names.get(x.node) or x.name or short(x)


def _forward(found: Sequence[Box], homes: Homes, cells: OpenedLoops, formulas: bool, numbers: dict[Box, int],
             derived: set[Node] | frozenset[Node] = frozenset()) -> tuple[list[DrawnBox], list[Arrow]]:
    drawn, arrows = [], []
    outputs = [v for v in found if v.kind == "output" and v.node not in derived]
    for value in found:
        name, shape = show(value.leaf, "unicode"), _shape(value)
        back = value.node in derived
        if value.kind in ("data", "parameter", "constant"):
            more = f"{value.kind} of shape {shape}" if shape else f"{value.kind}, a scalar"
            for key, cluster in homes.places(value):
                shared = value in homes.spread and value.kind == "parameter"
                drawn.append(DrawnBox(key, name, "shared" if shared else KINDS[value.kind], f"{name}\n{more}", cluster,
                                      show(value.leaf, "latex"), noun=value.kind, shape=shape))
            continue
        label, tex = name, show(value.leaf, "latex")
        opened = cells.opened(value)
        drawn += cells.taken()
        local = value.local if opened is None else opened
        whole = f"{name} = {show(local, 'unicode')}"
        if formulas:
            label = whole
            tex = f"{tex} = {show(local, 'latex')}"
        number = numbers.get(value)
        noun = NOUNS[value.kind] if value.kind != "output" or numbers or len(outputs) == 1 and not shape else "output"
        if value.kind == "affine" and is_convolution(value.local):
            noun = "convolution"
        rule = f"({number}) {noun or 'definition'}" if number else noun
        tip = "\n".join(filter(None, (whole, f"shape {shape}" if shape else "a scalar", rule)))
        kind = "derivative" if back else KINDS[value.kind]
        drawn.append(DrawnBox(homes.key(value), label, kind, tip, homes.cluster(value), tex,
                              link=f"step-{number}" if number else "", noun="derivative" if back else noun, shape=shape))
        arrows += [Arrow(homes.key(operand, value), homes.key(value), _shape(operand), derivative=back,
                         latex=_shape(operand, "latex")) for operand in value.operands if opened is None]
    return drawn, [*arrows, *cells.arrows]


def _shape(value: Box, style: str = "unicode") -> str:
    """The shape on an edge: `T × 128`; a scalar has none."""
    return sizes_text(value.leaf.shape, style)


def _backward(d: Derivation, homes: Homes, formulas: bool, returns: Returns) -> tuple[list[DrawnBox], list[Arrow]]:
    drawn, arrows = [], []
    for step in d.steps:
        if step.kind != "backward":
            continue
        value, name = step.box, gradient_name(step.box, "unicode")
        shape = _shape(value)
        whole = formula(step, "unicode", "sample")
        tip = "\n".join(filter(None, (whole, f"shape {shape}" if shape else "a scalar", f"({step.number}) {step.rule}")))
        tex = gradient_name(value, "latex")
        if formulas:
            tex = formula(step, "latex", "sample")
        leaf = value.kind in ("parameter", "data", "constant")
        key, cluster = _gradient_key(homes.key(value)), homes.cluster(value)
        tails = [homes.key(user) if user.kind == "output" else _gradient_key(homes.key(user)) for user in step.consumers]
        opened = returns.opened(step, key, tails) if formulas else None
        whole, tex = opened or (whole, tex)
        drawn.append(DrawnBox(key, whole if formulas else name, "parameter_gradient" if leaf else "gradient", tip, cluster,
                              tex, beside=homes.key(value), link=f"step-{step.number}",
                              noun=show(value.leaf, "unicode"), shape=shape))
        if opened is not None:
            continue
        apart = value in homes.spread and len(step.consumers) >= SEVERAL
        for user in step.consumers:
            tail = homes.key(user) if user.kind == "output" else _gradient_key(homes.key(user))
            place = homes.key(value, user)
            if apart and place != homes.key(value):
                drawn.append(_part(step, user, place, homes, d, formulas))
                arrows.append(Arrow(tail, _gradient_key(place), backward=True))
            else:
                arrows.append(Arrow(tail, key, backward=True))
    return drawn, arrows


def _part(step: Step, user: Box, place: str, homes: Homes, d: Derivation, formulas: bool) -> DrawnBox:
    """What one use of a shared parameter adds to its gradient."""
    assert step.world is not None
    term = flow((user,), step.box, step.world, False)
    name = gradient_name(step.box, "unicode")
    whole = f"{name} += {show(term, 'unicode')}"
    tex = gradient_name(step.box, "latex") + r" \; {+}{=} \; " + show(term, "latex") if formulas else ""
    return DrawnBox(_gradient_key(place), whole if formulas else name, "parameter_gradient",
                    f"{whole}\nthe part of ({step.number}) that comes from {show(user.leaf, 'unicode')}",
                    homes.cluster(user), tex, beside=place,
                    link=f"step-{step.number}", noun="part")


def _gradient_key(key: str) -> str:
    return f"g{key.removeprefix('v')}"
