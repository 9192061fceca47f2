"""Products with windows and their transposes in C: right for all ranks and steps, and walked in order of memory."""

import re
from math import prod

import numpy as np
import pytest
from checker import near
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg


def convolution(rank, step, padding, symbolic):
    """K over windows of x, for images of `rank` axes; inputs, outputs and shapes."""
    n = sg.dim("n") if symbolic else 3
    side, spatial = 9, "uvw"[:rank]
    x, K = sg.data("x", (n, 2, *[side] * rank)), sg.parameter("K", (5, 2, *[3] * rank))
    tiles = sg.pad(x, [(0, 0), (0, 0), *[(padding, 1)] * rank]) if padding else x
    for axis in range(rank):
        tiles = sg.windows(tiles, 3, axis=2 + axis, step=step)
    offsets = "ijk"[:rank]
    y = sg.einsum(f"nc{spatial}{offsets},oc{offsets}->no{spatial}", tiles, K)
    C = sg.data("C", y.shape)
    loss = sg.sum(sg.tanh(y) * C)
    return [x, K, C], [y, *sg.gradient(loss, [x, K])], loss


@pytest.mark.parametrize("rank, step, padding, symbolic", [
    (1, 1, 0, True), (1, 2, 1, False), (2, 1, 1, False), (2, 2, 0, True), (2, 3, 2, True), (3, 2, 1, False)])
def test_convolutions_are_those_of_numpy(rank, step, padding, symbolic):
    inputs, outputs, loss = convolution(rank, step, padding, symbolic)
    x, K, C = inputs
    outputs = [*outputs, sg.hvp(loss, x, sg.sin(x)), sg.hvp(loss, K, sg.cos(K))]
    found, wanted = (sg.function(inputs, outputs, backend=backend) for backend in ("c", "numpy"))
    rng = np.random.default_rng(rank + step)
    arrays = [rng.standard_normal([s if isinstance(s, int) else 4 for s in t.shape]) for t in inputs]
    for have, want in zip(found(*arrays), wanted(*arrays), strict=True):
        near(have, want, 1e-12)
    assert "_overlap" not in found.source and found.source.count("_c.f_0(") == 1, "C alone"


def test_windows_are_read_where_they_lie():
    """Three products there and back, and no array is larger than the padded image with its channels last."""
    inputs, outputs, _ = convolution(2, 1, 1, False)
    f = sg.function(inputs, outputs, backend="c")
    assert f.source.split("int f_0(")[1].count("contract(") == 3
    assert max(prod(step.shape) for step in f.plan.steps) == 3 * 5 * 11 * 11  # tanh'(y) C with a border of zeros


def test_kernels_that_lie_across_are_laid_out_once():
    """Two copies of the kernel, there and back, in rows of the channels that come out; no product reads it where it lies."""
    x, K = sg.data("x", (32, 9, 10), over=sg.dim("T")), sg.parameter("K", (16, 32, 3, 3))
    f = sg.function([x, K], [y := sg.conv2d(x, K), sg.gradient(sg.sum(sg.tanh(y)), x)], backend="c", dtype="float32")
    assert len(re.findall(r"rearrange\(K\b", f.source)) == 2 and "contract(" in f.source and ", K, v" not in f.source
    rng = np.random.default_rng(0)
    arrays = rng.standard_normal((3, 32, 9, 10)).astype("f"), rng.standard_normal(K.shape).astype("f")
    for have, want in zip(f(*arrays), sg.function([x, K], [y, sg.gradient(sg.sum(sg.tanh(y)), x)])(*arrays), strict=True):
        near(have, want, 1e-5)


def test_windows_that_are_asked_for_or_added_alone():
    x, C = sg.data("x", (2, 8)), sg.data("C", (2, 3, 4))
    tiles = sg.windows(x, 4, axis=1, step=2)
    outputs = [tiles, sg.gradient(sg.sum(tiles * C), x), sg.sum(tiles ** 2, axis=2), x + sg.gradient(sg.sum(tiles * C), x)]
    rng = np.random.default_rng(0)
    arrays = rng.standard_normal((2, 8)), rng.standard_normal((2, 3, 4))
    found, wanted = (sg.function([x, C], outputs, backend=backend) for backend in ("c", "numpy"))
    for have, want in zip(found(*arrays), wanted(*arrays), strict=True):
        near(have, want, 1e-14)


def test_a_network_with_a_convolution_trains_in_c():
    """Gradients of windows are steps of C: the whole training step is."""
    T = sg.dim("T")
    x, t = sg.data("x", (2, 6), over=T), sg.labels("t", 3, over=T)
    K, W = sg.parameter("K", (4, 2, 3)), sg.parameter("W", (3, 16))
    y = sg.relu(sg.einsum("cwi,oci->ow", sg.windows(sg.pad(x, [(0, 0), (1, 1)]), 3, axis=1, step=2), K))
    y = sg.concatenate([y, y[:, :1]], axis=1).reshape((16,))
    loss = sg.empirical_risk(sg.losses.cross_entropy(W @ y, t))
    rng = np.random.default_rng(0)
    data = {"x": rng.standard_normal((20, 2, 6)), "t": rng.integers(0, 3, 20)}
    models = [sg.Model(loss, backend=backend, dtype="float64", seed=1) for backend in ("numpy", "c")]
    curves = [m.fit(data, sg.optim.Adam(0.01), epochs=3, batch_size=5, progress=False).curves["loss"] for m in models]
    near(curves[1], curves[0], 1e-10)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.data())
def test_convolutions_drawn_at_random_train_alike_in_c_and_in_numpy(data):
    """Values, gradients and a product with the Hessian: any channels, kernels, strides, paddings, gaps and groups."""
    draw = lambda values: data.draw(st.sampled_from(values))  # noqa: E731
    groups, stride, gap = draw([1, 1, 2]), draw([1, 2, (2, 1)]), draw([1, 1, 2])
    kernel, padding = (draw([1, 2, 3]), draw([1, 3])), draw([0, 1, (2, 1)])
    channels, out = groups * draw([1, 2, 3]), groups * draw([1, 3])
    n = draw([sg.dim("n"), 3])
    x, K = sg.data("x", (n, channels, 7, 8)), sg.parameter("K", (out, channels // groups, *kernel))
    y = sg.conv2d(x, K, sg.parameter("b", out), stride, padding, gap, groups)
    inputs = [x, K, sg.parameter("b", out)]
    if draw([True, False]):
        L = sg.parameter("L", (out, 2, 2, draw([1, 3])))
        inputs.append(L)
        y = sg.conv_transpose2d(sg.tanh(y), L, stride=draw([1, 2]), padding=draw([0, 1]))
    loss = sg.mean(sg.tanh(y) ** 2)
    outputs = [loss, *sg.gradient(loss, inputs), sg.hvp(loss, K, sg.cos(K))]
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal([s if isinstance(s, int) else 3 for s in t.shape]) for t in inputs]
    found, wanted = (sg.function(inputs, outputs, backend=backend)(*arrays) for backend in ("c", "numpy"))
    for have, want in zip(found, wanted, strict=True):
        near(have, want, 1e-12)
