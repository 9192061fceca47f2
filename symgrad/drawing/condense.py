"""Large pictures made small: each layer as one box, and runs of alike layers as one box.

A picture is folded at three depths: 2 and more shows every box, 1 one box for each layer (its cluster) and one
for its gradients, 0 one box for each run of layers that have the same functions and follow one another. Unasked, a
picture of three and more layers shows one box for each. What is still too large, or has no layers, is cut into
stretches of its order of computation. What a box stands for is written in it: all its formulas, or the first and the
last.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from symgrad.drawing.pictures.palette import STYLES
from symgrad.drawing.pictures.picture import Arrow, Cluster, DrawnBox

FOLDED_FROM = 3                     # layers from which on each is one box
MOST_BOXES, MOST_FOLDED = 48, 48    # of a picture that shows everything, and of one of a box per layer
MOST_LEAVES = 3                     # inputs of one folded box that are shown one by one
LEAVES = ("data", "parameter", "shared", "constant")
STRETCHES = 10                      # of a graph without layers
MOST_LINES = 10                     # of a folded box


@dataclass(frozen=True)
class Parts:
    """What a picture is made of."""

    boxes: tuple[DrawnBox, ...]
    arrows: tuple[Arrow, ...]
    clusters: tuple[Cluster, ...]


def condensed(parts: Parts, depth: int | None) -> tuple[Parts, int]:
    """The parts folded to `depth`, or to the largest depth that stays readable; and that depth."""
    if depth is not None:
        return _folded(parts, depth), depth
    whole = 2 if sum(not c.key.startswith("back ") for c in parts.clusters) < FOLDED_FROM else 1
    for level, most in ((2, MOST_BOXES), (1, MOST_FOLDED)):
        found = _folded(parts, level)
        if len(found.boxes) <= most and level <= whole:
            return found, level
    found = _folded(parts, 0)
    if len(found.boxes) > MOST_BOXES:
        found = _folded(_stretches(found), 1)
    return found, 0


def _stretches(parts: Parts) -> Parts:
    """Parts with a cluster for each stretch of values in their order; what is copied for them goes with them."""
    values = [b for b in parts.boxes if b.kind not in LEAVES and not STYLES[b.kind].backward and b.kind != "loss"]
    size = -(-len(values) // STRETCHES)
    titles = [f"values {i + 1} to {min(i + size, len(values))}" for i in range(0, len(values), size)]
    home = {box.key: titles[i // size] for i, box in enumerate(values)}
    uses: dict[str, set[str | None]] = {}
    for arrow in parts.arrows:
        uses.setdefault(arrow.tail, set()).add(home.get(arrow.head))
    for box in parts.boxes:
        if box.kind in ("shared", "constant") and len(uses.get(box.key, ())) == 1:
            (only,) = uses[box.key]
            home |= {box.key: only} if only is not None else {}
    for box in parts.boxes:
        if box.beside in home:
            home[box.key] = home[box.beside]
    boxes = tuple(replace(box, cluster=home.get(box.key)) for box in parts.boxes)
    return Parts(boxes, parts.arrows, tuple(Cluster(title, title) for title in titles))


def _folded(parts: Parts, depth: int) -> Parts:
    if depth > 1 or not parts.clusters:
        return parts
    groups = [[c] for c in parts.clusters] if depth == 1 else _runs(parts)
    group_of = {c.key: number for number, group in enumerate(groups) for c in group}
    members: dict[str, list[DrawnBox]] = {}
    place: dict[str, str] = {}
    order: dict[str, None] = {}     # a layer stands where its first value does, not where a parameter is listed
    for box in parts.boxes:
        key = box.key
        if box.cluster in group_of:
            number = group_of[box.cluster]
            key = f"{'gradients of ' if STYLES[box.kind].backward else ''}{groups[number][0].key}"
            members.setdefault(key, []).append(box)
        place[box.key] = key
        if key == box.key or box.kind not in LEAVES:
            order.setdefault(key)
    single = {box.key: box for box in parts.boxes}
    boxes = [single[key] if key not in members else _one(key, groups[group_of[members[key][0].cluster or ""]], members[key])
             for key in order]
    boxes = [replace(box, beside=place[box.beside]) if box.beside in place else box for box in boxes]
    seen: dict[tuple[str, str], Arrow] = {}
    for arrow in parts.arrows:
        ends = place[arrow.tail], place[arrow.head]
        if ends[0] != ends[1]:
            seen.setdefault(ends, replace(arrow, tail=ends[0], head=ends[1]))
    keys = {box.key for box in boxes}
    boxes = [replace(b, beside=None) if b.beside not in keys or b.beside == b.key else b for b in boxes]
    return _leaves_joined(Parts(tuple(boxes), tuple(seen.values()), ()))


def _runs(parts: Parts) -> list[list[Cluster]]:
    """Layers in runs: each follows the one before, with the same functions."""
    home = {box.key: box.cluster for box in parts.boxes}
    follows = {(home[a.tail], home[a.head]) for a in parts.arrows if not a.backward}
    groups: list[list[Cluster]] = []
    for cluster in parts.clusters:
        last = groups[-1][-1] if groups else None
        follow = last is not None and (last.key, cluster.key) in follows and not cluster.key.startswith("cell ")
        if last is not None and follow and _functions(last) == _functions(cluster):
            groups[-1].append(cluster)
        else:
            groups.append([cluster])
    return groups


def _functions(cluster: Cluster) -> str:
    return cluster.title.partition(":")[2]


def _one(key: str, group: Sequence[Cluster], members: Sequence[DrawnBox]) -> DrawnBox:
    """The box in place of the members of a layer, or of a run of layers."""
    back = STYLES[members[0].kind].backward
    title = group[0].title
    if len(group) > 1:
        numbers = [c.title.partition(":")[0].split()[-1] for c in (group[0], group[-1])]
        title = f"layers {numbers[0]} to {numbers[1]}:{_functions(group[0])}"
    name = title.partition(":")[0]
    title = f"gradients of {name}" if back and not group[0].key.startswith("back ") else title
    shown = [b for b in members if back or "=" in b.label]
    lines = [(b.label, b.latex) for b in shown if b.latex]
    if len(group) > 1:
        ends = [[b for b in shown if b.cluster == c.key and b.latex] for c in (group[0], group[-1])]
        first, last = ends[::-1] if back else ends      # backward, the last layer comes first
        lines = [*((b.label, b.latex) for b in first), ("⋮", r"\quad \vdots"), *((b.label, b.latex) for b in last)]
    if group[0].label and not back:
        lines = [(group[0].label, group[0].latex)]
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        lines = [*lines[:half], ("⋮", r"\quad \vdots"), *lines[-half:]]
    if not any("=" in label for label, _ in lines):     # a picture of names
        lines = []
    label = "\n".join([title, *(text for text, _ in lines)])
    latex = "\n".join([rf"\text{{{title}}}", *(line for _, line in lines)])
    tooltip = "\n".join([title, *(b.label for b in shown[:40]), *(["…"] if len(shown) > 40 else [])])
    links = _links(shown)
    return DrawnBox(key, label, "layer_gradients" if back else "layer", tooltip, latex=latex,
                    beside=group[0].key if back else None, link=links[0] if links else "",
                    noun=f"the loop {title}" if title.startswith("for ") else title,
                    folded=tuple(links[1:]))


def _leaves_joined(parts: Parts) -> Parts:
    """Many inputs of one box, and of nothing else, as one: x₁, …, x₂₀₀."""
    uses: dict[str, list[Arrow]] = {}
    for arrow in parts.arrows:
        uses.setdefault(arrow.tail, []).append(arrow)
    heads = {a.head for a in parts.arrows}
    gathered: dict[tuple[str, str], list[DrawnBox]] = {}
    for box in parts.boxes:
        if box.kind in ("data", "constant", "parameter", "parameter_gradient"):
            found = uses.get(box.key, [])
            if len(found) == 1 and box.key not in heads:
                gathered.setdefault((found[0].head, box.kind), []).append(box)
    place: dict[str, str] = {}
    new: dict[str, DrawnBox] = {}
    for group in gathered.values():
        if len(group) > MOST_LEAVES:
            a, b, z = (sorted(group, key=_natural)[i] for i in (0, 1, -1))
            first = group[0].key
            place |= {box.key: first for box in group}
            new[first] = replace(a, key=first, label=f"{a.label}, {b.label}, …, {z.label}",
                                 latex=rf"{a.latex}, {b.latex}, \ldots, {z.latex}" if a.latex else "",
                                 tooltip=", ".join(box.label for box in group), folded=tuple(_links(group)))
    boxes = tuple(new.get(b.key, b) for b in parts.boxes if place.get(b.key, b.key) == b.key)
    boxes = tuple(b if b.beside is None else replace(b, beside=place.get(b.beside, b.beside)) for b in boxes)
    seen: dict[tuple[str, str], Arrow] = {}
    for arrow in parts.arrows:
        tail = place.get(arrow.tail, arrow.tail)
        seen.setdefault((tail, arrow.head), replace(arrow, tail=tail))
    return Parts(boxes, tuple(seen.values()), parts.clusters)


def _links(boxes: Sequence[DrawnBox]) -> list[str]:
    """The links of boxes, and of those that they stand for."""
    return [link for box in boxes for link in (box.link, *box.folded) if link]


def _natural(box: DrawnBox) -> tuple[str, int]:
    """x₂ before x₁₀."""
    text = unicodedata.normalize("NFKC", box.label)
    digits = re.findall(r"\d+", text)
    return re.sub(r"\d+", "", text), int(digits[-1]) if digits else -1
