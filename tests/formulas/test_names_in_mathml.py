"""Names of functions in MathML: one upright operator each, with whatever characters they are written."""

import re

import pytest

import symgrad as sg
from symgrad.drawing.pictures.typeset import formula
from symgrad.formulas.spelling.mathml import mathml_of


@pytest.mark.parametrize("name", ["leaky_relu", "log_ndtr", "log1p", "a_1_b2", "softplus", "stop"])
@pytest.mark.parametrize("script", ["", "_{i}", "'", "^{2}", "_{i}^{2}"])
def test_the_name_of_a_function_is_one_operator(name, script):
    text = mathml_of(rf"2 \operatorname{{{name.replace('_', chr(92) + '_')}}}{script}(u) + x")
    shown = text[:text.index("<annotation")]
    assert f'<mo form="prefix" lspace="0.17em" rspace="0em">{name}</mo>' in shown and "<mo />" not in shown
    assert re.findall(r"<mi>(\w+)</mi>", shown.replace("<mi>i</mi>", "")) == ["u", "x"]


def test_behind_a_bracket_a_name_has_no_space():
    text = mathml_of(r"(\operatorname{softplus}(u) + \tanh(u) [\operatorname{log1p}_{i}(u)])")
    spaces = re.findall(r'lspace="([\d.]+)em" rspace="0em">(\w+)<', text)
    assert spaces == [("0", "softplus"), ("0.17", "tanh"), ("0", "log1p")]


def test_names_in_drawings_are_upright():
    def outlines(latex):
        return {glyph.outline for glyph in formula(latex, 10.0).glyphs}

    assert outlines(r"\operatorname{logp}") <= outlines(r"\operatorname{log1p}")
    assert outlines(r"\operatorname{leakyrelu}") <= outlines(r"\operatorname{leaky\_relu}_{i}")


def test_leaky_relu_of_a_layer_is_upright():
    x = sg.data("x", 3)
    text = mathml_of(sg.nn.LeakyReLU(0.2)(x).latex())
    assert ">leaky_relu</mo>" in text


def test_what_is_held_constant_is_printed_and_read_back():
    u = sg.data("u", 3)
    t = sg.stop_gradient(u) * u
    assert str(t) in ("u ⊙ stop(u)", "stop(u) ⊙ u")
    for text in (str(t), str(t).replace("stop", "sg")):
        again = sg.parse(text, u=u)
        assert str(sg.gradient(sg.sum(again), u)) == str(sg.gradient(sg.sum(t), u)) == "stop(u)"


def test_a_derivation_says_what_is_held_constant():
    w = sg.parameter("w", 3)
    loss = sg.sum(sg.stop_gradient(w) * sg.tanh(w))
    told = str(sg.derive(loss))
    assert "y = stop(x)" in told and "G_x = 0" in told
    assert "y = stop(x)" not in str(sg.derive(sg.sum(w * sg.tanh(w))))
    assert r"\operatorname{stop}(x)" in sg.derive(loss).latex()
