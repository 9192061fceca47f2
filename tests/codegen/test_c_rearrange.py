"""Copies in another order of axes, in C: all axes, sizes and steps, by any number of threads; and whole convolutions so."""

import ctypes
from functools import cache

import numpy as np
import pytest
from checker import near
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.codegen.c import runtime
from symgrad.codegen.c.prelude import prelude

pytestmark = pytest.mark.skipif(runtime.compiler() is None, reason="needs a C compiler")
CALL = """
void copy(const real *from, real *to, int64_t count, const int64_t *axes) {
  rearrange(from, to, count, (const Axis *)axes);
}
"""


@cache
def kernel(dtype):
    return runtime.compiled(prelude(dtype == "float32", ["rearrange"]) + CALL)


def axis(view, other, k):
    return [view.shape[k], view.strides[k] // view.itemsize, 0, other.strides[k] // view.itemsize]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 9) | st.sampled_from([17, 33, 40]), min_size=2, max_size=5), st.randoms(),
       st.sampled_from(["float32", "float64"]), st.sampled_from([1, 2, 3, 4, 7]))
def test_every_order_of_axes_into_a_part_of_an_array(shape, chance, dtype, threads):
    """From rows to any order of them, with a border that stays as it was."""
    while np.prod(shape) > 50_000:
        shape = shape[1:]
    order = list(range(len(shape)))
    chance.shuffle(order)
    source = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    whole = np.full([shape[k] + 2 for k in order], np.nan, dtype)
    inner = whole[(slice(1, -1),) * len(shape)]
    target = inner.transpose(np.argsort(order))  # the axes of the source
    read, written = len(shape) - 1, order[-1]
    between = [k for k in range(len(shape)) if k not in (read, written)]
    lines = [*between, read, written] if read != written else [*between[1:], read, *between[:1]]
    axes = np.array([axis(source, target, k) for k in lines], np.int64)
    library = kernel(dtype)
    library.use_threads(threads)
    library.copy(*(ctypes.c_void_p(x) for x in (source.ctypes.data, inner.ctypes.data)), ctypes.c_int64(len(lines)),
                 ctypes.c_void_p(axes.ctypes.data))
    assert np.array_equal(target, source)
    assert np.isnan(whole).sum() == whole.size - source.size, "nothing beside it was written"


@pytest.mark.parametrize("options", [{"padding": 1}, {"stride": 2, "padding": 2, "groups": 2}, {"dilation": 2, "groups": 4}])
def test_convolutions_are_the_same_for_any_number_of_threads(options):
    """There and back, at batches of 1 to 33: the same bits by 1, 2, 3, 4 and 7 threads, and what NumPy finds."""
    x, K = sg.data("x", (8, 19, 20), over=sg.dim("T")), sg.parameter("K", (12, 8 // options.get("groups", 1), 3, 3))
    y = sg.conv2d(x, K, **options)
    C = sg.data("C", y.shape, over=sg.dim("T"))
    loss = sg.sum(sg.tanh(y) * C)
    outputs = [y, sg.gradient(loss, x), sg.gradient(sg.empirical_risk(loss), K)]
    found, wanted = (sg.function([x, K, C], outputs, backend=backend) for backend in ("c", "numpy"))
    rng = np.random.default_rng(0)
    for batch in (1, 2, 3, 5, 33):
        arrays = [rng.standard_normal([batch, *x.shape]), rng.standard_normal(K.shape), rng.standard_normal([batch, *y.shape])]
        results = []
        for threads in (1, 2, 3, 4, 7):
            found.module._c.use_threads(threads)
            results.append(found(*arrays))
        for have, want in zip(results[0], wanted(*arrays), strict=True):
            near(have, want, 1e-12)
        assert all(np.array_equal(a, b) for other in results for a, b in zip(results[0], other, strict=True)), "the same bits"
