"""A derivation in LaTeX: numbered equations that refer to each other, for plain pdflatex with amsmath."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.derivations.glossary import TITLE
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
from symgrad.derivations.pieces import Sentence, said
from symgrad.derivations.transcript import Transcript
from symgrad.formulas.spelling.breaking import PAGE, aligned, latex_width, parted
from symgrad.formulas.spelling.letters import for_tex

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
    parts = told(outline(d, "latex"), Latex(WIDER if document else PAGE, unfold))
    body = for_tex("\n\n".join(parts) + "\n\\endgroup\n").replace("{step-", f"{{{label}-")
    return FRAME.format(title=f"Gradient of ${for_tex(subject(d, 'latex')[0])}$", body=body) if document else body


@dataclass(frozen=True)
class Latex:
    """Paragraphs, with formulas of `width` em."""

    width: float
    unfold: bool

    def opening(self, block: Opening) -> list[str]:
        layout = rf"G_{{v}} = \left(\frac{{\partial {block.loss}}}{{\partial v}}\right)^{{\top}}"
        said = rf"\noindent The gradient of ${block.what}$ by ${', '.join(block.by)}$. ${layout}$ has the shape of $v$; "
        total = f" $G$ belongs to the loss ${block.loss}$ of one sample:\n{self.displayed(block.total)}"
        return [f"% G_v = (d{block.name}/dv)' has the shape of v; {JACOBIANS}",
                said + JACOBIANS + (total if block.total else "")]

    def answers(self, block: Answers) -> list[str]:
        note = [rf"\noindent {block.note.capitalize()}:"] if block.note else []
        return [*note, *(self.displayed(each) for each in block.formulas)]

    def written(self, block: Written) -> list[str]:
        return [f"\\noindent As written,\n{self.displayed(block.formula)}\n\\noindent {STABLE}."]

    def remark(self, block: Remark) -> list[str]:
        return [rf"\noindent {_sentence(block.text)}"]

    def laws(self, block: Laws) -> list[str]:
        items = []
        for law in block.laws:
            operation = f"${law.operation}$: " if law.operation else ""
            texts = ", ".join(f"${text}$" for text in law.formulas)
            items.append(rf"\item[{law.title}] {operation}{texts}{_sentence(law.end)}")
        listed = "\n".join(items)
        return [f"\\subsection*{{Laws}}\n\\begin{{description}}\\itemsep0pt\n{listed}\n\\end{{description}}"]

    def glossary(self, block: Glossary) -> list[str]:
        listed = "\n".join(rf"\item[{{${term.sign}$}}] {_sentence(term.meaning)}" for term in block.terms)
        text = f"\\subsection*{{{TITLE}}}\n\\begin{{description}}\\itemsep0pt\n{listed}\n\\end{{description}}"
        return [*([text] if listed else []), SPACING]

    def steps(self, block: Steps) -> list[str]:
        """Forward steps with their reasons beside them, others with their reasons before."""
        inner = [each for item in block.items for each in item.inner] if self.unfold else []
        left = max(latex_width(parted(text)[0]) for text in
                   [*(item.full for item in block.items), *map(_inner_formula, inner)])
        rows: list[str] = []
        for item in block.items:
            rows.append(self._step(item, left))
            rows += [f"  {self._inner(each, item, left)}" for each in item.inner if self.unfold]
        first = ""
        if rows[0].startswith(INTERTEXT):
            before, _, rows[0] = rows[0].removeprefix(INTERTEXT).partition("}\n")
            first = f"\\noindent {before}\n"
        text = _align(rows).replace(" \\\\\n\\intertext", "\n\\intertext")  # which ends the line before it
        return [f"\\subsection*{{{block.title}}}\n{first}{text}"]

    def _step(self, item: Item, left: float) -> str:
        lines = aligned(item.full, self.width, left)
        reason = _sentence(item.reason)
        number = rf"\label{{step-{item.step.number}}}"
        room = self.width - max(latex_width(line) for line in lines)
        if item.step.kind == "forward" and room > 0.5 * len(reason) + 4:
            return _numbered(lines, rf"&& \text{{{reason}}} {number}")
        local = item.derived
        beside = latex_width(local) < WITHIN
        before = reason[:1].upper() + reason[1:] + (f", with ${local}$" if local and beside else "")
        more = "" if beside else _numbered(aligned(local, self.width, left), r"\notag") + " \\\\\n"
        return f"\\intertext{{{before}:}}\n{more}{_numbered(lines, number)}"

    def _inner(self, inner: Item, item: Item, left: float) -> str:
        lines = aligned(_inner_formula(inner), self.width, left)
        return _numbered(lines, rf"\tag{{\ref{{step-{item.step.number}}}.{inner.step.number}}}")

    def formula(self, block: Formula) -> list[str]:
        return [f"\\subsection*{{{block.title}}}\n{self.displayed(block.formula)}"]

    def batch(self, block: Batch) -> list[str]:
        left = max(latex_width(parted(text)[0]) for _, text in block.rows)
        rows = [_numbered(aligned(text, self.width, left), rf"\tag{{\ref{{step-{number}}}$'$}}")
                for number, text in block.rows]
        note = f"\\noindent {_sentence(block.note)}\n" if block.note else ""
        return [f"\\subsection*{{{block.title}}}\n{note}{_align(rows)}"]

    def displayed(self, text: str) -> str:
        lines = aligned(text, self.width)
        return f"\\[ {text} \\]" if len(lines) == 1 else _align([_numbered(lines, r"\notag")])


def _sentence(sentence: Sentence) -> str:
    return said(sentence, lambda text: f"${text}$", lambda number: rf"\eqref{{step-{number}}}")


def _inner_formula(inner: Item) -> str:
    """The formula of an inner step, which has its law beside it."""
    return inner.full if inner.step.kind != "backward" else inner.formula


def _align(rows: Sequence[str]) -> str:
    return "\\begin{align}\n" + " \\\\\n".join(rows) + "\n\\end{align}"


def _numbered(lines: Sequence[str], number: str) -> str:
    """The lines of one equation; the last one has its number."""
    return " \\\\\n".join([*(rf"  {line} \notag" for line in lines[:-1]), f"  {lines[-1]} {number}"])
