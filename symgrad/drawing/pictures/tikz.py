r"""A scene as TikZ: a standalone LaTeX document with the same places, formulas set by LaTeX itself.

Boxes are nodes with a style for each kind, to be restyled in one place and referred to from a paper's own pictures. One
point of the layout is 10/13 of a LaTeX point, so that formulas at 10pt fill the boxes that were measured at 13.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import symgrad.drawing.pictures.palette as look
from symgrad.drawing.pictures.dot import identifiers
from symgrad.drawing.pictures.layout import Scene
from symgrad.drawing.pictures.picture import DrawnBox
from symgrad.drawing.pictures.placing import Entry, PlacedArrow, Position, Rectangle
from symgrad.formulas.spelling.letters import for_tex, latex_text

UNIT = 10 / look.BOX_SIZE       # LaTeX points for a point of the layout
PLAIN = re.compile(r"[A-Za-z0-9.,;:!?()'/+=-]+")
HEAD = r"""\documentclass[tikz, border=3pt]{standalone}
\usepackage{amsmath, amssymb}
\usetikzlibrary{shapes.geometric}
"""
ELLIPSE, CORNERS = "ellipse", "rounded corners=5pt"


def tikz(scene: Scene) -> str:
    """The scene as a LaTeX document that `pdflatex` compiles to one page of the picture's size."""
    lines = [HEAD + "\n".join(_colours(scene)), r"\begin{document}",
             f"\\begin{{tikzpicture}}[x={UNIT:.4f}pt, y=-{UNIT:.4f}pt, line width=0.9pt, inner sep=0pt,",
             ",\n".join(f"  {style}" for style in _styles(scene)) + "]"]
    for cluster, frame, title in scene.clusters:
        lines.append(_node("sg cluster", frame, ""))
        lines.append(f"\\node[sg title] at {_at(title)} {{{_text(cluster.title)}}};")
    for placed in scene.arrows:
        lines += _arrow(placed)
    names = identifiers(box.key for box, _ in scene.boxes)
    for box, frame in scene.boxes:
        lines += _box(f"sg {box.kind}", look.STYLES[box.kind], frame, _label(box), names[box.key])
    for entry in scene.legend:
        lines += _entry(entry)
    if scene.picture.title:
        top = _at((scene.width / 2, 2 + look.TITLE_SIZE))
        lines.append(f"\\node[sg title] at {top} {{{_text(scene.picture.title)}}};")
    return "\n".join([*lines, r"\end{tikzpicture}", r"\end{document}"]) + "\n"


def _kinds(scene: Scene) -> dict[str, look.Style]:
    found = {kind: look.STYLES[kind] for kind in dict.fromkeys(box.kind for box, _ in scene.boxes)}
    return {**found, **({"cluster": look.CLUSTER} if scene.clusters else {})}


def _colours(scene: Scene) -> Iterator[str]:
    named = {"ink": look.INK[0], "muted": look.MUTED[0], "title": look.TITLE[0], "forward": look.FORWARD[0],
             "backward": look.BACKWARD[0], "returns": look.FORWARD[0]}
    for kind, style in _kinds(scene).items():
        named |= {f"{kind}-fill": style.light[0], f"{kind}-line": style.light[1]}
    for name, colour in named.items():
        yield f"\\definecolor{{sg-{name}}}{{HTML}}{{{colour.removeprefix('#').upper()}}}"


def _styles(scene: Scene) -> Iterator[str]:
    yield r"every node/.style={text=sg-ink}"
    yield r"sg forward/.style={draw=sg-forward}, sg backward/.style={draw=sg-backward, dashed}"
    yield r"sg returns/.style={draw=sg-returns, dashed}"
    yield r"sg size/.style={text=sg-muted, font=\small}, sg title/.style={text=sg-title, font=\small\sffamily}"
    yield r"sg note/.style={text=sg-muted, font=\footnotesize\sffamily}"
    for kind, style in _kinds(scene).items():
        options = [f"draw=sg-{kind}-line", f"fill=sg-{kind}-fill"]
        options += [ELLIPSE] if style.shape == "ellipse" else []
        options += [CORNERS] if style.rounded else []
        options += ["dashed"] if style.dashed else []
        options += ["double"] if style.double else []
        yield f"sg {kind}/.style={{{', '.join(options)}}}"


def _box(style: str, look_: look.Style, frame: Rectangle, label: str, name: str = "") -> list[str]:
    if look_.shape != "octagon":
        return [_node(style, frame, label, name)]
    a, b, cut = frame.width / 2, frame.height / 2, 2**0.5 - 1       # as in SVG: a regular one, stretched
    corners = [(a, b * cut), (a * cut, b), (-a * cut, b), (-a, b * cut), (-a, -b * cut), (-a * cut, -b), (a * cut, -b),
               (a, -b * cut)]
    path = " -- ".join(_at((frame.x + x, frame.y + y)) for x, y in corners)
    return [f"\\path[{style}] {path} -- cycle;", _node("", frame, label, name)]


def _node(style: str, frame: Rectangle, label: str, name: str = "") -> str:
    size = f"minimum width={UNIT * frame.width:.2f}pt, minimum height={UNIT * frame.height:.2f}pt"
    options = ", ".join(filter(None, (style, size)))
    return f"\\node[{options}]{f' ({name})' if name else ''} at {_at((frame.x, frame.y))} {{{label}}};"


def _label(box: DrawnBox) -> str:
    """Formulas below each other, each by itself; of what has none, its text."""
    lines = [_text(line) for line in box.label.split("\n")]
    if box.latex:
        lines = [f"${for_tex(line)}$" for line in box.latex.split("\n")]
    rows = r" \\ ".join(lines)
    return rows if len(lines) == 1 else f"\\begin{{tabular}}{{@{{}}l@{{}}}}{rows}\\end{{tabular}}"


def _arrow(placed: PlacedArrow) -> list[str]:
    arrow = placed.arrow
    kind = "backward" if arrow.backward or arrow.derivative else "returns" if arrow.returns else "forward"
    lines = _line(placed.curve, placed.point, kind)
    if arrow.label and placed.label is not None:
        label = f"${for_tex(arrow.latex)}$" if arrow.latex else _text(arrow.label)
        lines.append(f"\\node[sg size] at {_at(placed.label)} {{{label}}};")
    return lines


def _line(curve: tuple[Position, ...], point: tuple[Position, ...], kind: str) -> list[str]:
    parts = [_at(curve[0])]
    for a, b, c in zip(curve[1::3], curve[2::3], curve[3::3]):
        parts.append(f".. controls {_at(a)} and {_at(b)} .. {_at(c)}")
    head = [f"\\fill[sg-{kind}] {' -- '.join(map(_at, point))} -- cycle;"] if point else []
    return [f"\\draw[sg {kind}] {' '.join(parts)};", *head]


def _entry(entry: Entry) -> list[str]:
    """An entry of the legend: the sample as the picture draws it, and its text."""
    place, f = entry.place, entry.sample
    lines = [f"\\node[sg note, anchor=west] at {_at((place.x - place.width / 2, place.y))} {{{_text(entry.text)}}};"]
    kind = {"output": "loss", "into": "backward"}.get(entry.kind, entry.kind)
    if kind in ("forward", "backward", "returns"):
        left, right = f.x - f.width / 2, f.x + f.width / 2
        point = ((right - 7, f.y - 2.8), (right, f.y), (right - 7, f.y + 2.8))
        return [*_line(_level(left, right - 6, f.y), point, kind), *lines]
    return [*(_box(f"sg {kind}", look.STYLES[kind], f, "") if kind else []), *lines]


def _level(left: float, right: float, y: float) -> tuple[Position, ...]:
    return (left, y), (left, y), (right, y), (right, y)


def _text(text: str) -> str:
    """A text: words of ASCII as they are, all others as mathematics sets them."""
    words = [word if PLAIN.fullmatch(word) else f"${for_tex(latex_text(word))}$" for word in text.split()]
    return " ".join(words)


def _at(p: Position) -> str:
    return f"({_n(p[0])}, {_n(p[1])})"


def _n(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
