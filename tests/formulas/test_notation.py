"""Notation: random contractions print as formulas that mean what the graph computes, always in the same way."""

import random
import subprocess
import sys
from itertools import product

import gallery
import numpy as np
import pytest
from places import environment
from readback import read

from symgrad.formulas.rendering import render
from symgrad.graphs.algebra.einsum import contract, literal, scale
from symgrad.graphs.algebra.primitives import add, elementwise, input_node
from symgrad.graphs.node import Symbol, topological
from symgrad.graphs.weights import to_expr, weight

SIZES = {"p": 2, "q": 3, "r": 4}
ATOMS = {
    axes: [input_node(Symbol("data", name), tuple(SIZES[x] for x in axes), "real") for name in names]
    for axes, names in {"": "st", "p": "ab", "q": "u", "r": "v", "pq": "AB", "qp": "C", "pp": "S", "qr": "F",
                        "rp": "G", "qq": "H", "pqr": "X", "qrp": "Y"}.items()
}
VALUES = {node.attrs[0].name: np.random.default_rng(i).uniform(0.5, 2.0, node.shape)
          for i, node in enumerate(node for nodes in ATOMS.values() for node in nodes)}


def value_of(node):
    """The graph's own value, by NumPy."""
    known = {}
    for n in topological([node]):
        args = [known[o] for o in n.operands]
        if n.op == "input":
            known[n] = VALUES[n.attrs[0].name]
        elif n.op == "add":
            known[n] = sum((float(to_expr(w)) * a for w, a in zip(n.attrs[0], args)), np.zeros(n.shape))
        elif n.op == "elementwise":
            known[n] = {"tanh": np.tanh, "reciprocal": lambda x: 1 / x, "exp": np.exp}[n.attrs[0]](args[0])
        else:
            known[n] = einsum(args, *n.attrs, n.shape)
    return known[node]


def einsum(args, inputs, out, shape):
    size = dict(zip(out, shape))
    for arg, labels in zip(args, inputs):
        size.update(zip(labels, np.shape(arg)))
    result = np.zeros(shape)
    names = list(size)
    for place in product(*(range(size[x]) for x in names)):
        at = dict(zip(names, place))
        result[tuple(at[x] for x in out)] += np.prod(
            [np.asarray(arg)[tuple(at[x] for x in labels)] for arg, labels in zip(args, inputs)])
    return result


def axes_of(node):
    letter = {size: x for x, size in SIZES.items()}
    return "".join(letter[size] for size in node.shape)


def some(chance, depth, order=2):
    """A random expression with at most `order` axes (or the atoms of three)."""
    kind = chance.choice(["atom", "add", "contract", "contract", "contract", "function"]) if depth else "atom"
    if kind == "atom":
        axes = chance.choice([a for a in ATOMS if len(a) <= order])
        return chance.choice(ATOMS[axes])
    if kind == "add":
        first = some(chance, depth - 1, order)
        others = [n for n in (some(chance, depth - 1, order) for _ in range(4)) if n.shape == first.shape]
        ones = [literal(1, first.shape)] if chance.random() < 0.3 else []
        terms = [first, *others[:2], *ones]
        return add(terms, [weight(chance.choice([1, -1, 2, -3, 0.5])) for _ in terms])
    if kind == "function":
        return elementwise(chance.choice(["tanh", "reciprocal", "exp"]), [scale(some(chance, depth - 1, order),
                                                                               weight(0.1))])
    factors = [some(chance, depth - 1, order) for _ in range(chance.choice([1, 2, 2, 3, 3, 4]))]
    inputs = [[(x, chance.randrange(2)) for x in axes_of(f)] for f in factors]
    held = sorted({x for labels in inputs for x in labels})
    pool = held + [(x, 0) for x in SIZES] if chance.random() < 0.2 else held
    out = [chance.choice(pool) for _ in range(chance.randrange(order + 1))] if pool else []
    if len(set(out)) < len(out) and chance.random() < 0.7:
        out = list(dict.fromkeys(out))
    return contract(factors, inputs, out, {(x, i): SIZES[x] for x, i in out})


@pytest.mark.parametrize("seed", range(300))
def test_text_in_matrix_notation_means_the_graph(seed):
    node = some(random.Random(seed), 2)
    text = render(node)
    expected = value_of(node)
    got = read(text, VALUES, node.shape)
    np.testing.assert_allclose(got, expected, rtol=1e-9, err_msg=text)


@pytest.mark.parametrize("seed", range(150))
def test_text_in_index_notation_means_the_graph(seed):
    node = some(random.Random(1000 + seed), 1, order=3)
    text = render(node)
    if len(node.shape) > 2 and not text.startswith("["):
        return  # tensors of three axes in a form without indices, which the reader does not know
    np.testing.assert_allclose(read(text, VALUES, node.shape), value_of(node), rtol=1e-9, err_msg=text)


def test_text_does_not_depend_on_hash_order():
    code = "import gallery; print(*gallery.lines(), *gallery.batch(), sep='\\n')"
    texts = {
        subprocess.run([sys.executable, "-c", code], env=environment(PYTHONHASHSEED=seed),
                       capture_output=True, text=True, check=True).stdout
        for seed in ("0", "1", "2026")
    }
    assert len(texts) == 1 and len(texts.pop()) > 5000


def test_text_does_not_depend_on_what_was_printed_before():
    first = list(gallery.lines())
    assert list(gallery.lines()) == first


def test_every_sample_of_a_mean_gets_one_letter():
    """A letter of its own for each of two nested means, and no letter for the sample that the formula is about."""
    import symgrad as sg

    T = sg.dim("T")
    x = sg.data("x", 3, over=T)
    centred = x - sg.mean(x, over=T)
    assert str(centred) == "x - 1/T ∑_t x_t"
    assert str(sg.mean(sg.sum(centred**2), over=T)) == "1/T ∑_t ‖x_t - 1/T ∑_s x_s‖²"


def closed():
    """Scalars and gradients over samples; T, W, ... are bound below."""
    import symgrad as sg

    T = sg.dim("T")
    x, y, s = sg.data("x", 3, over=T), sg.data("y", 2, over=T), sg.data("s", over=T)
    W, b, c = sg.parameter("W", (2, 3)), sg.parameter("b", 2), sg.parameter("c")
    r = W @ x + b - y
    loss = sg.mean(sg.sum(r**2), over=T)
    yield from (loss, *sg.gradient(loss, [W, b]), sg.sum(s * c, over=T), sg.mean(s * x, over=T))
    yield from (sg.mean(sg.logsumexp(W @ x), over=T), sg.sum(sg.tanh(y @ r) * s, over=T) / 2)
    yield sg.sum(sg.sum((x - sg.mean(x, over=T)) ** 2), over=T) + c
    yield sg.mean(sg.outer(x, x), over=T) - sg.outer(sg.mean(x, over=T), sg.mean(x, over=T))
    yield sg.gradient(sg.mean(sg.tanh(c * s + b @ y), over=T), b)


@pytest.mark.parametrize("tensor", list(closed()), ids=str)
def test_text_of_sums_over_samples_means_the_graph(tensor):
    chance = np.random.default_rng(5)
    values = {"x": chance.normal(size=(4, 3)), "y": chance.normal(size=(4, 2)), "s": chance.normal(size=4),
              "W": chance.normal(size=(2, 3)), "b": chance.normal(size=2), "c": 0.7}
    used = {n.attrs[0].name for n in topological([tensor.node]) if n.op == "input"}
    expected = np.asarray(tensor.eval(**{name: values[name] for name in used}))
    got = read(str(tensor), {**values, "T": 4.0}, expected.shape)
    np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_letters_avoid_sizes_and_names():
    import symgrad as sg

    i, t = sg.dims("i T")
    A = sg.data("A", (i, 2))
    assert str(sg.jacobian(A @ A.T, A)).count("i") == 0
    x, letter = sg.data("x", over=t), sg.data("t")
    assert str(sg.sum(letter * x, over=t)) == "t ∑_s x_s"


def test_a_letter_of_an_axis_is_not_one_of_a_sample():
    """An inverse at two letters is indexed as a whole, whichever letters they are."""
    import symgrad as sg

    n = sg.dim("n")
    A, X = sg.data("A", (n, n)), sg.data("X", (n, n))
    text = str(sg.hessian(sg.trace(A @ sg.inv(X)), X))
    assert "(X⁻¹)_" in text and "…" not in text and "X_" not in text


def test_writer_refuses_an_unknown_mode_and_style():
    with pytest.raises(ValueError, match="'sample', 'each' or 'batch'"):
        render(ATOMS["p"][0], mode="all")
    with pytest.raises(ValueError, match="'unicode' or 'latex'"):
        render(ATOMS["p"][0], style="html")


def test_a_side_table_of_names():
    a, b = ATOMS["p"]
    both = add([a, b])
    square = contract([both, both], [(0,), (0,)], ())
    assert render(square) == "‖a + b‖²"
    assert render(square, names={both: "v^1", square: "r"}) == "‖v¹‖²"
    assert render(square, names={a: "alpha_2"}, style="latex") == (
        r"\left\lVert \alpha_{2} + b \right\rVert^{2}")
    assert render(square, stop={both}) == "‖…‖²"
