"""What a fit says while it runs, on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

LINES = 10  # of a fit, where there is no terminal
PAUSE = 0.1  # seconds between two changes of the bar


class Progress:
    """The progress of a fit of `epochs` epochs of `steps` steps each. `shown` false says nothing at all."""

    def __init__(self, epochs: int, steps: int, shown: bool, title: str = "epoch") -> None:
        self.epochs, self.steps, self.shown, self.title = epochs, steps, shown, title
        self.bar: Any = None
        self.due = 0.0
        self.start = time.perf_counter()
        if shown and sys.stderr.isatty():
            self.bar = self._bar()

    def _bar(self) -> Any:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        bar = Bar(TextColumn(self.title), MofNCompleteColumn(), BarColumn(bar_width=24), TimeElapsedColumn(),
                  TextColumn("{task.fields[values]}"), console=Console(stderr=True, highlight=False))
        bar.add_task("fit", total=self.epochs, values="")
        bar.start()
        return bar

    def step(self, epoch: int, done: int) -> None:
        """`done` steps of an epoch are done."""
        if self.bar is not None:
            now = time.perf_counter()
            if now >= self.due:
                self.due = now + PAUSE
                self.bar.update(0, completed=epoch - 1 + done / self.steps)

    def epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """An epoch is done."""
        text = "  ".join(f"{name} {value:.4g}" for name, value in values.items() if name not in ("epoch", "seconds"))
        if self.bar is not None:
            self.bar.update(0, completed=epoch, values=text)
        elif self.shown:
            every = max(1, self.epochs // LINES)
            if epoch == 1 or epoch % every == 0 or epoch == self.epochs:
                print(f"{self.title} {epoch:{len(str(self.epochs))}d}/{self.epochs}  {text}  "
                      f"{time.perf_counter() - self.start:.1f} s", file=sys.stderr, flush=True)

    def close(self, last: str = "") -> None:
        """The end, and why."""
        if self.bar is not None:
            self.bar.stop()
        if last and self.shown:
            print(last, file=sys.stderr, flush=True)
