"""A picture as text for Graphviz: what its layout program is given."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import symgrad.drawing.pictures.palette as look
from symgrad.drawing.pictures.picture import DrawnBox, Picture, box_size
from symgrad.drawing.pictures.ranks import steering
from symgrad.drawing.pictures.typeset import FONT_NAME, text_width

if TYPE_CHECKING:
    import graphviz


def to_dot(picture: Picture) -> graphviz.Digraph:
    """The picture as graphviz source, with plain labels (graphviz sets no LaTeX) in boxes that hold them."""
    return _build(picture, lambda text, size: text, FONT_NAME, labels=True)


def layout_dot(picture: Picture, turned: Collection[int] = ()) -> graphviz.Digraph:
    """The same source for layout only: boxes empty, and stand-ins for the texts on arrows and clusters.

    `turned` are the numbers of the pairs of a column (`symgrad.ranks`) that dot is to be told in the other order.

    A stand-in is a row of letters of Courier, as long as the text: every build of graphviz knows these to be
    0.6 font sizes wide, and none can guess the width of Unicode text.
    """
    def stand_in(text: str, size: float) -> str:
        row = "x" * max(1, math.ceil(text_width(text, size) / (0.6 * size)))
        return "\n".join(row for _ in text.split("\n"))

    return _build(replace(picture, title=""), stand_in, "Courier", labels=False, turned=turned)


def _build(picture: Picture, text: Callable[[str, float], str], font: str, labels: bool,
           turned: Collection[int] = ()) -> graphviz.Digraph:
    """Graphviz source; `text` maps what stands on arrows and clusters.

    Number i of the picture's boxes, clusters and arrows has the id `box{i}`, `cluster{i}`, `arrow{i}`; past a
    door an arrow goes on as `arrow{i}b`.
    """
    import graphviz

    names = identifiers(box.key for box in picture.boxes)
    steer = steering(picture)
    graph = graphviz.Digraph("picture")
    graph.attr("graph", rankdir=picture.direction, newrank="true", nodesep="0.22", ranksep="0.3",
               fontname=font, fontsize=f"{look.TITLE_SIZE:g}", fontcolor=look.TITLE[0], bgcolor=look.PAPER[0])
    graph.attr("node", fontname=font, fontsize=f"{look.BOX_SIZE:g}", fontcolor=look.INK[0], fixedsize="true",
               penwidth="1.2")
    graph.attr("edge", fontname=font, fontsize=f"{look.LABEL_SIZE:g}", fontcolor=look.MUTED[0],
               color=look.FORWARD[0], penwidth="1.2", arrowsize="0.8")
    if picture.title:
        graph.attr("graph", label=graphviz.escape(text(picture.title, look.TITLE_SIZE)), labelloc="t")

    boxes: dict[str | None, list[int]] = {}
    for number, box in enumerate(picture.boxes):
        boxes.setdefault(box.cluster, []).append(number)
    doors: dict[str, list[int]] = {}
    for number, course in enumerate(steer.courses):
        if course.door is not None:
            doors.setdefault(course.door, []).append(number)

    def add_members(where: graphviz.Digraph, key: str | None) -> None:
        for number in boxes.get(key, ()):
            box = picture.boxes[number]
            where.node(names[box.key], id=f"box{number}", **_box_attributes(box, labels))
        for number in doors.get(key, ()) if key is not None else ():
            where.node(_door(number), id=_door(number), label="", shape="point", style="invis", width="0.01",
                       height="0.01")
        for number, cluster in enumerate(picture.clusters):
            if cluster.parent == key:
                with where.subgraph(name=f"cluster_{number}") as inner:
                    inner.attr(label=graphviz.escape(text(cluster.title, look.TITLE_SIZE)),
                               id=f"cluster{number}", style="rounded,filled", fillcolor=look.CLUSTER.light[0],
                               color=look.CLUSTER.light[1], margin="12")
                    add_members(inner, cluster.key)

    def name(end: str | int) -> str:
        return names[end] if isinstance(end, str) else _door(end)

    add_members(graph, None)
    for group in steer.ranks:
        with graph.subgraph() as same:
            same.attr(rank="same")
            for end in group:
                same.node(name(end))
    upright = picture.direction in ("TB", "BT")
    for number, (upper, lower) in enumerate(steer.stacks):  # dot puts the head of an edge above in LR, right in TB
        tail, head = (upper, lower) if upright != (number in turned) else (lower, upper)
        graph.edge(name(tail), name(head), style="invis")
    for number, (arrow, course) in enumerate(zip(picture.arrows, steer.courses)):
        start, end = (names[key] for key in course.written)
        style = {"dir": "back", "style": "dashed"} if arrow.mirrored else {}
        style |= {"color": look.BACKWARD[0]} if arrow.backward else {}
        style |= {"style": "dashed", "color": look.BACKWARD[0]} if arrow.derivative else {}
        style |= {"weight": str(course.weight)} if course.weight != 1 else {}
        label = {"label": graphviz.escape(text(arrow.label, look.LABEL_SIZE))} if arrow.label else {}
        if course.door is None:
            style |= {"minlen": "2"} if course.far else {}
            style |= {"constraint": "false"} if course.loose else {}
            graph.edge(start, end, id=f"arrow{number}", **label, **style)
            continue
        first, second = {"headclip": "false"}, {"tailclip": "false"}
        (second if arrow.mirrored else first).update({"arrowtail" if arrow.mirrored else "arrowhead": "none"})
        graph.edge(start, _door(number), id=f"arrow{number}", **label, **style, **first)
        graph.edge(_door(number), end, id=f"arrow{number}b", **style, **second)
    return graph


def _box_attributes(box: DrawnBox, labels: bool) -> dict[str, str]:
    import graphviz

    style = look.STYLES[box.kind]
    width, height = box_size(replace(box, latex="") if labels else box)
    shown = {"label": box.label, "tooltip": box.tooltip or box.label} if labels else {"label": ""}
    drawn = ["filled", *(["rounded"] if style.rounded else []), *(["dashed"] if style.dashed else [])]
    double = {"peripheries": "2"} if style.double and labels else {}
    return {key: graphviz.escape(value) for key, value in shown.items()} | double | {
        "shape": style.shape, "style": ",".join(drawn), "fillcolor": style.light[0], "color": style.light[1],
        "width": f"{width / 72:.4f}", "height": f"{height / 72:.4f}"}


def _door(number: int) -> str:
    return f"door{number}"


def identifiers(keys: Iterable[str]) -> dict[str, str]:
    """A plain identifier for every key, so that no key (a port 'a:b', a keyword) means something to dot."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for key in keys:
        base = name = re.sub(r"\W", "_", key, flags=re.ASCII) or "_"
        number = 2
        while name in taken or re.fullmatch(r"door\d+", name):
            name = f"{base}_{number}"
            number += 1
        taken.add(name)
        names[key] = name
    return names
