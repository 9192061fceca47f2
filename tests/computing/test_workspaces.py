"""Functions in a workspace: every operation as the plain function has it, memory of results, threads at once."""

import re
import threading

import numpy as np
import pytest
from checker import near
from together import groups, outputs_of

import symgrad as sg
from symgrad.codegen.lowering.lower import Lowering
from symgrad.codegen.plan.storage import by_memory, every_operation, reads
from symgrad.computing import workspaces


@pytest.fixture
def always(monkeypatch):
    """All arrays count as large."""
    monkeypatch.setattr(workspaces, "LARGE", 0)


def attention(batch=4, time=80, heads=2, width=8):
    e = heads * width
    x, maps = sg.data("x", (batch, time, e)), [sg.parameter(f"W{i}", (heads, width, e)) for i in range(3)]
    q, k, v = (sg.einsum("bte,hde->bhtd", x, W) for W in maps)
    y = sg.einsum("bhts,bhsd->bthd", sg.softmax(sg.einsum("bhtd,bhsd->bhts", q, k)), v)
    return [x, *maps], {"y": y, "grads": sg.gradient(sg.sum(y * y), [x, *maps]), "total": sg.sum(y)}


def values(symbols, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(s.shape) for s in symbols]


def flat(result):
    return [result["y"], *result["grads"], result["total"]]


@pytest.mark.parametrize("rows, setting", list(groups()))
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-10), ("float32", 3e-4)])
def test_operations_are_those_of_the_plain_function(rows, setting, dtype, tolerance, always):
    outputs, at = outputs_of(rows, setting)
    f = sg.function(list(at), outputs, dtype=dtype)
    found, (checked, _) = f(*at.values()), f.feed.arrays(list(at.values()))
    assert "in_workspace" in vars(f)
    for a, b in zip(found, f.run(*checked), strict=True):
        assert type(a) is type(b) and a.dtype == b.dtype
        near(a, b, tolerance)


def test_large_arrays_are_computed_in_a_workspace_and_small_ones_are_not():
    for time, kept in ((8, False), (80, True)):
        symbols, outputs = attention(time=time)
        f = sg.function(symbols, outputs)
        arrays = values(symbols)
        found, wanted = f(*arrays), f.run(*arrays)
        assert ("in_workspace" in vars(f)) is kept
        for a, b in zip(flat(found), flat(wanted), strict=True):
            near(a, b, 1e-12)
    text, _ = f.in_workspace
    assert re.search(r"np.exp\((\w+), out=\1\)", text) and "def f_workspace(rooms):" in text and "rooms" not in f.source


def test_a_size_decides_when_it_comes():
    n = sg.dim("n")
    x = sg.data("x", n)
    f = sg.function(x, sg.sum(sg.exp(sg.sin(x))))
    for length in (10, workspaces.LARGE, 10, 2 * workspaces.LARGE):
        a = np.linspace(0, 1, length)
        near(f(a), np.exp(np.sin(a)).sum(), 1e-12)
        assert ("in_workspace" in vars(f)) is (length >= workspaces.LARGE or 10 < max(f.calls)[0])


def test_results_share_memory_with_nothing(always):
    n = sg.dim("n")
    x = sg.data("x", (n, 3))
    y = sg.exp(x)
    f = sg.function(x, [y, y.T, sg.reshape(y, (3, n)), y[1:, 0], x, x.T, sg.sum(x), y + 1, sg.eye(n), sg.sin(y).T])
    a = np.arange(12.0).reshape(4, 3)
    first = f(a)
    kept = [np.array(r) for r in first]
    second = f(a + 1)
    for r, k in zip(first, kept, strict=True):
        np.testing.assert_array_equal(r, k)
    arrays = [r for r in (*first, *second) if np.ndim(r)]
    for i, r in enumerate(arrays):
        assert r.flags.writeable and not np.shares_memory(r, a)
        assert not any(np.shares_memory(r, s) for s in arrays[:i])


def test_a_result_in_another_shape_is_computed_where_it_is_returned():
    symbols, outputs = attention()
    text, _ = sg.function(symbols, outputs).in_workspace
    assert "copyto(y" not in text and "copyto(grads" not in text


def test_threads_have_workspaces_of_their_own():
    symbols, outputs = attention()
    f = sg.function(symbols, outputs)
    wanted = {seed: flat(f.run(*values(symbols, seed))) for seed in range(3)}
    wrong = []

    def work(seed):
        arrays = values(symbols, seed)
        for _ in range(20):
            if not all(np.allclose(a, b, rtol=1e-12) for a, b in zip(flat(f(*arrays)), wanted[seed], strict=True)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in wanted]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert wrong == []


def test_an_error_inside_leaves_the_function_as_it_was(always):
    n = sg.dim("n")
    A = sg.data("A", (n, n))
    f = sg.function(A, sg.sum(sg.inv(A) * sg.exp(A)))
    good = f(np.eye(2))
    with pytest.raises(sg.DataError, match="cannot be inverted"):
        f(np.zeros((2, 2)))
    assert f(np.eye(2)) == good


def test_arrays_of_any_layout(always):
    symbols, outputs = attention(2, 3)
    f = sg.function(symbols, outputs)
    arrays = values(symbols)
    odd = [np.asfortranarray(a) if i % 2 else np.repeat(a, 2, axis=0)[::2] for i, a in enumerate(arrays)]
    odd[0].flags.writeable = False
    for a, b in zip(flat(f(*odd)), flat(f(*arrays)), strict=True):
        near(a, b, 1e-12)


def test_a_training_step_keeps_its_activations_and_little_more():
    """Each gradient by a matrix comes as soon as it can, and its layer's arrays are free for the next."""
    T, layers, width = sg.dim("T"), 6, 50
    x = h = sg.data("x", width, over=T)
    for k in range(layers):
        h = sg.tanh(sg.parameter(f"W{k}", (width, width)) @ h)
    plan = sg.generate(sg.losses.squared_error(h, x)).plans["gradients"]
    arrays = plan.peak.subs(T, 10**6) / (4 * width * 10**6)
    assert layers <= arrays <= layers + 1.5
    targets = [step.target for step in plan.steps]
    assert [t for t in targets if t.startswith("G_W")] == [f"G_W{k}" for k in reversed(range(layers))]
    assert targets.index("G_W3") < targets.index("G_W2") and targets.index("G_W3") < len(targets) - 6


def test_the_order_of_steps_is_one_in_which_they_can_be_computed():
    symbols, outputs = attention()
    roots = [outputs["y"].node, *(g.node for g in outputs["grads"]), outputs["total"].node]
    kept = every_operation(list(dict.fromkeys(Lowering(roots, {}).exact(root) for root in roots)))
    ordered = by_memory(kept)
    assert sorted(map(id, ordered)) == sorted(map(id, kept.stored))
    place = {e: i for i, e in enumerate(ordered)}
    assert all(place[b] < place[e] for e in ordered for b in reads(e, kept) if b in place)


def test_what_divides_twice_stays_until_it_has(always):
    """1/q/q takes two divisions: the first must not write where q is still to be read."""
    x = sg.data("x", (3, 2))
    for y in (1 / (1 + x**2) ** 2, sg.exp(-x**2) / (1 + x**2), -1 / (2 + x**2) ** 2 - sg.sin(x), -(x + 1) - (x + 1) ** 2):
        for t in (y, sg.gradient(sg.sum(y), x), sg.hvp(sg.sum(y), x, sg.ones((3, 2)))):
            f = sg.function([x], [t, y * t])
            (at,) = values([x])
            for found, plain in zip(f.in_workspace[1](at), f.run(at), strict=True):
                near(found, plain, 1e-12)


def test_a_result_that_is_a_view_of_a_copy_stays_as_it_was_returned(always):
    """The copy is kept for a step that reads it in one piece: it is what is returned, and no slot."""
    x = sg.data("x", (3, 4, 5))
    y = sg.reshape(sg.transpose(sg.einsum("abc,dc->abd", x, x[0]), (2, 0, 1)), (12, 4))
    outputs = [y, sg.sum(sg.tanh(y) * sg.cosh(y)), sg.gradient(sg.sum(sg.tanh(y)), x)]
    f = sg.function([x], outputs)
    (array,) = values([x])
    for a, b in zip(f(array), f.run(array), strict=True):
        near(a, b, 1e-12)


def test_columns_are_added_up_whatever_their_length_is_called(always):
    n, m = sg.dims("n m")
    X, Y = sg.data("X", (n, 3)), sg.data("Y", (m, 3))
    sums = [sg.sum(sg.exp(sg.concatenate(parts)), axis=0) for parts in ([X, X], [X, Y], [X[1:], Y], [X, X, Y], [X])]
    f = sg.function([X, Y], sums)
    rng = np.random.default_rng(0)
    for sizes in ((2, 5), (4, 1), (2, 5)):
        arrays = [rng.standard_normal((size, 3)) for size in sizes]
        for a, b in zip(f(*arrays), f.run(*arrays), strict=True):
            near(a, b, 1e-12)
