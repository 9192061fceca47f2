"""`sg.draw`: what stands in the picture of a loss, a derivation, several outputs."""

import xml.etree.ElementTree as ET

import courses
import pytest

import symgrad as sg
from symgrad.drawing.drawing import picture


def net(layers=2):
    T = sg.dim("T")
    h = sg.data("x", 5, over=T)
    for i in range(1, layers + 1):
        h = sg.tanh(sg.parameter(f"W{i}", (5, 5)) @ h + sg.parameter(f"b{i}", 5))
    return sg.empirical_risk(sg.losses.squared_error(h, sg.data("y", 5, over=T)))


def test_forward_and_backward_in_one_picture():
    d = sg.derive(net())
    p = picture(d)
    kinds = {b.kind for b in p.boxes}
    assert {"data", "parameter", "operation", "activation", "loss", "gradient", "parameter_gradient"} <= kinds
    labels = {b.label for b in p.boxes}
    assert "a¹ = W₁ x + b₁" in labels and "x¹ = tanh(a¹)" in labels and "G_W₁ = G_a¹ xᵀ" in labels
    assert [c.title for c in p.clusters] == ["layer 1: affine, tanh", "layer 2: affine, tanh"]
    home = {b.label.split(" = ")[0]: b.cluster for b in p.boxes}
    assert home["W₂"] == home["a²"] == home["G_W₂"] == home["G_a²"] == "layer 2"
    beside = {b.key: b.beside for b in p.boxes if b.beside}
    assert beside["g W1"] == "v W1"
    assert any(a.backward for a in p.arrows) and any(a.label == "T × 5" for a in p.arrows)


def test_a_loss_with_its_gradients_is_its_derivation():
    loss = net()
    w = sg.derive(loss).wrt
    assert picture([loss, *sg.gradient(loss, list(w))]) == picture(sg.derive(loss, list(w)))


def test_plain_outputs_share_their_boxes():
    x = sg.data("x", 3)
    e = sg.exp(x)
    p = picture({"a": sg.sum(sg.sin(e) * e), "b": sg.sum(e)})
    assert sum(b.label.endswith("exp(x)") for b in p.boxes) == 1


def test_a_loss_is_drawn_with_the_names_of_its_derivation():
    n, d = sg.dims("n d")
    X, gamma, beta, Y = sg.data("X", (n, d)), sg.parameter("γ", d), sg.parameter("β", d), sg.data("Y", (n, d))
    loss = sg.sum((gamma * ((X - sg.mean(X, axis=0)) / sg.sqrt(sg.var(X, axis=0) + 1e-5)) + beta - Y) ** 2)
    alone, derived = ({b.label.split(" ")[0] for b in picture(what).boxes if "gradient" not in b.kind} for what in (
        loss, sg.derive(loss)))
    assert {"μ", "σ²", "x̂", "v₁", "L"} <= alone <= derived | alone and {"μ", "σ²", "x̂"} <= derived


def test_folding_and_plain_names():
    d = sg.derive(net(3))
    folded = picture(d, depth=1)
    assert folded == picture(d) and len(folded.boxes) < len(picture(d, depth=2).boxes) and not folded.clusters
    assert "layer 2: affine, tanh\na² = W₂ x¹ + b₂\nx² = tanh(a²)" in {b.label for b in folded.boxes}
    names = picture(d, depth=1, formulas=False)
    assert "layer 2: affine, tanh" in {b.label for b in names.boxes}
    assert "a¹" in {b.label for b in picture(d, depth=2, formulas=False).boxes}


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "dot", "tex"])
def test_files(tmp_path, suffix):
    drawing = sg.draw(sg.derive(net()), tmp_path / f"net.{suffix}")
    assert (tmp_path / f"net.{suffix}").stat().st_size > 1000
    ET.fromstring(drawing.svg)


def test_bad_arguments_say_what_fits(tmp_path):
    loss = net()
    with pytest.raises(sg.SymgradError, match=r"\.gif.*\.svg \.png \.pdf \.dot \.tex"):
        sg.draw(loss, tmp_path / "a.gif")
    with pytest.raises(sg.SymgradError, match="format 'gif' is unknown; known: svg, png, pdf, dot, tikz"):
        sg.draw(loss, format="gif")
    for aspect in (0, -1.5, "wide", True, float("nan")):
        with pytest.raises(sg.SymgradError, match="aspect is the wanted width over the height, such as 16/9, not"):
            sg.draw(loss, aspect=aspect)
    with pytest.raises(sg.SymgradError, match="direction must be one of LR"):
        sg.draw(loss, direction="left")
    with pytest.raises(sg.SymgradError, match="depth must be a whole number"):
        sg.draw(loss, depth=-1)
    with pytest.raises(sg.SymgradError, match="no folder"):
        sg.draw(loss, tmp_path / "missing" / "a.svg")


def test_bars_that_are_put_together_of_pieces_are_drawn():
    from symgrad.drawing.pictures.typeset import formula

    inner, norm = formula(r"a^{2} - y", 13.0), formula(r"\left\lVert a^{2} - y \right\rVert", 13.0)
    assert norm.width > inner.width + 4 and len(norm.glyphs) >= len(inner.glyphs) + 2


def test_a_convolution_and_a_pool_are_a_box_each():
    drawing = sg.draw(courses.small_convolutional_network())
    text = drawing.svg
    for title in ("layer 1: convolution, relu", "layer 2: convolution, tanh", "layer 3: affine"):
        assert title in text
    assert "maxpool" in text and "windows" not in text
