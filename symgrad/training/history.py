"""What a fit leaves behind: one number per epoch and curve, to look at, plot and keep."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from symgrad.drawing.pictures.charts import PIXELS, chart_png, checked_chart
from symgrad.drawing.pictures.curves import UNDRAWN, compared_svg, curves_svg
from symgrad.files import write_whole
from symgrad.graphs.errors import SymgradError


@dataclass(repr=False)
class History:
    """The course of a fit. `curves` maps "epoch", "loss", metrics, "val_loss", ... , "seconds" to lists.

    `loss` is the mean over the minibatches of an epoch, taken while the parameters still change, and so are the metrics
    without `val_`; with an optimiser of second order it is the loss after the epoch. `val_` curves are measured after the
    epoch. `gradient_norm` is that of the last minibatch, over all parameters; `lr`, where schedules change it, the learning
    rate of the last step; `seconds` is time since the start.

    >>> history = sg.History({"epoch": [1, 2], "loss": [0.5, 0.25]})
    >>> history["loss"], len(history)
    ([0.5, 0.25], 2)
    """

    curves: dict[str, list[float]] = field(default_factory=dict)
    interrupted: bool = False  # by Ctrl-C
    stopped: str = ""  # why the fit ended before its last epoch
    best_epoch: int | None = None  # the epoch whose parameters early stopping went back to
    norms: dict[str, list[float]] = field(default_factory=dict)  # of the last gradients of each epoch

    def __len__(self) -> int:
        return len(self.curves.get("epoch", ()))

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.curves:
            raise KeyError(f"the history has no curve {name!r}, only {', '.join(self.curves)}")
        return self.curves[name]

    def __repr__(self) -> str:
        ends = ", ".join(f"{name} {value:.4g}" for name, value in self.last.items() if name not in UNDRAWN)
        notes = [*(["interrupted"] if self.interrupted else []), *([self.stopped] if self.stopped else [])]
        count = f"{len(self)} epoch{'' if len(self) == 1 else 's'}"
        return f"<History of {'; '.join([f'{count}: {ends}' if ends else count, *notes])}>"

    @property
    def last(self) -> dict[str, float]:
        """The last value of each curve."""
        return {name: values[-1] for name, values in self.curves.items() if values}

    def close(self) -> None:
        """Leave whole epochs only: what ended within one may have written some of its numbers."""
        whole = min(map(len, self.curves.values()), default=0)
        for values in (*self.curves.values(), *self.norms.values()):
            del values[whole:]

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write one row per epoch, one column per curve."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.curves)
        for row in zip(*self.curves.values(), strict=True):
            writer.writerow(f"{value:.8g}" for value in row)
        return write_whole(path, text.getvalue())

    @staticmethod
    def compare(histories: Mapping[str, History], curve: str = "loss") -> Comparison:
        """One curve of several fits in one picture; `histories` maps the names of the fits to what they left behind.

        Raises SymgradError where there is none, or one without an epoch.

        >>> first, second = sg.History({"epoch": [1, 2], "loss": [0.5, 0.25]}), sg.History({"epoch": [1], "loss": [0.4]})
        >>> sg.History.compare({"SGD": first, "Adam": second})
        <Comparison of SGD 0.25, Adam 0.4: loss>
        """
        if not histories:
            raise SymgradError("compare: there is no history; give a dict from names to histories")
        for name, each in histories.items():
            if not len(each):
                raise SymgradError(f"compare: the history {name!r} has no epoch yet")
        return Comparison({str(name): each[curve] for name, each in histories.items()}, curve)

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw the curves to `path` (.svg or .png): a panel for the loss, one for each metric.

        Raises SymgradError for another suffix, a missing folder, or a history without an epoch.
        """
        target = checked_chart(path)
        if not len(self):
            raise SymgradError("there is no epoch to plot yet")
        return write_whole(target, self.svg() if target.suffix.lower() == ".svg" else self.png())

    def svg(self) -> str:
        """The curves as an SVG document."""
        return curves_svg(self.curves, self.best_epoch)

    def png(self, zoom: float = PIXELS) -> bytes:
        """The curves as a PNG, `zoom` pixels for each unit of the SVG."""
        return chart_png(curves_svg(self.curves, self.best_epoch, plain=True), zoom)

    def _repr_html_(self) -> str | None:
        from symgrad.notebook import history_html

        return history_html(self.svg(), self.curves, repr(self)[1:-1]) if len(self) else None


@dataclass(frozen=True, repr=False)
class Comparison:
    """One curve of several fits, made by `History.compare`: it shows itself in a notebook, `.plot(path)` writes it."""

    curves: dict[str, list[float]]
    name: str

    def __repr__(self) -> str:
        ends = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.curves.items())
        return f"<Comparison of {ends}: {self.name}>"

    def svg(self) -> str:
        """The curves as an SVG document."""
        return compared_svg(self.name, self.curves)

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw the curves to `path` (.svg or .png). Raises SymgradError for another suffix or a missing folder."""
        target = checked_chart(path)
        if target.suffix.lower() == ".svg":
            return write_whole(target, self.svg())
        return write_whole(target, chart_png(compared_svg(self.name, self.curves, plain=True), PIXELS))

    def _repr_svg_(self) -> str:
        return self.svg()
