"""The text of one step of a derivation: a formula, a law, a rule in words, the local Jacobians.

A step is printed from its small graph by `formulas.render`; nothing is stored as text. Styles are "unicode"
and "latex"; modes are "sample" (one sample, column vectors), "each" (one sample t, with its index, among others that it
meets) and "batch" (samples as rows).
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import islice

from symgrad.derivations.glossary import words_in
from symgrad.derivations.transcript import Stage, Transcript
from symgrad.formulas.notation.own_letters import function_text
from symgrad.formulas.rendering import Lines, Said, heard, parted, render, spelled
from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.latex import LatexAlphabet
from symgrad.formulas.spelling.letters import latex_size
from symgrad.formulas.spelling.tree import Tree
from symgrad.formulas.spelling.tree import name as tree_name
from symgrad.formulas.spelling.unicode import UnicodeAlphabet
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value, ones, scale
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.primitives import elementwise, input_node
from symgrad.graphs.algebra.rows import X0, X1, X2, Y, partial
from symgrad.graphs.node import REAL, Node, Symbol, topological
from symgrad.graphs.pieces.boxes import LEAF, Box, cotangent_leaf, local_jacobian, row_of, steady
from symgrad.graphs.pieces.recurring import recurs
from symgrad.graphs.weights import ONE, Weight, to_expr

ALPHABETS: Mapping[str, UnicodeAlphabet | LatexAlphabet] = {"unicode": UnicodeAlphabet(), "latex": LatexAlphabet()}


def of_one(step: Stage) -> str:
    """The mode of a step as it is told: of one sample, with its index where samples meet."""
    return "each" if step.world.meets else "sample"


def show(node: Node, style: str, mode: str = "sample", taken: AbstractSet[Name] = frozenset()) -> str:
    """A leaf or a formula as text, beside names that are `taken`."""
    return render(node, mode=mode, style=style, taken=taken)


def shown(step: Stage, node: Node, style: str) -> str:
    """A leaf of a step as it is told: of one sample, with its index where samples meet."""
    return show(node, style, of_one(step), step.world.taken if step.world.meets else frozenset())


def letter(name: str, style: str) -> str:
    """A letter that nobody gave a value: of a sample, of the loss of all samples."""
    return spelled(tree_name(name), [], False, style)


def written(step: Stage, node: Node, style: str, mode: str) -> str:
    """A formula of a step; its indices have letters that mean nothing else in the derivation."""
    trees: list[Tree] = []
    text = render(node, mode=mode, style=style, taken=step.world.taken, said=known_before(step, mode), seen=trees)
    if step.world.ears:
        step.world.hear(words_in(trees))
    return text


def lines(step: Stage, mode: str) -> tuple[Tree, Lines]:
    """The formula of a step, and the lines that say what its letters stand for, without those that are said already."""
    return parted(step.node, mode, step.world.taken, known_before(step, mode))


def known_before(step: Stage, mode: str) -> Said:
    """What earlier steps have said of recurrences, which is not said again: their names, and what these stand for."""
    world = step.world
    place, known = world.line.get(step, len(world.line)), world.said.setdefault(mode, [Said()])
    for each in islice(world.line, len(known) - 1, place):
        node = each.batch if mode == "batch" and each.batch is not None else each.node
        told = recurs(node) and not (mode == "batch" and stays(each))
        known.append(heard(node, mode, world.taken, known[-1]) if told else known[-1])
    return known[place]


def name_of(step: Stage, style: str, mode: str) -> str:
    """The left-hand side of a step."""
    if step.kind == "backward":
        return show(cotangent_leaf(step.box), style, mode, step.world.taken)
    return show(step.box.leaf, style, mode, step.world.taken)


def gradient_name(box: Box, style: str) -> str:
    """G_v of a box."""
    return show(cotangent_leaf(box), style)


def formula(step: Stage, style: str, mode: str) -> str:
    """The formula of a step."""
    if step.kind == "mean":
        return _mean(step, style, mode)
    if step.kind == "use":
        terms = " + ".join(_transposed(user, step, style) for user in step.consumers)
        return f"{terms} = {written(step, step.node, style, mode)}"
    if mode != "batch" or step.batch is None:
        return f"{name_of(step, style, mode)} = {written(step, step.node, style, mode)}"
    total = f"{nabla(show(step.box.leaf, style), letter(step.world.total, style), style)} = "
    if stacks(step.batch) and not recurs(step.batch):  # matrices of samples: the sum over samples says it better
        return total + written(step, step.batch, style, "sample")
    with step.world.listening(set()) as heard:
        text = written(step, step.batch, style, mode)
    if not by_indices(text):
        step.world.hear(heard)
        return total + text
    if not recurs(step.batch):
        return total + written(step, step.batch, style, "sample")
    inner = written(step, step.node, style, "sample")
    inner = f"({inner})" if step.node.op is ops.ADD and len(step.node.operands) > 1 else inner
    return f"{total}{weight_text(step.world.weight, style)}{over_samples(step.world.sample, style)} {inner}"


def stays(step: Stage) -> bool:
    """Is a value a matrix of each sample, so that over the batch too the step is written of one?"""
    if step.box.kind == "output" or step.batch is not None:
        return False
    if step.box.leaf.attrs[0].over is not None and len(step.box.leaf.shape) > 2:
        return True
    return by_indices(formula(step, "unicode", "batch").partition(" = ")[2])


def by_indices(text: str) -> bool:
    """Is a formula written entry by entry, as [...]_ij?"""
    return text.startswith("[") or text.startswith(r"\left[")


def of_samples(node: Node) -> list[Node]:
    """What stands for a value of each sample in a formula."""
    return [n for n in topological([node]) if n.op is ops.INPUT and n.attrs[0].over is not None]


def stacks(node: Node) -> list[Node]:
    """Those that are a matrix, or more, of each sample."""
    return [n for n in of_samples(node) if len(n.shape) > 2]


def loss_of_all(d: Transcript, style: str) -> str:
    """The name of what is derived: L, where r is the loss of a sample."""
    return show(d.graph[-1].leaf, style) if d.weight is None else letter(d.steps[0].world.total, style)


def nabla(v: str, of: str, style: str) -> str:
    return rf"\nabla_{{{v}}} {of}" if style == "latex" else f"∇_{v} {of}"


def _mean(step: Stage, style: str, mode: str) -> str:
    names = ", ".join(show(s.box.leaf, style) for s in step.parts)
    total = f"{weight_text(step.weight, style)}{over_samples(step.world.sample, style)}"
    loss, theta = (letter(name, style) for name in (step.world.total, step.world.theta))
    if style == "latex":
        return rf"\nabla_{{{theta}}} {loss} = {total} G_{{{theta}}}, \quad {theta} = {names}"
    return f"∇_{theta} {loss} = {total} G_{theta},  {theta} = {names}"


def over_samples(sample: str, style: str) -> str:
    """The sign of a sum over samples."""
    return rf"\sum_{letter(sample, style)}" if style == "latex" else f"∑_{sample}"


def weight_text(by: Weight | None, style: str) -> str:
    """A weight in front of a sum."""
    if by is None or by == ONE:
        return ""
    text = latex_size(to_expr(by)) if style == "latex" else str(to_expr(by)).replace("*", " ")
    return f"{text} "


def _partial(a: str, b: str, style: str) -> str:
    return rf"\frac{{\partial {a}}}{{\partial {b}}}" if style == "latex" else f"∂{a}/∂{b}"


def law(step: Stage, style: str) -> str:
    """The law for the values of a step: the sum over all uses of the transposed Jacobian times G."""
    if step.kind in ("forward", "use"):
        return ""
    had = r"\odot" if style == "latex" else "⊙"
    if step.kind == "mean":
        return formula(step, style, "sample")
    v = shown(step, step.box.leaf, style)
    terms = [nabla(v, show(user.leaf, style), style) if user.kind == "output" else _transposed(user, step, style)
             for user in step.consumers]
    text = f"{shown(step, cotangent_leaf(step.box), style)} = {' + '.join(terms)}"
    derivative = slope(step, style)
    if derivative:
        g = shown(step, cotangent_leaf(step.consumers[0]), style)
        diag = r"\operatorname{diag}" if style == "latex" else "diag"
        entries = f"{diag}[{derivative}] {g} = {derivative} {had}"
        text += f" = {derivative if is_number(step.box) else entries} {g}"
    return text


def short(step: Stage, style: str) -> str:
    """The formula; where a slope says more, with it: G_a = tanh'(a) ⊙ G_x = ..."""
    text = formula(step, style, of_one(step))
    if step.kind == "backward" and slope(step, style):
        left, _, right = text.partition(" = ")
        had = "" if is_number(step.box) else r"\odot " if style == "latex" else "⊙ "
        return f"{left} = {slope(step, style)} {had}{shown(step, cotangent_leaf(step.consumers[0]), style)} = {right}"
    if step.applied is not None:
        left, _, right = text.partition(" = ")
        return f"{left} = {written(step, step.applied, style, of_one(step))} = {right}"
    return text


def full(step: Stage, style: str) -> str:
    """The law for the values of a backward step, and what it gives."""
    text = formula(step, style, of_one(step))
    return f"{law(step, style)} = {text.partition(' = ')[2]}" if step.kind == "backward" else text


def is_number(box: Box) -> bool:
    """Is the value a number, for each sample if there are samples?"""
    return len(box.leaf.shape) == samples_of(box)


def _transposed(user: Box, step: Stage, style: str) -> str:
    """(∂u/∂v)ᵀ G_u; where samples meet, u is that of all."""
    v = shown(step, step.box.leaf, style)
    if user.kind == "output":
        return nabla(v, show(user.leaf, style), style)
    left, right, t = (r"\left(", r"\right)", r"^{\top}") if style == "latex" else ("(", ")", "ᵀ")
    return f"{left}{_partial(show(user.leaf, style), v, style)}{right}{t} {gradient_name(user, style)}"


def slope(step: Stage, style: str) -> str:
    """tanh'(a), where the only use of a is an activation."""
    row = row_of(step.consumers[0]) if len(step.consumers) == 1 and step.consumers[0].kind != "output" else None
    return "" if row is None else f"{function_name(row, style, step.world.letters)}'({shown(step, step.box.leaf, style)})"


def function_name(row: str, style: str, used: AbstractSet[str]) -> str:
    """A row's name in a formula, where some letters are `used`."""
    return ALPHABETS[style].function(function_text(row, used), ())


def jacobians(step: Stage, style: str) -> str:
    """The local Jacobians that the step applies, and the scalar derivative behind an activation."""
    if step.kind != "backward":
        return ""
    texts = []
    for user in step.consumers:
        j = local_jacobian(user, step.box)
        both = samples_of(user, step.box)
        rank, axes = len(user.leaf.shape) - both, len(step.box.leaf.shape) - both
        if j is not None and rank == axes == 1:  # of higher order or a row: the formula itself says more
            left = _partial(show(user.leaf, style), show(step.box.leaf, style), style)
            texts.append(f"{left} = {written(step, steady(j) or j, style, 'sample')}")
        if (row := row_of(user)) is not None:
            texts.append(scalar_derivative(row, style, step.world.taken))
    return ("; " if style == "unicode" else r",\quad ").join(texts)


def derived(step: Stage, style: str) -> str:
    """What SymPy derived, as a document says it: the derivative of an activation, or else Jacobians in matrix notation."""
    if step.kind != "backward" or len(step.consumers) > 1:
        return ""
    if slope(step, style):
        return scalar_derivative(str(row_of(step.consumers[0])), style, step.world.taken)
    text = jacobians(step, style)
    return "" if by_indices(text.partition(" = ")[2]) or text.endswith("= I") else text


def samples_of(*found: Box) -> int:
    """How many axes run over samples: 1 where the values of all these boxes are of samples."""
    return int(all(box.leaf.op is ops.INPUT and box.leaf.attrs[0].over is not None for box in found))


def scalar_derivative(row: str, style: str, taken: AbstractSet[Name]) -> str:
    """`tanh'(a) = 1 - tanh(a)²`: what SymPy derived for a row, beside names that are `taken`."""
    return slope_of(elementwise(row, [_number()]), style, taken)


def slope_of(node: Node, style: str, taken: AbstractSet[Name] = frozenset()) -> str:
    """The same for a function as it stands, with its constants: `leaky_relu'(a) = {1 if a > 0, 0.2 otherwise}`."""
    row, value = str(node.attrs[0]), of_number(node)
    plain = frozenset(Name(each.base) for each in taken)  # a is a letter of its own here, whatever else is called a²
    letters = {each.base for each in plain}
    right = show(slope_node(node), style, taken=plain)
    if show(value, "unicode", taken=plain).startswith(f"{function_name(row, 'unicode', letters)}(a"):
        return f"{function_name(row, style, letters)}'(a) = {right}"
    left, close = (r"\left(", r"\right)") if style == "latex" else "()"
    return f"{left}{show(value, style, taken=plain)}{close}' = {right}"  # of √a


def slope_node(node: Node) -> Node:
    """The derivative of a function at a number."""
    value = of_number(node)
    row = str(node.attrs[0])
    return lower(partial(row, 0), {**dict(zip((X0, X1, X2), value.operands, strict=False)), Y: value}, ())


def is_function_of_one(node: Node) -> bool:
    """Is an elementwise function one of one value, all others being numbers?"""
    return node.dtype == REAL and all(literal_value(o) is not None for o in node.operands[1:])


def of_number(node: Node) -> Node:
    """A function at a number, with the constants that stand beside it."""
    numbers = [scale(ones(()), by) for o in node.operands[1:] if (by := literal_value(o)) is not None]
    return elementwise(str(node.attrs[0]), [_number(), *numbers])


def _number() -> Node:
    return input_node(Symbol("data", "a", owner=LEAF), (), REAL)
