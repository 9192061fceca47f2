"""A derivation as plain text for a terminal, formulas and reasons side by side where both fit."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from unicodedata import combining

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
from symgrad.formulas.spelling.breaking import unicode_lines

Cells = tuple[str, str, str]  # number, formula and reason
MARGIN = 9  # columns of the number, and between a formula and its reason
NARROW = 24  # no column is narrower


def unicode(d: Transcript, width: int = 100, unfold: bool = False) -> str:
    """Lines of `width` columns; `unfold` writes the inner steps too."""
    blocks = outline(d, "unicode")
    rows = {item: _rows(item, unfold) for block in blocks if isinstance(block, Steps) for item in block.items}
    form = Terminal(width, rows, _column([row for found in rows.values() for row in found], width - MARGIN))
    return "\n".join(line.rstrip() for line in told(blocks, form)) + "\n"


@dataclass(frozen=True)
class Terminal:
    """Lines; reasons stand in a column of their own, behind `column` columns of formulas."""

    width: int
    rows: Mapping[Item, list[Cells]]
    column: int

    def opening(self, block: Opening) -> list[str]:
        lines = [*self.wrapped(f"Gradient of {block.what} by ", ", ".join(block.by)),
                 f"G_v = (∂{block.loss}/∂v)ᵀ has the shape of v; {JACOBIANS}"]
        if block.total:
            lines.append(f"{block.total};  G belongs to the loss {block.loss} of one sample.")
        return lines

    def answers(self, block: Answers) -> list[str]:
        title = f"Answer, {block.note}" if block.note else "Answer"
        return ["", title, *(line for each in block.formulas for line in self.wrapped("      ", each))]

    def written(self, block: Written) -> list[str]:
        return [*self.wrapped("As written, ", f"{block.formula},"), f"{STABLE}."]

    def remark(self, block: Remark) -> list[str]:
        return [said(block.text, str)]

    def laws(self, block: Laws) -> list[str]:
        lines = ["", "Laws"]
        wide = max(len(law.title) for law in block.laws)
        for law in block.laws:
            *formulas, last = law.formulas
            pieces = [*([f"{law.operation}:"] if law.operation else []), *(f"{each}," for each in formulas)]
            end = said(law.end, str)
            pieces += [f"{last}{end[:1]}".rstrip(), *end[1:].split()] if end else [last]
            lines += self.filled(f"      {law.title:<{wide}}  ", pieces, len(pieces) - len(end[1:].split()))
        return lines

    def glossary(self, block: Glossary) -> list[str]:
        if not block.terms:
            return []
        wide = min(max(columns(term.sign) for term in block.terms), self.width // 3)
        lines = ["", TITLE]
        for term in block.terms:
            before = f"      {term.sign}{' ' * (wide - columns(term.sign))}  "
            lines += self.filled(before, said(term.meaning, str).split(), 0)
        return lines

    def filled(self, before: str, pieces: list[str], formulas: int) -> list[str]:
        """Lines of as many pieces as there is room for: `formulas`, then words."""
        lines, margin = [before], " " * len(before)
        for i, piece in enumerate(pieces):
            gap = "" if lines[-1] in (before, margin) else "  " if i < formulas else " "
            if gap and columns(lines[-1] + gap + piece) > self.width:
                lines.append(margin)
                gap = ""
            first, *rest = unicode_lines(piece, self.width - len(before)) if i < formulas else [piece]
            lines[-1] += gap + first
            lines += [margin + line for line in rest]
        return lines

    def steps(self, block: Steps) -> list[str]:
        rows = [row for item in block.items for row in self.rows[item]]
        return ["", block.title, *(line for row in rows for line in self._lines(*row))]

    def _lines(self, label: str, text: str, reason: str) -> list[str]:
        """A step: its formula and its reason side by side, each broken in its column."""
        formulas, column = unicode_lines(text, self.column), self.column
        reasons = textwrap.wrap(reason, max(self.width - MARGIN - column, NARROW), break_long_words=False)
        lines = zip_longest(formulas, reasons, fillvalue="")
        return [f"{label if not i else '':>6} {left}{' ' * (column - columns(left))}  {right}"
                for i, (left, right) in enumerate(lines)]

    def formula(self, block: Formula) -> list[str]:
        return ["", block.title, *self.wrapped("      ", block.formula)]

    def batch(self, block: Batch) -> list[str]:
        rows = [line for number, text in block.rows for line in self.wrapped(f"{f'({number}′)':>6} ", text)]
        return ["", block.title, *self.said(block.note), *rows]

    def said(self, sentence: Sentence) -> list[str]:
        """A sentence in lines, none where there is none."""
        return textwrap.wrap(said(sentence, str), self.width - 2, initial_indent="  ", subsequent_indent="  ",
                             break_long_words=False) if sentence else []

    def wrapped(self, before: str, text: str) -> list[str]:
        first, *rest = unicode_lines(text, self.width - len(before))
        return [before + first, *(" " * len(before) + line for line in rest)]


def _column(rows: Sequence[Cells], room: int) -> int:
    """How wide formulas may be, of the room that they share with reasons, for the fewest lines."""
    sizes = [(columns(text), len(reason)) for _, text, reason in rows]
    widest, longest = (max(column) for column in zip(*sizes, strict=True))
    if widest + longest <= room:
        return widest
    most = max(room - NARROW, NARROW)
    choices = {min(max(size, NARROW), most) for size in (room - longest, *(size for size, _ in sizes))}

    def lines(column: int) -> int:
        return sum(max(_broken(text, column), -(-len(reason) // max(room - column, NARROW))) for _, text, reason in rows)

    return min(sorted(choices, reverse=True), key=lines)


def _broken(text: str, column: int) -> int:
    """How much a formula suffers in a column: it is broken well before a sign of equality, badly elsewhere."""
    wide = columns(text)
    if wide <= column:
        return 1
    parts = [part for part in text.split(" = ") if part]
    return 2 if max(map(columns, parts[1:]), default=wide) + columns(parts[0]) + 3 <= column else 1 + 2 * -(-wide // column)


def columns(text: str) -> int:
    """The columns of a text: an accent stands above its letter.

    >>> columns("x̂ = 1")
    5
    """
    return sum(not combining(c) for c in text)


def _rows(item: Item, unfold: bool) -> list[Cells]:
    """The row of a step, and of those inside."""
    found = [(f"({item.step.label})", item.short, said(item.reason, str))]
    if unfold:
        for inner in item.inner:
            found += [(label, f"  {text}", why) for label, text, why in _rows(inner, False)]
    return found
