"""A derivation in HTML: numbered steps that unfold, formulas as MathML, light or dark as the reader's screen is.

No script and no network. A formula is set in pieces that begin at its operators, so that a narrow screen wraps it
where a reader expects it; each piece keeps its LaTeX. Steps have the ids `step-1`, `step-2`, ...; classes and
variables begin with `sg-`, so that a fragment can stand in any page, which may set the variables anew.
"""

from __future__ import annotations

from html import escape

from symgrad.derivations.documents import (
    CHAIN,
    STABLE,
    batch,
    chain,
    constant,
    full,
    laws_told,
    sections,
    short,
    subject,
    total,
    written,
)
from symgrad.derivations.laws import DERIVED, general
from symgrad.derivations.steps import Step
from symgrad.derivations.text import derived, formula, references, show, words
from symgrad.derivations.transcript import Transcript
from symgrad.formulas.spelling.breaking import latex_lines
from symgrad.formulas.spelling.mathml import mathml_of

PIECE = 17.0  # em: what a phone shows in one line
STYLE = """\
.sg-derivation { --sg-ink: #1b1f24; --sg-soft: #5b6470; --sg-line: #d9dee5; --sg-back: #ffffff; --sg-fill: #f5f7fa;
  --sg-accent: #0b5cad; color: var(--sg-ink); background: var(--sg-back); container-type: inline-size;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
@media (prefers-color-scheme: dark) { .sg-derivation { --sg-ink: #e6e9ee; --sg-soft: #9aa4b2; --sg-line: #333b46;
  --sg-back: #14181d; --sg-fill: #1c2229; --sg-accent: #7ab8ff; } }
.sg-derivation h2 { font-size: 1.35em; margin: 0 0 .5em; } .sg-derivation h3 { font-size: 1.05em; margin: 1.6em 0 .3em; }
.sg-derivation p { margin: .4em 0; } .sg-derivation a { color: var(--sg-accent); text-decoration: none; }
.sg-derivation a:hover { text-decoration: underline; }
.sg-derivation math { font-size: 1.08em; }
.sg-row { display: grid; grid-template-columns: 3.4em minmax(0, 1.1fr) minmax(0, 1fr); column-gap: .6em;
  align-items: baseline; padding: .3em .4em; }
.sg-step { border-bottom: 1px solid var(--sg-line); } .sg-step:target { background: var(--sg-fill); }
summary.sg-row { cursor: pointer; list-style: none; } summary.sg-row::-webkit-details-marker { display: none; }
summary.sg-row:hover { background: var(--sg-fill); }
.sg-number { color: var(--sg-soft); white-space: nowrap; font-variant-numeric: tabular-nums; }
summary .sg-number::after { content: " \\25B8"; color: var(--sg-accent); }
details[open] > summary .sg-number::after { content: " \\25BE"; }
.sg-rule { color: var(--sg-soft); font-size: .9em; }
.sg-formula { display: flex; flex-wrap: wrap; align-items: baseline; gap: .15em .3em; min-width: 0; }
.sg-piece { overflow-x: auto; overflow-y: hidden; max-width: 100%; padding: .1em 0; }
.sg-inside { margin: 0 .4em .7em 3.4em; padding: .5em .9em; background: var(--sg-fill); border-radius: 6px; }
.sg-inside dt, .sg-laws dt { color: var(--sg-soft); font-size: .9em; } .sg-inside dd { margin: .1em 0 .6em; }
.sg-inside dl { margin: 0; display: grid; grid-template-columns: 8em minmax(0, 1fr); gap: 0 1em; align-items: baseline; }
.sg-inside .sg-row { padding-left: 0; padding-right: 0; }
.sg-laws { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25em 1em; margin: .4em 0;
  align-items: baseline; }
.sg-laws dd { margin: 0; }
@container (max-width: 44em) { .sg-row { grid-template-columns: 3.4em minmax(0, 1fr); } .sg-rule { grid-column: 2; }
  .sg-inside { margin-left: 0; padding: .5em .5em; } .sg-inside .sg-row { grid-template-columns: 2.9em minmax(0, 1fr); }
  .sg-laws, .sg-inside dl { grid-template-columns: minmax(0, 1fr); gap: 0; } .sg-laws dd { margin-bottom: .5em; } }
@media print { .sg-derivation details::details-content { content-visibility: visible; height: auto; }
  .sg-step { break-inside: avoid; } summary .sg-number::after { content: ""; } }
"""
FRAME = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ margin: 0; background: #ffffff; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #14181d; }} }}
main {{ max-width: 62em; margin: 0 auto; padding: 1.5em 1em 3em; }}
</style>
</head>
<body>
<main>
{body}</main>
</body>
</html>
"""


def html(d: Transcript, document: bool) -> str:
    """A fragment with its style, or a page of its own."""
    what, by = subject(d, "unicode")
    body = f"<style>\n{STYLE}</style>\n{_body(d)}"
    return FRAME.format(title=escape(f"Gradient of {what} by {by}"), body=body) if document else body


def _body(d: Transcript) -> str:
    what, by = subject(d, "latex")
    loss = show(d.graph[-1].leaf, "latex")
    layout = rf"G_{{v}} = \left(\frac{{\partial {loss}}}{{\partial v}}\right)^{{\top}}"
    parts = ['<section class="sg-derivation">', f"<h2>Gradient of {mathml_of(what)} by {_listed(by)}</h2>",
             f'<p class="sg-layout">{mathml_of(layout)} has the shape of {mathml_of("v")}; '
             "Jacobians are in numerator layout.</p>"]
    if d.weight is not None:
        parts.append(f"<p>{mathml_of(total(d, 'latex'))}; {mathml_of('G')} belongs to the loss {mathml_of(loss)} "
                     "of one sample.</p>")
    if written(d, "latex"):
        parts.append(f"<p>As written,</p>\n{formula_of(written(d, 'latex'))}\n<p>{STABLE}.</p>")
    if constant(d, "latex", mathml_of):
        parts.append(f"<p>{constant(d, 'latex', mathml_of)}</p>")
    parts.append('<h3>Laws</h3>\n<dl class="sg-laws">')
    parts += [f"<dt>{escape(title)}</dt><dd>{told}</dd>"
              for title, told in laws_told(d, lambda text: mathml_of(text, large=True))]
    parts.append("</dl>")
    title, rows = batch(d, "latex")
    over_batch = {s.number: text for s, text in rows}
    for heading, steps in sections(d):
        parts.append(f"<h3>{escape(heading)}</h3>")
        parts += [_step(step, over_batch.get(step.number, "")) for step in steps]
    whole = chain(d, "latex")
    if whole:
        parts.append(f"<h3>{escape(CHAIN)}</h3>\n{formula_of(whole)}")
    if rows:
        parts.append(f"<h3>{escape(title)}</h3>")
        parts += [f'<div class="sg-row"><a class="sg-number" href="#step-{s.number}">({s.number}′)</a>'
                  f"{formula_of(text)}</div>" for s, text in rows]
    return "\n".join([*parts, "</section>"]) + "\n"


def _listed(names: str) -> str:
    return ", ".join(mathml_of(name) for name in names.split(", "))


def formula_of(latex: str) -> str:
    """A formula in pieces that wrap: each begins with its operator."""
    pieces = latex_lines(latex, PIECE)
    texts = [pieces[0], *(piece if piece.startswith("=") else f"{{}} {piece}" for piece in pieces[1:])]
    inner = "".join(f'<span class="sg-piece">{mathml_of(text, large=True)}</span>' for text in texts)
    return f'<span class="sg-formula">{inner}</span>'


def _step(step: Step, over_batch: str) -> str:
    """A row; where there is more to say, it unfolds."""
    reason = words(step, "latex", mathml_of)
    by = references(step, lambda n: f'<a href="#step-{n}">({n})</a>')
    row = (f'<span class="sg-number">({step.label})</span>{formula_of(short(step, "latex"))}'
           f'<span class="sg-rule">{reason}{", " + by if by else ""}</span>')
    said = _said(step, over_batch)
    if not said:
        return f'<div class="sg-step" id="step-{step.number}"><div class="sg-row">{row}</div></div>'
    return (f'<details class="sg-step" id="step-{step.number}"><summary class="sg-row">{row}</summary>\n'
            f'<div class="sg-inside"><dl>{said}</dl></div></details>')


def _said(step: Step, over_batch: str) -> str:
    """The general law, the same here, what SymPy derived, the batch, the steps inside."""
    if step.kind != "backward":
        return _item("Over the batch", formula_of(over_batch)) if over_batch else ""
    parts = [_item("General law", formula_of(general(step, "latex"))), _item("Here", formula_of(full(step)))]
    if local := derived(step, "latex"):
        parts.append(_item(DERIVED, formula_of(local)))
    if over_batch:
        parts.append(_item("Over the batch", formula_of(over_batch)))
    if step.steps:
        rows = "\n".join(_inner(inner) for inner in step.steps)
        parts.append(_item("In smaller steps" if step.steps[0].kind != "use" else "Use by use", rows))
    return "\n".join(parts)


def _item(title: str, inner: str) -> str:
    return f"<dt>{escape(title)}</dt><dd>{inner}</dd>"


def _inner(step: Step) -> str:
    reason = words(step, "latex", mathml_of)
    return (f'<div class="sg-row"><span class="sg-number">({step.label})</span>'
            f'{formula_of(formula(step, "latex", "sample"))}<span class="sg-rule">{reason}</span></div>')
