"""From a picture to files: `render(picture)` gives a `Drawing`, which knows SVG, PNG, PDF, dot and TikZ.

PNG (by resvg) and PDF (by fpdf2) are converted, when asked for, from a plain SVG of the same scene, with the
font that travels with symgrad. The same picture gives the same bytes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from symgrad.drawing.pictures.dot import to_dot
from symgrad.drawing.pictures.layout import Scene, lay_out
from symgrad.drawing.pictures.palette import PAPER
from symgrad.drawing.pictures.picture import Picture
from symgrad.drawing.pictures.svg import box_ids, svg
from symgrad.drawing.pictures.telling import heading, told
from symgrad.drawing.pictures.tikz import tikz
from symgrad.drawing.pictures.typeset import FONT_FILE, FONT_NAME, covers
from symgrad.files import check_place, write_whole
from symgrad.graphs.errors import BackendError, SymgradError

SUFFIXES = {".svg": "svg", ".png": "png", ".pdf": "pdf", ".dot": "dot", ".tex": "tikz"}    # the formats of files
ZOOM = 2.0                                      # pixels of a PNG per point
MOST_PIXELS, MOST_SIDE = 60_000_000, 32_000     # a larger picture is drawn at a smaller scale
MOST_PAGE = 14_400                              # points: the largest page of a PDF


@dataclass(frozen=True, repr=False)
class Drawing:
    """A laid-out picture: texts `.svg`, `.dot` and `.tikz`, bytes `.png()` and `.pdf()`, files by `.save(path)`.

    `.title` and `.alt` say in words what is drawn, the second in the order of the computation. `str` of a drawing whose
    `format` is a text is that text.
    """

    svg: str
    dot: str
    title: str
    alt: str
    scene: Scene = field(compare=False)
    format: str = ""

    def __repr__(self) -> str:
        return f"<Drawing: {self.title}>"

    def __str__(self) -> str:
        match self.format:
            case "svg" | "dot":
                return self.svg if self.format == "svg" else self.dot
            case "tikz":
                return self.tikz
        return repr(self)

    @property
    def tikz(self) -> str:
        """A standalone LaTeX document: `pdflatex` makes one page of it, of the picture's size."""
        return tikz(self.scene)

    @property
    def anchors(self) -> dict[str, str]:
        """For every link, such as "step-3", the id of the box that bears it: for links from a page into the drawing."""
        ids = box_ids(self.scene)
        found: dict[str, str] = {}
        for box, _ in self.scene.boxes:
            for link in (box.link, *box.folded):
                if link:
                    found.setdefault(link, ids[box.key])
        return found

    def png(self, zoom: float = ZOOM) -> bytes:
        """PNG bytes, `zoom` pixels for a point of the layout (fewer where nothing could open the result)."""
        try:
            import resvg_py
        except ImportError as error:
            raise BackendError("drawing a PNG needs resvg: `pip install resvg-py`") from error
        width, height = self.scene.width, self.scene.height
        zoom = min(zoom, (MOST_PIXELS / (width * height)) ** 0.5, MOST_SIDE / max(width, height))
        # With the bundled font alone a picture is the same everywhere; characters it lacks need the system's.
        return bytes(resvg_py.svg_to_bytes(
            svg_string=svg(self.scene, plain=True), dpi=96, zoom=zoom, font_files=[str(FONT_FILE)],
            font_family=FONT_NAME, sans_serif_family=FONT_NAME, background=PAPER[0],
            skip_system_fonts=covers(_all_text(self.scene.picture))))

    def pdf(self) -> bytes:
        """PDF bytes: one page of the drawing's size; labels are text to search, formulas are outlines."""
        try:
            import fpdf
        except ImportError as error:
            raise BackendError("drawing a PDF needs fpdf2: `pip install fpdf2`") from error
        width, height = self.scene.width, self.scene.height
        scale = min(1.0, MOST_PAGE / max(width, height))
        page = fpdf.FPDF(unit="pt", format=(width * scale, height * scale))
        page.set_creation_date(datetime(2000, 1, 1, tzinfo=UTC))    # equal drawings, equal bytes
        page.set_title(self.title)
        page.set_margin(0)
        page.set_auto_page_break(False)
        page.add_font(FONT_NAME, fname=str(FONT_FILE))
        page.set_font(FONT_NAME)
        page.add_page()
        fpdf.svg.SVGObject(svg(self.scene, plain=True)).draw_to_page(page)
        return bytes(page.output())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to `path`; its `format`, or else the suffix, says how. An older file is replaced as a whole.

        Raises `SymgradError` for an unknown suffix, or a folder that does not exist.
        """
        place = check_place(path) if self.format else checked_path(path)
        match self.format or SUFFIXES[place.suffix.lower()]:
            case "svg":
                return write_whole(path, self.svg)
            case "dot":
                return write_whole(path, self.dot)
            case "tikz":
                return write_whole(path, self.tikz)
            case "png":
                return write_whole(path, self.png())
        return write_whole(path, self.pdf())

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": self.alt}


def render(picture: Picture, path: str | os.PathLike[str] | None = None, form: str | None = None) -> Drawing:
    """Lay a picture out; write it to `path` (.svg .png .pdf .dot .tex) if one is given, or in the format `form`.

    >>> from symgrad.drawing.pictures.picture import Arrow, DrawnBox
    >>> boxes = (DrawnBox("x", "x", "data"), DrawnBox("r", "r = ‖x‖²", "loss"))
    >>> drawing = render(Picture(boxes, (Arrow("x", "r", "n"),)))
    >>> "r = ‖x‖²" in drawing.svg
    True
    """
    if form is not None and form not in SUFFIXES.values():
        raise SymgradError(f"draw: format {form!r} is unknown; known: {', '.join(SUFFIXES.values())}")
    if path is not None:
        _ = check_place(path) if form else checked_path(path)
    scene, title, alt = lay_out(picture), heading(picture), told(picture)
    drawing = Drawing(svg(scene, title, alt), to_dot(picture).source, title, alt, scene, form or "")
    if path is not None:
        drawing.save(path)
    return drawing


def checked_path(path: str | os.PathLike[str]) -> Path:
    """`path` as a Path that a drawing can be saved to; a `SymgradError` says why not."""
    suffix = Path(path).suffix
    if suffix.lower() not in SUFFIXES:
        got = f"the suffix {suffix!r} is no format of a drawing" if suffix else "it has no suffix"
        raise SymgradError(f"cannot draw to {str(path)!r}: {got}; known: {' '.join(SUFFIXES)}")
    return check_place(path)


def _all_text(picture: Picture) -> str:
    texts = [picture.title, *picture.notes, *(c.title for c in picture.clusters)]
    return "".join([*texts, *(box.label for box in picture.boxes), *(arrow.label for arrow in picture.arrows)])
