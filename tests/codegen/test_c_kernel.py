"""The kernel of products in C: any steps through memory, any sizes, any number of threads, the same bits."""

import ctypes
import os
import threading
from functools import cache
from math import prod

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
void product(const real *a, const real *b, real *c, const int64_t *counts, const int64_t *axes) {
  contract(a, b, c, counts[0], counts[1], counts[2], counts[3], counts[4], (const Axis *)axes);
}
"""


@cache
def kernel(dtype):
    return runtime.compiled(prelude(dtype == "float32", ["contract"]) + CALL)


def contracted(a, b, groups, dtype, symmetric=0, threads=1):
    """The result of `contract`, stored in rows: (stack, rows, columns). `groups`: of each kind axes (size, step, step)."""
    library = kernel(dtype)
    library.use_threads(threads)
    kept = [axis[0] for group in groups[:3] for axis in group]
    places = iter([prod(kept[k + 1:]) for k in range(len(kept))])
    table = [[*axis, next(places) if k < 3 else 0] for k, group in enumerate(groups) for axis in group]
    axes = np.array(table or [[1, 0, 0, 0]], np.int64)
    counts = np.array([*map(len, groups), symmetric], np.int64)
    c = np.full(kept, np.nan, dtype)
    library.product(*(ctypes.c_void_p(x.ctypes.data) for x in (a, b, c, counts, axes)))
    return c


def reference(a, b, groups):
    """The same sum in NumPy, from views that step through memory."""
    stack, rows, columns, deep = groups
    size = a.itemsize
    views = []
    for which, x, own in ((1, a, (stack, rows, deep)), (2, b, (stack, columns, deep))):
        axes = [axis for group in own for axis in group]
        views.append(np.lib.stride_tricks.as_strided(x, [s for s, *_ in axes], [axis[which] * size for axis in axes]))
    names = iter("abcdefghijklmnopqrstuvwxyz")
    s, r, c, d = ("".join(next(names) for _ in group) for group in groups)
    return np.einsum(f"{s}{r}{d},{s}{c}{d}->{s}{r}{c}", *(v.astype("float64") for v in views))


SIZES = st.integers(1, 4) | st.sampled_from([5, 6, 7, 13, 17, 33, 65])


@st.composite
def sums(draw):
    """Axes of random sizes that step through memory in any order, over each other too, as windows do."""
    def axes(one, two, most):
        result = []
        for _ in range(draw(st.integers(0, most))):
            steps = [draw(st.integers(0, 9) | st.sampled_from([1, 64, 257])) if there else 0 for there in (one, two)]
            result.append((draw(SIZES), *steps))
        return result

    groups = [axes(True, True, 1), axes(True, False, 2), axes(False, True, 2), axes(True, True, 3)]
    return groups if prod(axis[0] for group in groups for axis in group) < 300_000 else [[], groups[1][:1], groups[2][:1], []]


@settings(max_examples=150, deadline=None)
@given(sums(), st.sampled_from(["float32", "float64"]), st.integers(1, 3))
def test_any_steps_through_memory(groups, dtype, threads):
    rng = np.random.default_rng(0)
    reach = [1 + sum((axis[0] - 1) * axis[which] for group in groups for axis in group) for which in (1, 2)]
    a, b = (rng.standard_normal(n).astype(dtype) for n in reach)
    found = contracted(a, b, groups, dtype, threads=threads)
    near(found, reference(a, b, groups), 1e-12 if dtype == "float64" else 1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m, n, k", [(1, 1, 1), (0, 3, 2), (3, 0, 2), (3, 2, 0), (6, 64, 256), (7, 65, 257), (1200, 3, 300),
                                     (5, 130, 600), (100, 128, 100)])
def test_sizes_at_the_edges_of_tiles_panels_and_blocks(m, n, k, dtype):
    rng = np.random.default_rng(m + n)
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    same = [contracted(a, b, [[], [(m, k, 0)], [(n, 0, 1)], [(k, 1, n)]], dtype, threads=t) for t in (1, 2, 5)]
    near(same[0], a.astype(float) @ b.astype(float), 1e-11 if dtype == "float64" else 1e-3)
    assert all(np.array_equal(same[0], other) for other in same), "the same bits"


@pytest.mark.parametrize("stack, m, n, k", [(1, 150, 70, 4355), (1, 100, 650, 600), (3, 170, 130, 300), (1, 288, 16, 9000)])
def test_what_all_blocks_read_is_packed_once_whoever_computes_them(stack, m, n, k):
    """More panels than fit into the room at a time, of columns that lie apart; nothing depends on who takes which."""
    rng = np.random.default_rng(m)
    a, b = (rng.standard_normal(size).astype("float32") for size in ((stack, k, m), (stack, n, k)))
    groups = [[(stack, k * m, n * k)], [(m, 1, 0)], [(n, 0, k)], [(k, m, 1)]]
    same = [contracted(a, b, groups, "float32", threads=t) for t in (1, 2, 3, 4, 7)]
    near(same[0], np.einsum("skm,snk->smn", a.astype(float), b.astype(float)), 1e-3)
    assert all(np.array_equal(same[0], other) for other in same), "the same bits"


def test_half_of_a_symmetric_product_is_computed_and_mirrored():
    for n, k in ((1, 1), (5, 3), (70, 300), (200, 10)):
        a = np.random.default_rng(n).standard_normal((n, k))
        found = contracted(a, a, [[], [(n, k, 0)], [(n, 0, k)], [(k, 1, 1)]], "float64", symmetric=1, threads=2)
        near(found, a @ a.T, 1e-12)
        assert np.array_equal(found, found.T)


def test_no_number_is_multiplied_that_is_not_in_the_product():
    """Tiles that stick out repeat rows and pad with zeros: infinities stay where they are."""
    a, b = np.ones((7, 3)), np.ones((3, 9))
    a[6, 1], b[2, 8] = np.inf, np.nan
    found = contracted(a, b, [[], [(7, 3, 0)], [(9, 0, 1)], [(3, 1, 9)]], "float64")
    with np.errstate(all="ignore"):
        near(np.nan_to_num(found), np.nan_to_num(a @ b), 0)


def test_many_threads_call_at_once_and_children_of_a_fork_go_on():
    X, W = sg.data("X", (300, 200)), sg.data("W", (200, 190))
    f = sg.function([X, W], X @ W, backend="c")
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((300, 200)), rng.standard_normal((200, 190))
    f.module._c.use_threads(3)
    want, wrong = f(x, w), []

    def again():
        for _ in range(20):
            if not np.array_equal(f(x, w), want):
                wrong.append(1)

    threads = [threading.Thread(target=again) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    child = os.fork()
    if not child:
        os._exit(0 if np.array_equal(f(x, w), want) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    near(want, x @ w, 1e-12)


def test_the_number_of_threads_is_the_users(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert runtime._threads() == 3
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert runtime._threads() == 2
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "many")
    assert runtime._threads() >= 1
