"""Axes of one entry are axes: formulas over shapes with ones say what they compute, entry by entry, and leave none out."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readback import read

import symgrad as sg

T = sg.dim("T")
SHAPES = st.lists(st.sampled_from([1, 1, 2, 3]), min_size=3, max_size=4)


def values_of(*tensors):
    chance = np.random.default_rng(7)
    return {t.name: chance.normal(size=t.shape) for t in tensors}


@given(SHAPES, st.data())
def test_products_over_shapes_with_ones_read_back(shape, data):
    """Sums of products of tensors of three axes and more, over any of their axes."""
    letters = "abcd"[:len(shape)]
    kept = data.draw(st.sets(st.sampled_from(letters)))
    second = data.draw(st.permutations(letters))
    out = "".join(x for x in letters if x in kept)
    sizes = dict(zip(letters, shape, strict=True))
    X, Y = sg.data("X", tuple(shape)), sg.data("Y", tuple(sizes[x] for x in second))
    y = sg.einsum(f"{letters},{''.join(second)}->{out}", X, Y)
    text, values = str(y), values_of(X, Y)
    assert all(len(below) == len(shape) for below in re.findall(r"[XY]_([a-z]+)", text)), text
    if len(out) < 3 or text.startswith("["):
        np.testing.assert_allclose(read(text, values, y.shape), y.eval(**values), rtol=1e-9, atol=1e-12, err_msg=text)


@given(SHAPES)
def test_a_squared_distance_over_shapes_with_ones_reads_back(shape):
    X, Y = sg.data("X", tuple(shape)), sg.data("Y", tuple(shape))
    loss = sg.sum((X - Y) ** 2)
    assert len(re.findall(r"∑_([a-z]+)", str(loss))[0]) == len(shape)
    values = values_of(X, Y)
    np.testing.assert_allclose(read(str(loss), values, ()), loss.eval(**values), rtol=1e-9)


@given(st.integers(1, 2), st.integers(1, 2), st.tuples(st.integers(1, 2), st.integers(1, 2)), st.booleans())
@settings(max_examples=6)
def test_derivations_of_images_with_sides_of_one_leave_nothing_out(channels, outputs, sides, transposed):
    x = sg.data("x", (channels, *sides), over=T)
    layer = sg.nn.ConvTranspose2d(channels, outputs, 1) if transposed else sg.nn.Conv2d(channels, outputs, 1)
    derivation = sg.derive(sg.empirical_risk(sg.losses.mse(layer(x), sg.data("y", (outputs, *sides), over=T))))
    text = str(derivation)
    assert "·" not in text
    assert "∑_ijk (a¹_ijk - y_ijk)²" in text and "G_b = [∑_jk G_{a¹,ijk}]_i" in text
    assert derivation.check()


@pytest.mark.parametrize("shape, text", [
    ((1, 1, 1), "∑_ijk (X_ijk - Y_ijk)²"), ((2, 1, 1), "∑_ijk (X_ijk - Y_ijk)²"), ((1, 8, 8), "∑_ijk (X_ijk - Y_ijk)²"),
    ((1, 8), "‖X - Y‖_F²"), ((1,), "(X - Y)²"),
])
def test_squared_distances(shape, text):
    assert str(sg.sum((sg.data("X", shape) - sg.data("Y", shape)) ** 2)) == text


def test_an_axis_that_nothing_shows_is_summed_by_nothing():
    x = sg.data("X", (2, 3, 4))
    assert str(sg.sum(x[:, :, :, None] * sg.data("Y", (2, 3, 4, 1)))) == "∑_ijk Y_ijk X_ijk"  # beside what has no such axis
    assert str(sg.sum(sg.mean(x, 2, keepdims=True) ** 2)) == str(sg.sum(sg.mean(x, 2) ** 2))
