"""How wide is a text? Widths from the bundled font, and LaTeX set as outlines.

The build of graphviz that travels as a wheel knows no fonts: it guesses the width of Unicode text badly. So
every box is measured here, with the font that PNG and PDF are drawn with, and the layout is told its size.

A formula becomes a `TypesetFormula`: outlines of glyphs (by ziamath, which carries its own font) on a baseline at
y = 0, y pointing down. No reader of the picture needs a font for it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from symgrad.formulas.spelling.mathml import whole_names

FONT_FILE = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
FONT_NAME = "DejaVu Sans"
FONT_STACK = "'DejaVu Sans', Verdana, 'Segoe UI', sans-serif"
LINE = 1.3      # distance of baselines, in font sizes
ASCENT = 0.82   # of a line, in font sizes; capitals (0.73) then stand near the middle, superscripts fit
DESCENT = 0.22
BAR, TALL = "\N{DOUBLE VERTICAL LINE}", ("mfrac", "munder", "mover", "munderover", "mtable", "msqrt")
LIMITS = "\N{N-ARY SUMMATION}\N{N-ARY PRODUCT}"


@dataclass(frozen=True)
class Glyph:
    """One outline (the text of an SVG path), to be scaled, then moved to (x, y)."""

    outline: str
    x: float
    y: float
    scale: float


@dataclass(frozen=True)
class TypesetFormula:
    """A typeset formula: its glyphs and rules (x, y, width, height), from its left edge on the baseline."""

    width: float
    ascent: float
    descent: float
    glyphs: tuple[Glyph, ...]
    rules: tuple[tuple[float, float, float, float], ...]


class _Metrics(NamedTuple):
    """The bundled font as far as widths go: the glyph of a character, the advance of a glyph, units of an em."""

    glyphs: Mapping[int, str]
    advances: Mapping[str, tuple[int, int]]
    em: int


@cache
def _font() -> _Metrics:
    """Three tables of the font file. Its kerning and outlines, which take a second to read, say nothing of widths."""
    from fontTools.ttLib import TTFont

    font = TTFont(FONT_FILE, lazy=True)
    return _Metrics(font.getBestCmap(), font["hmtx"].metrics, font["head"].unitsPerEm)


@lru_cache(maxsize=8192)
def _advance(char: str) -> float | None:
    """The advance of one character in font sizes; None where the bundled font has no such character."""
    font = _font()
    glyph = font.glyphs.get(ord(char))
    return None if glyph is None else font.advances[glyph][0] / font.em


def covers(text: str) -> bool:
    """Whether the bundled font has every character of `text` (line breaks aside)."""
    return all(char == "\n" or _advance(char) is not None for char in text)


def text_width(text: str, size: float) -> float:
    """The width of the longest line of `text`, in the unit of `size`. An unknown character counts as one em.

    >>> round(text_width("n × 8", 10.0), 1)
    27.4
    """
    def width(line: str) -> float:
        return sum(1.0 if (w := _advance(char)) is None else w for char in line)

    return size * max((width(line) for line in text.split("\n")), default=0.0)


@lru_cache(maxsize=4096)
def formula(latex: str, size: float) -> TypesetFormula | None:
    """LaTeX (one line of mathematics) typeset at `size`; None if it cannot be: then plain text is shown."""
    import xml.etree.ElementTree as ElementTree

    import ziamath
    from ziamath.tex import tex2mml

    from symgrad.drawing.pictures.mathrow import TAG  # opens ziamath

    canvas = ElementTree.Element("svg")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            math = ziamath.Math(_shallow(ElementTree.fromstring(whole_names(tex2mml(latex))), TAG), size=size)
            math.drawon(canvas, 0, 0, halign="left", valign="base")
    # latex2mathml and ziamath raise whatever they stumble over (IndexError, KeyError, ...); a label must not.
    except Exception:
        return None
    box = math.node.bbox
    symbols = {s.get("id"): s for s in canvas.iter("symbol")}
    inside = {id(child) for symbol in symbols.values() for child in symbol.iter()}
    glyphs, rules = [], []
    for element in canvas.iter():
        if id(element) in inside:
            continue
        if element.tag == "use":
            symbol = symbols[str(element.get("href")).removeprefix("#")]
            left, top, width, _ = map(float, str(symbol.get("viewBox")).split())
            scale = float(element.get("width", "0")) / width if width else 1.0
            x, y = float(element.get("x", "0")), float(element.get("y", "0"))
            for outline in symbol.iter("path"):     # a tall bar or bracket is put together of several
                glyphs.append(Glyph(_compact(str(outline.get("d"))), x - left * scale, y - top * scale, scale))
        elif element.tag == "path" and element.get("stroke") is None:
            glyphs.append(Glyph(_compact(str(element.get("d"))), 0.0, 0.0, 1.0))
        elif element.tag == "rect" and element.get("stroke") is None:
            x, y, w, h = (float(element.get(k, "0")) for k in ("x", "y", "width", "height"))
            rules.append((x, y, w, h))
    if not glyphs:
        return None
    return TypesetFormula(box.xmax, max(box.ymax, 0.0), max(-box.ymin, 0.0), tuple(glyphs), tuple(rules))


def _shallow(math: Any, tag: str) -> Any:
    """MathML without rows of one element; other rows have the name `tag`.

    Bars around what is no taller than a letter stay as they are: stretched, they are put together of pieces that show.
    Indices of a sum stand below and above it between brackets, too: as subscripts they make ziamath's bracket a
    hundred lines tall.
    """
    if len(math) == 1 and _tag(math[0]) == "mrow":
        row = math[0]
        math.remove(row)
        math.extend(list(row))
    for parent in math.iter():
        bars = [child for child in parent if _tag(child) == "mo" and child.text == BAR]
        if bars and not any(_tag(each) in TALL for each in parent.iter()):
            for bar in bars:
                bar.set("stretchy", "false")
        if _tag(parent) in ("msub", "msup", "msubsup"):
            for place, child in enumerate(list(parent)):
                while _tag(child) == "mrow" and len(child) == 1:
                    child = child[0]
                parent[place] = child
            if parent[0].text and parent[0].text in LIMITS:
                parent.tag = parent.tag.replace("sub", "under").replace("sup", "over")
    for element in math.iter():
        if _tag(element) in ("math", "mrow"):
            element.tag = tag
    return math


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


@lru_cache(maxsize=4096)
def _compact(outline: str) -> str:
    """The same outline with two decimals and no needless blanks (a third of the bytes)."""
    def number(match: re.Match[str]) -> str:
        text = f"{float(match.group()):.2f}".rstrip("0").rstrip(".")
        return "0" if text == "-0" else text

    text = re.sub(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", number, outline)
    return re.sub(r"\s*([MLQCZ])\s*", r"\1", text)
