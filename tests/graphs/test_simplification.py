"""sg.simplify: equal values, never larger, idempotent; what it finds."""

import random
from collections import Counter
from math import prod

import numpy as np
import pytest
import randoms
from reference import number, values
from structured import Matrix

import symgrad as sg
from symgrad.graphs.algebra import linear
from symgrad.graphs.algebra import primitives as pr
from symgrad.graphs.algebra.einsum import contract, literal_value
from symgrad.graphs.node import Symbol, topological
from symgrad.graphs.rewrites.simplification import factored, merged, simplified, with_identities
from symgrad.graphs.structure import maps
from symgrad.graphs.structure.reading import structure_of


def close(actual, expected, tolerance=1e-9):
    scale = max(1.0, np.abs(expected).max(initial=0))
    return actual.shape == expected.shape and np.allclose(actual / scale, expected / scale, rtol=0, atol=tolerance)


def computed(root):
    return [n for n in topological([root]) if n.op not in ("input", "constant", "iota", "view", "named", "stop")]


def check(node, arrays, numbers):
    """Every pass and the whole give equal values; the whole is not larger and stays as it is."""
    (expected,) = values([node], arrays, numbers)
    if not np.isfinite(expected).all():
        return
    passes = {"with_identities": with_identities([node])[0], "merged": merged(node), "factored": factored(node),
              "simplified": simplified(node)}
    for name, found in passes.items():
        assert found.shape == node.shape
        assert close(values([found], arrays, numbers)[0], expected), name
    small = passes["simplified"]
    assert simplified(small) is small
    before, after = computed(node), computed(small)
    assert len(after) <= len(before)
    assert sum(len(n.operands) for n in after) <= sum(len(n.operands) for n in before)
    assert computed_entries(after, numbers) <= computed_entries(before, numbers)


def computed_entries(nodes, numbers):
    return sum(prod(number(size, numbers) for size in n.shape) for n in nodes if literal_value(n) is None)


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(seed):
    make = randoms.Maker(5000 + seed, symbolic=seed % 2 == 0)
    for _ in range(25):
        make.step()
    for node in make.pool[-6:]:
        check(node, make.arrays, randoms.NUMBERS)


@pytest.mark.parametrize("seed", range(120))
def test_random_structured_matrices(seed):
    m = Matrix(seed)
    check(m.node, m.arrays, m.numbers)


@pytest.mark.parametrize("seed", range(200))
def test_the_structure_of_random_matrices(seed):
    """Product, diagonal, all entries and (where the matrix is regular) solve, for any structure that is found."""
    m = Matrix(seed)
    (whole,) = values([m.node], m.arrays, m.numbers)
    form = structure_of(m.node, len(m.batch), len(m.rows))
    order = int(np.prod([m.count[x] for x in m.rows]))
    matrices = whole.reshape(-1, order, order)
    extra = (2,) if random.Random(seed).random() < 0.3 else ()
    v, b = m.vector("v", m.columns, extra), m.vector("b", m.rows, extra)
    product, entire, diagonal = values([maps.apply(form, v), maps.dense(form), maps.diagonal(form)], m.arrays, m.numbers)
    assert close(entire, whole)
    assert close(product, (matrices @ m.arrays["v"].reshape(len(matrices), order, -1)).reshape(product.shape))
    assert close(diagonal, np.einsum("bii->bi", matrices).reshape(diagonal.shape))
    if all(np.linalg.cond(each) < 1e6 for each in matrices):
        (x,) = values([maps.solve(form, b)], m.arrays, m.numbers)
        back = matrices @ x.reshape(len(matrices), order, -1)
        assert close(back.reshape(x.shape), m.arrays["b"], 1e-6)


def test_random_matrices_are_of_every_kind():
    """The test above would prove little if the generator made dense matrices only."""
    found = Counter()
    for seed in range(200):
        m = Matrix(seed)
        stack = [structure_of(m.node, len(m.batch), len(m.rows))]
        while stack:
            form = stack.pop()
            found[form.kind] += 1
            stack.extend(form.parts)
    assert min(found.values()) > 20 and len(found) == 7, found


# what is found ----------------------------------------------------------------------------------------


def test_like_terms_meet_when_products_are_flat():
    A, B, x = sg.data("A", (3, 3)), sg.data("B", (3, 3)), sg.data("x", 3)
    assert sg.simplify(A @ (B @ x) + (A @ B) @ x) == sg.simplify(2 * (A @ B @ x))
    assert str(sg.simplify(A @ (B @ x) - (A @ B) @ x + x)) == "x"


def test_common_factors_stand_in_front():
    A, x, y = sg.data("A", (3, 3)), sg.data("x", 3), sg.data("y", 3)
    assert str(sg.simplify(x * sg.tanh(y) + y * sg.tanh(y))) == "tanh(y) ⊙ (x + y)"
    assert str(sg.simplify(x * (A @ x) + y * (A @ x))) == "(A x) ⊙ (x + y)"
    assert sg.simplify(A @ x + A.T @ x) == A @ x + A.T @ x  # (A + Aᵀ) x computes more entries


def test_products_are_not_distributed():
    x, y = sg.data("x", 3), sg.data("y", 3)
    z = sg.tanh((x + y) * (x - y))
    assert sg.simplify(z) is z


def test_named_tensors_stay():
    A, B, x = sg.data("A", (3, 3)), sg.data("B", (3, 3)), sg.data("x", 3)
    h = (B @ x).named("h")
    assert str(sg.simplify(A @ h + (A * 2) @ h)) == "3 A h" and str(sg.simplify(x * h + h * h)) == "h ⊙ (x + h)"


def test_the_logistic_hessian():
    """Written with log p and log(1 - p), both terms have the same X and the same p (1 - p)."""
    n, d = sg.dims("n d")
    X, w, y = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n)
    p = sg.sigmoid(X @ w)
    H = sg.hessian(-sg.sum(y * sg.log(p) + (1 - y) * sg.log(1 - p)), w)
    assert str(sg.simplify(H)) == "Xᵀ diag(σ(X w) ⊙ (1 - σ(X w))) X"
    assert len(topological([sg.simplify(H).node])) <= len(topological([H.node]))


def test_hessians_are_factored_to_a_lower_order():
    """x_tj leaves a sum over (i, j, t, k), which is one over (i, t, k) then."""
    T, d, h, c = sg.dims("T d h c")
    x, y = sg.data("x", d, over=T), sg.data("y", c, over=T)
    W1, W2 = sg.parameter("W1", (h, d)), sg.parameter("W2", (c, h))
    H = sg.hessian(sg.empirical_risk(sg.losses.squared_error(W2 @ sg.tanh(W1 @ x), y)), W1)

    def widest(t):
        return max(len(n.shape) for n in topological([t.node]) if n.op == "add" and len(n.operands) > 1)

    assert (widest(H), widest(sg.simplify(H))) == (4, 3)


def test_declared_facts():
    q, A = sg.data("q", 4, simplex=True), sg.data("A", (3, 3), symmetric=True)
    Q, x = sg.data("Q", (3, 3), orthogonal=True), sg.data("x", 3)
    z = sg.data("z", (5, 4))
    assert str(sg.simplify(sg.sum(q) * sg.sum(q * 2))) == "2"
    assert str(sg.simplify(sg.sum(sg.softmax(z), axis=1))) == "1"
    assert str(sg.simplify(sg.sum(sg.softmax(z)))) == "5"
    assert sg.simplify(A.T) == A and str(sg.simplify(A @ x + A.T @ x)) == "2 A x"
    assert sg.simplify(Q.T @ (Q @ x)) == x and str(sg.simplify(Q @ Q.T)) == "I"
    assert str(sg.simplify(sg.sum(sg.softmax(z), axis=0))) == "softmax(z)ᵀ 1"


def test_an_inverse_times_a_vector_is_a_solve():
    a = pr.input_node(Symbol("data", "A"), (2, 3, 3), "real")
    b = pr.input_node(Symbol("data", "b"), (3,), "real")
    rng = np.random.default_rng(0)
    arrays = {"A": rng.standard_normal((2, 3, 3)), "b": rng.standard_normal(3)}
    for out, labels in (("si", ("sij", "j")), ("sj", ("sij", "i"))):
        node = contract([linear.inverse(a), b], labels, out)
        (small,) = with_identities([node])
        assert [n.op for n in topological([small])].count("inverse") == 0 and "solve" in {
            n.op for n in topological([small])}
        assert close(values([small], arrays, {})[0], values([node], arrays, {})[0])
    both = pr.add([node, contract([linear.inverse(a), b], ("sij", "j"), "si")])
    assert with_identities([both]) == [both]  # an inverse that is used twice stays


def test_even_products_of_sigmoids():
    z = sg.data("z", 3)
    assert str(sg.simplify(sg.sigmoid(-z) * (1 - sg.sigmoid(-z)))) == "σ(z) ⊙ σ(-z)"
    assert str(sg.simplify(sg.sigmoid(-z) * (1 - sg.sigmoid(z)))) == "σ(-z) ⊙ (1 - σ(z))"


def test_samples_are_kept():
    T = sg.dim("T")
    x, A, y = sg.data("x", 3, over=T), sg.data("A", (3, 3)), sg.data("y", 3)
    small = sg.simplify(x * (A @ y) + x * x)
    assert small.over == T and small.shape == (3,) and str(small) == "x ⊙ (A y + x)"
