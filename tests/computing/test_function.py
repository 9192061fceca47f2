"""`sg.function` from the outside: forms, names, sizes, what values it takes, what it refuses and how it says so."""

import inspect
import itertools
import threading
import warnings

import numpy as np
import pytest

import symgrad as sg
from symgrad.computing.feeding import requirements
from symgrad.computing.functions import Function, evaluate
from symgrad.formulas.names import display_names

n, d = sg.dims("n d")
T = sg.dim("T")


def least_squares():
    X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
    return X, y, w, sg.sum((X @ w - y) ** 2)


def refused(call, *words, error=sg.DataError):
    with pytest.raises(error) as caught:
        call()
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"
    assert len(str(caught.value).splitlines()) == 1


# forms ----------------------------------------------------------------------------------------------------


def test_outputs_come_back_in_their_form():
    x = sg.data("x", 3)
    v = np.arange(3.0)
    s = sg.sum(x)
    assert sg.function([x], s)(v) == 3
    assert sg.function([x], [s])(v) == [3]
    assert sg.function([x], (s,))(v) == (3,)
    assert sg.function([x], [])(v) == [] and sg.function([x], {})(v) == {}
    out = sg.function([x], {"a.b": s, "class": [s, {"it's": x, 'say "so"': s}], "": (s, s)})(v)
    assert list(out) == ["a.b", "class", ""] and list(out["class"][1]) == ["it's", 'say "so"']
    np.testing.assert_array_equal(out["class"][1]["it's"], v)
    assert sg.function([], 2.5)() == 2.5
    with pytest.raises(sg.SymgradError, match="keys of outputs"):
        sg.function([x], {1: x})


def test_inputs_by_position_by_name_and_under_other_names():
    X, y, w, loss = least_squares()
    a, b, c = np.eye(3), np.zeros(3), np.ones(3)
    f = sg.function([X, y, w], loss)
    assert f(a, b, c) == f(X=a, y=b, w=c) == f(a, w=c, y=b) == 3
    g = sg.function({"design": X, "answers": y, "theta": w}, loss)
    assert g(design=a, answers=b, theta=c) == g(a, b, c) == 3 and "def f(design, answers, theta)" in g.source
    assert f.inputs == ("X", "y", "w") and "3 steps" not in repr(f) and "float64" in repr(f)
    refused(lambda: f(a, b), "'w'", "X, y, w")
    refused(lambda: f(a, b, c, c), "4 arrays", "3 inputs")
    refused(lambda: f(a, b, c, w=c), "'w'", "twice")
    refused(lambda: f(a, b, v=c), "'v'", "X, y, w")


def test_unused_inputs_are_allowed_and_missing_symbols_named():
    X, y, w, loss = least_squares()
    u = sg.data("u", 2)
    assert sg.function([X, y, w, u], loss)(np.eye(2), np.zeros(2), np.ones(2), np.ones(2)) == 2
    refused(lambda: sg.function([X], loss), "w, a parameter of shape (d,)", "y", "add", error=sg.SymgradError)
    refused(lambda: sg.function([X, X @ w], loss), "no symbol", error=sg.SymgradError)
    refused(lambda: sg.function([X, X], sg.sum(X)), "'X'", "twice", error=sg.SymgradError)
    refused(lambda: sg.function([np.eye(2)], loss), "ndarray", error=sg.SymgradError)
    refused(lambda: sg.function(3, loss), "list of symbols", error=sg.SymgradError)
    assert sg.function(X, sg.sum(X))(np.eye(2)) == 2


def test_two_symbols_of_one_name():
    a, b, c = sg.data("x", 3), sg.data("x", (4, 2)), sg.parameter("x", over_init := 3)
    refused(lambda: sg.function([a, b], sg.sum(a) + sg.sum(b)), "'x'", "(3,)", "(4, 2)", error=sg.SymgradError)
    refused(lambda: sg.function([a, c], sg.sum(a) + sg.sum(c)), "data", "parameter", error=sg.SymgradError)
    assert over_init == 3


def test_layers_of_one_name_are_numbered_in_order():
    x = sg.data("x", 3)
    first, second = sg.nn.Linear(3, 3), sg.nn.Linear(3, 2)
    out = second(sg.tanh(first(x)))
    params = [*first.parameters(), *second.parameters()]
    f = sg.function([x, *params], out)
    assert f.inputs == ("x", "W1", "b1", "W2", "b2")
    assert f(x=np.ones(3), W1=np.eye(3), b1=np.zeros(3), W2=np.ones((2, 3)), b2=np.ones(2)).shape == (2,)
    single = sg.nn.Linear(3, 2, bias=False)
    assert display_names([single(x).node]) == {single.W.node: "W", x.node: "x"}
    taken = sg.data("W1", (2, 3))
    names = display_names([(first(x)[:2] * (taken @ x) + second(x)).node])
    assert sorted(names.values()) == ["W1", "W2", "W3", "b2", "b3", "x"]  # one number is one layer


# values ---------------------------------------------------------------------------------------------------


def test_values_of_all_kinds_become_arrays():
    x, i, m = sg.data("x", 3), sg.data("i", 3, dtype="integer"), sg.data("m", 3, dtype="boolean")
    f = sg.function([x, i, m], [x * 2, i + i, m, sg.where(m, x, i)], dtype="float32")
    out = f([1, True, 2.5], np.array([1, 2, 3], np.uint8), [True, False, True])
    assert [o.dtype for o in out] == [np.float32, np.int64, np.bool_, np.float32]
    np.testing.assert_array_equal(out[3], [1, 2, 2.5])
    assert f(range(3), [200, 200, 200], np.ones(3, bool))[1][0] == 400
    for value in (np.float16([1, 2, 3]), np.int8([1, 2, 3]), np.arange(6.0)[::2], np.array([1.0, 2, 3], ">f8")):
        assert f(value, i=[0] * 3, m=[False] * 3)[0].dtype == np.float32
    refused(lambda: f(np.ones(3) * 1j, [1] * 3, [True] * 3), "x", "real", "complex")
    refused(lambda: f(["a", "b", "c"], [1] * 3, [True] * 3), "x", "text")
    refused(lambda: f([1, None, 2], [1] * 3, [True] * 3), "x", "objects")
    refused(lambda: f([[1, 2], [3]], [1] * 3, [True] * 3), "x")
    refused(lambda: f(x, [1] * 3, [True] * 3), "x", "symbolic tensor")
    refused(lambda: f([1, 2, 3], [1.0, 2.0, 3.0], [True] * 3), "i", "integers", "i.astype(int)")
    refused(lambda: f([1, 2, 3], [1] * 3, [1, 0, 1]), "m", "booleans", "m.astype(bool)")
    refused(lambda: f([1, 2, 3], np.array([2**64 - 1] * 3, np.uint64), [True] * 3), "too large")
    refused(lambda: f(np.ma.array([1.0, 2, 3], mask=[0, 1, 0]), [1] * 3, [True] * 3), "masked")


def test_scalars_go_in_and_come_out():
    x = sg.data("x")
    for dtype in ("float64", "float32"):
        f = sg.function([x], [x, 2 * x, sg.sqrt(x * 3), x > 0, sg.gelu(x), sg.zeros(())], dtype=dtype)
        for value in (2, 2.0, np.float32(2), np.array(2), True):
            out = f(value)
            assert all(np.shape(o) == () for o in out)
            assert [np.asarray(o).dtype for o in out] == [*[np.dtype(dtype)] * 3, np.bool_, *[np.dtype(dtype)] * 2]
    refused(lambda: f([1.0]), "x", "1 axes instead of 0")


def test_float32_stays_float32():
    x, i = sg.data("x", (n, 4)), sg.data("i", n, dtype="integer")
    outputs = [sg.mean(sg.gelu(x) / 3, axis=0), x * np.float64(0.1), sg.sum(x) / n, x * sg.sqrt(n), sg.mean(i * 1.0),
               i / 3, sg.mean(x > 0), sg.softmax(x), sg.logsumexp(x), x**2.5, 1 / i, sg.where(x > 0, 1.0, 0.0) * 0.5,
               sg.leaky_relu(x), sg.max(x), x @ np.arange(4.0), sg.eye(4) * 0.3, sg.ones(3) / 7,
               sg.sqrt(sg.constant(2.0))]
    f = sg.function([x, i], outputs, dtype=np.float32)
    out = f(np.ones((3, 4)), [1, 2, 3])
    assert [np.asarray(o).dtype for o in out] == [np.dtype("f4")] * len(outputs), f.source


def test_nan_and_infinities_pass_without_warnings():
    x = sg.data("x", 3)
    outputs = [x * x - x, sg.softmax(x), 1 / x, sg.log(x), sg.exp(x), sg.relu(x), sg.max(x), sg.sum(x > 0)]
    f = sg.function([x], outputs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = f(np.array([np.nan, np.inf, 0.0]))
    assert np.isnan(out[0][:2]).all() and np.isnan(out[6]) and out[2][2] == np.inf and out[7] == 1


def test_stable_from_raw_formulas():
    z, t = sg.data("z", 3), sg.data("t", 3)
    loss = -sg.sum(t * sg.log(sg.exp(z) / sg.sum(sg.exp(z))))
    out = sg.function([z, t], [loss, sg.gradient(loss, z)])([1000.0, -1000.0, 0.0], [0.0, 1.0, 0.0])
    np.testing.assert_allclose(out[0], 2000)
    np.testing.assert_allclose(out[1], [1, -1, 0])


def test_results_share_no_memory():
    x, y = sg.data("x", (3, 3)), sg.data("y", 3)
    t = x @ x
    outputs = [x, x.T, x[0], x.reshape((9,)), sg.broadcast_to(y, (3, 3)), t, t, t.T, sg.diagonal(x), sg.diagonal(t),
               y, sg.constant(np.ones(3)), sg.constant(np.ones(3)) * 1]
    a, b = np.arange(9.0).reshape(3, 3), np.arange(3.0)
    f = sg.function([x, y], outputs)
    out = f(a, b)
    for first, second in itertools.product(out, [*out, a, b, *f(a, b)]):
        assert first is second or not np.shares_memory(first, second)
    assert all(o.flags.writeable for o in out)
    view = sg.function([x], x.T, copy=False)(a)
    assert np.shares_memory(view, a)


def test_an_index_that_is_computed_gives_no_view():
    """x[np.int64(1)] is a view where x[np.array(1)] is none: results and in-place sums must not see x."""
    x, i = sg.data("x", (3, 2)), sg.data("i", dtype="integer")
    row = x[i - 1]
    padded = sg.concatenate([sg.zeros(1), row[:1]])
    f = sg.function([x, i], [row, row + padded, sg.gradient(sg.sum(row[1:] ** 2) + sg.sum(row * x[0]), x)])
    a = np.arange(6.0).reshape(3, 2)
    before = a.copy()
    for out in f(a, 2):
        assert not np.shares_memory(out, a)
    np.testing.assert_array_equal(a, before)


# sizes ----------------------------------------------------------------------------------------------------


def test_sizes_bind_and_conflicts_are_named():
    X, y, w, loss = least_squares()
    f = sg.function([X, y, w], loss)
    for _ in range(2):  # what failed once fails again
        refused(lambda: f(np.eye(3), np.zeros(4), np.ones(3)), "n", "3 at axis 0 of X", "4 at axis 0 of y")
    refused(lambda: f(np.ones((2, 3)), np.zeros(2), np.ones(5)), "d", "axis 1 of X", "5 at axis 0 of w")
    refused(lambda: f(np.ones(3), np.zeros(3), np.ones(3)), "X", "(n, d)", "(3,)")
    x = sg.data("x", 3, over=T)
    g = sg.function([x], sg.mean(sg.sum(x), over=T))
    assert g(np.ones((5, 3))) == 3 and g(np.ones((2, 3))) == 3
    refused(lambda: g(np.ones((5, 4))), "x", "axis 1", "3", "4", "(T, 3)")
    refused(lambda: g(np.ones(3)), "x", "(T, 3)", "sample axis first")


def test_sizes_are_solved_for():
    m = sg.dim("m")
    x, y = sg.data("x", 2 * n + 1), sg.data("y", n * m)
    f = sg.function([x, y], [sg.zeros((n, m)), sg.sum(x) / n])
    out = f(np.ones(7), np.ones(6))
    assert out[0].shape == (3, 2) and out[1] == pytest.approx(7 / 3)
    refused(lambda: f(np.ones(6), np.ones(6)), "x", "axis 0", "length 6", "2*n + 1")
    refused(lambda: f(np.ones(7), np.ones(7)), "y", "length 7", "m*n")
    z = sg.data("z", n + 1)
    g = sg.function([sg.data("y", n), z], [z[:-1] * 2])
    refused(lambda: g(np.ones(3), np.ones(3)), "z", "n + 1 = 4", "axis 0 of y", "got 3")


def test_sizes_given_by_hand():
    f = sg.function([], sg.ones((n, d)), sizes={"n": 2, d: 3})
    assert f().shape == (2, 3) and "n = 2" in f.source
    for make in (sg.eye(n), sg.arange(n) * 2, sg.ones(n) / n):
        refused(lambda t=make: sg.function([], t)(), "n", 'sizes={"n": ...}')
    x = sg.data("x", n)
    refused(lambda: sg.function([x], x, sizes={"n": 2})(np.ones(3)), "n", "2 at sizes=", "3 at axis 0 of x")
    refused(lambda: sg.function([x], x, sizes={"n": 0}), "n", "positive")
    refused(lambda: sg.function([x], x, sizes={"n": 2.0}), "n", "2.0")
    assert sg.function([x], x, sizes={"elsewhere": 7})(np.ones(3)).shape == (3,)


def test_zero_length_axes():
    x = sg.data("x", (0, 3))
    out = sg.function([x], [sg.sum(x), sg.sum(x, axis=0), x @ x.T, x.T @ x])(np.zeros((0, 3)))
    assert out[0] == 0 and out[1].tolist() == [0, 0, 0] and out[2].shape == (0, 0) and not out[3].any()
    y = sg.data("y", n)
    refused(lambda: sg.function([y], sg.sum(y))(np.zeros(0)), "y", "axis 0", "length 0", "positive n")


def test_slices_state_what_they_need():
    x = sg.data("x", n)
    f = sg.function([x], [x[:3], x[-2:], x[1:4:2]])
    assert [o.tolist() for o in f(np.arange(4.0))] == [[0, 1, 2], [2, 3], [1, 3]]
    refused(lambda: f(np.arange(2.0)), "axis 0 of x", "at least", "it is 2")
    g = sg.function([x], sg.zeros(n - 3))
    assert g(np.ones(3)).shape == (0,)
    refused(lambda: g(np.ones(2)), "n - 3", "-1", "n = 2")
    assert requirements([x[::-1].node, x[:, None].node]) == []
    assert sg.function([x], x[::-1][::2])(np.arange(5.0)).tolist() == [4, 2, 0]


# labels, facts, indices -------------------------------------------------------------------------------------


def test_labels_are_checked():
    k = sg.dim("k")
    z, y = sg.data("z", k, over=T), sg.labels("y", k, over=T)
    f = sg.function([z, y], sg.empirical_risk(sg.losses.cross_entropy(z, y)))
    assert f(np.zeros((2, 4)), [0, 3]) == pytest.approx(np.log(4))
    refused(lambda: f(np.zeros((2, 4)), [0, 4]), "y", "label 4", "(1,)", "0..3", "k classes")
    refused(lambda: f(np.zeros((2, 4)), [-1, 0]), "label -1", "(0,)")
    refused(lambda: f(np.zeros((2, 4)), [0.0, 1.0]), "y", "integers")


@pytest.mark.parametrize(("fact", "good", "bad", "word"), [
    ("symmetric", [[1, 2], [2, 3]], [[1, 2], [0, 3]], "(0, 1)"),
    ("positive_definite", [[2, 1], [1, 2]], [[1, 2], [2, 1]], "eigenvalue"),
    ("positive_definite", [[2, 1], [1, 2]], [[2, 1], [0, 2]], "(0, 1)"),
    ("positive", [[1, 2], [1e-30, 2]], [[1, 2], [0, 2]], "(1, 0)"),
    ("nonnegative", [[0, 2], [1, 2]], [[0, -2], [1, 2]], "-2"),
    ("orthogonal", [[0.6, 0.8], [-0.8, 0.6]], [[1, 1], [0, 1]], "identity"),
    ("diagonal", [[1, 0], [0, 2]], [[1, 0], [3, 2]], "(1, 0)"),
    ("lower_triangular", [[1, 0], [3, 2]], [[1, 5], [3, 2]], "(0, 1)"),
    ("simplex", [[0.25, 0.75], [1, 0]], [[0.5, 0.6], [1, 0]], "1.1"),
    ("simplex", [[0.25, 0.75], [1, 0]], [[-0.5, 1.5], [1, 0]], "-0.5"),
])
def test_facts_are_checked_on_values(fact, good, bad, word):
    for dtype in ("float64", "float32"):
        S = sg.data("S", (2, 2), **{fact: True})
        f = sg.function([S], sg.sum(S), dtype=dtype)
        f(good)
        f(np.array(good) + 1e-12 * (fact == "symmetric") * np.array([[0, 1], [0, 0]]))
        f([[np.nan] * 2] * 2)
        refused(lambda f=f: f(bad), "S", fact, word)


def test_indices_out_of_range_are_named():
    x, i = sg.data("x", (n, 2)), sg.data("i", 3, dtype="integer")
    f = sg.function([x, i], x[i])
    v = np.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(f(v, [0, -1, 3]), v[[0, -1, 3]])
    refused(lambda: f(v, [0, 4, 1]), "i", "index 4", "(1,)", "length 4")
    refused(lambda: f(v, [0, 1, -5]), "index -5")
    refused(lambda: sg.function([x, i], x[i + 1])(v, [0, 1, 3]), "out of range")
    slope = sg.gradient(sg.sum(x[i] ** 2), x)
    refused(lambda: sg.function([x, i], slope)(v, [0, 9, 1]), "i", "index 9")


# the rest ---------------------------------------------------------------------------------------------------


def test_evaluate():
    X, y, w, loss = least_squares()
    assert loss.eval(X=np.eye(2), y=[0, 0], w=[1, 1]) == 2
    assert sg.eye(n).eval(n=3).shape == (3, 3)
    assert evaluate(sg.sum(X) / n, {"X": np.ones((4, 2))}) == 2
    refused(lambda: loss.eval(X=np.eye(2), y=[0, 0]), "'w'")
    assert loss.eval(X=np.eye(2), y=[0, 0], w=[1, 1], v=3) == 2, "as sg.function takes inputs that are not used"
    refused(lambda: sg.eye(n).eval(), "n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sg.constant(3.0).eval() == 3


def test_evaluate_takes_the_values_that_it_was_written_with():
    """One dict of values serves a loss and all its derivatives, also those that do not depend on everything."""
    X, y, w, loss = least_squares()
    values = {"X": np.eye(2), "y": [1, 2], "w": [3, 4]}
    H = sg.hessian(loss, w)
    np.testing.assert_array_equal(H.eval(**values), 2 * np.eye(2))
    np.testing.assert_array_equal((w - w).eval(w=[1, 2]), [0, 0])
    assert sg.hessian(loss, y).eval(**values).tolist() == [[2, 0], [0, 2]]
    assert sg.sum(w ** 0).eval(w=[3, 4]) == 2, "it still shows the size d"
    refused(lambda: H.eval(X=np.eye(2), w=[1, 2, 3]), "d", "2 at axis 1 of X", "3 at axis 0 of w")
    np.testing.assert_array_equal(H.eval(**values, v=1), H.eval(**values))
    refused(lambda: H.eval(y=[1, 2]), "'X'")


def test_functions_are_lightweight_and_callable_from_threads():
    X, y, w, loss = least_squares()
    f = sg.function([X, y, w], [loss, sg.gradient(loss, w)])
    arrays = [(np.full((k, 2), 1.0), np.zeros(k), np.ones(2)) for k in range(1, 30)]
    results = {}
    threads = [threading.Thread(target=lambda i=i, a=a: results.update({i: f(*a)[0]})) for i, a in enumerate(arrays)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[i] for i in range(len(arrays))] == [4.0 * k for k in range(1, 30)]
    assert isinstance(f, Function) and inspect.signature(f.run).parameters.keys() == {"X", "y", "w"}


def test_arrays_that_fit_are_compared_and_neither_converted_nor_bound_again(monkeypatch):
    x, y, z = (sg.data(s, (n, d)) for s in "xyz")
    f = sg.function([x, y, z], x, copy=False)
    v = np.ones((4, 4))
    f(v, v, v)
    for name in ("convert", "bind"):
        monkeypatch.setattr(f.feed, name, lambda *args, name=name: pytest.fail(f"{name} is called for arrays that fit"))
    assert f(v, v, v) is v


def test_many_shapes_do_not_pile_up():
    x = sg.data("x", n)
    f = sg.function([x], sg.sum(x))
    for size in range(1, 600):
        assert f(np.ones(size)) == size
    assert len(f.feed.seen) <= 256
