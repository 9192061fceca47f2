"""What NumPy's arrays have, tensors have: the same expression on both gives the same; what is not there names what is."""

import numpy as np
import pytest

import symgrad as sg

RANDOM = np.random.default_rng(0)
SHAPES = {"x": (4, 3), "v": (3,), "w": (3,), "S": (3, 3), "B": (2, 3, 3), "z": (4, 5), "s": ()}
VALUES = {name: RANDOM.standard_normal(shape) + 0.1 for name, shape in SHAPES.items()}
VALUES["S"] = 3 * np.eye(3) + 0.3 * VALUES["S"]
VALUES["B"] = 3 * np.eye(3) + 0.3 * VALUES["B"]
VALUES["v"] = np.abs(VALUES["v"]) + 0.5
VALUES["y"] = np.array([0, 3, 1, 4])
TENSORS = {name: sg.data(name, shape) for name, shape in SHAPES.items()}
TENSORS["y"] = sg.labels("y", classes=5, shape=4)

EXPRESSIONS = """
x.prod() | x.prod(axis=0) | x.prod(axis=(0, 1), keepdims=True) | v.cumsum() | x.cumsum() | x.cumsum(axis=0) | x.cumsum(1)
v.repeat(2) | x.repeat(3) | x.repeat(2, axis=0) | x.repeat([1, 0, 2], axis=1) | x.size | v.size | s.size | x.astype(float) | x.copy()
(x > 0).astype(float) | (x > 0).astype(int) | x.astype(bool) | (x > 0).all() | (x > 0).any(axis=0) | (x > 9).any() | x.round()
x.round(2) | (10 * x).round(-1) | np.round(x, 1) | np.round(np.array([0.5, 1.5, 2.5, -0.5, -1.5]) * (s * 0 + 1)) | np.rint(5 * x)
round(x, 1) | x.conj() | x.conjugate() | z[range(4), y] | z[range(4)] | z[[1, 2]] | z[np.arange(4), y] | z[range(3, 0, -2), 1:]
z[[0, 1], [2, -1]] | z[:, range(2)] | z[range(0)] | x[[[0, 1], [2, 3]]]
np.linalg.inv(S) | np.linalg.inv(B) | np.linalg.solve(S, v) | np.linalg.det(B) | np.linalg.slogdet(S)[0] | np.linalg.slogdet(-S)[1]
np.linalg.cholesky(S @ S.T) | np.linalg.matrix_power(S, 5) | np.linalg.matrix_power(S, -2) | np.linalg.matrix_power(B, 0)
np.linalg.norm(v) | np.linalg.norm(x, axis=1) | np.linalg.vector_norm(x) | np.linalg.matrix_norm(B) | np.linalg.multi_dot([x, S, v])
np.cumsum(v) | np.cumsum(x) | np.cumsum(x, axis=1) | np.prod(v) | np.prod(x, axis=1) | np.inner(v, w) | np.inner(x, S) | np.inner(v, s)
np.vdot(x, x) | np.vstack([x, S]) | np.vstack([v, w]) | np.hstack([v, w]) | np.hstack([x, x]) | np.column_stack([v, w, S])
np.moveaxis(B, 0, 1) | np.moveaxis(B, [0, 1], [-1, 0]) | np.logaddexp(x, 0) | np.repeat(v, 2) | np.tile(v, 2) | np.tile(x, (2, 3))
np.tile(v, (2, 1, 2)) | np.tile(B, 2) | np.diff(v) | np.diff(x, axis=0) | np.diff(x, 2, 0) | np.log2(v) | np.log10(v) | np.exp2(x)
np.ceil(x) | np.trunc(3 * x) | np.floor_divide(x, 0.3) | np.remainder(x, 0.3) | np.hypot(x, 1) | np.degrees(x) | np.radians(x)
np.fmax(x, 0) | np.average(x) | np.average(x, axis=1) | np.average(x, weights=x**2) | np.average(x, axis=1, weights=np.array([1, 2, 3]))
np.all(x > -9) | np.any(x > 9, axis=0) | np.copy(x) | np.real(x) | np.ptp(x) | np.ptp(x, axis=0) | np.fliplr(x) | np.flipud(x)
np.atleast_1d(s) | np.size(x) | np.add.reduce(x) | np.add.reduce(x, axis=1) | np.multiply.reduce(x) | np.maximum.reduce(x, axis=None)
np.vecdot(x, v) | np.linalg.vecdot(x, v) | np.concat([v, w]) | np.permute_dims(B, (2, 0, 1))
"""


@pytest.mark.parametrize("expression", [each.strip() for line in EXPRESSIONS.split("\n") for each in line.split(" | ") if each.strip()])
def test_tensors_do_what_arrays_do(expression):
    given = {"np": np, "round": lambda x, n: x.__round__(n) if isinstance(x, sg.Tensor) else np.round(x, n)}
    t, wanted = eval(expression, {**given, **TENSORS}), eval(expression, {**given, **VALUES})
    if not isinstance(t, sg.Tensor):
        assert t == wanted
        return
    found = sg.function(list(TENSORS.values()), t)(*VALUES.values())
    assert np.shape(found) == np.shape(wanted) == t.shape
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(wanted, float), rtol=1e-12, atol=1e-14)


def test_rows_of_matrices_by_vectors():
    for name, a, b in (("matvec", "B", "v"), ("vecmat", "v", "B")):
        if hasattr(np, name):  # NumPy 2.2
            f = getattr(np, name)
            found = f(TENSORS[a], TENSORS[b]).eval(**{a: VALUES[a], b: VALUES[b]})
            np.testing.assert_allclose(found, f(VALUES[a], VALUES[b]), rtol=1e-12)


def test_sizes_may_be_symbols():
    n, d, r = sg.dims("n d r")
    x = sg.data("x", (n, d))
    assert x.size == n * d and x.repeat(r, axis=0).shape == (n * r, d) and np.tile(x, (1, r)).shape == (n, d * r)
    value = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(x.repeat(r, axis=1).eval(x=value, r=2), value.repeat(2, axis=1))
    assert np.array_equal(np.diff(x).eval(x=value), np.diff(value))


def test_the_sample_axis_rides_along():
    T = sg.dim("T")
    x, value = sg.data("x", (2, 3), over=T), np.arange(24.0).reshape(4, 2, 3)
    assert x.size == 6
    for f in (lambda t: t.repeat(2, axis=0), lambda t: t.repeat([2, 1], axis=0), lambda t: np.tile(t, (2, 1)), np.diff,
              lambda t: t.cumsum(axis=1), lambda t: np.vstack([t, t]), lambda t: t.round(), lambda t: t[[1, 0]], lambda t: t[range(1)]):
        assert np.array_equal(f(x).eval(x=value), np.stack([f(each) for each in value]))


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_index_add_in_every_kind_of_samples(backend):
    """Every sample may have numbers, values and places of its own."""
    T, size = sg.dim("T"), 5
    arrays = {"t": RANDOM.standard_normal((size, 3, 4)), "v": RANDOM.standard_normal((size, 3, 6)),
              "i": RANDOM.integers(-4, 4, (size, 6))}
    for mask in range(8):
        over = {name: T if mask >> k & 1 else None for k, name in enumerate("tvi")}
        t, v = (sg.data(name, arrays[name].shape[1:], over=over[name]) for name in "tv")
        i = sg.data("i", 6, over=over["i"], dtype="integer")
        given = [arrays[name] if over[name] is not None else arrays[name][0] for name in "tvi"]
        y = sg.index_add(t, 1, i, v)
        assert y.shape == (3, 4) and y.over == (T if mask else None)
        wanted = np.stack([arrays["t"][k if mask & 1 else 0] for k in range(size)])
        for k in range(size):
            rows, places = arrays["v"][k if mask & 2 else 0], arrays["i"][k if mask & 4 else 0]
            np.add.at(wanted[k], (slice(None), places), rows)
        found = sg.function([t, v, i], [y, sg.gradient(sg.sum(y**2), v)], backend=backend)(*given)
        np.testing.assert_allclose(found[0], wanted if mask else wanted[0], rtol=1e-12)
        slope = np.stack([2 * wanted[k][:, arrays["i"][k if mask & 4 else 0]] for k in range(size)])
        slope = slope if mask else slope[0]
        np.testing.assert_allclose(found[1], slope, rtol=1e-12)


def test_index_add_by_lists_and_what_broadcasts():
    t, v = sg.data("t", (4, 2)), sg.data("v", 2)
    start, row = np.zeros((4, 2)), np.array([1.0, 2.0])
    for index in ([0, 3, 3], (0, 3, 3), np.array([0, 3, -1]), sg.constant(np.array([0, 3, 3]))):
        assert np.array_equal(sg.index_add(t, 0, index, v).eval(t=start, v=row), [[1, 2], [0, 0], [0, 0], [2, 4]])
    assert np.array_equal(sg.index_add(t, 0, range(1, 3), 1).eval(t=start), [[0, 0], [1, 1], [1, 1], [0, 0]])
    assert np.array_equal(sg.index_add(sg.data("k", 3, dtype="integer"), 0, [1], 2).eval(k=[1, 1, 1]), [1, 3, 1])
    n, m = sg.dims("n m")
    a, i, b = sg.data("a", n), sg.data("i", m, dtype="integer"), sg.parameter("b", m)
    total = sg.index_add(a, 0, i, b)
    assert np.array_equal(total.eval(a=[1.0, 1.0], i=[1, 1, 0], b=[1.0, 2.0, 4.0]), [5.0, 4.0])
    assert np.array_equal(sg.gradient(sg.sum(total**3), b).eval(a=[1.0, 1.0], i=[1, 1, 0], b=[1.0, 2.0, 4.0]), [48.0, 48.0, 75.0])


@pytest.mark.parametrize(("call", "message"), [
    (lambda t, v: sg.index_add(t, 0, [[0]], v), "index_add: the index .* must be a vector of places along axis 0"),
    (lambda t, v: sg.index_add(t, 0, [0, 1], sg.data("u", (2, 3))), r"u of shape \(2, 3\) does not fit into t of shape \(4, 2\) at 2 places along "
     r"axis 0: the values must have the shape \(2, 2\)"),
    (lambda t, v: sg.index_add(t, 0, [4], v), "index: 4, at .* out of range for axis 0"),
    (lambda t, v: sg.index_add(t, 2, [0], v), "index_add: axis 2 of .* does not exist"),
    (lambda t, v: v.repeat([1]), r"repeat: v of shape \(2,\) has 2 entries along axis 0, and repeats gives 1 counts, \[1\]"),
    (lambda t, v: np.moveaxis(t, [0, 0], [0, 1]), "moveaxis: the axes .* both name as many axes, each once"),
    (lambda t, v: np.linalg.matrix_power(t, 2), "matrix_power: t .* is no square matrix"),
])
def test_what_does_not_fit(call, message):
    with pytest.raises(sg.ShapeError, match=message):
        call(sg.data("t", (4, 2)), sg.data("v", 2))


@pytest.mark.parametrize(("call", "message"), [
    (lambda L: L.backward(), "a tensor has no attribute 'backward': gradients are expressions: sg.gradient(L, w)"),
    (lambda L: L.grad, "a tensor has no attribute 'grad': gradients are expressions: sg.gradient(L, w)"),
    (lambda L: L.diff("x"), "a tensor has no attribute 'diff': gradients are expressions: sg.gradient(L, w)"),
    (lambda L: L.item(), "a tensor has no attribute 'item': a symbolic tensor has no values: t.eval(name=array) computes them"),
    (lambda L: L.detach(), "a tensor has no attribute 'detach': sg.stop_gradient(t)"),
    (lambda L: L.nonsense, "a tensor has no attribute 'nonsense'"),
    (lambda L: sg.grad(L), "module 'symgrad' has no attribute 'grad': sg.gradient(y, x)"),
    (lambda L: sg.Symbol("x"), "has no attribute 'Symbol': sg.data(name, shape), sg.parameter(name, shape), sg.dims(names)"),
    (lambda L: sg.nn.CrossEntropyLoss(), "module 'symgrad.nn' has no attribute 'CrossEntropyLoss': sg.losses.cross_entropy(logits, target)"),
    (lambda L: sg.nonsense, "module 'symgrad' has no attribute 'nonsense'"),
])
def test_habits_are_answered(call, message):
    with pytest.raises(AttributeError) as error:
        call(sg.data("L"))
    assert str(error.value).endswith(message)
    assert not hasattr(sg.data("L"), "backward") and not hasattr(sg, "grad")


@pytest.mark.parametrize(("call", "message"), [
    (lambda x: sg.sum(x, dim=0), "sum: write axis=, not dim="), (lambda x: x.mean(dim=0), "mean: write axis=, not dim="),
    (lambda x: sg.softmax(x, dim=-1), "softmax: write axis=, not dim="), (lambda x: x.max(keepdim=True), "max: write keepdims=, not keepdim="),
    (lambda x: sg.concatenate([x, x], dim=0), "concatenate: write axis=, not dim="),
    (lambda x: np.nansum(x), "np.nansum has no counterpart on symbolic tensors: the nearest that is there is np."),
    (lambda x: x.astype(int), "astype: x of shape (2, 3) is real"), (lambda x: x.astype("complex"), "the kinds are real, integer and boolean"),
])
def test_what_is_called_otherwise_is_named(call, message):
    with pytest.raises(TypeError) as error:
        call(sg.data("x", (2, 3)))
    assert message in str(error.value)


def test_what_has_tensors_but_is_none_says_where_they_are():
    x, layer = sg.data("x", 3), sg.nn.Linear(3, 2)
    with pytest.raises(TypeError, match=r"^derive: expected a tensor, number or array, got Linear; call it on its input, net\(x\)"):
        sg.derive(layer)
    with pytest.raises(TypeError, match=r"got Model; its tensors are model\.loss and model\.prediction$"):
        sg.draw(sg.Model(sg.sum(layer(x) ** 2)))
    with pytest.raises(AttributeError, match=r"'load_onnx': sg\.from_onnx\(path\)$"):
        sg.load_onnx  # noqa: B018
    with pytest.raises(AttributeError, match=r"'LSTM': layers are in sg\.nn"):
        sg.LSTM  # noqa: B018
    with pytest.raises(AttributeError, match=r"'LSTMCell': sg\.nn\.LSTM\(\.\.\.\)"):
        sg.nn.LSTMCell  # noqa: B018
