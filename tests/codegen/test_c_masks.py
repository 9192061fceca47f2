"""C beside NumPy where masks, numbers and whole numbers take turns in one workspace: value, gradient and product with
the Hessian together, at sizes that are numbers, so that arrays of different kinds may share a slot."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

N = 6
LAYERS = st.lists(st.tuples(st.integers(0, 13), st.integers(0, 4)), min_size=2, max_size=7)


def grown(program):
    """A number, computed from x, a matrix, a slope and a mask by the steps of a program."""
    x, W, s = sg.parameter("x", N), sg.parameter("W", (N, N)), sg.parameter("s")
    b = sg.data("b", N, dtype="boolean")
    pool = [x]
    for step, choice in program:
        u, v = pool[-1], pool[choice % len(pool)]
        m = u > 0.1 * choice
        pool.append([
            lambda: W @ u, lambda: sg.where(m, u, 0.3 * v), lambda: sg.relu(u) - 0.2 * v, lambda: sg.leaky_relu(u, s),
            lambda: sg.clip(u, -0.7, 0.9) + v, lambda: sg.maximum(u, v) * s, lambda: sg.where(b, v, sg.sum(sg.where(m, u, 0))),
            lambda: sg.softmax(u) * sg.abs(v), lambda: sg.tanh(u) / (1 + sg.sum(sg.where(m, u * u, 0))),
            lambda: u * sg.where(sg.logical_and(m, b), v, 1), lambda: sg.where(sg.sum(u) > 0, u, sg.sin(v)),
            lambda: u - sg.max(v), lambda: W.T @ sg.where(sg.logical_not(m), u, s), lambda: sg.cumsum(sg.minimum(u, v)),
        ][step]())
    return sg.sum(pool[-1] * pool[len(pool) // 2]) + sg.sum(sg.where(b, pool[-1], 0) ** 2), [x, W, s], b


def outputs_of(program):
    loss, variables, b = grown(program)
    ways = [sg.data(f"v{k}", v.shape) for k, v in enumerate(variables)]
    slopes = sg.gradient(loss, variables)
    along = sum(sg.sum(g * v) for g, v in zip(slopes, ways, strict=True))
    return [*variables, b, *ways], [loss, *slopes, *sg.gradient(along, variables)]


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-9), ("float32", 2e-3)])
@settings(max_examples=16)
@given(program=LAYERS)
def test_value_gradient_and_second_order_are_those_of_numpy(program, dtype, tolerance):
    inputs, outputs = outputs_of(program)
    rng = np.random.default_rng(len(program))
    at = [rng.random(t.shape) < 0.5 if t.dtype == "boolean" else rng.standard_normal(t.shape) for t in inputs]
    wanted = sg.function(inputs, outputs)(*at)
    found = sg.function(inputs, outputs, backend="c", dtype=dtype)(*at)
    for have, want in zip(found, wanted, strict=True):
        np.testing.assert_allclose(have, want, rtol=tolerance, atol=tolerance * (1 + np.abs(want).max()), err_msg=str(program))


def test_a_mask_and_numbers_in_one_slot():
    a = sg.data("a", 5)
    m = a > 2
    s = sg.sum(sg.where(m, a, 0))
    p = sg.where(m, a, s)
    q = sg.sin(p)
    found = sg.function([a], [s, q / sg.sum(q) + p], backend="c")(np.array([1.0, 2, 3, 4, 5]))
    v = np.array([12.0, 12, 3, 4, 5])
    np.testing.assert_allclose(found[1], np.sin(v) / np.sin(v).sum() + v, rtol=1e-12)
    assert found[0] == 12


SIGNED = st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 3), st.integers(0, 7)), min_size=1, max_size=4)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@settings(max_examples=60)
@given(terms=SIGNED, shared=st.booleans(), dtype=st.sampled_from(["float64", "float32"]))
def test_truth_values_times_quotients_of_all_signs(terms, shared, dtype, backend):
    x, y, q = sg.data("x", N), sg.data("y", N), sg.data("q", N, dtype="boolean")
    rng = np.random.default_rng(len(terms))
    at = [rng.standard_normal(N).astype(dtype), rng.standard_normal(N).astype(dtype), rng.random(N) < 0.5]

    def values(x, y, q):
        inverse, masks = 1 / y, [x > 0, ~q, q, x < y, q * (x > 0), ~(x < 0)]
        ways = [lambda m: m / y, lambda m: m * inverse, lambda m: m * x / y, lambda m: m * inverse * inverse,
                lambda m: m * inverse / x, lambda m: (m / y) * masks[0], lambda m: m * (x * inverse), lambda m: inverse * m]
        return [by * ways[way](masks[mask]) for mask, by, way in terms] + ([inverse, x / y] if shared else [])

    found = sg.function([x, y, q], [-t for t in values(x, y, q)], backend=backend, dtype=dtype)(*at)
    for have, want in zip(found, values(*at), strict=True):
        assert have.dtype == dtype
        np.testing.assert_allclose(have, -np.asarray(want, float), rtol=1e-12 if dtype == "float64" else 1e-5)
