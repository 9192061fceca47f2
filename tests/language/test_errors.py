"""What every operation says when its operands do not fit: at once, with its name, both operands, axes, sizes, and a way out.

A row of WRONG is an expression as a user would write it, and words that its message must hold.
"""

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

n, m, d, T, S = sg.dims("n m d T S")
A, B, C, Q = sg.data("A", (2, 3)), sg.data("B", (4, 5)), sg.data("C", (3, 3)), sg.data("Q", (2, 3, 4))
X, Y = sg.data("X", (n, d)), sg.data("Y", (m, d))
c, v, u, e = sg.data("c"), sg.data("v", 3), sg.data("u", 4), sg.data("e", (0, 3))
x, z, O = sg.data("x", 3, over=T), sg.data("z", 3, over=S), sg.data("O", (T, 3))  # one sample of T; of S; T is ordinary
i, j, b = sg.data("i", 3, dtype="integer"), sg.data("j", 2, dtype="integer"), sg.data("b", 3, dtype="boolean")
s, t = sp.symbols("s t")

UNARY = """exp log log1p expm1 sqrt abs sign floor sin cos tan tanh sinh cosh arctan erf sigmoid softplus relu leaky_relu elu
gelu silu square logical_not""".split()
BINARY = "maximum minimum equal logical_and logical_or".split()
OPERATORS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "**": "power", "<": "less", "<=": "less_equal",
             ">": "greater", ">=": "greater_equal"}
AXES = "sum mean max min logsumexp var std norm argmax argmin softmax log_softmax flip".split()
PAIRS = {  # operations of two operands or more, however they are called
    **{name: lambda p, q, f=name: getattr(sg, f)(p, q) for name in (*BINARY, "outer", "kron", "matmul", "dot")},
    **{name: lambda p, q, o=op: eval(f"p {o} q", {"p": p, "q": q}) for op, name in OPERATORS.items()},
    "clip": lambda p, q: sg.clip(p, q, 3), "where": lambda p, q: sg.where(p, 1, q), "einsum": lambda p, q: sg.einsum("...,...", p, q),
    "elementwise": lambda p, q: sg.elementwise(s * t, p, q), "tensordot": lambda p, q: sg.tensordot(p, q, 1),
    "concatenate": lambda p, q: sg.concatenate([p, q]), "stack": lambda p, q: sg.stack([p, q]),
    "leaky_relu": sg.leaky_relu, "elu": sg.elu,
    **{name: lambda p, q, f=name: getattr(sg.losses, f)(p, q) for name in (
        "mse", "mae", "huber", "cross_entropy", "binary_cross_entropy_with_logits", "kl_divergence", "hinge",
        "squared_error")},
}
BROADCAST = [*BINARY, *OPERATORS.values(), "clip", "where", "elementwise", "leaky_relu", "elu"]


def message(make, error=sg.ShapeError):
    """The text of the error that `make`, which only builds an expression, raises: one line."""
    with pytest.raises(error) as caught:
        make()
    text = str(caught.value)
    assert text and "\n" not in text
    return text


def missing(words, text):
    return [word for word in words if word not in text]


@pytest.mark.parametrize("name", PAIRS)
def test_two_sample_axes_do_not_meet(name):
    text = message(lambda: PAIRS[name](x, z))
    assert text.startswith(name) and not missing(["x of shape (3,) over T", "z of shape (3,) over S", "Close one"], text), text


@pytest.mark.parametrize("name", [p for p in PAIRS if p not in ("matmul", "dot", "tensordot", "kron", "einsum")])
def test_an_ordinary_axis_of_size_T_does_not_meet_a_tensor_over_T(name):
    for make in (lambda: PAIRS[name](x, O), lambda: PAIRS[name](O, x)):
        text = message(make)
        assert text.startswith(name) and not missing(["O of shape (T, 3)", "over=T", "axis 0"], text), text


def test_nor_in_contractions():
    for name, make in {"matmul": lambda: O @ x, "matmul ": lambda: x @ O, "dot": lambda: sg.dot(O, x), "kron": lambda: sg.kron(
            O, sg.data("P", (2, 2), over=T)), "tensordot": lambda: sg.tensordot(O, x, ([1], [0])),
            "einsum": lambda: sg.einsum("ti,i->t", O, x), "index": lambda: sg.data("w", (5, T))[sg.labels("y", 5, over=T)],
            "one_hot": lambda: sg.one_hot(sg.labels("y", 5, over=T), T)}.items():
        text = message(make)
        assert not missing([*(["equal"] if name == "one_hot" else [name.strip()]), "over=T", "size T"], text), text
    assert not missing(["broadcast_to", "one sample of T", "(T, 3)"], message(lambda: sg.broadcast_to(x, (T, 3))))


@pytest.mark.parametrize("name", BROADCAST)
def test_operands_that_do_not_broadcast(name):
    operation = PAIRS[name]
    for p, q, words in ((A, B, ["A of shape (2, 3)", "B of shape (4, 5)", "axis -2", "2 in the first and 4 in the second", "1"]),
                        (A, u, ["u of shape (4,)", "axis -1", "3 in the first and 4 in the second", "one of them 1"]),
                        (X, Y, ["X of shape (n, d)", "Y of shape (m, d)", "n in the first and m", "n and m are different sizes, and the axes must have one"]),
                        (X, v, ["d in the first and 3 in the second", "d and 3 are different sizes", "declare both with d"]),
                        (c + v, np.ones(2), ["[1; 1]", "(2,)", "axis -1"])):
        text = message(lambda p=p, q=q: operation(p, q))
        assert text.startswith(name + ":") and not missing(words, text), text
    assert operation(sg.data("F", (2, 1)), sg.data("G", 3)).shape == (2, 3), "only a literal 1 broadcasts"
    message(lambda: operation(sg.data("F", (2, n)), sg.data("G", 1 * m)))


@pytest.mark.parametrize("name", [*UNARY, *PAIRS, *AXES])
def test_what_is_no_tensor_and_no_number(name):
    f = PAIRS[name] if name in PAIRS else lambda value: getattr(sg, name)(value)
    for wrong in ("x", 1j, object(), {"a": 1}, [v, v], *(() if name == "clip" else (None,))):
        for arguments in ([(v, wrong), (wrong, v)] if name in PAIRS else [(wrong,)]):
            with pytest.raises(TypeError) as caught:
                f(*arguments)
            if name not in OPERATORS.values():  # Python may answer there
                assert name in str(caught.value), caught.value
                assert "got" in str(caught.value) or "list of tensors" in str(caught.value)


@pytest.mark.parametrize("name", AXES)
def test_axes_that_do_not_exist(name):
    f = getattr(sg, name)
    for tensor, axis, words in ((A, 2, ["axis 2", "A of shape (2, 3)", "-2 to 1"]), (A, -3, ["axis -3", "-2 to 1"]),
                                (x, 1, ["axis 1", "x of shape (3,) over T", "-1 to 0"]), (A, "a", ["int", "'a'"]),
                                (A, 1.0, ["int", "1.0"]), (A, True, ["int", "True"]), (c, 0, ["c of shape ()", "no axes"])):
        text = message(lambda a=axis, q=tensor: f(q, axis=a))
        assert text.startswith(name + ":") and not missing(words, text), text
    if name not in ("argmax", "argmin", "softmax", "log_softmax"):
        assert not missing([name, "(0, 0)", "twice"], message(lambda: f(A, axis=(0, 0))))
        assert not missing([name, "axis 2"], message(lambda: f(A, axis=(0, 2))))
    else:
        assert not missing([name, "(0, 1)"], message(lambda: f(A, axis=(0, 1))))


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "logsumexp"])
def test_what_cannot_be_closed(name):
    f = getattr(sg, name)
    assert not missing([name, "over=T", "A of shape (2, 3)", "not over a sample axis"], message(lambda: f(A, over=T)))
    assert not missing([name, "over=S", "one sample of T"], message(lambda: f(x, over=S)))
    assert not missing([name, "over=T", "call of its own"], message(lambda: f(x, axis=0, over=T)))
    assert not missing([name, "over", "'T'"], message(lambda: f(x, over="T")))
    assert not missing([name, "over=3", "one sample of T"], message(lambda: f(x, over=3)))


@pytest.mark.parametrize("name", ["mean", "max", "min", "argmax", "argmin", "var", "std"])
def test_of_nothing_there_is_no_value(name):
    text = message(lambda: getattr(sg, name)(e, axis=0))
    assert not missing([name, "e of shape (0, 3)", "axis 0"], text), text
    assert getattr(sg, name)(e, axis=1).shape == (0,)


WRONG = {
    # contractions
    "sg.einsum('ij,jk->ik', A, B)": ["einsum 'ij,jk->ik'", "'j' is 3 in A of shape (2, 3)", "4 at axis 0 of B of shape (4, 5)"],
    "sg.einsum('ij,ij->ij', X, Y)": ["'i' is n in X", "m at axis 0 of Y"],
    "sg.einsum('ij,jk', A)": ["2 groups of indices for 1 operand"],
    "sg.einsum('ij->ijk', A)": ["'k' of the output is in no operand"],
    "sg.einsum('ijk->i', A)": ["'ijk' has 3 indices", "A of shape (2, 3) has 2 axes"],
    "sg.einsum('i1->i', A)": ["single letters", "'i1'"], "sg.einsum('ij->i->j', A)": ["single letters", "'i->j'"],
    "sg.einsum('...ij->...i', v)": ["'...ij' has more indices than v of shape (3,)"],
    "A @ B": ["matmul", "A of shape (2, 3) @ B of shape (4, 5)", "axis 1 of the first is 3", "axis 0 of the second is 4"],
    "A @ A": ["must be equal", "the second transposed (.T) would fit"], "A.T @ v": ["axis 1 of the first is 2", "the first transposed"],
    "X @ Y": ["axis 1 of the first is d, axis 0 of the second is m", "the second transposed (.T) would fit"],
    "v @ u": ["v of shape (3,) @ u of shape (4,)"], "Q @ Q": ["axis 2 of the first is 4, axis 1 of the second is 3"],
    "sg.data('P', (2, 3, 3)) @ sg.data('R', (5, 3, 3))": ["stack axis -1 is 2 and 5", "one of them 1"],
    "c @ A": ["matmul", "c of shape () is a scalar", "write *", "A of shape (2, 3)"], "2 @ A": ["matmul", "scalar"],
    "sg.dot(A, B)": ["dot:", "axis 1 of A of shape (2, 3) is 3", "axis 0 of B of shape (4, 5) is 4"],
    "sg.tensordot(A, B)": ["tensordot", "axis 0 of A", "is 2", "axis 0 of B", "is 4"],
    "sg.tensordot(A, B, 3)": ["3 axes of A of shape (2, 3) and B of shape (4, 5) do not exist"],
    "sg.tensordot(A, B, -1)": ["-1 axes of A"], "sg.tensordot(A, B, 'a')": ["tensordot", "'a'"], "sg.tensordot(A, B, 1.5)": ["1.5"],
    "sg.tensordot(A, A, ([0], [0], [0]))": ["a pair of axes"], "sg.tensordot(A, B, ([0, 1], [0]))": ["2 axes of A", "1 of B"],
    "sg.tensordot(A, B, ([0], [7]))": ["axis 7 of B", "-2 to 1"], "sg.tensordot(A, A, ([0, 0], [0, 0]))": ["twice"],
    "sg.trace(v)": ["trace", "v of shape (3,) has no matrix axes"], "sg.trace(X)": ["trace", "n and d", "equal, or ints"],
    "sg.trace(Q, axis1=0, axis2=0)": ["axis1 and axis2", "both 0"], "sg.trace(Q, axis1=9)": ["axis 9 of Q", "-3 to 2"],
    "sg.trace(C, offset='a')": ["trace", "offset", "'a'"], "sg.diagonal(c)": ["diagonal", "no matrix axes"],
    "sg.diagonal(X, 1)": ["diagonal", "n and d"], "sg.diag(Q)": ["diag:", "neither a vector nor a matrix"],
    "sg.diag(c)": ["diag:", "c of shape ()"], "sg.diag(X)": ["diag:", "n and d"], "sg.diag(v, 1.5)": ["diag", "1.5"],
    "sg.tril(v)": ["tril", "v of shape (3,) has no matrix axes"], "sg.triu(c)": ["triu", "no matrix axes"],
    "sg.tril(A, 'a')": ["tril", "'a'"], "sg.kron(A, v)": ["kron", "A of shape (2, 3) and v of shape (3,)", "two matrices"],
    "sg.kron(Q, Q)": ["kron", "two vectors or two matrices"],
    # constants
    "sg.eye(-1)": ["eye", "-1"], "sg.eye(2.5)": ["eye", "2.5"], "sg.eye(n, m)": ["eye", "n and m", "square"],
    "sg.eye((2, 3))": ["eye", "one size", "(2, 3)"], "sg.zeros((2, 'a'))": ["zeros", "'a'"], "sg.ones((n, -2))": ["ones", "-2"],
    "sg.zeros(True)": ["zeros", "True"], "sg.full(3, v)": ["full", "scalar", "v of shape (3,)"], "sg.full(-1, 2)": ["full", "-1"],
    "sg.arange('a')": ["arange", "'a'"], "sg.arange(3.5)": ["arange", "3.5"], "sg.arange(v)": ["arange", "Tensor v"],
    "sg.arange(0, n, 2)": ["arange", "step of 2", "0 and n"], "sg.arange(3, step=0)": ["step must not be 0"],
    "sg.arange(0, 3, 0.5)": ["step", "0.5"],
    # moments and norms
    "sg.var(A, ddof=6)": ["var", "A of shape (2, 3) has 6 entries", "ddof=6"], "sg.std(A, 0, ddof=2)": ["std", "2 entries along axis 0"],
    "sg.var(A, ddof=0.5)": ["var", "ddof", "0.5"], "sg.norm(A, 3)": ["norm", "2, 1 or inf", "3"],
    "sg.empirical_risk(A)": ["empirical_risk", "A of shape (2, 3)", "over=T"],
    # structure
    "A.reshape(5)": ["reshape", "A of shape (2, 3) has 6 entries, (5,) has 5"], "A.reshape(-1, -1)": ["only one size can be -1"],
    "A.reshape(4, -1)": ["6 entries, which 4 (of (4, -1)) does not divide"], "X.reshape(n, m)": ["d*n entries, (n, m) has m*n"],
    "X.reshape(-1, m)": ["m (of (-1, m)) may not divide"], "e.reshape(0, -1)": ["-1 is not determined"],
    "A.reshape('a')": ["reshape", "'a'"], "A.reshape(2.0, 3)": ["2.0"], "A.reshape(-2, 3)": ["negative: -2"],
    "x.reshape(T, 3)": ["x of shape (3,) over T has 3 entries", "3*T"], "A.reshape(True, 6)": ["True"],
    "A.transpose(0)": ["transpose", "0 are not a permutation", "2 axes of A of shape (2, 3)"],
    "A.transpose(0, 0)": ["(0, 0) are not a permutation"], "A.transpose(1, 0, 2)": ["axis 2 of A", "-2 to 1"],
    "A.transpose('ab')": ["'ab'"], "A.swapaxes(0, 2)": ["swapaxes", "axis 2 of A"], "v.mT": ["mT", "v of shape (3,)", "two axes"],
    "sg.expand_dims(A, 5)": ["expand_dims", "axis 5 of A", "-3 to 2"], "sg.expand_dims(A, (0, 0))": ["twice"],
    "sg.squeeze(A, 0)": ["squeeze", "axis 0 of A of shape (2, 3) has size 2, not 1"], "sg.squeeze(X, 0)": ["size n, not 1"],
    "sg.broadcast_to(A, (3, 3))": ["broadcast_to", "A of shape (2, 3) does not broadcast to (3, 3)"],
    "sg.broadcast_to(A, (n, 3))": ["(n, 3)"], "sg.broadcast_to(A, 3)": ["(3,)"],
    "sg.concatenate([])": ["concatenate", "at least one"], "sg.concatenate([c, c])": ["c of shape () has no axis", "sg.stack"],
    "sg.concatenate([A, B])": ["axis 0", "A of shape (2, 3) and B of shape (4, 5)", "axis 1 is 3 and 5", "must be equal"],
    "sg.concatenate([X, Y], axis=1)": ["axis 0 is n and m"], "sg.concatenate([A, v])": ["differ in the number of axes"],
    "sg.concatenate([A, A], axis=2)": ["axis 2 of A", "-2 to 1"], "sg.stack([])": ["stack", "at least one"],
    "sg.stack([A, B])": ["stack", "A of shape (2, 3) and B of shape (4, 5) differ in shape"],
    "sg.stack([A, A], axis=4)": ["stack", "axis 4", "-3 to 2"], "sg.take(A, [0, 2], axis=0)": ["2", "(1,)", "axis 0 of A"],
    "sg.take(A, [0], axis=3)": ["take", "axis 3 of A"], "sg.take(A, v)": ["v of shape (3,)", "real", "integers"],
    "sg.pad(A, -1)": ["pad", "-1"], "sg.pad(A, (1, 2, 3))": ["pad: 3 widths for the 2 axes of A"], "sg.pad(A, 1.5)": ["pad", "1.5"],
    "sg.pad(A, 'a')": ["pad", "'a'"], "sg.pad(A, ((1,), (2,)))": ["pad", "(1,)"], "sg.roll(A, 1.5)": ["roll", "shift", "1.5"],
    "sg.roll(A, 1, axis=3)": ["roll", "axis 3 of A"], "sg.one_hot(v, 3)": ["one_hot", "v of shape (3,) is real", "integers"],
    "sg.one_hot(b, 3)": ["one_hot", "boolean"], "sg.one_hot(i, 'a')": ["one_hot", "'a'"], "sg.one_hot(i, -1)": ["one_hot", "-1"],
    "sg.split(A, 2, axis=1)": ["split", "axis 1 of A of shape (2, 3)", "2 equal parts"], "sg.split(A, 0)": ["0 equal parts"],
    "sg.split(X, 2)": ["X of shape (n, d)", "2 equal parts"], "sg.split(A, 2.0)": ["split", "2.0"], "sg.split(A, [1.5])": ["1.5"],
    "sg.split(A, 'a')": ["split", "'a'"], "sg.split(A, 2, axis=5)": ["split", "axis 5 of A"],
    # indexing
    "A[2]": ["index", "2 is out of range for axis 0 of A of shape (2, 3), which has size 2"], "A[:, -4]": ["-4", "axis 1", "size 3"],
    "x[3]": ["3 is out of range for axis 0 of x of shape (3,) over T"], "A[0, 0, 0]": ["3 indices for A of shape (2, 3)", "2 axes"],
    "X[n]": ["n is out of range for axis 0 of X of shape (n, d)"], "X[-n - 1]": ["-n - 1 is out of range"], "X[n + 3]": ["n + 3"],
    "c[0]": ["1 indices for c of shape ()", "0 axes"], "A['a']": ["A of shape (2, 3)", "str"], "A[..., ...]": ["only one '...'"],
    "A[1.5]": ["axis 0 of A", "real", "integers"], "A[True]": ["sg.where"], "A[b]": ["boolean mask", "sg.where"],
    "A[np.array([True, False])]": ["boolean mask"], "A[v]": ["v of shape (3,)", "which is real", "dtype='integer'"],
    "A[[0, 5]]": ["5", "at (1,) of the index", "out of range for axis 0 of A of shape (2, 3)", "size 2"],
    "A[:, np.array([[0, 1], [2, -4]])]": ["-4", "(1, 1)", "axis 1 of A"],
    "A[i, j]": ["i of shape (3,), j of shape (2,)", "axis -1 is 3 and 2"], "A[::0]": ["step", "non-zero", "0"],
    "A['a':]": ["A of shape (2, 3)", "'a'"], "A[1.5:]": ["bound 1.5"], "X[sp.Rational(1, 2)]": ["1/2", "axis 0"],
    "X[::n]": ["step", "n"], "x[z]": ["z of shape (3,) over S", "real"], "x[sg.labels('y', 3, over=S)]": ["index", "over T", "S"],
    # layers
    "sg.nn.Linear(3, 2)(u)": ["Linear(3, 2)", "u of shape (4,) is 4", "must be 3"], "sg.nn.Linear(3, 2)(c)": ["c of shape ()", "no axis"],
    "sg.nn.Linear(n, 2)(v)": ["Linear(n, 2)", "is 3", "must be n"], "sg.nn.Linear(-1, 2)": ["'W'", "-1"],
    "sg.nn.Sequential(sg.nn.Linear(3, 2), sg.nn.Linear(3, 2))(v)": ["Linear(3, 2)", "W₁ v + b₁ of shape (2,)", "must be 3"],
    "sg.nn.Flatten(5)(A)": ["Flatten", "axis 5 of A of shape (2, 3)"], "sg.nn.Softmax(3)(A)": ["softmax", "axis 3 of A"],
    # losses
    **{f"sg.losses.{name}(v, u)": [name, "v of shape (3,)", "u of shape (4,)", "one shape"] for name in (
        "mse", "mae", "huber", "squared_error", "cross_entropy", "binary_cross_entropy_with_logits", "kl_divergence", "hinge")},
    "sg.losses.mse(X, v)": ["X of shape (n, d)", "v of shape (3,)"], "sg.losses.cross_entropy(c, c)": ["c of shape ()", "classes"],
    "sg.losses.cross_entropy(x, sg.labels('y', 4, over=T))": ["x of shape (3,) over T scores 3 classes", "y of shape () over T has 4"],
    "sg.losses.cross_entropy(X, sg.labels('y', d))": ["labels have shape (n,)", "y of shape ()"],
    "sg.losses.nll(v, i)": ["nll", "labels have shape ()", "i of shape (3,)"], "sg.losses.nll(c, sg.labels('y', 3))": ["classes"],
    "sg.losses.nll(x, sg.labels('y', 3, over=S))": ["nll", "over T", "over S"],
}


@pytest.mark.parametrize("text", WRONG)
def test_what_does_not_fit_is_said_when_it_is_built(text):
    said = message(lambda: eval(text, globals()))
    assert not missing(WRONG[text], said), said


WRONG_KIND = {  # dtypes, formulas, counts of operands: no question of shape
    "sg.losses.nll(v, v)": ["nll", "v of shape (3,) is real", "sg.labels"], "sg.losses.cross_entropy(v, b)": ["boolean", "integers"],
    "sg.elementwise(s, v, u)": ["free symbols s", "1 operands", "2 tensors", "v of shape (3,); u of shape (4,)"],
    "sg.elementwise(lambda p, q: p, v)": ["callable takes 2", "1 tensors"], "sg.elementwise(sp.Lambda((s, t), s), v)": ["Lambda takes 2"],
    "sg.elementwise(sp.gamma(s), v)": ["no row for gamma", "known are"], "sg.elementwise(sp.Function('f')(s), v)": ["no row for f"],
    "sg.elementwise(lambda p: np.tanh(p), v)": ["callable", "sympy.tanh"], "sg.elementwise(lambda p: p if p > 0 else 1, v)": ["Piecewise"],
    "sg.elementwise(lambda p: p * sg.tanh(p), v)": ["written with symgrad's own functions", "f(x)"],
    "sg.elementwise(lambda p: None, v)": ["callable must return a SymPy formula", "NoneType"],
}


@pytest.mark.parametrize("text", WRONG_KIND)
def test_what_is_of_the_wrong_kind_is_said_too(text):
    said = message(lambda: eval(text, globals()), sg.SymgradError)
    assert not missing(WRONG_KIND[text], said), said


@pytest.mark.parametrize("text, words", [
    ("sg.clip(v)", ["clip", "lower bound"]), ("sg.elementwise(s)", ["elementwise", "at least one tensor"]),
    ("sg.elementwise('s', v)", ["elementwise", "SymPy", "str"]), ("sg.einsum(3, v)", ["einsum", "text", "int"]),
    ("sg.concatenate(v)", ["concatenate", "list of tensors", "Tensor"]), ("sg.stack(3)", ["stack", "list of tensors", "int"]),
    ("sg.nn.Sequential(sg.nn.Tanh(), 3)", ["Sequential", "3"]), ("sg.nn.Sequential([sg.nn.Tanh()])", ["[Tanh()]", "Sequential(*layers)"]),
    ("sg.nn.Module()(v)", ["Module"]), ("v + 'a'", ["add", "str"]), ("v // 2", ["//"]), ("v % 2", ["%"]), ("v ^ v", ["^"]),
])
def test_calls_that_make_no_sense(text, words):
    with pytest.raises(TypeError) as caught:
        eval(text, globals())
    assert not missing(words, str(caught.value)), str(caught.value)


def test_every_error_is_a_symgrad_error():
    names = [name for name in sg.__all__ if name.endswith("Error") or name == "NoClosedForm"]
    assert set(names) >= {"ShapeError", "ParseError", "DifferentiationError", "NoClosedForm", "BackendError", "DataError",
                          "DivergenceError", "SymgradError"}
    assert all(issubclass(getattr(sg, name), sg.SymgradError) for name in names)


SLICES = (None, 0, 1, 3, 4, 6, -1, -2, -4, -6, n, n - 1, -n, 1 - n, n + 1, -n - 1, -n - 2)


@pytest.mark.parametrize("step", [None, 2, -1, -3])
def test_slices_of_a_symbolic_axis_are_numpys(step):
    """Ends in ints and in the size: what is known to be empty or beyond an end is so at once, as in NumPy."""
    w, values = sg.data("w", n), np.arange(5.0)
    for start in SLICES:
        for stop in SLICES:
            ends = [q if q is None or isinstance(q, int) else int(q.subs(n, 5)) for q in (start, stop)]
            expected = values[ends[0]:ends[1]:step]
            taken = w[start:stop:step]
            try:
                np.testing.assert_array_equal(taken.eval(w=values), expected, f"[{start}:{stop}:{step}]")
            except sg.DataError as error:  # an int beyond the end, which a slice of a symbolic axis states as a need
                assert "must be at least" in str(error) or "length -" in str(error)
                assert 6 in (start, stop) or -6 in (start, stop) or not len(expected)


def test_what_would_fit_is_said_of_sizes_that_really_differ():
    A, B, C, v, w = (sg.data("A", (n, d)), sg.data("B", (d, n)), sg.data("C", (d, 3)), sg.data("v", n), sg.data("w", (m,)))
    for make, said in ((lambda: A + B, "B transposed, of shape (n, d), would fit"),
                       (lambda: A * v, "a vector meets the last axis; v[:, None], of shape (n, 1), would fit"),
                       (lambda: v - A, "v[:, None], of shape (n, 1), would fit"),
                       (lambda: A * C, "a matrix product is written @, A @ C"),
                       (lambda: v + w, "n and m are different sizes, and the axes must have one; where both mean the same, "
                                       "declare both with n"),
                       (lambda: sg.data("p", 3) + sg.data("q", 4), "the sizes must be equal, or one of them 1 (4 or 3)")):
        text = message(make)
        assert said in text and "one sg.dim" not in text, text
    assert "matrix product" not in message(lambda: A + C)
