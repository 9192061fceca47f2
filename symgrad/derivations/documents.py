"""A derivation as text: Unicode for the terminal, Markdown as GitHub renders it; what all documents say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symgrad.derivations.laws import CHAIN_RULE, DERIVED, laws
from symgrad.derivations.steps import Step
from symgrad.derivations.text import (
    by_indices,
    derived,
    formula,
    gradient_name,
    is_number,
    law,
    nabla,
    references,
    show,
    slope,
    weight_text,
    words,
)
from symgrad.derivations.transcript import Transcript
from symgrad.formulas.spelling.breaking import aligned, unicode_lines
from symgrad.graphs.algebra.einsum import transpose
from symgrad.graphs.pieces.boxes import local_jacobian, steady

LAYOUT = "G_v = (∂{r}/∂v)ᵀ has the shape of v; Jacobians are in numerator layout."
TITLES = {"forward": "Forward", "backward": "Backward", "mean": "All samples"}
CHAIN = "The whole chain, read from the right"
STABLE = "the form derived here is the same, and stable"


def sections(d: Transcript) -> list[tuple[str, list[Step]]]:
    """Titles and their steps."""
    return [(title, [s for s in d.steps if s.kind == kind]) for kind, title in TITLES.items()
            if any(s.kind == kind for s in d.steps)]


def subject(d: Transcript, style: str) -> tuple[str, str]:
    """What is derived, and by what."""
    leaf = {box.node: box.leaf for box in d.graph}
    return "L" if d.weight is not None else show(d.graph[-1].leaf, style), ", ".join(
        show(leaf.get(x.node, x.node), style) for x in d.wrt)


def constant(d: Transcript, style: str, math: Callable[[str], str]) -> str:
    """What the loss does not depend on, as a sentence; else an empty text."""
    found = {s.box.node for s in d.outputs}
    names = [math(show(x.node, style)) for x in d.wrt if x.node not in found]
    return f"It does not depend on {', '.join(names)}: that gradient is zero." if names else ""


def total(d: Transcript, style: str) -> str:
    """L as the weighted sum over samples."""
    r, sum_ = show(d.graph[-1].leaf, style), "Σ_t" if style == "unicode" else r"\sum_t"
    return f"L = {weight_text(d.weight, style)}{sum_} {r}_t"


def written(d: Transcript, style: str) -> str:
    """The loss as the user wrote it, where another form of it is derived; else an empty text."""
    if d.written is None:
        return ""
    text = show(d.written, style)
    if text == show(d.graph[-1].local, style):  # another graph, the same formula
        return ""
    return f"{show(d.graph[-1].leaf, style)} = {text}" if len(text) < 200 else ""


def laws_told(d: Transcript, math: Callable[[str], str]) -> list[tuple[str, str]]:
    """Titles and sentences of the laws, in LaTeX within a text: an operation, then what it does to gradients."""
    found = []
    for title, formulas in laws(d.steps, "latex"):
        texts = [math(text) for text in formulas]
        named = len(texts) > 1 and title != DERIVED
        told = f"{texts[0]}: {', '.join(texts[1:])}" if named else ", ".join(texts)
        found.append((title, told + f" over all {math('u')} that use {math('v')}" * (title == CHAIN_RULE)))
    return found


def chain(derivation: Transcript, style: str) -> str:
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


def batch(d: Transcript, style: str) -> tuple[str, list[tuple[Step, str]]]:
    """A title and the steps over the whole batch, samples as rows. What is a matrix for each sample stays as it is."""
    if d.over is None:
        return "", []
    steps = [s for s in d.steps if s.kind in ("forward", "backward") and s.box.kind != "output"]
    found = [(s, formula(s, style, "batch")) for s in steps]
    rows = [(s, text) for s, text in found if not by_indices(text.partition(" = ")[2])
            and (s.batch is not None or s.box.leaf.attrs[0].over is None or len(s.box.leaf.shape) < 3)]
    return "Over the batch" + (", one sample a row" if len(rows) == len(found) else
                               "; matrices of one sample stay as they are"), rows


def short(step: Step, style: str) -> str:
    """The formula; where a slope says more, with it: G_a = tanh'(a) ⊙ G_x = ..."""
    text = formula(step, style, "sample")
    if step.kind == "backward" and slope(step, style):
        left, _, right = text.partition(" = ")
        had = "" if is_number(step.box) else r"\odot " if style == "latex" else "⊙ "
        return f"{left} = {slope(step, style)} {had}{gradient_name(step.consumers[0], style)} = {right}"
    return text


def full(step: Step) -> str:
    """The law for the values of this step, and what it gives, in LaTeX."""
    text = formula(step, "latex", "sample")
    return f"{law(step, 'latex')} = {text.partition(' = ')[2]}" if step.kind == "backward" else text


def unfolded(step: Step) -> tuple[Step, ...]:
    """The inner steps that a document writes."""
    return () if step.kind in ("mean", "forward") else step.steps


def unicode(d: Transcript, width: int = 100, unfold: bool = False) -> str:
    """Plain text, formulas and reasons side by side where both fit."""
    what, by = subject(d, "unicode")
    loss = show(d.graph[-1].leaf, "unicode")
    lines = [*_wrapped(f"Gradient of {what} by ", by, width), LAYOUT.format(r=loss)]
    if d.weight is not None:
        lines.append(f"{total(d, 'unicode')};  G belongs to the loss {loss} of one sample.")
    if written(d, "unicode"):
        lines += _wrapped("As written, ", f"{written(d, 'unicode')},", width)
        lines.append(f"{STABLE}.")
    if constant(d, "unicode", str):
        lines.append(constant(d, "unicode", str))
    lines += ["", "Laws"]
    found = laws(d.steps, "unicode")
    for title, formulas in found:
        colon = f"{formulas[0]}:  " if len(formulas) > 1 and title != DERIVED else ""
        rest = formulas[1:] if colon else formulas
        lines += _wrapped(f"      {title:<{max(len(t) for t, _ in found)}}  ", f"{colon}{',  '.join(rest)}", width)
    rows = [(title, [row for s in steps for row in _rows(s, unfold)]) for title, steps in sections(d)]
    reasons = [len(reason) for _, found in rows for _, _, reason in found]
    sizes = [len(text) for _, found in rows for _, text, _ in found]
    column = min(max(sizes), max(width - 9 - max(reasons, default=0), 30))
    for title, found_rows in rows:
        lines += ["", title]
        for label, text, reason in found_rows:
            lines += _row(label, text, reason, column, width)
    whole = chain(d, "unicode")
    if whole:
        lines += ["", CHAIN, *_wrapped("      ", whole, width)]
    title, found_batch = batch(d, "unicode")
    if found_batch:
        lines += ["", title]
        for step, text in found_batch:
            lines += _wrapped(f"{f'({step.number}′)':>6} ", text, width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _rows(step: Step, unfold: bool) -> list[tuple[str, str, str]]:
    """Number, formula and reason of a step, and of those inside."""
    reason = words(step, "unicode", str)
    by = references(step)
    found = [(f"({step.label})", short(step, "unicode"), f"{reason}, {by}" if by else reason)]
    if unfold:
        for inner in unfolded(step):
            found += [(label, f"  {text}", why) for label, text, why in _rows(inner, False)]
    return found


def _row(label: str, text: str, reason: str, column: int, width: int) -> list[str]:
    """A step on one line where it fits; else the formula is broken, and the reason stands below in its column."""
    if max(len(text), column) + len(reason) + 9 <= width:
        return [f"{label:>6} {text:<{column}}  {reason}"]
    lines = _wrapped(f"{label:>6} ", text, width)
    indent = max(min(column + 9, width - len(reason)), 7)
    if len(lines[-1]) + 2 <= indent:
        return [*lines[:-1], f"{lines[-1]:<{indent}}{reason}"]
    return [*lines, f"{'':<{indent}}{reason}"]


def _wrapped(before: str, text: str, width: int) -> list[str]:
    first, *rest = unicode_lines(text, width - len(before))
    return [before + first, *(" " * len(before) + line for line in rest)]


def dollars(text: str) -> str:
    """LaTeX within a sentence."""
    return f"${text}$"


def block(text: str) -> str:
    """A displayed formula in Markdown, over several lines where it is long."""
    lines = aligned(text)
    if len(lines) == 1:
        return f"$$\n{text}\n$$"
    rows = " \\\\\n".join(lines)
    return f"$$\n\\begin{{aligned}}\n{rows}\n\\end{{aligned}}\n$$"


def markdown(d: Transcript, unfold: bool = False) -> str:
    """Markdown; each step has an anchor, and names the steps it uses by links."""
    loss = show(d.graph[-1].leaf, "latex")
    what, by = subject(d, "latex")
    parts = [f"# Gradient of ${what}$ by ${by}$",
             rf"$G_v = \left(\frac{{\partial {loss}}}{{\partial v}}\right)^{{\top}}$ has the shape of $v$; "
             "Jacobians are in numerator layout."]
    if d.weight is not None:
        parts += [block(total(d, "latex")), f"$G$ belongs to the loss ${loss}$ of one sample."]
    if written(d, "latex"):
        parts += ["As written,", block(written(d, "latex")), f"{STABLE}."]
    if constant(d, "latex", dollars):
        parts.append(constant(d, "latex", dollars))
    parts.append("## Laws")
    parts += [f"*{title}*. {told}" for title, told in laws_told(d, dollars)]
    for title, steps in sections(d):
        parts.append(f"## {title}")
        for step in steps:
            parts += _markdown_step(step)
            if unfold:
                for inner in unfolded(step):
                    parts += ["> " + part.replace("\n", "\n> ") for part in _markdown_step(inner)]
    whole = chain(d, "latex")
    if whole:
        parts += [f"## {CHAIN}", block(whole)]
    title, found = batch(d, "latex")
    if found:
        parts.append(f"## {title}")
        parts += [block(text + rf" \tag{{{step.number}'}}") for step, text in found]
    return "\n\n".join(parts) + "\n"


def _markdown_step(step: Step) -> Sequence[str]:
    reason = words(step, "latex", dollars)
    by = references(step, lambda n: f"[({n})](#step-{n})")
    anchor = "" if step.inside else f'<a id="step-{step.number}"></a>'
    parts = [f"{anchor}**({step.label})** {reason}{', ' + by if by else ''}", block(full(step))]
    local = derived(step, "latex")
    return [*parts, f"with ${local}$"] if local else parts
