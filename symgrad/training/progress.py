"""What a fit says while it runs, on standard error: a table that grows on a terminal, a line now and then elsewhere.

On a terminal the last epochs stand in a table (loss, metrics, norm of the gradient, time) above a bar; columns that
do not fit are left out, the least telling first. A pipe and a notebook get plain lines of one form, which can be
searched and compared. Drawing takes at most a hundredth of the time: the next frame waits a hundred times as long
as the last one took.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from symgrad.notebook import number

LINES = 10  # of a fit, where there is no terminal
ROWS = 8  # epochs in the table
PAUSE = 0.1  # seconds between two frames, at least
SHARE = 100  # the time between two frames by that of drawing one
CELL = 9  # characters of a number, with its space
TITLES = {"gradient_norm": "gradient", "seconds": "time"}


class Progress:
    """The progress of a fit of `epochs` epochs of `steps` steps each. `shown` false says nothing at all."""

    def __init__(self, epochs: int, steps: int, shown: bool, title: str = "epoch") -> None:
        self.epochs, self.steps, self.shown, self.title = epochs, steps, shown, title
        self.stream = _stream()
        self.live: Any = None
        self.due, self.done = 0.0, 0.0
        self.rows: list[Mapping[str, float]] = []  # the first epoch, the best one, the last ones
        self.best: Mapping[str, float] = {}
        self.start = time.perf_counter()
        if shown and self.stream.isatty():
            self._open()

    def _open(self) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self.stream, highlight=False, markup=False, emoji=False)
        if console.is_terminal and not console.is_dumb_terminal:
            self.live = Live(self, console=console, auto_refresh=False)
            self.live.start(refresh=True)

    def step(self, epoch: int, done: int) -> None:
        """`done` steps of an epoch are done."""
        if self.live is not None:
            self.done = epoch - 1 + done / self.steps
            self._draw()

    def epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """An epoch is done; `values` are its numbers by the names of the curves, `seconds` since the start."""
        if self.live is not None:
            self._add({**values, "total": values["seconds"]})
            self.done = epoch
            self._draw()
        elif self.shown:
            every = max(1, self.epochs // LINES)
            if epoch == 1 or epoch % every == 0 or epoch == self.epochs:
                numbers = [f"{name} {number(value):<{CELL}}" for name, value in values.items()
                           if name not in ("epoch", "seconds")]
                print(f"{self.title} {epoch:{len(str(self.epochs))}d}/{self.epochs}  {' '.join(numbers)} "
                      f"{time.perf_counter() - self.start:.1f} s", file=self.stream, flush=True)

    def _add(self, row: dict[str, float]) -> None:
        """A row more, with the time of its epoch alone; of those before stay the first, the best and the last."""
        row["seconds"] -= self.rows[-1]["total"] if self.rows else 0.0
        by = "val_loss" if "val_loss" in row else "loss"
        if not self.best or row[by] < self.best[by]:
            self.best = row
        self.rows.append(row)
        if len(self.rows) > ROWS:
            gone = next(old for old in self.rows[1:] if old is not self.best)
            self.rows = [old for old in self.rows if old is not gone]

    def _draw(self) -> None:
        """The next frame, if it is time for one."""
        now = time.perf_counter()
        if self.live is not None and now >= self.due:
            self.live.refresh()
            after = time.perf_counter()
            self.due = after + max(PAUSE, SHARE * (after - now))

    def close(self, last: str = "") -> None:
        """The end, and why."""
        if self.live is not None:
            self.live.stop()  # draws the last frame
            self.live = None
        if last and self.shown:
            print(last, file=self.stream, flush=True)

    def __rich_console__(self, console: Any, options: Any) -> Any:
        """The frame: the table, and the bar below it."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        if self.rows:
            yield self._table(options.max_width)
        elapsed = time.perf_counter() - self.start
        left = elapsed / self.done * (self.epochs - self.done) if self.done else 0.0
        ahead = f", {_clock(left)} left" if self.done < self.epochs and self.done and left >= 1 else ""
        line = Table.grid(padding=(0, 1))
        line.add_row(f"{self.title} {min(int(self.done), self.epochs)}/{self.epochs}",
                     ProgressBar(total=self.epochs, completed=self.done, width=min(24, max(options.max_width - 40, 8)),
                                 complete_style="cyan", finished_style="green"),
                     f"{_clock(elapsed)}{ahead}")
        yield line

    def _table(self, width: int) -> Any:
        from rich import box
        from rich.table import Table

        made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
        names = columns(list(self.rows[-1]), width)
        for name in names:
            made.add_column(TITLES.get(name, name.replace("_", " ")), justify="right", no_wrap=True, min_width=CELL - 3)
        before = self.rows[0]["epoch"]
        for row in self.rows:
            if row["epoch"] > before + 1:
                made.add_row(*("…" for _ in names), style="dim")
            before = row["epoch"]
            cells = [f"{row[name]:.0f}" if name == "epoch" else _time(row[name]) if name == "seconds" else
                     number(row[name]) for name in names]
            made.add_row(*cells, style="bold" if row is self.best and len(self.rows) > 1 else "")
        return made


def columns(names: Sequence[str], width: int) -> list[str]:
    """The columns that fit a terminal of `width` characters, in their order; the most telling ones stay.

    >>> columns(["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "gradient_norm", "seconds"], 60)
    ['epoch', 'loss', 'val_loss', 'val_accuracy', 'gradient_norm']
    """
    known = [name for name in names if name != "total"]
    telling = ["epoch", "loss", *(n for n in known if n.startswith("val_")), "gradient_norm", "seconds", *known]
    kept: list[str] = []
    room = width
    for name in dict.fromkeys(telling):
        room -= max(len(TITLES.get(name, name)), CELL) + 2
        if name in known and (room >= 0 or len(kept) < 2):
            kept.append(name)
    return [name for name in known if name in kept]


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def _stream() -> TextIO:
    """Standard error; in a notebook the output, because what stands on standard error looks like a mistake there."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return sys.stdout if hasattr(shell, "kernel") else sys.stderr
