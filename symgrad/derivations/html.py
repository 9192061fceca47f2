"""A derivation in HTML: numbered steps that unfold, formulas as MathML, light or dark as the reader's screen is.

No script and no network. A formula is set in pieces that begin at its operators, so that a narrow screen wraps it
where a reader expects it; each piece keeps its LaTeX. Steps have the ids `step-1`, `step-2`, ...; classes and
variables begin with `sg-`, so that a fragment can stand in any page, which may set the variables anew.
"""

from __future__ import annotations

from html import escape

from symgrad.derivations.glossary import TITLE
from symgrad.derivations.laws import DERIVED
from symgrad.derivations.outline import (
    JACOBIANS,
    STABLE,
    Answers,
    Batch,
    Formula,
    Glossary,
    Item,
    Laws,
    Opening,
    Remark,
    Steps,
    Written,
    outline,
    subject,
    told,
)
from symgrad.derivations.pieces import said
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
    parts = ['<section class="sg-derivation">', *told(outline(d, "latex"), Html()), "</section>"]
    body = "\n".join([f"<style>\n{STYLE}</style>", *parts]) + "\n"
    return FRAME.format(title=escape(f"Gradient of {what} by {', '.join(by)}"), body=body) if document else body


class Html:
    """Elements."""

    def opening(self, block: Opening) -> list[str]:
        layout = rf"G_{{v}} = \left(\frac{{\partial {block.loss}}}{{\partial v}}\right)^{{\top}}"
        parts = [f"<h2>Gradient of {mathml_of(block.what)} by {', '.join(map(mathml_of, block.by))}</h2>",
                 f'<p class="sg-layout">{mathml_of(layout)} has the shape of {mathml_of("v")}; {JACOBIANS}</p>']
        if block.total:
            parts.append(f"<p>{mathml_of(block.total)}; {mathml_of('G')} belongs to the loss {mathml_of(block.loss)} "
                         "of one sample.</p>")
        return parts

    def answers(self, block: Answers) -> list[str]:
        note = [f"<p>{block.note.capitalize()}:</p>"] if block.note else []
        return [*note, *(f'<p class="sg-answer">{formula_of(each)}</p>' for each in block.formulas)]

    def written(self, block: Written) -> list[str]:
        return ["<p>As written,</p>", formula_of(block.formula), f"<p>{STABLE}.</p>"]

    def remark(self, block: Remark) -> list[str]:
        return [f"<p>{said(block.text, mathml_of, plain=_plain)}</p>"]

    def laws(self, block: Laws) -> list[str]:
        items = []
        for law in block.laws:
            operation = f"{_large(law.operation)}: " if law.operation else ""
            text = f"{operation}{', '.join(map(_large, law.formulas))}{said(law.end, _large, plain=_plain)}"
            items.append(f"<dt>{escape(law.title)}</dt><dd>{text}</dd>")
        return ["<h3>Laws</h3>", '<dl class="sg-laws">', *items, "</dl>"]

    def glossary(self, block: Glossary) -> list[str]:
        items = [f"<dt>{_large(term.sign)}</dt><dd>{said(term.meaning, _large, plain=_plain)}</dd>" for term in block.terms]
        return [f"<h3>{TITLE}</h3>", '<dl class="sg-laws">', *items, "</dl>"] if items else []

    def steps(self, block: Steps) -> list[str]:
        return [f"<h3>{escape(block.title)}</h3>", *map(_step, block.items)]

    def formula(self, block: Formula) -> list[str]:
        return [f"<h3>{escape(block.title)}</h3>", formula_of(block.formula)]

    def batch(self, block: Batch) -> list[str]:
        note = [f"<p>{said(block.note, mathml_of, plain=_plain)}</p>"] if block.note else []
        return [f"<h3>{escape(block.title)}</h3>", *note,
                *(f'<div class="sg-row"><a class="sg-number" href="#step-{number}">({number}′)</a>'
                  f"{formula_of(text)}</div>" for number, text in block.rows)]


def formula_of(latex: str, width: float = PIECE) -> str:
    """A formula in pieces of at most `width` em that wrap: each begins with its operator."""
    pieces = latex_lines(latex, width)
    texts = [pieces[0], *(piece if piece.startswith("=") else f"{{}} {piece}" for piece in pieces[1:])]
    inner = "".join(f'<span class="sg-piece">{_large(text)}</span>' for text in texts)
    return f'<span class="sg-formula">{inner}</span>'


def _large(latex: str) -> str:
    return mathml_of(latex, large=True)


def _plain(text: str) -> str:
    return escape(text, quote=False)


def _row(item: Item, formula: str) -> str:
    """Number, formula and reason, side by side where there is room."""
    reason = said(item.reason, mathml_of, lambda number: f'<a href="#step-{number}">({number})</a>', _plain)
    return (f'<span class="sg-number">({item.step.label})</span>{formula_of(formula)}'
            f'<span class="sg-rule">{reason}</span>')


def _step(item: Item) -> str:
    """A row; where there is more to say, it unfolds."""
    row, more, number = _row(item, item.short), _more(item), item.step.number
    if not more:
        return f'<div class="sg-step" id="step-{number}"><div class="sg-row">{row}</div></div>'
    return (f'<details class="sg-step" id="step-{number}"><summary class="sg-row">{row}</summary>\n'
            f'<div class="sg-inside"><dl>{more}</dl></div></details>')


def _more(item: Item) -> str:
    """The general law, the same here, what SymPy derived, the batch, the steps inside."""
    found = []
    if item.step.kind == "backward":
        found = [("General law", formula_of(item.general)), ("Here", formula_of(item.full))]
        found += [(DERIVED, formula_of(item.derived))] if item.derived else []
    if item.batch and item.step.kind in ("forward", "backward"):
        found.append(("Over the batch", formula_of(item.batch)))
    if item.inner:
        rows = "\n".join(f'<div class="sg-row">{_row(each, each.formula)}</div>' for each in item.inner)
        found.append(("In smaller steps" if item.inner[0].step.kind != "use" else "Use by use", rows))
    return "\n".join(f"<dt>{escape(title)}</dt><dd>{text}</dd>" for title, text in found)
