"""What people see in a terminal: rich is imported here, at the first line that is printed, and nowhere else.

Colour only where a terminal reads it and NO_COLOR is not set; a pipe gets plain text of any width.
Texts of files and formulas are printed as they are: nothing in them is markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

INDENT = 10  # of the reasons, at least
STEP = re.compile(r"( *\(\d+\) .*\S) {2,}(\S.*)")  # (3) formula   reason
PIPE_WIDTH = 200  # a table in a pipe is not cut at 80 columns: nobody is there to widen the window


def console() -> Any:
    """The rich console of standard output as it is now."""
    from rich.console import Console

    made = Console(markup=False, highlight=False, emoji=False)
    if not made.is_terminal:
        made.width = PIPE_WIDTH
    return made


def say(text: str = "", style: str = "") -> None:
    """One paragraph; long lines are left to the terminal, so that a copied formula is whole."""
    from rich.text import Text

    console().print(Text(text, style), soft_wrap=True)


def derivation(text: str) -> None:
    """The steps of a derivation. Where the terminal is too narrow for formula and reason side by side, the reasons
    keep one column and go below the formulas that reach into it."""
    from rich.cells import cell_len

    width = console().width
    rows = [(line.rstrip(), STEP.match(line.rstrip())) for line in text.splitlines()]
    reasons = [cell_len(found[2]) for _, found in rows if found]
    column = max(width - max(reasons, default=0), INDENT)
    fits = all(cell_len(line) <= width for line, found in rows if found)
    for line, found in rows:
        if fits or not found:
            say(line)
        elif (free := column - cell_len(found[1]) - 2) >= 0:
            say(found[1] + " " * (free + 2) + found[2])
        else:
            say(found[1] + "\n" + " " * column + found[2])


def show(renderable: Any) -> None:
    """What knows how rich draws it: a plan, a summary. In a pipe no line ends in blanks."""
    to = console()
    if to.is_terminal:
        to.print(renderable)
        return
    with to.capture() as caught:
        to.print(renderable)
    to.print("\n".join(line.rstrip() for line in caught.get().splitlines()), soft_wrap=True)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = (),
          fold: Sequence[str] = ()) -> None:
    """A table without vertical lines. Columns in `right` are numbers; those in `fold` give way when it is narrow, and
    columns in which nothing stands are left out."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    lines = [list(row) for row in rows]
    kept = [i for i in range(len(header)) if not lines or any(line[i] for line in lines)]
    for name in (header[i] for i in kept):
        made.add_column(name, justify="right" if name in right else "left", no_wrap=name not in fold,
                        overflow="fold")
    for line in lines:
        made.add_row(*(Text(line[i], MARKS.get(line[i], "")) for i in kept))
    show(made)


MARKS = {"ok": "green", "FAILS": "bold red"}
