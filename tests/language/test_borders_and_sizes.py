"""Borders, images of another size, grids: what NumPy gives at odd sizes and symbolic ones, and what does not fit."""

import numpy as np
import pytest
from checker import near, run
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg


@settings(max_examples=60, deadline=None)
@given(st.sampled_from("constant edge reflect symmetric wrap".split()), st.integers(1, 5), st.integers(0, 6), st.integers(0, 6), st.booleans())
def test_borders_are_numpys(mode, size, before, after, symbolic):
    x = sg.data("x", sg.dim("n") if symbolic else size)
    values = np.arange(1.0, size + 1)
    if symbolic and max(before, after) + (mode == "reflect") > size and mode not in ("constant", "edge"):
        return  # to and fro more than once needs a number
    padded = sg.pad(x, (before, after), mode=mode)
    near(run(padded, {x: values}), np.pad(values, (before, after), mode=mode))
    g = run(sg.gradient(sg.sum(padded * sg.arange(padded.shape[0])), x), {x: values})
    places = np.pad(np.arange(size), (before, after), mode=mode) if mode != "constant" else np.pad(np.arange(size), (before, after), constant_values=-1)
    near(g, [np.flatnonzero(places == i).sum() for i in range(size)])


def test_numpys_pad_takes_tensors():
    x = sg.data("x", (3, 4))
    assert np.pad(x, 1, mode="reflect") is sg.pad(x, 1, mode="reflect")
    assert np.pad(x, 1, constant_values=2.0) is sg.pad(x, 1, 2.0)


def test_a_border_of_infinities_spares_the_inside():
    x = sg.data("x", 2)
    near(run(sg.pad(x, 1, -np.inf), {x: np.array([1.0, 2.0])}), [-np.inf, 1, 2, -np.inf])


@settings(max_examples=40, deadline=None)
@given(st.floats(-5, 5), st.floats(-5, 5), st.integers(1, 7), st.booleans())
def test_linspace_is_numpys_and_ends_where_it_says(a, b, count, endpoint):
    values = sg.linspace(a, b, count, endpoint).eval()
    np.testing.assert_allclose(values, np.linspace(a, b, count, endpoint), rtol=1e-14, atol=1e-14)
    if endpoint and count > 1:
        assert values[0] == a and values[-1] == b


def test_grids_are_numpys():
    arrays = [np.arange(2.0), np.arange(3.0), np.arange(4.0)]
    symbols = [sg.data(f"x{i}", len(a)) for i, a in enumerate(arrays)]
    for indexing in ("xy", "ij"):
        for mine, theirs in zip(sg.meshgrid(*symbols, indexing=indexing), np.meshgrid(*arrays, indexing=indexing), strict=True):
            near(run(mine, dict(zip(symbols, arrays, strict=True))), theirs)
    assert sg.meshgrid(symbols[0])[0].shape == (2,) and sg.meshgrid() == []


x = sg.data("x", (2, 5, 4))


@pytest.mark.parametrize("make, message", [
    (lambda: sg.pad(x, 1, mode="mirror"), "pad: mode 'mirror' is not known; known are 'constant', 'reflect', 'symmetric'"),
    (lambda: sg.pad(x, 1, 2.0, mode="reflect"), "pad: mode 'reflect' takes no value, and 2.0 is given"),
    (lambda: sg.pad(sg.data("e", 0), 1, mode="edge"), "pad: axis 0 of e of shape (0,) has no entry to continue"),
    (lambda: sg.interpolate(x, 3, scale_factor=2), "interpolate: give either size or scale_factor"),
    (lambda: sg.interpolate(x, (3, 2, 1), mode="bilinear"), "interpolate: size is a number or 2 of them, one for each side of x of shape (2, 5, 4)"),
    (lambda: sg.interpolate(x, 3, mode="cubic"), "interpolate: mode 'cubic' is not known; known are 'nearest', 'nearest-exact', 'linear'"),
    (lambda: sg.interpolate(x, 3, align_corners=True), "interpolate: align_corners belongs to the linear modes, not to 'nearest'"),
    (lambda: sg.interpolate(x, scale_factor=0.1, mode="bilinear"), "interpolate: a side of 5 becomes 0; it must be at least 1"),
    (lambda: sg.interpolate(sg.data("x", (1, 0)), 3), "interpolate: a side of 0 has no entries to choose from"),
    (lambda: sg.interpolate(sg.data("s", (1, sg.dim("h"), 4)), 3, mode="bilinear"), "interpolate: a side of h to 3 needs numbers"),
    (lambda: sg.pixel_shuffle(x, 2), "pixel_shuffle: the 2 channels of x of shape (2, 5, 4) do not divide by 2 x 2"),
    (lambda: sg.pixel_unshuffle(x, 2), "pixel_unshuffle: the sides 5 and 4 of x of shape (2, 5, 4) do not divide by 2"),
    (lambda: sg.meshgrid(x), "meshgrid: x of shape (2, 5, 4) must be a vector"),
    (lambda: sg.linspace(x, 1), "linspace: x of shape (2, 5, 4) must be a number"),
    (lambda: sg.glu(x, 1), "glu: axis 1 of x of shape (2, 5, 4) has 5 entries, which are not two halves"),
    (lambda: sg.cosine_similarity(1.0, 2.0), "cosine_similarity: 1 of shape () is a number; it compares vectors"),
    (lambda: sg.hardtanh(x, 2, 1), "hardtanh: min_val must be less than max_val, not 2 and 1"),
    (lambda: sg.rms_norm(x, 3), "rms_norm: the last axes of x of shape (2, 5, 4) must be the normalized_shape (3,)"),
    (lambda: sg.nn.InstanceNorm2d(3)(sg.data("i", (1, 2, 4, 4))), "InstanceNorm2d(3): i of shape (1, 2, 4, 4) must have 3 channels and 2 axes behind them"),
    (lambda: sg.nn.ReflectionPad2d((1, 2))(x), "ReflectionPad2d((1, 2)): x of shape (2, 5, 4) has a border of 4 counts"),
])
def test_what_does_not_fit(make, message):
    with pytest.raises(sg.ShapeError) as caught:
        make()
    assert message in str(caught.value)


z, t = sg.data("z", (5, 3)), sg.data("t", 5, dtype="integer")


@pytest.mark.parametrize("make, message", [
    (lambda: sg.losses.mse(z, z, reduction="avg"), "mse: reduction must be 'mean', 'sum' or 'none', not 'avg'"),
    (lambda: sg.losses.cross_entropy(z, t, weight=[1.0, 2.0]), "must be a vector of 3: one for each class of z of shape (5, 3)"),
    (lambda: sg.losses.cross_entropy(z, t, label_smoothing=1.5), "cross_entropy: label_smoothing must be a number from 0 to 1, not 1.5"),
    (lambda: sg.losses.cross_entropy(z, z, ignore_index=1), "cross_entropy: ignore_index=1 is about labels, and the target z of shape (5, 3) is real"),
    (lambda: sg.losses.smooth_l1(z, z, beta=-1), "smooth_l1: beta must be at least 0, not -1"),
    (lambda: sg.losses.binary_cross_entropy(z, z, weight=sg.data("w", (4, 5, 3))), "binary_cross_entropy: the weight w of shape (4, 5, 3) must broadcast"),
])
def test_what_does_not_fit_a_loss(make, message):
    with pytest.raises(sg.SymgradError) as caught:
        make()
    assert message in str(caught.value)
