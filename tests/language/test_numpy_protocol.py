"""NumPy's functions and array methods on tensors mean what they mean on arrays: the same text is evaluated on both."""

import warnings

import numpy as np
import pytest
from checker import near

import symgrad as sg

rng = np.random.default_rng(0)
VALUES = {"x": rng.standard_normal(3), "A": rng.standard_normal((3, 3)), "Q": rng.standard_normal((2, 3, 3)),
          "b": np.array([True, False, True]), "c": np.array(0.3), "i": np.array([2, 0, 1])}
SYMBOLS = {"x": sg.data("x", 3), "A": sg.data("A", (3, 3)), "Q": sg.data("Q", (2, 3, 3)), "b": sg.data("b", 3, dtype="boolean"),
           "c": sg.data("c"), "i": sg.data("i", 3, dtype="integer")}


def evaluated(text):
    """The value of `text` with tensors, and with arrays."""
    tensors = eval(text, {"np": np, "sg": sg, **SYMBOLS})
    arrays = eval(text, {"np": np, "sg": sg, **VALUES})
    if isinstance(tensors, list):
        return sg.function(list(SYMBOLS.values()), tensors)(*VALUES.values()), arrays
    if not isinstance(tensors, sg.Tensor):
        return tensors, arrays
    return sg.function(list(SYMBOLS.values()), tensors)(*VALUES.values()), arrays


SAME = """
np.float64(2) * x; np.float32(2) * x; 2 * x; x * np.float64(2); np.int64(2) ** x; np.float64(3) / (x * x + 1); np.float64(3) - x
np.ones(3) + x; x + np.ones(3); np.ones((3, 3)) @ x; x @ np.ones((3, 3)); np.ones(3) @ x; np.eye(3) @ A; np.arange(3) * x
np.ones(3) > x; np.float64(0) > x; np.ones(3) / (x * x + 1); np.full(3, 2.0) ** x; np.ones(3, bool) & b; b & np.ones(3, bool)
np.True_ & b; b | np.False_; ~b; x - [1, 2, 3]; np.arange(6.0).reshape(2, 3) @ A
np.add(x, 1); np.subtract(1, x); np.multiply(x, x); np.divide(x, x * x + 1); np.true_divide(1, x); np.power(x, 2); np.float_power(c, 2)
np.negative(x); np.positive(x); np.reciprocal(x); np.square(x); np.sqrt(x * x); np.exp(x); np.expm1(x); np.log(x * x)
np.log1p(x * x); np.sin(x); np.cos(x); np.tan(x); np.arcsin(np.sin(x)); np.arccos(np.cos(x)); np.arctan(x); np.arctan2(x, x + 3)
np.sinh(x); np.cosh(x); np.tanh(x); np.abs(x); np.absolute(x); np.fabs(x); np.sign(x); np.floor(x); np.maximum(x, 0); np.minimum(0, x)
np.equal(i, 1); np.not_equal(i, 1); np.less(x, 0); np.less_equal(0, x); np.greater(x, 0); np.greater_equal(x, c)
np.logical_and(b, x > 0); np.logical_or(b, x > 0); np.logical_not(b); np.bitwise_and(b, b); np.bitwise_or(b, x > 0); np.invert(b)
np.where(b, x, 0); np.where(x > 0, x, np.zeros(3)); np.clip(x, -1, 1); np.clip(x, -1, None); np.clip(x, a_min=0, a_max=1)
np.clip(x, None, np.ones(3)); x.clip(-1, 1)
np.sum(x); np.sum(A, 0); np.sum(A, axis=(0, 1)); np.sum(A, axis=0, keepdims=True); np.mean(A, axis=1); np.max(A); np.amax(A, 1)
np.min(A, axis=0); np.amin(A); np.argmax(A, axis=1); np.argmin(A); np.var(A, axis=0); np.var(A, ddof=1); np.std(A, axis=1, keepdims=True)
np.einsum("ij,j->i", A, x); np.einsum("ij,jk", A, np.ones((3, 3))); np.dot(A, x); np.dot(np.ones(3), x); np.matmul(A, x)
np.outer(x, A); np.tensordot(A, Q, axes=([1], [2])); np.kron(x, A[0]); np.trace(A); np.trace(Q, axis1=1, axis2=2); np.diag(x)
np.diag(A, 1); np.diagonal(Q, 0, 1, 2); np.tril(Q); np.triu(A, 1)
np.linalg.norm(x); np.linalg.norm(A); np.linalg.norm(A, axis=1); np.linalg.norm(A, "fro"); np.linalg.norm(x, 1); np.linalg.norm(x, np.inf)
np.linalg.norm(A, axis=(0, 1), keepdims=True); np.linalg.norm(A, 1, 0); np.linalg.trace(Q); np.linalg.diagonal(Q)
np.linalg.trace(Q, offset=1); np.linalg.outer(x, x); np.linalg.matmul(A, x); np.linalg.matrix_transpose(Q)
np.linalg.tensordot(A, A, axes=1)
np.transpose(A); np.transpose(Q, (2, 0, 1)); np.swapaxes(Q, 0, 1); np.matrix_transpose(Q); np.reshape(A, (9,)); np.reshape(A, -1)
np.ravel(A); np.expand_dims(x, 0); np.squeeze(x[None]); np.broadcast_to(x, (2, 3)); np.concatenate([A, A], 1)
np.concatenate([A, np.ones((1, 3))]); np.stack([x, np.ones(3)], axis=1); np.take(A, [0, 4]); np.take(A, [0, 2], axis=1)
np.flip(A); np.flip(A, 0); np.roll(A, 1); np.roll(A, -4, axis=1); np.roll(c, 2); np.split(x, 3); np.split(A, [1], axis=1)
np.pad(x, 1); np.pad(A, ((1, 0), (0, 2))); np.pad(x, (0, 1), constant_values=2); np.pad(x, 1, mode="constant")
np.shape(A); np.ndim(Q); np.size(A); np.zeros_like(A); np.ones_like(x); np.full_like(x, 2.5); len(x)
x.sum(0); x.sum(axis=0, keepdims=True); x.mean(); A.max(1); A.min(axis=0); A.argmax(axis=1); A.argmin(); A.var(); A.std(axis=0)
A.var(0, ddof=1); A.reshape((-1,)); A.reshape(9); A.reshape(-1, 1); A.reshape(np.int64(-1)); A.ravel(); A.flatten(); A.transpose()
Q.transpose(1, 0, 2); Q.transpose((1, 0, 2)); A.swapaxes(0, 1); A[None].squeeze(); A.dot(x); A.trace(); A.diagonal(); A.diagonal(1)
A.take([0, 1]); A.take([[0], [1]], axis=1); A.T; Q.mT; A.ndim; A.shape; x[np.array(1)]; x[np.int64(-1)]; x[[]]; x[[1, 1]]; A[i, 0]
A[np.array([0, 2])[:, None], i]; Q[..., None, 0]; Q[:, ::-1, 1:]; abs(x); -x; +x; x ** 2; 2 ** x; x[i]; A[i][:, i]
"""
TEXTS = [text.strip() for line in SAME.strip().splitlines() for text in line.split(";")]


@pytest.mark.parametrize("text", TEXTS)
def test_as_on_arrays(text):
    actual, expected = evaluated(text)
    if isinstance(expected, list):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            near(one, other)
    else:
        near(actual, expected, 1e-6 if "float32" in text else 1e-9)


def test_lists_and_tuples_are_arrays():
    x, v = SYMBOLS["x"], VALUES["x"]
    near(([1.0, 2.0, 3.0] * x).eval(x=v), np.array([1, 2, 3]) * v)
    near(((1, 2, 3) @ x).eval(x=v), np.array([1, 2, 3]) @ v)
    near((x - [[1], [2]]).eval(x=v), v - np.array([[1], [2]]))


def test_numpy_functions_are_the_functions_of_symgrad():
    x = SYMBOLS["x"]
    assert np.tanh(x) is sg.tanh(x) and np.sum(x) is sg.sum(x) and np.concatenate([x, x]) is sg.concatenate([x, x])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(np.float32(2) * x, sg.Tensor) and isinstance(np.ones(3) * x, sg.Tensor)


def test_the_sample_axis_rides_along():
    T = sg.dim("T")
    x = sg.data("x", 3, over=T)
    t = np.linalg.norm(np.concatenate([np.tanh(x), np.ones(2)]))
    v = rng.standard_normal((4, 3))
    assert t.over == T and t.shape == ()
    near(t.eval(x=v), np.sqrt((np.tanh(v) ** 2).sum(1) + 2))


@pytest.mark.parametrize("call, words", [
    (lambda x: np.fft.fft(x), ["np.fft.fft", "no counterpart"]), (lambda x: np.partition(x, 1), ["np.partition", "no counterpart"]),
    (lambda x: np.cbrt(x), ["np.cbrt", "no counterpart"]), (lambda x: np.add.accumulate(x), ["np.add.accumulate"]),
    (lambda x: np.multiply.outer(x, x), ["np.multiply.outer"]), (lambda x: np.add(x, x, out=np.ones(3)), ["np.add with out"]),
    (lambda x: np.add(x, x, where=[True] * 3), ["np.add with where"]), (lambda x: np.sum(x, dtype=float), ["np.sum", "'dtype'"]),
    (lambda x: np.where(x), ["np.where", "missing"]), (lambda x: np.unwrap(x), ["np.unwrap"]),
    (lambda x: np.linalg.norm(np.outer(x, x), 2), ["np.linalg.norm", "ord=2"]), (lambda x: np.nextafter(x, 1), ["np.nextafter"]),
    (lambda x: np.array([x, x]), ["t.eval"]), (lambda x: np.asarray(x), ["sg.function"]), (lambda x: np.allclose(x, x), ["np.allclose"]),
])
def test_what_has_no_counterpart(call, words):
    with pytest.raises(TypeError) as caught:
        call(SYMBOLS["x"])
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)


def test_shape_errors_come_through():
    with pytest.raises(sg.ShapeError, match=r"add: x of shape \(3,\) and \[1; 1\] of shape \(2,\)"):
        np.add(SYMBOLS["x"], np.ones(2))
    with pytest.raises(sg.ShapeError, match="sum: axis 1 of x"):
        np.sum(SYMBOLS["x"], axis=1)


KINDS = """
i * 1.0; i * 2.0; i + 0.0; i - 1.0; 1.0 - i; i / 1; i / 2; b / 1; b * 1.0; b + 0.5; 1.0 * b; np.float64(1) * i; np.float32(1) * b; i ** 2.0
i ** 2; i * 1; i + 1; i * i; (x > 0) * 1.0; (x > 0)[0]; b[1]; b[None]; b[1:]; np.maximum(i, 0.0); np.maximum(i, 0); np.where(b, i, 0.0)
np.where(b, i, 0); np.where(b, 1.0, 0.0); np.clip(i, 0.0, 2.0); np.clip(i, 0, 2); np.equal(i, 1.0); -i; i * 0.0; i * x; i + x; np.abs(i)
np.sum(i); np.sum(b); np.mean(b); np.max(b); np.max(i); b.reshape((3, 1)); np.argmax(x); np.outer(i, i); np.concatenate([i, x]); i @ i
np.stack([i, i]); np.sqrt(i); np.sign(i); np.logical_and(i, b); x > 0
"""


@pytest.mark.parametrize("text", [text.strip() for line in KINDS.strip().splitlines() for text in line.split(";")])
def test_kinds_of_numbers_are_numpys(text):
    """A float beside integers or truth values makes real numbers; an int does not; one truth value stays one."""
    tensor = eval(text, {"np": np, "sg": sg, **SYMBOLS})
    actual, expected = evaluated(text)
    kind = np.asarray(expected).dtype.kind
    assert tensor.dtype == {"f": "real", "i": "integer", "b": "boolean"}[kind] and np.asarray(actual).dtype.kind == kind
    near(actual, expected)


def test_derivatives_are_real_numbers():
    """The slope of relu is a mask: as a result it is 0.0 and 1.0, of the dtype of the function."""
    x = sg.data("x", 3)
    slopes = [sg.gradient(sg.sum(f(x)), x) for f in (sg.relu, lambda t: sg.clip(t, 0, 1), lambda t: sg.where(t > 0, t, 0))]
    slopes += [sg.jacobian(sg.relu(x), x), sg.jvp(sg.relu(x), x, np.ones(3)), sg.vjp(sg.relu(x), x, np.ones(3, int))]
    assert {slope.dtype for slope in slopes} == {"real"} and str(slopes[0]) == "[x > 0]" and slopes[0].latex() == (x > 0).latex()
    values = sg.function([x], [*slopes, -slopes[0]], dtype="float32")([0.5, -1.0, 2.0])
    assert {value.dtype for value in values} == {np.dtype("float32")}
    assert values[0].tolist() == [1, 0, 1] and values[-1].tolist() == [-1, 0, -1]
    w = sg.parameter("w", 3, init=1.0)
    model = sg.Model(sg.sum(sg.relu(w)))
    model.fit({}, sg.optim.SGD(0.25), epochs=1, progress=False)
    assert model.parameters["w"].tolist() == [0.75] * 3 and model.parameters["w"].dtype == np.float32
    assert sg.generate(sg.sum(sg.relu(w))).load().backward(np.ones(3, np.float32))[1]["w"].dtype == np.float32
