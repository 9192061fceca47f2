"""Convolutions, pools and enlargements against loops over entries; the conventions that trip people; what is refused."""

import convolutions as loops
import numpy as np
import pytest
from checker import check, near, run
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import symgrad as sg

T = sg.dim("T")
few = settings(max_examples=20, deadline=None)
small = st.integers(1, 3)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def symbols(x, K, bias):
    """An image of one sample, a kernel and a bias, with arrays for three samples."""
    at = {sg.data("x", x, over=T): numbers(3, *x), sg.parameter("K", K): numbers(*K, seed=1)}
    return at | ({sg.parameter("b", bias): numbers(bias, seed=2)} if bias else {})


@few
@given(st.data())
def test_a_convolution_is_what_its_loops_say(data):
    rank, groups = data.draw(st.sampled_from((1, 2, 2))), data.draw(st.integers(1, 2))
    pair = st.tuples(*[small] * rank) | small
    kernel, dilation = data.draw(st.tuples(*[small] * rank)), data.draw(pair)
    same = data.draw(st.booleans())
    stride = 1 if same else data.draw(pair)
    padding = "same" if same else data.draw(st.integers(0, 2) | st.tuples(*[st.integers(0, 2)] * rank))
    sides = data.draw(st.tuples(*[st.integers(1, 6)] * rank))
    border = (0,) * rank if same else loops.each(padding, rank)
    assume(same or all(n + 2 * p >= d * (k - 1) + 1
                       for n, p, d, k in zip(sides, border, loops.each(dilation, rank), kernel, strict=True)))
    shapes = (2 * groups, *sides), (groups * data.draw(small), 2, *kernel)
    at = symbols(*shapes, shapes[1][0] if data.draw(st.booleans()) else None)
    x, K, *bias = at.values()
    b = bias[0] if bias else None
    y = (sg.conv1d, sg.conv2d)[rank - 1](*at, None, stride, padding, dilation, groups) if b is None else (
        sg.conv1d, sg.conv2d)[rank - 1](*at, stride, padding, dilation, groups)
    wanted = np.stack([loops.convolution(each, K, b, stride, padding, dilation, groups) for each in x])
    assert y.shape == wanted.shape[1:]
    near(run(y, at), wanted)
    check(y, at, list(at), second=False)


@few
@given(st.data())
def test_a_transposed_convolution_is_what_its_loops_say(data):
    pair = st.tuples(small, small) | small
    groups, stride, dilation = data.draw(st.integers(1, 2)), data.draw(pair), data.draw(pair)
    kernel, sides = data.draw(st.tuples(small, small)), data.draw(st.tuples(small, small))
    padding = data.draw(st.integers(0, 1))
    more = data.draw(st.integers(0, min(max(s, d) for s, d in zip(
        loops.each(stride, 2), loops.each(dilation, 2), strict=True)) - 1))
    assume(all((n - 1) * s - 2 * padding + d * (k - 1) + more + 1 >= 1 for n, s, d, k in zip(
        sides, loops.each(stride, 2), loops.each(dilation, 2), kernel, strict=True)))
    at = symbols((2 * groups, *sides), (2 * groups, data.draw(st.integers(1, 2)), *kernel), None)
    x, K = at.values()
    y = sg.conv_transpose2d(*at, None, stride, padding, more, groups, dilation)
    wanted = np.stack([loops.transposed(each, K, None, stride, padding, more, groups, dilation) for each in x])
    assert y.shape == wanted.shape[1:]
    near(run(y, at), wanted)
    check(y, at, list(at))


@few
@given(st.data())
def test_pools_are_what_their_loops_say(data):
    pair = st.tuples(small, small) | small
    kernel, stride, ceil = data.draw(pair), data.draw(st.none() | pair), data.draw(st.booleans())
    sides = data.draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    padding = data.draw(st.integers(0, min(loops.each(kernel, 2)) // 2))
    assume(all(n + 2 * padding >= k for n, k in zip(sides, loops.each(kernel, 2), strict=True)))
    x = sg.data("x", (2, *sides), over=T)
    array = np.random.default_rng(0).permutation(3 * 2 * sides[0] * sides[1]).reshape(3, 2, *sides) * 0.3 - 4
    counted, divisor = data.draw(st.booleans()), data.draw(st.none() | st.integers(1, 4))
    for y, f in ((sg.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil),
                  lambda a: loops.max_pool(a, kernel, stride, padding, 1, ceil)),
                 (sg.avg_pool2d(x, kernel, stride, padding, ceil, counted, divisor),
                  lambda a: loops.avg_pool(a, kernel, stride, padding, ceil, counted, divisor))):
        wanted = np.stack([f(each) for each in array])
        assert y.shape == wanted.shape[1:]
        near(run(y, {x: array}), wanted)
        check(y, {x: array}, [x], second=False)


@few
@given(st.tuples(*[st.integers(1, 7)] * 2), st.tuples(*[st.integers(1, 7)] * 2), st.sampled_from((1, 2, 1.5, 0.5, (3, 1.4))))
def test_pieces_and_enlargements_are_what_their_loops_say(sides, wanted, scale):
    x = sg.data("x", (2, *sides))
    at = {x: numbers(2, *sides)}
    near(run(sg.adaptive_avg_pool2d(x, wanted), at), loops.adaptive_avg_pool(at[x], wanted))
    near(run(sg.upsample(x, wanted), at), loops.upsampled(at[x], wanted))
    check(sg.upsample(x, wanted), at, [x], second=False)
    scales = scale if isinstance(scale, tuple) else (scale, scale)
    assume(all(int(n * s) >= 1 for n, s in zip(sides, scales, strict=True)))
    near(run(sg.upsample(x, scale_factor=scale), at), loops.upsampled(at[x], None, scale))


def test_second_derivatives_of_a_small_network():
    x, K, V = sg.data("x", (1, 5, 4)), sg.parameter("K", (2, 1, 3, 2)), sg.parameter("V", (2, 2, 2, 2))
    h = sg.max_pool2d(sg.tanh(sg.conv2d(x, K, padding="same")), 2, padding=1)
    y = sg.avg_pool2d(sg.conv_transpose2d(h, V, stride=2), 2)
    check(y, {x: numbers(1, 5, 4), K: numbers(2, 1, 3, 2, seed=1), V: numbers(2, 2, 2, 2, seed=2)}, [x, K, V])


def test_the_transpose_is_the_gradient_of_the_convolution():
    x, K, u = sg.data("x", (4, 7, 6)), sg.data("K", (6, 2, 3, 2)), sg.data("u", (6, 4, 6))
    how = {"stride": (2, 1), "padding": (1, 1), "groups": 2, "dilation": (1, 2)}
    pulled = sg.gradient(sg.sum(sg.conv2d(x, K, **how) * u), x)
    at = {K: numbers(6, 2, 3, 2), u: numbers(6, 4, 6, seed=1)}
    near(run(sg.conv_transpose2d(u, K, **how), at), run(pulled, at))


@pytest.mark.parametrize("shape", [(2, 5), (4, 2, 5)])
def test_batches_and_samples_are_one(shape):
    """(channels, length) under `over` or alone, (batch, channels, length) as ordinary axes."""
    x, K = sg.data("x", shape), sg.parameter("K", (3, 2, 2))
    at = {x: numbers(*shape), K: numbers(3, 2, 2, seed=1)}
    batch = at[x].reshape(-1, 2, 5)
    wanted = np.stack([loops.convolution(each, at[K]) for each in batch])
    near(run(sg.conv1d(x, K), at), wanted.reshape(*shape[:-2], 3, 4))
    per = sg.data("x", (2, 5), over=T)
    near(run(sg.conv1d(per, K), {per: batch, K: at[K]}), wanted)


def test_the_kernel_is_not_flipped_and_even_kernels_pad_behind():
    x = sg.constant(np.array([[1.0, 2.0, 3.0]]))
    assert sg.conv1d(x, np.array([[[1.0, 10.0]]])).eval().tolist() == [[21, 32]]
    assert sg.conv1d(x, np.array([[[1.0, 10.0]]]), padding="same").eval().tolist() == [[21, 32, 3]]
    assert sg.conv1d(x, np.array([[[1.0, 10.0]]]), padding="valid").eval().tolist() == [[21, 32]]


def test_ceil_mode_drops_a_window_that_begins_behind_the_image():
    x = sg.data("x", (1, 3, 3))
    assert sg.max_pool2d(x, 1, 2, ceil_mode=True).shape == sg.max_pool2d(x, 2, 2, 1, ceil_mode=True).shape == (1, 2, 2)
    means = sg.avg_pool2d(x, 2, ceil_mode=True).eval(x=np.ones((1, 3, 3)))
    assert means.tolist() == [[[1, 1], [1, 1]]], "what is beyond the border never counts"
    assert sg.avg_pool2d(x, 2, 2, 1).eval(x=np.ones((1, 3, 3))).tolist() == [[[0.25, 0.5], [0.5, 1]]]


def test_a_border_is_never_the_largest():
    x = sg.data("x", (1, 2, 2))
    assert sg.max_pool2d(x, 2, 2, 1).eval(x=-np.ones((1, 2, 2))).tolist() == [[[-1, -1], [-1, -1]]]


def test_sides_may_be_symbols():
    h, w = sg.dims("h w")
    x, K = sg.data("x", (3, h, w)), sg.parameter("K", (4, 3, 3, 2))
    assert sg.conv2d(x, K).shape == (4, h - 2, w - 1) and sg.conv2d(x, K, padding="same").shape == (4, h, w)
    assert sg.upsample(x, scale_factor=2).shape == (3, 2 * h, 2 * w)
    at = {x: numbers(3, 7, 5), K: numbers(4, 3, 3, 2, seed=1)}
    near(run(sg.conv2d(x, K, stride=2, padding=1), at), loops.convolution(at[x], at[K], None, 2, 1))
    near(run(sg.max_pool2d(x, 2), at), loops.max_pool(at[x], 2))
    near(run(sg.avg_pool2d(x, 3, 2, 1, count_include_pad=False), at), loops.avg_pool(at[x], 3, 2, 1, False, False))
    near(run(sg.adaptive_avg_pool2d(x, 1), at), loops.adaptive_avg_pool(at[x], (1, 1)))
    near(run(sg.conv_transpose2d(x, sg.constant(at[K][:3]), stride=2), at), loops.transposed(at[x], at[K][:3], None, 2))


x3, x2, K = sg.data("x", (4, 5, 5)), sg.data("s", (4, 5)), sg.parameter("K", (6, 4, 3, 3))


@pytest.mark.parametrize("make, message", [
    (lambda: sg.conv2d(x3, K, groups=4), "conv2d: 6 output channels of the kernel do not divide into 4 groups"),
    (lambda: sg.conv2d(x3, sg.data("L", (6, 4, 3, 3)), groups=3), "conv2d: 4 channels do not divide into 3 groups (x of shape"),
    (lambda: sg.conv2d(x3, sg.data("L", (6, 3, 3, 3))), "x of shape (4, 5, 5) has 4 channels, the kernel L of shape (6, 3, 3, 3) is "
                                                        "for 3"),
    (lambda: sg.conv2d(x3, K, groups=2), "x of shape (4, 5, 5) has 4 channels, the kernel K of shape (6, 4, 3, 3) is for 8 in 2 "
                                         "groups"),
    (lambda: sg.conv2d(x3, sg.data("L", (6, 4, 7, 3))), "conv2d: a kernel of 7 does not fit into a side of 5: 5 entries"),
    (lambda: sg.conv2d(x3, K, padding=1, dilation=4), "a kernel of 3 with a dilation of 4 covers 9 entries and does not fit into a "
                                                      "side of 5 with a padding of 1 and 1: 7 entries"),
    (lambda: sg.conv2d(x2, K), "conv2d: s of shape (4, 5) has 2 axes; one sample is (channels, height, width), a batch of them"),
    (lambda: sg.conv1d(x2, K), "the kernel K of shape (6, 4, 3, 3) has 4 axes; it needs 3"),
    (lambda: sg.conv2d(x3, K, sg.data("b", 4)), "the bias b of shape (4,) must be of shape (6,): a number for each output channel"),
    (lambda: sg.conv2d(x3, K, stride=2, padding="same"), "padding 'same' keeps the size only where the stride is 1, not 2"),
    (lambda: sg.conv2d(x3, K, padding="full"), "padding is an int, 2 of them, 'valid' or 'same', not 'full'"),
    (lambda: sg.conv2d(x3, K, stride=0), "conv2d: stride must be at least 1, not 0"),
    (lambda: sg.conv2d(x3, K, stride=(1, 2, 3)), "conv2d: stride is an int or 2 of them, not (1, 2, 3)"),
    (lambda: sg.conv2d(x3, K, stride=1.5), "conv2d: stride must be an int, not 1.5"),
    (lambda: sg.conv_transpose2d(x3, K), "x of shape (4, 5, 5) has 4 channels, the kernel K of shape (6, 4, 3, 3) is for 6"),
    (lambda: sg.conv_transpose2d(x3, K[:4], output_padding=1), "output_padding 1 must be less than the stride 1 or the dilation 1"),
    (lambda: sg.conv_transpose2d(x3[:, :1], K[:4], padding=2), "a side of 1 becomes -1: a padding of 2 takes away all of the 3"),
    (lambda: sg.max_pool2d(x3, 2, padding=2), "max_pool2d: a padding of 2 is more than half of the kernel_size 2"),
    (lambda: sg.max_pool2d(x3, 6), "max_pool2d: a kernel of 6 does not fit into a side of 5"),
    (lambda: sg.avg_pool2d(x3, 2, divisor_override=0), "divisor_override must not be 0"),
    (lambda: sg.adaptive_avg_pool2d(x3, (1, 2, 3)), "output_size is a number or 2 of them"),
    (lambda: sg.adaptive_avg_pool2d(sg.data("x", (1, sg.dim("h"), 4)), 3), "a side of h in 3 pieces needs numbers for both"),
    (lambda: sg.upsample(x3), "upsample: give either size or scale_factor"),
    (lambda: sg.upsample(x3, scale_factor=-1), "scale_factor must be a positive number, not -1"),
    (lambda: sg.upsample(x3, scale_factor=0.1), "a side of 5 becomes 0; it must be at least 1"),
])
def test_what_does_not_fit_is_refused_with_its_name(make, message):
    with pytest.raises(sg.ShapeError) as error:
        make()
    assert message in str(error.value)


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 9), st.integers(1, 5), small, st.integers(0, 2), small, st.booleans())
def test_a_side_that_is_a_symbol_holds_a_window_or_is_refused(side, width, stride, padding, dilation, pooled):
    def made(x):
        if pooled:
            return sg.max_pool1d(x, width, stride, padding, dilation)
        return sg.conv1d(x, np.ones((1, 1, width)), stride=stride, padding=padding, dilation=dilation)

    assume(not pooled or 2 * padding <= width)
    at, covered = numbers(1, side), dilation * (width - 1) + 1
    x = sg.data("x", (1, sg.dim("n")))
    f = sg.function([x], made(x))
    if covered <= side + 2 * padding:
        fixed = sg.data("x", (1, side))
        near(f(at), sg.function([fixed], made(fixed))(at))
        return
    with pytest.raises(sg.DataError, match=rf"a window of {covered} along axis 1 .* must be at least {covered}; it is "
                                           rf"{side + 2 * padding}"):
        f(at)
