"""The plan: order of products, what becomes a variable, costs; all without running anything."""

import itertools
import random
from math import prod

import numpy as np
import pytest

import symgrad as sg
from symgrad.codegen.lowering.arrays import ALL, NEW, Arrays, broadcast_shape
from symgrad.codegen.lowering.order import WRITTEN, pairs, typical
from symgrad.codegen.lowering.products import Operand, contract
from symgrad.codegen.plan.binding import bind_sizes, solve_linear
from symgrad.codegen.plan.plan import total
from symgrad.graphs.sizes import dim
from symgrad.graphs.weights import ONE, Weight


def plan(inputs, outputs, **options):
    return sg.function(inputs, outputs, **options).plan


# order ----------------------------------------------------------------------------------------------------


def price(inputs, out, sizes, tree):
    """Multiplications of a sequence of pairs, and the entries written."""
    terms = {i: frozenset(x) for i, x in enumerate(inputs)}
    spent = 0.0
    for i, j in tree:
        a, b = terms.pop(i), terms.pop(j)
        result = (a | b) & frozenset(out).union(*terms.values())
        spent += prod(sizes[x] for x in a | b) + WRITTEN * prod(sizes[x] for x in result)
        terms[len(inputs) + len(inputs) - len(terms) - 2] = result
    return spent


def all_trees(count):
    """Every sequence of pairs, each new result numbered next."""
    def grow(alive, fresh):
        if len(alive) == 1:
            yield ()
        for i, j in itertools.combinations(sorted(alive), 2):
            for rest in grow(alive - {i, j} | {fresh}, fresh + 1):
                yield ((i, j), *rest)

    return grow(frozenset(range(count)), count)


@pytest.mark.parametrize("seed", range(40))
def test_order_is_the_cheapest(seed):
    r = random.Random(seed)
    sizes = {x: r.choice([1, 2, 5, 30, 200]) for x in range(5)}
    inputs = []
    while len(inputs) < 4:
        labels = tuple(r.sample(range(5), r.choice([1, 2, 3])))
        if set(labels) not in map(set, inputs):
            inputs.append(labels)
    out = tuple(r.sample(sorted({x for labels in inputs for x in labels}), 2))
    inputs = [tuple(x for x in labels if x in out or sum(x in other for other in inputs) > 1) for labels in inputs]
    best = min(price(inputs, out, sizes, tree) for tree in all_trees(4))
    assert price(inputs, out, sizes, pairs(inputs, out, sizes)) == pytest.approx(best)


def test_order_of_well_known_products():
    n, d = dim("n"), dim("d")
    assert pairs([(0, 1), (1, 2), (2,)], (0,), {0: n, 1: n, 2: d}) == ((1, 2), (0, 3))  # A (B v)
    assert pairs([(0,), (0,), (0, 1)], (0, 1), {0: n, 1: d})[0] == (0, 1)  # equal labels first
    many = [(i, i + 1) for i in range(12)]
    assert len(pairs(many, (0, 12), dict.fromkeys(range(13), 3))) == 11
    assert pairs([(0,)], (), {0: 3}) == ()
    assert (typical(n), typical(7), typical(0), typical(2 * n + 1)) == (64, 7, 1, 129)


@pytest.mark.parametrize("seed", range(60))
def test_products_have_the_shape_that_is_asked_for(seed):
    """Any labels, any order: the expression's own shape is that of the labels of the output."""
    r = random.Random(seed)
    b = Arrays()
    sizes = {"i": 2, "j": dim("n"), "k": dim("m"), "l": 5, "u": 1}
    terms = []
    for at in range(r.choice([1, 2, 3, 4])):
        labels = tuple(r.sample(sorted(sizes), r.choice([0, 1, 2, 3])))
        terms.append(Operand(b.make("input", (), (at,), tuple(sizes[x] for x in labels), "real"), labels))
    held = sorted({x for t in terms for x in t.labels})
    out = tuple(r.sample(held, r.randint(0, len(held))))
    assert contract(b, terms, out, "real").shape == tuple(sizes[x] for x in out)


# expressions -----------------------------------------------------------------------------------------------


def test_expressions_are_shared_and_views_compose():
    b = Arrays()
    x = b.make("input", (), ("x",), (2, 3, 4), "real")
    assert b.transpose(b.transpose(x, (1, 2, 0)), (2, 0, 1)) is x
    assert b.transpose(x, (2, 0, 1)).shape == (4, 2, 3)
    assert b.index(x, [ALL, ALL, ALL]) is x
    assert b.align(x, "abc", "dacb").shape == (2, 4, 3)  # leading axes are NumPy's business
    assert b.align(x, "abc", "acdb").shape == (2, 4, 1, 3)
    cut = b.index(x, [ALL, ("slice", 1, 2, 1, 1), ALL])
    assert b.index(cut, [ALL, ("take", 0), NEW, ALL]).attrs == ((ALL, ("take", 1), NEW, ALL),)
    assert b.reshape(b.reshape(x, (6, 4)), (2, 3, 4)) is x
    assert b.product([x], [], ONE, "real") is x
    assert b.product([b.product([x], [], Weight(-1), "real")], [], Weight(-1), "real") is x
    assert broadcast_shape([(3,), (2, 1), ()]) == (2, 3) and broadcast_shape([]) == ()


def test_kinds_never_raise_a_dtype():
    b = Arrays()
    real, whole, mask = (b.make("input", (), (k,), (2,), k) for k in ("real", "integer", "boolean"))
    assert b.product([mask, real], [], ONE, "real").args == (real, mask)  # a mask stays a mask behind a real
    assert [a.op for a in b.product([whole, real], [], ONE, "real").args] == ["cast", "input"]
    assert b.product([mask, mask], [], ONE, "integer").args[0].op == "cast"
    assert b.add([(mask, ONE), (whole, ONE)], "integer").args[0].op == "cast"
    assert b.filled(b.number(2), (3,), "real").shape == (3,)


def test_sizes_are_read_off_axes():
    n, m, k = dim("n"), dim("m"), dim("k")
    known = bind_sizes([("x", (2 * n + 1, m + n)), ("y", (n * k, m))], {})
    assert {s: b[:2] for s, b in known.items()} == {m: ("y", 1), n: ("x", 0), k: ("y", 0)}
    assert list(known) == [m, n, k]  # k needs n
    assert bind_sizes([("x", (n * m,))], {}) == {} and list(bind_sizes([("x", (n * m,))], {n: 4})) == [n, m]
    assert solve_linear(n**2, n) is None


# steps ------------------------------------------------------------------------------------------------------


def test_steps_of_least_squares():
    n, d = sg.dims("n d")
    X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
    loss = sg.sum((X @ w - y) ** 2)
    steps = plan([X, y, w], {"loss": loss, "g": sg.gradient(loss, w)}).steps
    residual, value, slope = steps
    assert (residual.lines, residual.op, residual.operands) == (("v1 = X @ w - y",), "add", ("X", "w", "y"))
    assert (value.target, value.lines) == ("loss", ("loss = v1 @ v1",))
    assert (slope.lines, slope.shape) == (("g = 2 * (v1 @ X)",), (d,))
    assert residual.flops == 2 * n * d + n and slope.flops == 2 * n * d + d and residual.bytes == 8 * n


def test_costs_are_exact_for_int_sizes():
    x, W, b = sg.data("x", (5, 4)), sg.data("W", (3, 4)), sg.data("b", 3)
    p = plan([x, W, b], sg.tanh(x @ W.T + b), dtype="float32")
    assert p.flops == 2 * 5 * 4 * 3 + 5 * 3 + 5 * 3 and p.bytes == 4 * 5 * 3
    y = sg.data("y", (5, 4), dtype="integer")
    q = plan([x, y], [y * 2, x > 0, x.reshape((20,))])
    assert [s.bytes for s in q.steps] == [160, 20]
    assert total([(2, (3, 4)), (1, ())]) == 25


def test_peak_memory_is_that_of_the_step_that_needs_most():
    n = sg.dim("n")
    x = sg.data("x", (n, 100))
    a, b = sg.exp(x).named("a"), sg.sin(x).named("b")
    p = plan([x], sg.sum(a * b + sg.sum(a).named("s")).named("r"))
    assert p.peak == 1600 * n + 16  # a, b, s and r are alive together
    chain = sg.tanh(sg.exp(sg.sin(x).named("a")).named("b")).named("c")
    assert plan([x], chain).peak == 1600 * n and plan([x], chain).bytes == 2400 * n
    in_c = plan([x], sg.sum(sg.softmax(x)), backend="c")
    assert in_c.peak == 808 * n + 8  # one array of n x 100, whose place the softmax takes, a vector, the result
    assert "peak" in str(p) and str(p).splitlines()[-1].startswith("returns")


def test_plan_prints_a_table_with_totals():
    n, d = sg.dims("n d")
    X, w = sg.data("X", (n, d)), sg.data("w", d)
    text = str(plan([X, w], sg.tanh(X @ w).named("p")))
    assert text.splitlines()[0].split() == ["step", "computes", "shape", "flops", "bytes"]
    assert "np.tanh(X @ w)" in text and "2 d n + n" in text and text.splitlines()[-1] == "returns p"
    assert any(line.startswith("total") for line in text.splitlines())
    assert "1,000,000" in str(plan([w], sg.zeros((250, 1000)) + 1, dtype="float32"))


def test_views_are_never_steps():
    n, d = sg.dims("n d")
    X, v = sg.data("X", (n, d)), sg.data("v", d)
    p = plan([X, v], [X.T @ X, X * v, X[1:] + X[:-1], X.T[:, :, None] * X.T[:, None]])
    assert len(p.steps) == 4 and all(len(s.lines) == 1 for s in p.steps)


def test_what_is_used_twice_is_computed_once():
    x = sg.data("x", 4)
    e = sg.exp(x)
    p = plan([x], [e * sg.sin(e), sg.sum(e), sg.softmax(x), sg.logsumexp(x)])
    text = "\n".join(line for s in p.steps for line in s.lines)
    assert text.count("np.exp(x)") == 1 and text.count("x.max(") == 1 and text.count(".sum(keepdims=True)") == 1


def test_lines_stay_readable():
    x = sg.data("a_rather_long_name", 4)
    t = x
    for _ in range(30):
        t = sg.sin(t) * t + sg.cos(x)
    p = plan([x], t)
    assert max(len(line) for s in p.steps for line in s.lines) <= 96
    assert all(line.count("(") <= 12 for s in p.steps for line in s.lines)


def test_what_is_named_keeps_its_own_line():
    x, W = sg.data("x", 3), sg.data("W", (3, 3))
    a = (W @ x).named("a^1")
    y = (W @ sg.tanh(a)).named("y")
    assert [s.target for s in plan([x, W], y).steps] == ["a1", "y"]
    G = sg.gradient(sg.sum(y**2), W).named("G_{W^1}")
    assert "G_W1" in [s.target for s in plan([x, W], [y, G]).steps]


def test_parts_are_added_in_place():
    n = sg.dim("n")
    s = sg.data("s", n)
    g = sg.gradient(sg.sum((s[1:] - s[:-1]) ** 2) + sg.sum(s**2), s)
    last = plan([s], g).steps[-1]
    assert last.op == "place" and last.lines[0] == "result = 2 * s" and "result[1:] += v1" in last.lines
    v = np.array([1.0, 4.0, 9.0, 16.0])
    d = np.diff(v)
    want = 2 * v + np.concatenate([[0], 2 * d]) - np.concatenate([2 * d, [0]])
    np.testing.assert_allclose(sg.function([s], g)(v), want)


def test_blocks_are_computed_compactly():
    U, V, M = sg.data("U", (6, 2)), sg.data("V", (4, 2)), sg.data("M", (6, 4))
    H = sg.hessian(sg.sum(M * (U @ V.T) ** 2), U)
    p = plan([U, V, M], H)
    assert max(prod(s.shape) for s in p.steps[:-1]) <= 6 * 2 * 2
    assert p.steps[-1].lines[0].endswith("np.zeros((6, 2, 6, 2))")
