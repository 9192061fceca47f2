"""Long pictures wrap to a wanted aspect: everything is there, nothing covers anything, arrows go on in the next row."""

import itertools
import math

import drawn
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scene_checks import check

import symgrad as sg
from symgrad.drawing.drawing import LONGEST, picture
from symgrad.drawing.pictures.layout import lay_out
from symgrad.drawing.pictures.placing import sampled

SLIDE = 16 / 9


def off(scene, wanted):
    """How far a page is from the wanted aspect."""
    return abs(math.log(scene.width / scene.height / wanted))


def rows_of(scene):
    """The heights of the layers' boxes."""
    return {round(frame.y) for box, frame in scene.boxes if box.kind == "layer"}


@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
@pytest.mark.parametrize("aspect", [1.0, SLIDE, 3.0])
def test_a_deep_network_fits(aspect, direction):
    loss = sg.derive(drawn.stack(8))
    scene = lay_out(picture(loss, direction, depth=1, aspect=aspect))
    row = lay_out(picture(loss, direction, depth=1, aspect=math.inf))
    check(scene)
    assert off(scene, aspect) < 0.3 and off(scene, aspect) < off(row, aspect)
    assert {box.key for box, _ in scene.boxes} == {box.key for box, _ in row.boxes}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layers=st.integers(1, 9), depth=st.sampled_from([1, 2]), aspect=st.floats(0.4, 5), direction=st.sampled_from(["LR", "TB"]))
def test_nothing_is_covered_whatever_the_aspect(layers, depth, aspect, direction):
    what = sg.derive(drawn.stack(layers))
    scene = lay_out(picture(what, direction, depth, aspect=aspect))
    check(scene)
    for placed in scene.arrows:     # every curve is whole, and goes from box to box
        assert len(placed.curve) % 3 == 1
        ends = {box.key: frame for box, frame in scene.boxes}
        for point, key in ((placed.curve[0], placed.arrow.tail), (placed.curve[-1], placed.arrow.head)):
            frame = ends[key]
            assert abs(point[0] - frame.x) < frame.width / 2 + 12 and abs(point[1] - frame.y) < frame.height / 2 + 12
        steps = np.hypot(*np.diff(sampled(placed.curve), axis=0).T)
        assert steps.max() < max(scene.width, scene.height) / 8


def test_lanes_never_cross():
    scene = lay_out(picture(sg.derive(drawn.stack(7)), depth=1, aspect=SLIDE))
    assert len(rows_of(scene)) > 1
    for a, b in itertools.combinations([sampled(placed.curve) for placed in scene.arrows], 2):
        assert not meet(a, b)


def meet(a, b):
    """Do two polylines cross?"""
    def side(p, q, r):
        return np.sign((q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0]))

    p, q, r, s = a[:-1, None], a[1:, None], b[None, :-1], b[None, 1:]
    return bool(((side(p, q, r) * side(p, q, s) < 0) & (side(r, s, p) * side(r, s, q) < 0)).any())


def test_the_check_of_lanes_can_fail():
    assert meet(np.array([[0.0, 0.0], [2.0, 2.0]]), np.array([[0.0, 2.0], [2.0, 0.0]]))


def test_what_is_wider_than_a_page_wraps_unasked():
    loss = sg.derive(drawn.stack(9))
    wide, asked = lay_out(picture(loss, depth=1, aspect=math.inf)), lay_out(picture(loss, depth=1))
    assert wide.width > LONGEST > asked.width and len(rows_of(wide)) == 1 < len(rows_of(asked))
    small = sg.derive(drawn.stack(2))
    assert lay_out(picture(small)).width == lay_out(picture(small, aspect=math.inf)).width


def test_a_picture_that_cannot_be_cut_stays():
    x = sg.parameter("x", 3)
    scene = lay_out(picture(sg.sum(x * x), aspect=0.01))
    check(scene)


def test_drawing_takes_an_aspect():
    scene = sg.draw(sg.derive(drawn.stack(6)), aspect=SLIDE).scene
    assert off(scene, SLIDE) < 0.25


def test_a_tall_picture_is_turned_unless_a_direction_is_asked_for():
    """Four gates side by side: from left to right their gradients stand in one tall column."""
    d = sg.dim("d")
    x, h, c = sg.data("x", d), sg.data("h", d), sg.data("c", d)
    i, f, o, g = (sg.tanh(sg.parameter(f"W_{k}", (d, d)) @ x + sg.parameter(f"U_{k}", (d, d)) @ h).named(k) for k in "ifog")
    cell = sg.derive(sg.sum((o * sg.tanh((f * c + i * g).named("n"))) ** 2))
    upright, asked = sg.draw(cell, direction="LR", aspect=SLIDE).scene, sg.draw(cell, aspect=SLIDE).scene
    assert off(upright, SLIDE) > 0.5 > off(asked, SLIDE) and asked.picture.direction == "TB"
    assert sg.draw(cell).scene.picture.direction == "LR" and sg.draw(cell, aspect=math.inf).scene.picture.direction == "LR"
    check(asked)


@pytest.mark.parametrize("layers", range(1, 8))
@pytest.mark.parametrize("depth", [1, 2])
def test_no_row_is_much_shorter_than_the_others(layers, depth):
    """The loss never stands alone in its row where the rest of the net fills others."""
    scene = lay_out(picture(sg.derive(drawn.stack(layers)), depth=depth, aspect=SLIDE))
    frames = [*(r for _, r in scene.boxes), *(r for _, r, _ in scene.clusters)]
    loss = next(r for b, r in scene.boxes if b.kind == "loss")
    level = [r for r in frames if r.y - r.height / 2 < loss.y + loss.height / 2 and loss.y - loss.height / 2 < r.y + r.height / 2]
    width = max(r.x + r.width / 2 for r in frames) - min(r.x - r.width / 2 for r in frames)
    reach = max(r.x + r.width / 2 for r in level) - min(r.x - r.width / 2 for r in level)
    assert reach > 0.35 * width
