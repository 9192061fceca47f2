"""Stacks and slices undo each other in the textbook's form: texts, and values at random cuts."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad.graphs.reverse import delta_seed, reverse
from symgrad.graphs.textbook.normal import textbook
from symgrad.language.tensor import wrap

n, m = sg.dims("n m")


def test_a_slice_of_a_stack_is_a_piece():
    a = sg.parameter("a", 4)
    assert str(sg.gradient(sg.sum(sg.concatenate([a[2:], a[:2]]) ** 3), a)) == "3 a^⊙2"
    u, v = sg.parameter("u", n), sg.parameter("v", m)
    both = sg.concatenate([u, v])
    assert [str(g) for g in sg.gradient(sg.sum(both**2), [u, v])] == ["2 u", "2 v"]
    W = sg.data("W", (3, n + m))
    assert str(sg.gradient(sg.sum(W @ both), v)) == "(Wᵀ 1)[n:]"
    A = sg.parameter("A", (4, 3))
    assert str(sg.gradient(sg.sum(sg.stack(sg.split(A, 2), 0) ** 2), A)) == "2 A"


@given(st.lists(st.integers(1, 3), min_size=2, max_size=4), st.integers(0, 1), st.randoms(use_true_random=False))
def test_values_at_random_cuts(lengths, axis, random):
    total, k = sum(lengths), 2
    shape = (total, k) if axis == 0 else (k, total)
    x, y = sg.parameter("x", shape), sg.data("y", shape)
    parts = sg.split(x, list(np.cumsum(lengths)[:-1]), axis=axis)
    order = random.sample(range(len(parts)), len(parts)) if random.random() < 0.5 else list(range(len(parts)))
    low = random.randint(0, total - 1)
    high = random.randint(low + 1, total)
    whole = sg.concatenate([sg.tanh(parts[i]) * (i % 2 + 1) for i in order], axis=axis)
    piece = (whole * y)[low:high] if axis == 0 else (whole * y)[:, low:high]
    loss = sg.sum(piece**2) + sg.sum(whole)
    rng = np.random.default_rng(random.randint(0, 99))
    (g,) = reverse(loss.node, delta_seed(()), [x.node], guarded=False)
    known, found = sg.function([x, y], [wrap(g, None), wrap(textbook(g), None)])(
        rng.standard_normal(shape), rng.standard_normal(shape))
    np.testing.assert_allclose(found, known, rtol=1e-12, atol=1e-12)
