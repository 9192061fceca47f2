"""A scene as SVG: for white paper and dark mode, with tooltips, links and words for those who listen.

Colours of white paper are attributes of the shapes, so that every program that reads SVG shows them. A style
sheet sets the same as custom properties and changes these in dark mode: that of the reader's system, or the
one that a page chooses by `data-theme` (and what MkDocs Material and Jupyter use). So a drawing follows its
page, and a page may set `--sg-paper` and the other colours. Every box is a group with a stable id, a class,
a role, its tooltip as `<title>`, and a link to `#step-3` where it is a step of a derivation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import symgrad.drawing.pictures.palette as look
from symgrad.drawing.pictures.dot import identifiers
from symgrad.drawing.pictures.layout import Scene
from symgrad.drawing.pictures.lines import block
from symgrad.drawing.pictures.picture import DrawnBox
from symgrad.drawing.pictures.placing import Entry, PlacedArrow, Position, Rectangle
from symgrad.drawing.pictures.typeset import ASCENT, DESCENT, FONT_STACK, LINE, TypesetFormula

ROUND = 8.0         # radius of rounded boxes
DASH = "6 3"
LINE_WIDTH = 1.2
INSET = 2.6         # of a second outline
PAGES = {           # how pages say which theme a reader chose
    "dark": ('[data-theme="dark"]', '[data-md-color-scheme="slate"]', '[data-jp-theme-light="false"]', ".dark"),
    "light": ('[data-theme="light"]', '[data-md-color-scheme="default"]', '[data-jp-theme-light="true"]', ".light"),
}


def svg(scene: Scene, title: str = "", words: str = "", plain: bool = False) -> str:
    """The scene as one SVG document, `title` and `words` as its text alternative.

    `plain` leaves out size, tooltips, links, words and dark mode: what a converter to another format draws.
    """
    outlines: dict[str, str] = {}
    body: list[str] = []
    ids = box_ids(scene)
    name = _prefix(scene)

    def group(classes: str, tooltip: str, *parts: str, more: str = "") -> str:
        told = "" if plain else f"<title>{clean(tooltip)}</title>"
        return f'<g class="{classes}"{"" if plain else more}>{told}{"".join(parts)}</g>'

    for cluster, frame, place in scene.clusters:
        body.append(group("sg-cluster", cluster.title, _shape(look.CLUSTER, frame),
                          _text(cluster.title, Rectangle(*place, 0, 0), look.TITLE_SIZE, look.TITLE[0], "sg-title")))
    labels = {box.key: " ".join(box.label.split()) for box, _ in scene.boxes}
    for placed in scene.arrows:
        arrow = placed.arrow
        kind = "backward" if arrow.backward or arrow.derivative else "returns" if arrow.returns else "forward"
        ends = f"{labels[arrow.tail]}  →  {labels[arrow.head]}"
        body.append(group(f"sg-arrow sg-{kind}", ends, _arrow(placed, outlines)))
    for box, frame in scene.boxes:
        more = f' id="{ids[box.key]}" role="graphics-symbol" aria-label={quoted(labels[box.key])}'
        drawn = group(f"sg-box sg-{box.kind}", box.tooltip or box.label, _shape(look.STYLES[box.kind], frame),
                      _label(box, frame, outlines), more=more)
        body.append(f'<a href={quoted("#" + box.link)}>{drawn}</a>' if box.link and not plain else drawn)
    if scene.picture.title:
        top = Rectangle(scene.width / 2, 2 + look.TITLE_SIZE, 0, 0)
        body.append(_text(scene.picture.title, top, look.TITLE_SIZE, look.TITLE[0], "sg-title"))
    if scene.legend:
        body.append('<g class="sg-legend">' + "".join(_entry(entry) for entry in scene.legend) + "</g>")

    width, height = _n(scene.width), _n(scene.height)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="symgrad" viewBox="0 0 {width} {height}"'
    if not plain:
        head += (f' id="{name}" width="{width}" height="{height}" style="max-width:100%;height:auto" role="img"'
                 f' aria-labelledby="{name}-title {name}-desc"')
    lines = [f'{head} font-family="{FONT_STACK}" text-anchor="middle">']
    if not plain:
        lines += [f'<title id="{name}-title">{clean(title)}</title>', f'<desc id="{name}-desc">{clean(words)}</desc>',
                  f"<style>{_sheet()}</style>"]
    if outlines:
        lines += ["<defs>", *(f'<path id="{key}" d="{data}"/>' for key, data in outlines.items()), "</defs>"]
    lines.append(f'<rect class="sg-paper" width="{width}" height="{height}" fill="{look.PAPER[0]}"/>')
    return "\n".join([*lines, *body, "</svg>"]) + "\n"


def box_ids(scene: Scene) -> dict[str, str]:
    """The id of the group of every box, by the key of the box: stable, and different in different pictures."""
    name = _prefix(scene)
    return {key: f"{name}-{text}" for key, text in identifiers(box.key for box, _ in scene.boxes).items()}


def _prefix(scene: Scene) -> str:
    return "sg-" + hashlib.blake2b(repr(scene.picture).encode("utf-8", "replace"), digest_size=4).hexdigest()


def _sheet() -> str:
    """The style sheet: colours as custom properties, those of dark mode, what shows on hover."""
    colours = {"paper": look.PAPER, "ink": look.INK, "title": look.TITLE, "muted": look.MUTED,
               "forward": look.FORWARD, "backward": look.BACKWARD, "returns": look.FORWARD}
    rules = [".sg-paper{fill:var(--sg-paper)}", ".sg-label{fill:var(--sg-ink)}", ".sg-title{fill:var(--sg-title)}",
             ".sg-size{fill:var(--sg-muted)}"]
    for name in ("forward", "backward", "returns"):
        rules += [f".sg-{name} .sg-line{{stroke:var(--sg-{name})}}", f".sg-{name} .sg-point{{fill:var(--sg-{name})}}"]
    for kind, style in {"cluster": look.CLUSTER, **look.STYLES}.items():
        colours |= {f"{kind}-fill": (style.light[0], style.dark[0]), f"{kind}-line": (style.light[1], style.dark[1])}
        rules.append(f".sg-{kind} .sg-shape{{fill:var(--sg-{kind}-fill);stroke:var(--sg-{kind}-line)}}")
        rules += [f".sg-{kind} .sg-second{{stroke:var(--sg-{kind}-line)}}"] if style.double else []
    light, dark = ("".join(f"--sg-{name}:{pair[i]};" for name, pair in colours.items()) for i in (0, 1))
    chosen = {theme: ",".join(f"{page} .symgrad" for page in pages) for theme, pages in PAGES.items()}
    return "".join([
        f".symgrad{{{light}}}@media (prefers-color-scheme: dark){{.symgrad{{{dark}}}}}",
        f"{chosen['dark']}{{{dark}}}{chosen['light']}{{{light}}}",
        f"@media print{{.symgrad,{chosen['dark']}{{{light}}}}}",
        *(f".symgrad {rule}" for rule in rules),
        ".symgrad a{text-decoration:none}.symgrad .sg-box:hover .sg-shape,.symgrad a:focus .sg-shape{stroke-width:2.4}"])


def _shape(style: look.Style, frame: Rectangle, second: bool = False) -> str:
    if style.double and not second:
        inner = Rectangle(frame.x, frame.y, frame.width - 2 * INSET, frame.height - 2 * INSET)
        return _shape(replace(style, double=False), frame) + _shape(style, inner, second=True)
    fill, stroke = ("none" if second else style.light[0]), style.light[1]
    name, wide = ("sg-second", 0.7) if second else ("sg-shape", LINE_WIDTH)
    paint = f'class="{name}" fill="{fill}" stroke="{stroke}" stroke-width="{wide}"'
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
    corner = f' rx="{_n(min(ROUND - INSET * second, b / 2))}"' if style.rounded else ""
    return (f'<rect {paint} x="{_n(x - a)}" y="{_n(y - b)}" width="{_n(frame.width)}" '
            f'height="{_n(frame.height)}"{corner}/>')


def _label(box: DrawnBox, frame: Rectangle, outlines: dict[str, str]) -> str:
    typeset = block(box.latex, look.BOX_SIZE) if box.latex else None
    if typeset is not None:
        return _formula(typeset, frame, outlines, look.INK[0], "sg-label")
    return _text(box.label, frame, look.BOX_SIZE, look.INK[0], "sg-label")


def _formula(typeset: TypesetFormula, frame: Rectangle, outlines: dict[str, str], colour: str, name: str) -> str:
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
    return (f'<g class="{name}" fill="{colour}" '
            f'transform="translate({_n(left)} {_n(base)})">{"".join(parts)}</g>')


def _arrow(placed: PlacedArrow, outlines: dict[str, str]) -> str:
    arrow = placed.arrow
    curve = f"M{_pairs(placed.curve[:1])}C{_pairs(placed.curve[1:])}"
    text = _line(curve, placed.point, arrow.backward or arrow.derivative, arrow.returns)
    if not arrow.label or placed.label is None:
        return text
    place = Rectangle(*placed.label, 0, 0)
    typeset = block(arrow.latex, look.LABEL_MATH) if arrow.latex else None
    if typeset is not None:
        return text + _formula(typeset, place, outlines, look.MUTED[0], "sg-size")
    return text + _text(arrow.label, place, look.LABEL_SIZE, look.MUTED[0], "sg-size")


def _line(curve: str, point: Iterable[Position], backward: bool, returns: bool = False) -> str:
    colour = (look.BACKWARD if backward else look.FORWARD)[0]
    dash = f' stroke-dasharray="{DASH}"' if backward or returns else ""
    return (f'<path class="sg-line" d="{curve}" fill="none" stroke="{colour}" stroke-width="{LINE_WIDTH}"{dash}/>'
            f'<polygon class="sg-point" points="{_pairs(point)}" fill="{colour}"/>')


def _entry(entry: Entry) -> str:
    """An entry of the legend: the sample as the picture draws it, and its text."""
    text = _text(entry.text, entry.place, look.LEGEND_SIZE, look.MUTED[0], "sg-size")
    f = entry.sample
    if not entry.kind:
        return text
    kind = {"output": "loss", "into": "backward"}.get(entry.kind, entry.kind)
    if kind in ("forward", "backward", "returns"):
        left, right = f.x - f.width / 2, f.x + f.width / 2
        point = ((right - 7, f.y - 2.8), (right, f.y), (right - 7, f.y + 2.8))
        line = f"M{_pairs([(left, f.y)])}L{_pairs([(right - 6, f.y)])}"
        sample = _line(line, point, kind == "backward", kind == "returns")
    else:
        sample = _shape(look.STYLES[kind], f)
    return f'<g class="sg-{kind}">{sample}{text}</g>'


def _text(text: str, frame: Rectangle, size: float, colour: str, name: str) -> str:
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


def _pairs(points: Iterable[Position]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
