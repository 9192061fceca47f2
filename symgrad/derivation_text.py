"""The text of one step of a derivation: a formula, a law, a rule in words, the local Jacobians.

A step is printed from its small graph by `formulas.render`; nothing is stored as text. Styles are "unicode"
and "latex"; modes are "sample" (one sample, column vectors) and "batch" (samples as rows).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from symgrad.formulas import render
from symgrad.graphs.boxes import LEAF, Box, cotangent_leaf, local_jacobian, steady
from symgrad.graphs.formulas import lower
from symgrad.graphs.node import REAL, Node, Symbol
from symgrad.graphs.primitives import elementwise, input_node
from symgrad.graphs.rows import X0, Y, partial
from symgrad.graphs.weights import ONE, to_expr

if TYPE_CHECKING:
    from symgrad.derivation import Step



def show(node: Node, style: str, mode: str = "sample") -> str:
    """A leaf or a formula as text."""
    return render(node, mode=mode, style=style)


def name_of(step: Step, style: str, mode: str) -> str:
    """The left-hand side of a step."""
    if step.kind == "backward":
        return gradient_name(step.box, style, mode)
    return show(step.box.leaf, style, mode)


def gradient_name(box: Box, style: str, mode: str = "sample") -> str:
    """G_v of a box."""
    return show(cotangent_leaf(box), style, mode)


def formula(step: Step, style: str, mode: str) -> str:
    """The formula of a step."""
    if step.kind == "mean":
        return _mean(step, style, mode)
    if mode == "sample" or step.batch is None:
        return f"{name_of(step, style, mode)} = {show(step.node, style, mode)}"
    return f"{nabla(show(step.box.leaf, style), 'L', style)} = {show(step.batch, style, mode)}"


def nabla(v: str, of: str, style: str) -> str:
    return rf"\nabla_{{{v}}} {of}" if style == "latex" else f"∇_{v} {of}"


def _mean(step: Step, style: str, mode: str) -> str:
    names = ", ".join(show(s.box.leaf, style) for s in step.steps)
    if style == "latex":
        return rf"\nabla_{{\theta}} L = {weight_text(step, style)}\sum_t G_{{\theta}}, \quad \theta = {names}"
    return f"∇_θ L = {weight_text(step, style)}Σ_t G_θ,  θ = {names}"


def weight_text(step: Step, style: str) -> str:
    by = step.weight
    if by is None or by == ONE:
        return ""
    text = sp.latex(to_expr(by)) if style == "latex" else str(to_expr(by)).replace("*", " ")
    return f"{text} "


def _partial(a: str, b: str, style: str) -> str:
    return rf"\frac{{\partial {a}}}{{\partial {b}}}" if style == "latex" else f"∂{a}/∂{b}"


def law(step: Step, style: str) -> str:
    """The general law: for a gradient, the sum over all uses of the transposed Jacobian times G."""
    if step.kind == "forward":
        return ""
    t, had = (r"^{\top}", r"\odot") if style == "latex" else ("ᵀ", "⊙")
    if step.kind == "mean":
        return formula(step, style, "sample")
    v = show(step.box.leaf, style)
    terms = []
    for user in step.consumers:
        if user.kind == "output":
            terms.append(nabla(v, show(user.leaf, style), style))
        else:
            left, right = (r"\left(", r"\right)") if style == "latex" else ("(", ")")
            d = _partial(show(user.leaf, style), v, style)
            terms.append(f"{left}{d}{right}{t} {gradient_name(user, style)}")
    text = f"{gradient_name(step.box, style)} = {' + '.join(terms)}"
    derivative = slope(step, style)
    if derivative:
        g = gradient_name(step.consumers[0], style)
        diag = r"\operatorname{diag}" if style == "latex" else "diag"
        text += f" = {diag}[{derivative}] {g} = {derivative} {had} {g}"
    return text


def _row(box: Box) -> str | None:
    """The elementwise function of one operand that a box is, if it is one."""
    if box.local.op == "elementwise" and len(box.local.operands) == 1 and box.operands and (
            box.local.operands[0] is box.operands[0].leaf) and box.local.shape == box.operands[0].leaf.shape:
        return str(box.local.attrs[0])
    return None


def slope(step: Step, style: str) -> str:
    """tanh'(a), where the only use of a is an activation."""
    row = _row(step.consumers[0]) if len(step.consumers) == 1 and step.consumers[0].kind != "output" else None
    return "" if row is None else f"{function_name(row, style)}'({show(step.box.leaf, style)})"


def function_name(row: str, style: str) -> str:
    """A row's name in a formula."""
    if row == "sigmoid":
        return r"\sigma" if style == "latex" else "σ"
    if style != "latex":
        return row
    known = ("tanh", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "arctan", "arcsin", "arccos")
    return f"\\{row}" if row in known else rf"\operatorname{{{row}}}".replace("_", r"\_")


def rule(step: Step) -> str:
    """Why a step holds, in words."""
    box = step.box
    if step.kind == "mean":
        return "by linearity: the mean of the gradients"
    if step.kind == "forward":
        if box.kind == "affine":
            return "affine layer"
        if box.kind == "activation":
            row = _row(box)
            return f"activation, {row} entry by entry" if row else "activation"
        return "loss" if box.kind == "output" else "definition"
    users = step.consumers
    if len(users) > 1:
        return f"sum over the {len(users)} uses of {show(box.leaf, 'unicode')}"
    if users[0].kind == "output":
        return "gradient of the loss"
    if (row := _row(users[0])) is not None:
        return f"through {function_name(row, 'unicode')}, whose Jacobian is diagonal"
    if users[0].kind == "affine":
        if _shift(users[0], box):
            return "the Jacobian of a shift is the identity"
        if box.kind != "parameter" or len(box.node.shape) == 1:
            return "through the affine layer"
        other = [o for o in users[0].operands if o is not box and o.kind != "parameter"]
        x = show(other[0].leaf, "unicode") if len(other) == 1 else "input"
        return f"outer product: column d is {x}_d {gradient_name(users[0], 'unicode')}"
    return f"chain rule through {show(users[0].leaf, 'unicode')}"


def _shift(user: Box, box: Box) -> bool:
    """Is the value a term of the sum that the box is?"""
    return user.local.op == "add" and any(
        o is box.leaf or o.op == "view" and o.operands == (box.leaf,) for o in user.local.operands)


def jacobians(step: Step, style: str) -> str:
    """The local Jacobians that the step applies, and the scalar derivative behind an activation."""
    if step.kind != "backward":
        return ""
    texts = []
    for user in step.consumers:
        j = local_jacobian(user, step.box)
        both = _samples(user, step.box)
        rank, axes = len(user.leaf.shape) - both, len(step.box.leaf.shape) - both
        if j is not None and rank == axes == 1:  # of higher order or a row: the formula itself says more
            left = _partial(show(user.leaf, style), show(step.box.leaf, style), style)
            texts.append(f"{left} = {show(steady(j) or j, style)}")
        if (row := _row(user)) is not None:
            texts.append(scalar_derivative(row, style))
    return ("; " if style == "unicode" else r",\quad ").join(texts)


def _samples(*found: Box) -> int:
    return int(all(box.leaf.op == "input" and box.leaf.attrs[0].over is not None for box in found))


def scalar_derivative(row: str, style: str) -> str:
    """`tanh'(a) = 1 - tanh(a)²`: what SymPy derived for a row."""
    a = input_node(Symbol("data", "a", owner=LEAF), (), REAL)
    derived = lower(partial(row, 0), {X0: a, Y: elementwise(row, [a])}, ())
    return f"{function_name(row, style)}'(a) = {show(derived, style)}"
