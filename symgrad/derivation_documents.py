"""A derivation as a document: Unicode for the terminal, Markdown as GitHub renders it, LaTeX, HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgrad.derivation_text import formula, gradient_name, jacobians, law, nabla, show, slope, weight_text
from symgrad.graphs.boxes import local_jacobian, steady
from symgrad.graphs.einsum import transpose

if TYPE_CHECKING:
    from symgrad.derivation import Derivation, Step

LAYOUT = "G_v = (∂{r}/∂v)ᵀ has the shape of v; Jacobians are in numerator layout."
TITLES = {"forward": "Forward", "backward": "Backward", "mean": "All samples"}


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
            derivative = slope(current, style)
            if derivative:
                factors.append(f"{derivative} {had}")
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
                return f"{gradient_name(step.box, style)} = {' '.join(factors)} {nabla(v, last, style)}"
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
    return f"L = {weight_text(d.steps[-1], style)}{sum_} {r}_t"


def _line(step: Step) -> str:
    """Law and instance on one line where the law says more."""
    text = formula(step, "unicode", "sample")
    if step.kind == "backward" and slope(step, "unicode"):
        g = gradient_name(step.consumers[0], "unicode")
        left, _, right = text.partition(" = ")
        return f"{left} = {slope(step, 'unicode')} ⊙ {g} = {right}"
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
             rf"$G_v = \left(\frac{{\partial {loss}}}{{\partial v}}\right)^{{\top}}$ has the shape of $v$; "
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
