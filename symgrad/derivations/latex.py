"""A derivation in LaTeX: numbered equations that refer to each other, for plain pdflatex with amsmath."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.derivations.documents import (
    CHAIN,
    LAYOUT,
    STABLE,
    batch,
    chain,
    constant,
    dollars,
    full,
    laws_told,
    sections,
    subject,
    total,
    unfolded,
    written,
)
from symgrad.derivations.steps import Step
from symgrad.derivations.text import derived, formula, references, show, words
from symgrad.derivations.transcript import Transcript
from symgrad.formulas.spelling.breaking import PAGE, aligned, latex_width, parted

FRAME = r"""\documentclass[11pt,a4paper]{{article}}
\usepackage[T1]{{fontenc}}
\usepackage[margin=2.5cm]{{geometry}}
\usepackage{{amsmath,amssymb}}
\begin{{document}}
\section*{{{title}}}

{body}
\end{{document}}
"""
SPACING = r"""\begingroup
\allowdisplaybreaks
\abovedisplayskip=3pt plus 2pt \belowdisplayskip=6pt plus 3pt \abovedisplayshortskip=0pt plus 2pt"""
INTERTEXT = "\\intertext{"
WITHIN = 16.0  # em: the longest formula within a sentence
WIDER = 38.0  # em: a line of the document, less an equation number


def latex(d: Transcript, document: bool, unfold: bool, label: str) -> str:
    """A fragment for the text width of article, or a document of its own."""
    body = _body(d, WIDER if document else PAGE, unfold).replace("{step-", f"{{{label}-")
    return FRAME.format(title=f"Gradient of ${subject(d, 'latex')[0]}$", body=body) if document else body


def _body(d: Transcript, width: float, unfold: bool) -> str:
    loss = show(d.graph[-1].leaf, "latex")
    what, by = subject(d, "latex")
    parts = [f"% {LAYOUT.format(r=d.graph[-1].name)}".replace("ᵀ", "'").replace("∂", "d"),
             rf"\noindent The gradient of ${what}$ by ${by}$. "
             rf"$G_{{v}} = \left(\frac{{\partial {loss}}}{{\partial v}}\right)^{{\top}}$ has the shape of $v$; "
             "Jacobians are in numerator layout."]
    if d.weight is not None:
        parts[-1] += f" $G$ belongs to the loss ${loss}$ of one sample:\n{_display(total(d, 'latex'), width)}"
    if written(d, "latex"):
        parts.append(f"\\noindent As written,\n{_display(written(d, 'latex'), width)}\n\\noindent {STABLE}.")
    if constant(d, "latex", dollars):
        parts.append(rf"\noindent {constant(d, 'latex', dollars)}")
    parts += [_laws(d), SPACING]
    for title, steps in sections(d):
        parts.append(f"\\subsection*{{{title}}}\n{_steps(steps, width, unfold)}")
    whole = chain(d, "latex")
    if whole:
        parts.append(f"\\subsection*{{{CHAIN}}}\n{_display(whole, width)}")
    title, found = batch(d, "latex")
    if found:
        left = max(latex_width(parted(text)[0]) for _, text in found)
        rows = [_numbered(aligned(text, width, left), rf"\tag{{\ref{{step-{s.number}}}$'$}}") for s, text in found]
        parts.append(f"\\subsection*{{{title}}}\n{_align(rows)}")
    return "\n\n".join(parts) + "\n\\endgroup\n"


def _laws(d: Transcript) -> str:
    items = [rf"\item[{title}] {told}" for title, told in laws_told(d, dollars)]
    return "\\subsection*{Laws}\n\\begin{description}\\itemsep0pt\n" + "\n".join(items) + "\n\\end{description}"


def _display(text: str, width: float) -> str:
    lines = aligned(text, width)
    return f"\\[ {text} \\]" if len(lines) == 1 else _align([_numbered(lines, r"\notag")])


def _align(rows: Sequence[str]) -> str:
    return "\\begin{align}\n" + " \\\\\n".join(rows) + "\n\\end{align}"


def _numbered(lines: Sequence[str], number: str) -> str:
    """The lines of one equation; the last one has its number."""
    return " \\\\\n".join([*(rf"  {line} \notag" for line in lines[:-1]), f"  {lines[-1]} {number}"])


def _steps(steps: Sequence[Step], width: float, unfold: bool) -> str:
    """Forward steps with their reasons beside them, others with their reasons before."""
    rows = []
    shown = [full(step) for step in steps]
    left = max(latex_width(parted(text)[0]) for text in [
        *shown, *(full_inside(inner) for step in steps for inner in unfolded(step) if unfold)])
    for step, text in zip(steps, shown, strict=True):
        lines = aligned(text, width, left)
        reason = words(step, "latex", dollars)
        number = rf"\tag{{\ref{{step-{step.inside}}}.{step.number}}}" if step.inside else rf"\label{{step-{step.number}}}"
        room = width - max(latex_width(line) for line in lines)
        if step.kind == "forward" and room > 0.5 * len(reason) + 4:
            rows.append(_numbered(lines, rf"&& \text{{{reason}}} {number}"))
        else:
            by = references(step, lambda n: rf"\eqref{{step-{n}}}")
            said = reason[:1].upper() + reason[1:] + (f", {by}" if by else "")
            local = derived(step, "latex")
            beside = latex_width(local) < WITHIN
            said += f", with ${local}$" if local and beside else ""
            more = "" if beside else _numbered(aligned(local, width, left), r"\notag") + " \\\\\n"
            rows.append(f"\\intertext{{{said}:}}\n{more}{_numbered(lines, number)}")
        if unfold and unfolded(step):
            rows += [f"  {row}" for row in _inner(step, width, left)]
    first = ""
    if rows[0].startswith(INTERTEXT):
        said, _, rows[0] = rows[0].removeprefix(INTERTEXT).partition("}\n")
        first = f"\\noindent {said}\n"
    text = _align(rows)
    return first + text.replace(" \\\\\n\\intertext", "\n\\intertext")  # which ends the line before it


def full_inside(step: Step) -> str:
    """The formula of an inner step, which has its law beside it."""
    return full(step) if step.kind != "backward" else formula(step, "latex", "sample")


def _inner(step: Step, width: float, left: float) -> list[str]:
    rows = []
    for inner in unfolded(step):
        lines = aligned(full_inside(inner), width, left)
        rows.append(_numbered(lines, rf"\tag{{\ref{{step-{step.number}}}.{inner.number}}}"))
    return rows
