"""What must hold of every laid-out picture: nothing covers anything else, and all of it is on the page."""

import itertools

from symgrad.drawing.pictures.palette import TITLE_SIZE
from symgrad.drawing.pictures.picture import text_size
from symgrad.drawing.pictures.placing import Rectangle, sampled, text_frame


def frames(scene):
    """Everything that holds a text, by a name, with the widths of the font that draws it."""
    yield from ((f"box {box.label!r}", frame) for box, frame in scene.boxes)
    yield from ((f"arrow {a.arrow.label!r}", Rectangle(*a.label, *text_size(a.arrow)))
                for a in scene.arrows if a.label is not None)
    yield from ((f"title {c.title!r}", text_frame(c.title, TITLE_SIZE, place)) for c, _, place in scene.clusters)
    for entry in scene.legend:
        yield f"legend {entry.text!r}", entry.place
        if entry.kind:
            yield f"sample {entry.kind}", entry.sample


def overlaps(scene):
    return [(a, b) for (a, f), (b, g) in itertools.combinations(frames(scene), 2) if f.overlaps(g)]


def crossings(scene):
    """Arrows that run through boxes which are not their ends."""
    found = []
    for placed in scene.arrows:
        points = sampled(placed.curve)
        for box, frame in scene.boxes:
            if box.key not in (placed.arrow.tail, placed.arrow.head):
                inside = abs(points - (frame.x, frame.y)) < (frame.width / 2 - 1, frame.height / 2 - 1)
                found += [(placed.arrow, box)] if inside.all(axis=1).any() else []
    return found


def check(scene):
    assert not overlaps(scene) and not crossings(scene)
    for name, f in frames(scene):
        assert f.width / 2 <= f.x <= scene.width - f.width / 2 and f.height / 2 <= f.y <= scene.height - f.height / 2, name
    for cluster, area, (x, y) in scene.clusters:
        title = text_frame(cluster.title, TITLE_SIZE, (x, y))
        assert abs(title.x - area.x) <= (area.width - title.width) / 2 + 1, cluster.title
