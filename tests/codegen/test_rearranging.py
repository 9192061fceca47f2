"""Contractions over sums of broadcast terms, shared factors, diagonals found again: the same numbers, less work."""

import numpy as np
import pytest
import reference
from checker import near
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.codegen.lowering.rearranging import rearranged
from symgrad.graphs.sizes import dim

n, k, d = sg.dims("n k d")
x, m, w = sg.data("x", (n, d)), sg.parameter("m", (k, d)), sg.data("w", (n, k))
RNG = np.random.default_rng(0)
SIZES = {k: 4, d: 6}
PAIRS = x[:, None, :] - m
SQUARES = sg.sum(PAIRS**2, axis=2)


def means():
    """k-means: the value and the gradient."""
    cost = sg.sum(sg.min(SQUARES, axis=1))
    return [x, m], [cost, sg.gradient(cost, m)]


def mixture():
    """The part of a Gaussian mixture that depends on means and Cholesky factors Q = diag(exp q) + L; few of them."""
    k, d = SIZES.values()
    x, m, q, L = sg.data("x", (n, d)), sg.parameter("m", (k, d)), sg.parameter("q", (k, d)), sg.parameter("L", (k, d, d))
    r = x[:, None] - m
    scaled = sg.exp(q) * r + sg.einsum("kij,nkj->nki", L, r)
    value = sg.sum(sg.logsumexp(-0.5 * sg.sum(scaled**2, axis=2), axis=1))
    return [x, m, q, L], [value, *sg.gradient(value, [m, q, L])]


def arrays(symbols, sizes):
    return [RNG.standard_normal([sizes.get(s, s) for s in t.shape]) for t in symbols]


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("model", [means, mixture])
def test_no_array_of_all_pairs_is_made(model, backend):
    symbols, outputs = model()
    f = sg.function(symbols, outputs, backend=backend)
    pairs = [s for s in f.plan.steps if len(s.shape) == 3 and s.shape[0] == n]
    assert len(pairs) == (0 if model is means else 2)  # Q (x - m) and its cotangent; never x - m
    sizes = {n: 9, **SIZES}
    at = arrays(symbols, sizes)
    names = {t.name: a for t, a in zip(symbols, at, strict=True)}
    wanted = reference.values([y.node for y in outputs], names, sizes)
    for have, want in zip(f(*at), wanted, strict=True):
        near(have, want, 1e-12)


def test_a_mixture_is_computed_as_by_hand():
    text = sg.function(*mixture()).source
    assert text.count(" @ ") == 4  # x Q', Q m; the other way n (Q r)' x and Q' of the sums
    assert '\n    np.einsum("ijj->ij", ' in text and text.count("np.einsum") == 2  # q: on the diagonal, and read off it


def test_plans_count_what_distances_cost():
    step = next(s for s in sg.function(*means()).plan.steps if s.op == "distances")
    assert step.flops == 2 * n * k * d + 2 * n * k + 3 * n * d + 3 * k * d and step.bytes == 8 * n * k


# rounding -----------------------------------------------------------------------------------------------------------


def traps(kind, dtype):
    """Points, centres and weights that cancel."""
    X, M = RNG.standard_normal((300, 16)), RNG.standard_normal((12, 16))
    far = 1e6 if dtype == "float64" else 1e3
    if kind == "far from zero":
        X, M = X + far, M + far
    elif kind == "points that are centres":
        M = X[:12].copy()
        X[50:62] = M
    elif kind == "tight clusters":
        M = far * M + RNG.standard_normal(M.shape) / far
        X = M[RNG.integers(0, 12, 300)] + RNG.standard_normal(X.shape) / far
    elif kind == "outliers":
        X[0], M[0] = -far, far
    return [a.astype(dtype) for a in (X, M, RNG.random((300, 12)))]


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", ["plain", "far from zero", "points that are centres", "tight clusters", "outliers"])
def test_rounding_stays_within_the_bounds_that_are_stated(kind, dtype, backend):
    X, M, W = traps(kind, dtype)
    wide = [a.astype(np.longdouble) for a in (X, M, W)]
    R = wide[0][:, None] - wide[1]
    u = np.finfo(dtype).eps / 2
    exact = (R * R).sum(axis=2)
    found = sg.function([x, m], SQUARES, dtype=dtype, backend=backend)(X, M)
    assert found.dtype == dtype and (found >= 0).all() and not found[exact == 0].any()
    assert (np.abs(found - exact) <= 32 * (16 + 6) * u * exact).all()  # relative to each distance: codegen/python/helpers.py
    f = sg.function([x, m, w], sg.einsum("nk,nkd->kd", w, PAIRS), dtype=dtype, backend=backend)
    assert not any(s.shape == (n, k, d) for s in f.plan.steps)
    centre = wide[1].mean(axis=0)
    spread = wide[2].T @ np.abs(wide[0] - centre) + wide[2].sum(axis=0)[:, None] * np.abs(wide[1] - centre)
    error = np.abs(f(X, M, W) - np.einsum("nk,nkd->kd", wide[2], R))
    assert (error <= 300 * u * spread).all()


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_centre_that_is_not_a_number_stays_alone(backend):
    """An empty cluster has the mean 0/0; an infinite point is infinitely far from all others."""
    X, M = RNG.standard_normal((7, 3)), RNG.standard_normal((3, 3))
    X[2, 1], M[1] = np.inf, np.nan
    f = sg.function([x, m], SQUARES, backend=backend)
    with np.errstate(all="ignore"):
        wanted = ((X[:, None] - M) ** 2).sum(axis=2)
        np.testing.assert_allclose(f(X, M), wanted)
        M[1], X[2] = np.inf, 0
        W = RNG.random((7, 3))
        found = sg.function([x, m, w], sg.einsum("nk,nkd->kd", w, PAIRS), backend=backend)(X, M, W)
        np.testing.assert_allclose(found, np.einsum("nk,nkd->kd", W, X[:, None] - M))
        far = np.full((1, 8), 1e154)  # its square is infinite
        assert f(far, far * [[1], [0], [0]]).tolist() == [[0, np.inf, np.inf]]


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_distances_of_whole_numbers_are_exact_so_that_ties_are_shared(backend):
    X, M = RNG.integers(-3, 4, (200, 8)).astype(float), RNG.integers(-3, 4, (5, 8)) + 0.5
    M[3] = M[0]
    value, gradient = sg.function(*means(), backend=backend)(X, M)
    squares = ((X[:, None] - M) ** 2).sum(axis=2)
    share = squares == squares.min(axis=1, keepdims=True)
    assert (share.sum(axis=1) > 1).sum() > 20
    share = share / share.sum(axis=1, keepdims=True)
    assert value == squares.min(axis=1).sum()
    near(gradient, -2 * np.einsum("nk,nkd->kd", share, X[:, None] - M), 1e-12)


def test_distances_of_stacks_and_of_one_set():
    b = sg.dim("b")
    y, z = sg.data("y", (b, n, d)), sg.data("z", (b, k, d))
    f = sg.function([y, z], sg.exp(-sg.sum((y[:, :, None] - z[:, None]) ** 2, axis=3)))
    assert "_distances(y, z.mT)" in f.source
    at = RNG.standard_normal((3, 5, 4)), RNG.standard_normal((3, 6, 4))
    at[0][1, 2] = at[1][1, 3]  # as one point: computed again
    near(f(*at), np.exp(-((at[0][:, :, None] - at[1][:, None]) ** 2).sum(axis=3)), 1e-13)
    g = sg.function([x], sg.sum((x[:, None] - x) ** 2, axis=2))
    assert "_distances(x, x.T)" in g.source
    found = g(at[0][0])
    near(found, ((at[0][0][:, None] - at[0][0]) ** 2).sum(axis=2), 1e-13)
    assert not found.diagonal().any()


def test_what_is_cheaper_as_it_stands_stays():
    one = sg.data("one", (n, 1)), sg.data("other", (k, 1))
    assert "distances" not in sg.function(one, sg.sum((one[0][:, None] - one[1]) ** 2, axis=2)).source
    L = sg.data("L", (k, d, d))
    f = sg.function([x, m, L], [PAIRS, sg.einsum("kij,nkj->nki", L, PAIRS)])
    assert [s.op for s in f.plan.steps][0] == "add" and "np.inf" not in f.source  # the pairs are there anyway
    empty = sg.data("empty", (0, 9))
    points = sg.data("points", (5, 9))
    g = sg.function([points, empty], sg.sum((points[:, None] - empty) ** 2, axis=2))
    assert g(np.ones((5, 9)), np.ones((0, 9))).shape == (5, 0)


# powers ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_powers_along_an_axis_are_running_products(dtype, backend):
    t, c = sg.data("t", n), sg.parameter("c", k)
    f = sg.function([t, c], [t[:, None] ** sg.arange(k), t[:, None] ** sg.arange(k) @ c], dtype=dtype, backend=backend)
    assert f.plan.steps[0].op == "powers" and f.plan.steps[0].flops == n * k
    at = np.array([0, -0.0, 1, -1, 0.5, -1.25, 3, 1e-3, np.inf, -np.inf, np.nan], dtype)
    found, value = f(at, np.ones(70, dtype))
    with np.errstate(all="ignore"):
        exact = at.astype(np.longdouble)[:, None] ** np.arange(70)
        normal = ~(np.abs(exact) < np.finfo(dtype).tiny)
        want = np.where(normal, exact, 0).astype(dtype)
        same = np.isnan(want) | np.isinf(want) | ~normal
        assert found.dtype == dtype and (found[:, 0] == 1).all()
        np.testing.assert_allclose(found[same], want[same], rtol=0, atol=np.finfo(dtype).tiny)
        bound = np.arange(70) * np.finfo(dtype).eps / 2
        assert (np.abs(found - exact) <= bound * np.abs(exact))[~same].all()
        near(value[2:6], found[2:6].sum(axis=1), 1e-5 if dtype == "float32" else 1e-13)


def test_powers_of_matrices_in_any_place():
    X = sg.data("X", (n, d))
    f = sg.function([X], [X ** sg.arange(k)[:, None, None], X[:, None] ** sg.arange(k)[:, None], X ** sg.arange(d)], sizes={k: 4})
    at = RNG.standard_normal((5, 3))
    one, two, three = f(at)
    near(one, at ** np.arange(4)[:, None, None], 1e-13)
    near(two, at[:, None] ** np.arange(4)[:, None], 1e-13)
    near(three, at ** np.arange(3), 1e-13)  # every column to a power of its own
    assert f.source.count("_powers(X, k)") == 1


# the rewrites by themselves -------------------------------------------------------------------------------------------


LETTERS = "abcde"


@st.composite
def sums(draw):
    """A sum of products that share operands, squares of differences, and contractions with these."""
    size = {x: draw(st.sampled_from([2, 3, 5, dim(f"s{x}")])) for x in LETTERS}
    pool = [("".join(draw(st.permutations(LETTERS))[: draw(st.integers(1, 3))])) for _ in range(4)]
    symbols = [sg.data(f"t{i}", tuple(size[x] for x in labels)) for i, labels in enumerate(pool)]
    out = "".join(sorted(draw(st.sets(st.sampled_from(LETTERS), min_size=1, max_size=3))))

    def product():
        chosen = [draw(st.integers(0, 3)) for _ in range(draw(st.integers(1, 3)))]
        held = set("".join(pool[i] for i in chosen))
        result = sg.einsum(",".join(pool[i] for i in chosen) + "->" + "".join(x for x in out if x in held),
                           *(symbols[i] for i in chosen))
        for axis, label in enumerate(out):
            if label not in held:
                result = sg.expand_dims(result, axis)
        return sg.broadcast_to(result, tuple(size[x] for x in out))

    total = sum((draw(st.sampled_from([1, -1, 2, 0.5])) * product() for _ in range(draw(st.integers(2, 4)))), start=0)
    return symbols, [total, sg.sum(total), sg.sum(total * total), *sg.gradient(sg.sum(sg.sin(total)), symbols)]


@settings(max_examples=150, deadline=None)
@given(sums())
def test_rewrites_keep_values(drawn):
    symbols, outputs = drawn
    numbers = {dim(f"s{x}"): 3 + i for i, x in enumerate(LETTERS)}
    at = [RNG.standard_normal([numbers.get(s, s) for s in t.shape]) for t in symbols]
    names = {t.name: a for t, a in zip(symbols, at, strict=True)}
    f = sg.function(symbols, outputs, sizes=numbers)
    for have, want in zip(f(*at), reference.values([y.node for y in outputs], names, numbers), strict=True):
        near(have, want, 1e-10)


NUMBERS = {dim(x): count for x, count in zip("bnkdT", (2, 3, 2, 4, 2), strict=True)}


@st.composite
def differences(draw):
    """Functions of x - m and their gradients: axes in any order, stacks, weights, a sample axis."""
    size = {x: dim(x) for x in "bnkd"}
    full = "".join(draw(st.permutations("bnkd" if draw(st.booleans()) else "nkd")))
    symbols = []

    def leaf(axes, samples=False):
        shape = tuple(size[x] for x in axes)
        symbols.append(sg.data(f"u{len(symbols)}", shape, over=dim("T") if samples and draw(st.booleans()) else None))
        order = sorted(range(len(axes)), key=lambda i: full.index(axes[i]))
        where = tuple(slice(None) if x in axes else None for x in full)
        return sg.transpose(symbols[-1], order)[where]

    def side(other):
        left_out = {other, draw(st.sampled_from(["b", other]))}
        return leaf(draw(st.permutations([x for x in full if x not in left_out])), samples=True)

    pairs = sg.broadcast_to(draw(st.sampled_from([1, -2])) * (side("k") - side("n")), tuple(size[x] for x in full))
    weights = leaf(draw(st.permutations("nk")))
    kept = full.replace("d", "")
    squares = sg.einsum(f"{full},{full}->{kept}", pairs, pairs)
    which = draw(st.sampled_from(["moments", "kernel", "weighted", "soft"]))
    if which == "moments":
        value = sg.sum(sg.sin(sg.sum(weights * pairs, axis=[full.index(x) for x in full if x not in "kd"])))
    elif which == "soft":
        value = sg.sum(sg.logsumexp(-0.5 * squares, axis=kept.index("k")))
    else:
        weighted = sg.sum(weights * pairs * pairs, axis=full.index("d")) if which == "weighted" else squares
        value = sg.sum(sg.exp(-0.1 * weighted))
    value = value if value.over is None else sg.mean(value, over=value.over)
    return symbols, [value, *sg.gradient(value, symbols)] if draw(st.booleans()) else [value]


@settings(max_examples=60, deadline=None)
@given(differences())
def test_functions_of_differences_keep_values_however_far_from_zero(drawn):
    symbols, outputs = drawn
    f = sg.function(symbols, outputs, sizes=NUMBERS)
    for far in (0, 1e9):
        at = [RNG.standard_normal([NUMBERS.get(s, s) for s in t.node.shape]) for t in symbols]
        at[:2] = [a + far for a in at[:2]]
        names = {t.name: a for t, a in zip(symbols, at, strict=True)}
        for have, want in zip(f(*at), reference.values([y.node for y in outputs], names, NUMBERS), strict=True):
            near(have, want, 1e-11)


def test_products_that_share_a_factor_are_one():
    A, B, C = sg.data("A", (n, d)), sg.data("B", (n, d)), sg.data("C", (d, k))
    f = sg.function([A, B, C], A @ C - 3 * (B @ C))
    assert "(A - 3 * B) @ C" in f.source
    kept = sg.function([A, B, C], [A @ C, A @ C - 3 * (B @ C)])
    assert kept.source.count(" @ ") == 2  # one of them is wanted for itself
    v = sg.data("v", d)
    assert sg.function([A, B, v], A @ v - 3 * (B @ v)).source.count(" @ ") == 2  # the sum of A and B costs as much
    a, b, c = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 3)), RNG.standard_normal((3, 5))
    near(f(a, b, c), a @ c - 3 * (b @ c), 1e-13)


def test_graphs_without_such_sums_are_left_alone():
    W = sg.parameter("W", (d, d))
    loss = sg.mean(sg.tanh(x @ W.T) ** 2)
    assert rearranged([loss.node, sg.gradient(loss, W).node], ()) == {}
