"""Charts as things that show and save themselves: SVG for pages, light and dark; PNG for papers and slides."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from symgrad.drawing.pictures.typeset import FONT_FILE, FONT_NAME
from symgrad.files import check_place, write_whole
from symgrad.graphs.errors import BackendError, SymgradError

KINDS = (".svg", ".png")
PIXELS = 2.0  # of a PNG per unit of the drawing


@dataclass(frozen=True, repr=False)
class Chart:
    """A finished picture: `svg`, `.png()`, `.save(path)`; it shows itself in a notebook. `words` says what is seen."""

    svg: str
    words: str
    plain: Callable[[], str] = field(compare=False)  # the same without what a converter does not need

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.words}>"

    def png(self, zoom: float = PIXELS) -> bytes:
        """PNG bytes, `zoom` pixels for each unit of the SVG. Raises BackendError without resvg."""
        return chart_png(self.plain(), zoom)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to `path` (.svg or .png). Raises SymgradError for another suffix or a missing folder."""
        target = checked_chart(path)
        return write_whole(target, self.svg if target.suffix.lower() == ".svg" else self.png())

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": repr(self)}


def checked_chart(path: str | os.PathLike[str]) -> Path:
    """`path` as a Path that charts can be drawn to."""
    target = Path(path)
    if target.suffix.lower() not in KINDS:
        raise SymgradError(f"cannot plot to {str(target)!r}: its suffix is {target.suffix or 'missing'!r}, "
                           f"one of {' '.join(KINDS)} would do")
    return check_place(target)


def chart_png(svg: str, zoom: float) -> bytes:
    """A plain SVG as PNG, in the font that travels with symgrad."""
    try:
        import resvg_py
    except ImportError as error:
        raise BackendError("drawing a PNG needs resvg: `pip install resvg-py`") from error
    return bytes(resvg_py.svg_to_bytes(
        svg_string=svg, dpi=96, zoom=zoom, font_files=[str(FONT_FILE)], font_family=FONT_NAME,
        sans_serif_family=FONT_NAME, skip_system_fonts=True))
