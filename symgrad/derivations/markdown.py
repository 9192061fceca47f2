"""A derivation in Markdown with LaTeX blocks, as GitHub renders it; steps have anchors, and link to those they use."""

from __future__ import annotations

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
    told,
)
from symgrad.derivations.pieces import Sentence, said
from symgrad.derivations.transcript import Transcript
from symgrad.formulas.spelling.breaking import aligned


def markdown(d: Transcript, unfold: bool = False) -> str:
    """The whole derivation; `unfold` writes the inner steps too."""
    return "\n\n".join(told(outline(d, "latex"), Markdown(unfold))) + "\n"


@dataclass(frozen=True)
class Markdown:
    """Paragraphs."""

    unfold: bool

    def opening(self, block: Opening) -> list[str]:
        layout = rf"G_v = \left(\frac{{\partial {block.loss}}}{{\partial v}}\right)^{{\top}}"
        parts = [f"# Gradient of ${block.what}$ by ${', '.join(block.by)}$",
                 f"${layout}$ has the shape of $v$; {JACOBIANS}"]
        return [*parts, displayed(block.total), f"$G$ belongs to the loss ${block.loss}$ of one sample."
                ] if block.total else parts

    def answers(self, block: Answers) -> list[str]:
        return [*([f"{block.note.capitalize()}:"] if block.note else []), *map(displayed, block.formulas)]

    def written(self, block: Written) -> list[str]:
        return ["As written,", displayed(block.formula), f"{STABLE}."]

    def remark(self, block: Remark) -> list[str]:
        return [_sentence(block.text)]

    def laws(self, block: Laws) -> list[str]:
        parts = ["## Laws"]
        for law in block.laws:
            operation = f"${law.operation}$: " if law.operation else ""
            texts = ", ".join(f"${text}$" for text in law.formulas)
            parts.append(f"*{law.title}*. {operation}{texts}{_sentence(law.end)}")
        return parts

    def glossary(self, block: Glossary) -> list[str]:
        listed = "\n".join(f"- ${term.sign}$: {_sentence(term.meaning)}" for term in block.terms)
        return [f"## {TITLE}", listed] if listed else []

    def steps(self, block: Steps) -> list[str]:
        parts = [f"## {block.title}"]
        for item in block.items:
            parts += _step(item)
            for inner in item.inner if self.unfold else ():
                parts += ["> " + part.replace("\n", "\n> ") for part in _step(inner)]
        return parts

    def formula(self, block: Formula) -> list[str]:
        return [f"## {block.title}", displayed(block.formula)]

    def batch(self, block: Batch) -> list[str]:
        note = [_sentence(block.note)] if block.note else []
        return [f"## {block.title}", *note, *(displayed(rf"{text} \tag{{{number}'}}") for number, text in block.rows)]


def _step(item: Item) -> list[str]:
    anchor = "" if item.step.inside else f'<a id="step-{item.step.number}"></a>'
    parts = [f"{anchor}**({item.step.label})** {_sentence(item.reason)}", displayed(item.full)]
    return [*parts, f"with ${item.derived}$"] if item.derived else parts


def _sentence(sentence: Sentence) -> str:
    return said(sentence, lambda text: f"${text}$", lambda number: f"[({number})](#step-{number})")


def displayed(text: str) -> str:
    """A displayed formula, over several lines where it is long."""
    lines = aligned(text)
    if len(lines) == 1:
        return f"$$\n{text}\n$$"
    rows = " \\\\\n".join(lines)
    return f"$$\n\\begin{{aligned}}\n{rows}\n\\end{{aligned}}\n$$"
