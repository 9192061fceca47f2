"""What a fit leaves behind: one number per epoch and curve, to look at, plot and keep."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass, field
from pathlib import Path

from symgrad.drawing.pictures.curves import UNDRAWN, curves_svg
from symgrad.files import check_place, write_whole
from symgrad.graphs.errors import BackendError, SymgradError

SUFFIXES = (".svg", ".png")
ZOOM = 2.0  # pixels of a PNG per unit of the drawing


@dataclass(repr=False)
class History:
    """The course of a fit. `curves` maps "epoch", "loss", metrics, "val_loss", ... , "seconds" to lists.

    `loss` is the mean over the minibatches of an epoch, taken while the parameters still change, and so are
    the metrics without `val_`; `val_` curves are measured after the epoch. `gradient_norm` is that of the last
    minibatch of the epoch, over all parameters; `seconds` is time since the start.

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

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw the curves to `path` (.svg or .png): a panel for the loss, one for each metric.

        Raises SymgradError for another suffix, a missing folder, or a history without an epoch.
        """
        target = Path(path)
        if target.suffix.lower() not in SUFFIXES:
            raise SymgradError(f"cannot plot to {str(target)!r}: its suffix is {target.suffix or 'missing'!r}, "
                               f"one of {' '.join(SUFFIXES)} would do")
        check_place(target)
        if not len(self):
            raise SymgradError("there is no epoch to plot yet")
        if target.suffix.lower() == ".svg":
            return write_whole(target, self.svg())
        return write_whole(target, self.png())

    def svg(self) -> str:
        """The curves as an SVG document."""
        return curves_svg(self.curves, self.best_epoch)

    def png(self, zoom: float = ZOOM) -> bytes:
        """The curves as a PNG, `zoom` pixels for each unit of the SVG."""
        try:
            import resvg_py
        except ImportError as error:
            raise BackendError("drawing a PNG needs resvg: `pip install resvg-py`") from error
        from symgrad.drawing.pictures.typeset import FONT_FILE, FONT_NAME  # beside the converter that needs it

        return bytes(resvg_py.svg_to_bytes(
            svg_string=curves_svg(self.curves, self.best_epoch, plain=True), dpi=96, zoom=zoom,
            font_files=[str(FONT_FILE)], font_family=FONT_NAME, sans_serif_family=FONT_NAME, skip_system_fonts=True))

    def _repr_html_(self) -> str | None:
        from symgrad.notebook import history_html

        return history_html(self.svg(), self.curves, repr(self)[1:-1]) if len(self) else None
