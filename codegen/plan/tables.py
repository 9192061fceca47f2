"""A table as data: plain text with aligned columns, HTML for a notebook, rich's table for a terminal.

Plans and summaries are read in all three places, so they give rows and leave the drawing to this file. `str` is
plain and the same everywhere; `rich` (imported only when it asks for the table) adds colour and folds what is wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

Cells = Sequence[str]
STYLE = ("border-collapse:collapse;font-variant-numeric:tabular-nums", "padding:.2em .8em .2em 0;border:0",
         "border-bottom:1px solid currentColor")


@dataclass(frozen=True, eq=False)
class Table:
    """Rows under a header, and rows below them for totals. Columns in `right` are numbers; those in `code` are program
    text, and give way first where a terminal is narrow. `note` is a line below."""

    header: Cells
    rows: Sequence[Cells]
    totals: Sequence[Cells] = ()
    right: Sequence[str] = ()
    code: Sequence[str] = ()
    note: str = ""

    def __str__(self) -> str:
        every = [self.header, *self.rows, *self.totals]
        widths = [max(len(row[i]) for row in every) for i in range(len(self.header))]
        lines = ["  ".join(cell.rjust(w) if name in self.right else cell.ljust(w)
                           for cell, w, name in zip(row, widths, self.header, strict=True)).rstrip() for row in every]
        rule = "-" * max(map(len, lines))
        body = [lines[0], rule, *lines[1:len(self.rows) + 1]]
        body += [rule, *lines[len(self.rows) + 1:]] if self.totals else []
        return "\n".join([*body, *([self.note] if self.note else [])])

    def html(self) -> str:
        """An HTML table that needs no style sheet, in light and dark pages."""
        rows = [self._html_row(self.header, "th", STYLE[2]), *(self._html_row(row) for row in self.rows),
                *(self._html_row(row, line="border-top:1px solid currentColor" if not i else "")
                  for i, row in enumerate(self.totals))]
        note = f"<p><code>{escape(self.note)}</code></p>" if self.note else ""
        return f'<table style="{STYLE[0]}">\n' + "\n".join(rows) + f"\n</table>{note}"

    def _html_row(self, row: Cells, cell: str = "td", line: str = "") -> str:
        cells = []
        for text, name in zip(row, self.header, strict=True):
            inner = f"<code>{escape(text)}</code>" if name in self.code and cell == "td" and text else escape(text)
            side = "right" if name in self.right else "left"
            cells.append(f'<{cell} style="{STYLE[1]};text-align:{side};{line}">{inner}</{cell}>')
        return f"<tr>{''.join(cells)}</tr>"

    def __rich__(self) -> Any:
        from rich import box
        from rich.console import Group
        from rich.table import Table as RichTable
        from rich.text import Text

        made = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
        for name in self.header:
            made.add_column(name, justify="right" if name in self.right else "left", no_wrap=name not in self.code,
                            overflow="fold", style="dim" if name == "bytes" else "")
        for i, row in enumerate((*self.rows, *self.totals)):
            if i == len(self.rows):
                made.add_section()
            made.add_row(*map(Text, row), style="bold" if i >= len(self.rows) else "")
        return Group(made, Text(self.note, "dim")) if self.note else made


class Tabled:
    """What has a `table` and is read as that: in an interactive Python, in a notebook, and by rich."""

    table: Any  # a Table, kept or made when it is asked for

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.table.html()

    def __rich__(self) -> Any:
        return self.table
