"""A scene as SVG: for white paper and dark mode, with tooltips, and in words for those who listen.

Colours of white paper are attributes of the shapes, so that every program that reads SVG shows them; a style
sheet holds only what changes in dark mode. The page paints its own paper, because what surrounds it need not
follow the reader's mode. Nothing outside the text is referred to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import symgrad.palette as look
from symgrad.layout import Frame, PlacedArrow, Point, Scene
from symgrad.picture import Box
from symgrad.typeset import ASCENT, DESCENT, FONT_STACK, LINE, Formula, formula

ROUND = 8.0         # radius of rounded boxes
DASH = "6 3"
LINE_WIDTH = 1.2


def svg(scene: Scene, words: str = "", plain: bool = False) -> str:
    """The scene as one SVG document, `words` as its text alternative.

    `plain` leaves out size, tooltips, words and dark mode: what a converter to another format draws.
    """
    outlines: dict[str, str] = {}
    body: list[str] = []

    def group(name: str, tooltip: str, *parts: str) -> None:
        title = "" if plain else f"<title>{clean(tooltip)}</title>"
        body.append(f'<g class="{name}">{title}{"".join(parts)}</g>')

    for cluster, frame, title in scene.clusters:
        group("sg-cluster", cluster.title, _shape(look.CLUSTER, frame),
              _text(cluster.title, Frame(*title, 0, 0), look.TITLE_SIZE, look.TITLE[0], "sg-title"))
    labels = {box.key: " ".join(box.label.split()) for box, _ in scene.boxes}
    for placed in scene.arrows:
        arrow = placed.arrow
        group(f"sg-arrow sg-{'backward' if arrow.backward else 'forward'}",
              f"{labels[arrow.tail]}  →  {labels[arrow.head]}", _arrow(placed))
    for box, frame in scene.boxes:
        group(f"sg-box sg-{box.kind}", box.tooltip or box.label,
              _shape(look.STYLES[box.kind], frame), _label(box, frame, outlines))
    if scene.picture.title:
        top = Frame(scene.width / 2, 2 + look.TITLE_SIZE, 0, 0)
        body.append(_text(scene.picture.title, top, look.TITLE_SIZE, look.TITLE[0], "sg-title"))

    width, height = _n(scene.width), _n(scene.height)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="symgrad" viewBox="0 0 {width} {height}"'
    if not plain:
        head += (f' width="{width}" height="{height}" style="max-width:100%;height:auto" role="img"'
                 f' aria-label={quoted(words)}')
    lines = [f'{head} font-family="{FONT_STACK}" text-anchor="middle">']
    if not plain:
        lines += [f"<desc>{clean(words)}</desc>", f"<style>{_dark_mode()}</style>"]
    if outlines:
        lines += ["<defs>", *(f'<path id="{key}" d="{data}"/>' for key, data in outlines.items()), "</defs>"]
    lines.append(f'<rect class="sg-paper" width="{width}" height="{height}" fill="{look.PAPER[0]}"/>')
    return "\n".join([*lines, *body, "</svg>"]) + "\n"


def _dark_mode() -> str:
    def rule(selector: str, **colours: str) -> str:
        return f".symgrad {selector}{{{';'.join(f'{k}:{v}' for k, v in colours.items())}}}"

    cluster = look.CLUSTER.dark
    rules = [rule(".sg-paper", fill=look.PAPER[1]), rule(".sg-label", fill=look.INK[1]),
             rule(".sg-cluster .sg-shape", fill=cluster[0], stroke=cluster[1]),
             rule(".sg-title", fill=look.TITLE[1]), rule(".sg-size", fill=look.MUTED[1])]
    for name, colour in (("forward", look.FORWARD[1]), ("backward", look.BACKWARD[1])):
        rules += [rule(f".sg-{name} .sg-line", stroke=colour), rule(f".sg-{name} .sg-point", fill=colour)]
    rules += [rule(f".sg-{kind} .sg-shape", fill=style.dark[0], stroke=style.dark[1])
              for kind, style in look.STYLES.items()]
    return "@media (prefers-color-scheme: dark){" + "".join(rules) + "}"


def _shape(style: look.Style, frame: Frame) -> str:
    fill, stroke = style.light
    paint = f'class="sg-shape" fill="{fill}" stroke="{stroke}" stroke-width="{LINE_WIDTH}"'
    paint += f' stroke-dasharray="{DASH}"' if style.dashed else ""
    x, y, a, b = frame.x, frame.y, frame.width / 2, frame.height / 2
    match style.shape:
        case "ellipse":
            return f'<ellipse {paint} cx="{_n(x)}" cy="{_n(y)}" rx="{_n(a)}" ry="{_n(b)}"/>'
        case "octagon":     # as graphviz draws it: a regular one, stretched
            cut = 2**0.5 - 1
            corners = [(a, b * cut), (a * cut, b), (-a * cut, b), (-a, b * cut),
                       (-a, -b * cut), (-a * cut, -b), (a * cut, -b), (a, -b * cut)]
            return f'<polygon {paint} points="{_pairs((x + dx, y + dy) for dx, dy in corners)}"/>'
    corner = f' rx="{_n(ROUND)}"' if style.rounded else ""
    return (f'<rect {paint} x="{_n(x - a)}" y="{_n(y - b)}" width="{_n(frame.width)}" '
            f'height="{_n(frame.height)}"{corner}/>')


def _label(box: Box, frame: Frame, outlines: dict[str, str]) -> str:
    typeset = formula(box.latex, look.BOX_SIZE) if box.latex else None
    if typeset is not None:
        return _formula(typeset, frame, box.label, outlines)
    return _text(box.label, frame, look.BOX_SIZE, look.INK[0], "sg-label")


def _formula(typeset: Formula, frame: Frame, label: str, outlines: dict[str, str]) -> str:
    """A typeset formula in the middle of a frame. Equal outlines are written once, named by their digest."""
    parts = []
    for glyph in typeset.glyphs:
        key = "sg" + hashlib.blake2b(glyph.outline.encode(), digest_size=5).hexdigest()
        outlines.setdefault(key, glyph.outline)
        scale = f" scale({glyph.scale:.4g})" if glyph.scale != 1 else ""
        parts.append(f'<use href="#{key}" transform="translate({_n(glyph.x)} {_n(glyph.y)}){scale}"/>')
    for x, y, width, height in typeset.rules:
        parts.append(f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"/>')
    left, base = frame.x - typeset.width / 2, frame.y + (typeset.ascent - typeset.descent) / 2
    return (f'<g class="sg-label" aria-label={quoted(label)} fill="{look.INK[0]}" '
            f'transform="translate({_n(left)} {_n(base)})">{"".join(parts)}</g>')


def _arrow(placed: PlacedArrow) -> str:
    arrow = placed.arrow
    colour = (look.BACKWARD if arrow.backward else look.FORWARD)[0]
    dash = f' stroke-dasharray="{DASH}"' if arrow.backward else ""
    curve = f"M{_pairs(placed.curve[:1])}C{_pairs(placed.curve[1:])}"
    text = (f'<path class="sg-line" d="{curve}" fill="none" stroke="{colour}" '
            f'stroke-width="{LINE_WIDTH}"{dash}/>')
    text += f'<polygon class="sg-point" points="{_pairs(placed.point)}" fill="{colour}"/>'
    if arrow.label and placed.label is not None:
        text += _text(arrow.label, Frame(*placed.label, 0, 0), look.LABEL_SIZE, look.MUTED[0], "sg-size")
    return text


def _text(text: str, frame: Frame, size: float, colour: str, name: str) -> str:
    """A text, each line by itself, in the middle of a frame."""
    lines = text.split("\n")
    first = frame.y + size * ((ASCENT - DESCENT) / 2 - (len(lines) - 1) * LINE / 2)
    return "".join(
        f'<text class="{name}" x="{_n(frame.x)}" y="{_n(first + i * size * LINE)}" font-size="{_n(size)}" '
        f'fill="{colour}">{clean(line)}</text>' for i, line in enumerate(lines))


def _printable(text: str) -> str:
    """Without what XML cannot hold: control characters and halves of characters."""
    return "".join(c for c in text if c in "\n\t" or (c >= " " and not "\ud800" <= c <= "\udfff"))


def clean(text: str) -> str:
    """A text between tags. (Python's own `xml.sax.saxutils` imports an HTTP client.)"""
    return _printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def quoted(text: str) -> str:
    """A text as the value of an attribute, with its quotes."""
    inner = clean(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
    return f'"{inner}"'


def _n(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _pairs(points: Iterable[Point]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
