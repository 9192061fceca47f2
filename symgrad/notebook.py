"""What a notebook shows of models, functions, source, histories and verdicts: HTML that stands alone.

Tables and colours need no style sheet and no network; in a dark page they keep the page's own text colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from symgrad.codegen.plan.tables import Table

SHOWN = 60  # lines of source that are open at once; longer ones fold
PROGRAM = "font-family:monospace;line-height:1.3;margin:.5em 0 1em"
EPOCHS = 5  # rows of the table of a history
WHOLE = ("epoch", "accepted")  # curves of whole numbers


def source_html(text: str, title: str, language: str = "python") -> str:
    """Highlighted source, folded under its title."""
    return f"<details{' open' if text.count(chr(10)) <= SHOWN else ''}><summary>{escape(title)}</summary>\n" \
           f"{highlighted(text, language)}</details>"


def highlighted(text: str, language: str = "python") -> str:
    """Program text with colours that are readable on white and on black paper."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name

    form = HtmlFormatter(noclasses=True, nobackground=True, style="friendly", prestyles=PROGRAM)
    return str(highlight(text, get_lexer_by_name(language), form))


def model_html(loss: str, prediction: str, table: Table, about: str) -> str:
    """Loss and prediction as formulas, the table of parameters, a line about the rest."""
    rows = [f"<p><b>{word}</b> <span>{formula}</span></p>" for word, formula in (("loss", loss), ("predicts", prediction))
            if formula]
    return "\n".join([*rows, table.html(), f"<p>{escape(about)}</p>"])


def history_html(svg: str, curves: Mapping[str, Sequence[float]], about: str) -> str:
    """The curves as a picture, and the first and last epochs as a table."""

    names = list(curves)
    count = max(map(len, curves.values()), default=0)
    places = list(range(count)) if count <= EPOCHS else [0, *range(count - EPOCHS + 1, count)]
    rows = [[f"{curves[name][i]:.0f}" if name in WHOLE else number(curves[name][i]) for name in names] for i in places]
    if count > EPOCHS:
        rows.insert(1, ["…"] * len(names))
    header = [name.replace("_", " ") for name in names]
    return "\n".join([svg.strip(), Table(header, rows, right=header).html(), f"<p>{escape(about)}</p>"])


def rows_html(sentence: str, good: bool, tables: Sequence[Table]) -> str:
    """A verdict: its sentence, then tables with what was found."""
    mark = "✓" if good else "✗"
    return "\n".join([f"<p><b>{mark}</b> {escape(sentence)}</p>", *(table.html() for table in tables)])


def number(value: float) -> str:
    """A number in few characters, all of one kind below each other.

    >>> [number(x) for x in (0.52341, 12.3456, 1234567.0, 3e-7)]
    ['0.5234', '12.3456', '1.23e+06', '3.00e-07']
    """
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.2e}"
