"""The text of a derivation: one step as a formula, a law, a rule in words; all steps as a document.

A step is printed from its small graph by `formulas.render`; nothing is stored as text. Styles are "unicode"
and "latex"; modes are "sample" (one sample, column vectors) and "batch" (samples as rows).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from symgrad.formulas import render
from symgrad.graphs.boxes import LEAF, Box, local_jacobian, steady
from symgrad.graphs.einsum import transpose
from symgrad.graphs.formulas import lower
from symgrad.graphs.node import REAL, Node, Symbol
from symgrad.graphs.primitives import elementwise, input_node
from symgrad.graphs.rows import X0, Y, partial
from symgrad.graphs.weights import ONE, to_expr

if TYPE_CHECKING:
    from symgrad.derivation import Derivation, Step

LAYOUT = "G_v = (∂{r}/∂v)ᵀ has the shape of v; Jacobians are in numerator layout."
TITLES = {"forward": "Forward", "backward": "Backward", "mean": "All samples"}


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
    over = box.leaf.attrs[0].over if box.leaf.op == "input" else None
    leaf = input_node(Symbol("data", f"G_{{{box.name}}}", over, owner=LEAF), box.leaf.shape, REAL)
    return show(leaf, style, mode)


def formula(step: Step, style: str, mode: str) -> str:
    """The formula of a step."""
    if step.kind == "mean":
        return _mean(step, style, mode)
    if mode == "sample" or step.batch is None:
        return f"{name_of(step, style, mode)} = {show(step.node, style, mode)}"
    return f"{_nabla(show(step.box.leaf, style), 'L', style)} = {show(step.batch, style, mode)}"


def _nabla(v: str, of: str, style: str) -> str:
    return rf"\nabla_{{{v}}} {of}" if style == "latex" else f"∇_{v} {of}"


def _mean(step: Step, style: str, mode: str) -> str:
    names = ", ".join(show(s.box.leaf, style) for s in step.steps)
    if style == "latex":
        return rf"\nabla_{{\theta}} L = {_weight(step, style)}\sum_t G_{{\theta}}, \quad \theta = {names}"
    return f"∇_θ L = {_weight(step, style)}Σ_t G_θ,  θ = {names}"


def _weight(step: Step, style: str) -> str:
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
    t, had = (r"^{\mathsf T}", r"\odot") if style == "latex" else ("ᵀ", "⊙")
    if step.kind == "mean":
        return formula(step, style, "sample")
    v = show(step.box.leaf, style)
    terms = []
    for user in step.consumers:
        if user.kind == "output":
            terms.append(_nabla(v, show(user.leaf, style), style))
        else:
            left, right = (r"\left(", r"\right)") if style == "latex" else ("(", ")")
            d = _partial(show(user.leaf, style), v, style)
            terms.append(f"{left}{d}{right}{t} {gradient_name(user, style)}")
    text = f"{gradient_name(step.box, style)} = {' + '.join(terms)}"
    slope = _slope(step, style)
    if slope:
        g = gradient_name(step.consumers[0], style)
        diag = r"\operatorname{diag}" if style == "latex" else "diag"
        text += f" = {diag}[{slope}] {g} = {slope} {had} {g}"
    return text


def _row(box: Box) -> str | None:
    """The elementwise function of one operand that a box is, if it is one."""
    if box.local.op == "elementwise" and len(box.local.operands) == 1 and box.operands and (
            box.local.operands[0] is box.operands[0].leaf) and box.local.shape == box.operands[0].leaf.shape:
        return str(box.local.attrs[0])
    return None


def _slope(step: Step, style: str) -> str:
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
        if box.kind != "parameter":
            return "through the affine layer"
        if len(box.node.shape) == 1:
            return "the Jacobian of a shift is the identity"
        other = [o for o in users[0].operands if o is not box and o.kind != "parameter"]
        x = show(other[0].leaf, "unicode") if len(other) == 1 else "input"
        return f"outer product: column d is {x}_d {gradient_name(users[0], 'unicode')}"
    return f"chain rule through {show(users[0].leaf, 'unicode')}"


def jacobians(step: Step, style: str) -> str:
    """The local Jacobians that the step applies, and the scalar derivative behind an activation."""
    if step.kind != "backward":
        return ""
    texts = []
    for user in step.consumers:
        j = local_jacobian(user, step.box)
        shown = len(user.leaf.shape) + len(step.box.leaf.shape) - 2 * _samples(user, step.box)
        if j is not None and shown <= 2:
            left = _partial(show(user.leaf, style), show(step.box.leaf, style), style)
            texts.append(f"{left} = {show(j, style)}")
        if (row := _row(user)) is not None:
            texts.append(scalar_derivative(row, style))
    return ("; " if style == "unicode" else r",\quad ").join(texts)


def _samples(*found: Box) -> int:
    return int(all(box.leaf.op == "input" and box.leaf.attrs[0].over is not None for box in found))


def scalar_derivative(row: str, style: str) -> str:
    """`tanh'(a) = 1 - tanh(a)²`: what SymPy derived for a row."""
    a = input_node(Symbol("data", "a", owner=LEAF), (), REAL)
    slope = lower(partial(row, 0), {X0: a, Y: elementwise(row, [a])}, ())
    return f"{function_name(row, style)}'(a) = {show(slope, style)}"


def chain(derivation: Derivation, style: str) -> str:
    """The whole chain for data at the bottom of a straight net, as the lecture writes it; else an empty text."""
    had = r"\odot" if style == "latex" else "⊙"
    for step in derivation.outputs:
        if step.box.kind != "data" or len(derivation.steps) < 6:
            continue
        factors, current = [], step
        by_box = {s.box: s for s in derivation.steps if s.kind == "backward"}
        while len(current.consumers) == 1 and current.consumers[0].kind != "output":
            user = current.consumers[0]
            slope = _slope(current, style)
            if slope:
                factors.append(f"{slope} {had}")
            else:
                j = local_jacobian(user, current.box)
                j = None if j is None else steady(j)
                if j is None or len(j.shape) != 2:
                    break
                factors.append(show(transpose(j, [1, 0]), style))
            current = by_box[user]
        else:
            if len(current.consumers) == 1:
                v = show(current.box.leaf, style)
                last = show(current.consumers[0].leaf, style)
                return f"{gradient_name(step.box, style)} = {' '.join(factors)} {_nabla(v, last, style)}"
    return ""


def document(derivation: Derivation, style: str) -> str:
    """All steps as a document: "unicode", "latex", "markdown" or "html"."""
    return {"unicode": _unicode, "latex": _latex, "markdown": _markdown, "html": _html}[style](derivation)


def _sections(d: Derivation) -> list[tuple[str, list[Step]]]:
    return [(title, [s for s in d.steps if s.kind == kind]) for kind, title in TITLES.items()
            if any(s.kind == kind for s in d.steps)]


def _title(d: Derivation, style: str) -> str:
    names = ", ".join(show(s.box.leaf, style) for s in d.asked)
    total = "L" if d.weight is not None else show(d.graph[-1].leaf, style)
    return f"{total} by {names}" if style == "unicode" else f"${total}$ by ${names}$"


def _total(d: Derivation, style: str) -> str:
    r = show(d.graph[-1].leaf, style)
    sum_ = r"\sum_t" if style == "latex" else "Σ_t"
    return f"L = {_weight(d.steps[-1], style)}{sum_} {r}_t"


def _line(step: Step) -> str:
    """Law and instance on one line where the law says more."""
    text = formula(step, "unicode", "sample")
    if step.kind == "backward" and _slope(step, "unicode"):
        slope, g = _slope(step, "unicode"), gradient_name(step.consumers[0], "unicode")
        left, _, right = text.partition(" = ")
        return f"{left} = {slope} ⊙ {g} = {right}"
    return text


def _unicode(d: Derivation) -> str:
    loss = show(d.graph[-1].leaf, "unicode")
    lines = [f"Gradient of {_title(d, 'unicode')}", LAYOUT.format(r=loss)]
    if d.weight is not None:
        lines.append(f"{_total(d, 'unicode')};  G belongs to the loss {loss} of one sample.")
    width = max(len(_line(s)) for s in d.steps)
    width = min(width, 72)
    for title, steps in _sections(d):
        lines += ["", title]
        for step in steps:
            number, text = f"({step.number})", _line(step)
            lines.append(f"{number:>5} {text:<{width}}  {step.rule}".rstrip())
    whole = chain(d, "unicode")
    if whole:
        lines += ["", "The whole chain, read from the right", f"      {whole}"]
    batch = _batch(d, "unicode")
    if batch:
        lines += ["", "Over the batch, one sample a row", *(f"      {text}" for text in batch)]
    return "\n".join(lines) + "\n"


def _batch(d: Derivation, style: str) -> list[str]:
    if d.over is None:
        return []
    return [formula(s, style, "batch") for s in d.steps if s.kind != "mean" and s.box.kind != "output"]


def _aligned(text: str) -> str:
    left, _, right = text.partition(" = ")
    return f"{left} &= {right}"


def _full(step: Step) -> str:
    text = formula(step, "latex", "sample")
    if step.kind == "backward":
        return f"{law(step, 'latex')} = {text.partition(' = ')[2]}"
    return text


def _latex(d: Derivation) -> str:
    parts = [rf"% {LAYOUT.format(r=d.graph[-1].name)}"]
    if d.weight is not None:
        parts.append(f"\\[ {_total(d, 'latex')} \\]")
    for title, steps in _sections(d):
        rows = " \\\\\n".join(f"  {_aligned(_full(s))} \\tag{{{s.number}}}" for s in steps)
        parts.append(f"\\paragraph{{{title}}}\n\\begin{{align*}}\n{rows}\n\\end{{align*}}")
    batch = _batch(d, "latex")
    if batch:
        rows = " \\\\\n".join(f"  {_aligned(text)}" for text in batch)
        parts.append(f"\\paragraph{{Over the batch, one sample a row}}\n\\begin{{align*}}\n{rows}\n\\end{{align*}}")
    return "\n\n".join(parts) + "\n"


def _block(text: str) -> str:
    return f"$$\n{text}\n$$"


def _markdown(d: Derivation) -> str:
    loss = show(d.graph[-1].leaf, "latex")
    parts = [f"# Gradient of {_title(d, 'latex')}",
             rf"$G_v = \left(\frac{{\partial {loss}}}{{\partial v}}\right)^{{\mathsf T}}$ has the shape of $v$; "
             "Jacobians are in numerator layout."]
    if d.weight is not None:
        parts += [_block(_total(d, "latex")), f"$G$ belongs to the loss ${loss}$ of one sample."]
    for title, steps in _sections(d):
        parts.append(f"## {title}")
        for step in steps:
            parts.append(f"**({step.number})** {step.rule}")
            parts.append(_block(_full(step)))
            local = jacobians(step, "latex")
            if local:
                parts.append(f"with ${local}$")
    whole = chain(d, "latex")
    if whole:
        parts += ["## The whole chain, read from the right", _block(whole)]
    batch = _batch(d, "latex")
    if batch:
        parts.append("## Over the batch, one sample a row")
        parts += [_block(text) for text in batch]
    return "\n\n".join(parts) + "\n"


def mathml_of(latex: str) -> str:
    """LaTeX as MathML for a page."""
    from latex2mathml.converter import convert

    return str(convert(latex))


def _html(d: Derivation) -> str:
    rows = []
    for title, steps in _sections(d):
        rows.append(f'<tr><th colspan="3">{title}</th></tr>')
        for s in steps:
            rows.append(f'<tr id="step-{s.number}"><td>({s.number})</td><td>{mathml_of(_full(s))}</td>'
                        f"<td>{s.rule}</td></tr>")
    for text in _batch(d, "latex"):
        rows.append(f"<tr><td></td><td>{mathml_of(text)}</td><td>over the batch</td></tr>")
    caption = LAYOUT.format(r=show(d.graph[-1].leaf, "unicode"))
    body = "\n".join(rows)
    return f'<table class="derivation">\n<caption>{caption}</caption>\n{body}\n</table>\n'
