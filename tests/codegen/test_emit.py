"""The emitted text computes what the graph means (`support/reference.py`), and reads as if written by hand."""

import itertools
import math
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
import randoms
import reference
import sympy as sp
from places import environment

import symgrad as sg
from symgrad.codegen.python.emit import emit_function, module_text
from symgrad.codegen.python.identifiers import Identifiers, identifier
from symgrad.codegen.python.job import Job, new_module
from symgrad.codegen.python.libraries import NUMPY
from symgrad.codegen.python.load import load
from symgrad.codegen.python.texts import number_text, quotient, size_text, weight_text
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.graphs.algebra import linear, running
from symgrad.graphs.algebra.primitives import add, elementwise, named, scatter
from symgrad.graphs.algebra.rows import ROWS
from symgrad.graphs.errors import BackendError, SymgradError
from symgrad.graphs.sizes import dim
from symgrad.graphs.weights import weight
from symgrad.language.tensor import wrap


def run(inputs, outputs, arrays, dtype="float64", **options):
    """The text of one function, and what it gives."""
    module = new_module(NUMPY, dtype)
    given = [(n.attrs[0].name, n) for n in inputs]
    wanted = [(f"out{i}", n) for i, n in enumerate(outputs)]
    emitted = emit_function(Job(module, "f", given, wanted, form=list(range(len(outputs))), **options))
    text = module_text(module, [emitted])
    cast = {"real": dtype, "integer": "int64", "boolean": "bool"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return text, load(text, module.data).f(*(arrays[name].astype(cast[n.dtype]) for name, n in given))


def source(inputs, outputs, **options):
    return sg.function(inputs, outputs, **options).source


def body(text):
    """The statements of the last function of a module."""
    return [line.strip() for line in text.split('"""')[-1].splitlines() if line.strip()]


# values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(120))
def test_random_graphs_mean_what_the_reference_says(seed):
    make = randoms.Maker(seed, symbolic=seed % 2 == 0)
    for _ in range(30):
        make.step()
    outputs = make.r.sample(make.pool, 6) + make.pool[-3:]
    expected = reference.values(outputs, make.arrays, randoms.NUMBERS)
    for dtype in ("float64", "float32"):
        text, got = run(make.inputs, outputs, make.arrays, dtype)
        assert max(map(len, text.splitlines())) <= 100, text
        assert text.count("import") == 1 and not re.search(r'einsum\("[^"]*,[^"]*,', text)
        for node, want, have in zip(outputs, expected, got, strict=True):
            assert np.shape(have) == want.shape, text
            assert np.asarray(have).dtype == (np.dtype(dtype) if node.dtype == "real" else want.dtype), text
            if dtype == "float64":
                tame = np.abs(want) < 1e100  # what overflows on the way depends on the order
                np.testing.assert_allclose(np.where(tame, have, 0), np.where(tame, want, 0), 1e-8, 1e-8, err_msg=text)
        own = [np.asarray(h) for h in got]
        for a, b in itertools.product(own, [*own, *make.arrays.values()]):
            assert a is b or not np.shares_memory(a, b), text


@pytest.mark.parametrize("seed", range(30))
def test_gradients_of_random_graphs_mean_what_the_reference_says(seed):
    """Backward graphs have pads, scatters and deltas inside sums: those are added in place."""
    from symgrad.graphs.reverse import reverse

    make = randoms.Maker(1000 + seed, symbolic=seed % 2 == 0)
    for _ in range(25):
        make.step()
    real = [n for n in make.pool if n.dtype == "real" and n.op != "input"]
    wrt = [n for n in make.inputs if n.dtype == "real"]
    outputs = []
    for root in make.r.sample(real, min(3, len(real))):
        ones = sg.ones(()).node if not root.shape else sg.ones(root.shape).node if 0 not in root.shape else None
        if ones is not None:
            outputs += reverse(root, ones, wrt)
    expected = reference.values(outputs, make.arrays, randoms.NUMBERS)
    text, got = run(make.inputs, outputs, make.arrays)
    for want, have in zip(expected, got, strict=True):
        tame = np.abs(want) < 1e100
        np.testing.assert_allclose(np.where(tame, have, 0), np.where(tame, want, 0), 1e-7, 1e-7, err_msg=text)


EXTREMES = [-np.inf, -1e300, -1000.0, -50.0, -1.0, -1e-9, -0.0, 0.0, 1e-9, 0.3, 1.0, 50.0, 1e3, 1e300, np.inf, np.nan]
SMOOTH = ["sigmoid", "softplus", "tanh", "log1p", "expm1", "exp", "sqrt", "erf", "log", "arctan"]


def precise(row, x):
    """The value by SymPy at 40 digits, as a float."""
    spec = ROWS[row]
    return float(sp.N(spec.formula.subs(dict(zip(spec.symbols, [sp.Float(v, 60) for v in x]))).doit(), 40))


@pytest.mark.parametrize("row", SMOOTH)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rows_are_accurate_and_never_warn(row, dtype):
    x = sg.data("x", 1).node
    node = elementwise(row, [x])
    positive = row in ("sqrt", "log", "log1p")
    eps = np.finfo(dtype).eps
    for value in EXTREMES:
        value = float(np.dtype(dtype).type(np.clip(value, -1e30, 1e30) if np.isfinite(value) else value))
        _, ((have,),) = run([x], [node], {"x": np.array([value])}, dtype)
        if np.isnan(value):
            assert np.isnan(have)
        elif np.isfinite(value) and not (positive and value <= 0):
            want = 0.0 if abs(value) >= 1e5 and row == "exp" and value < 0 else (
                math.inf if row in ("exp", "expm1") and value > 1e4 else precise(row, [value]))
            limit = np.finfo(dtype)
            if abs(want) > limit.max:
                assert have == np.copysign(np.inf, want)
            else:
                assert abs(have - want) <= 8 * eps * abs(want) + 4 * limit.tiny, (row, value, have, want)


def test_limits_at_infinity():
    x = sg.data("x", 2)
    at = np.array([-np.inf, np.inf])
    wanted = {"sigmoid": [0, 1], "softplus": [0, np.inf], "relu": [0, np.inf], "tanh": [-1, 1], "erf": [-1, 1]}
    for name, want in wanted.items():
        np.testing.assert_array_equal(sg.function([x], getattr(sg, name)(x))(at), want)
    np.testing.assert_array_equal(sg.function([x], sg.elu(x, 1.0))(at), [-1, np.inf])
    np.testing.assert_array_equal(sg.function([x], sg.clip(x, -1, 2))(at), [-1, 2])


def test_logsumexp_and_softmax_of_infinities():
    x = sg.data("x", (4, 3))
    inf = np.inf
    at = np.array([[-inf, -inf, -inf], [inf, 0, 1], [1000, -1000, 0], [0, np.nan, 1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lse, soft = sg.function([x], [sg.logsumexp(x, axis=1), sg.softmax(x, axis=1)])(at)
    np.testing.assert_array_equal(lse, [-inf, inf, 1000, np.nan])
    np.testing.assert_array_equal(soft[2], [1, 0, 0])
    assert np.isnan(soft[3]).all()


def test_erf_is_accurate():
    x = sg.data("x", sg.dim("n"))
    at = np.concatenate([np.linspace(-7, 7, 20001), np.logspace(-300, 0, 500)])
    want = np.array([math.erf(v) for v in at])
    assert np.nanmax(np.abs(sg.function([x], sg.erf(x))(at) - want) / np.maximum(np.abs(want), 1e-305)) < 1e-15
    assert sg.function([x], sg.erf(x), dtype="float32")(at).dtype == np.float32


def test_scatter_adds_repeated_rows_and_stretches_values():
    """NumPy's add.at reads past the end of a value of fewer axes than the index: never given one."""
    value = sg.data("v", 3)
    index = sg.data("i", (4, 3), dtype="integer")
    stretched = sg.broadcast_to(value, (4, 3)).node
    node = scatter(stretched, [index.node], (0,), (2,))
    at = np.array([[0, -1, 1], [0, -1, 0], [0, 1, -1], [-1, 0, 1]])
    _, (have,) = run([value.node, index.node], [node], {"v": np.array([1.0, 2.0, 3.0]), "i": at})
    want = np.zeros(2)
    np.add.at(want, at, np.tile([1.0, 2.0, 3.0], (4, 1)))
    np.testing.assert_array_equal(have, want)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_matrices(dtype):
    """Also stacks, singular matrices, derivatives of determinants of every order, products with zeros."""
    b = dim("b")
    rng = np.random.default_rng(3)
    A, B, x = sg.data("A", (b, 3, 3)).node, sg.data("B", (b, 3, 2)).node, sg.data("x", (2, 4)).node
    i, m = sg.data("i", (2, 3), dtype="integer").node, sg.data("m", 4, dtype="boolean").node
    square = rng.standard_normal((2, 3, 3))
    arrays = {"A": square @ square.mT + np.tri(3), "B": rng.standard_normal((2, 3, 2)), "m": np.array([True, False] * 2),
              "x": np.array([[1.5, 0, -2, 3], [0, 4, 0, 2]]), "i": np.array([[1, 2, 3], [-1, 0, 2]])}
    outputs = [linear.inverse(A), linear.solve(A, B), linear.logdet(A), linear.cholesky(A), running.multiply(i, 1),
               *(linear.cofactor(A, k) for k in range(4)), *(running.multiply(x, 1, k) for k in range(4)),
               running.multiply(x, 0, 1), *(running.cumsum(n, 0, r) for n in (x, i, m) for r in (False, True)),
               running.cumsum(x, 1, True)]
    text, got = run([A, B, x, i, m], outputs, arrays, dtype)
    for node, want, have in zip(outputs, reference.values(outputs, arrays, {b: 2}), got, strict=True):
        assert np.asarray(have).dtype == (np.dtype(dtype) if node.dtype == "real" else want.dtype), (node, text)
        tolerance = 1e-10 if dtype == "float64" else 1e-3
        np.testing.assert_allclose(have, want, tolerance, tolerance, err_msg=f"{node} {text}")
    arrays["A"] = np.stack([np.outer([1.0, 2, 3], [1, 0, -1]), np.zeros((3, 3))])
    outputs = [linear.cofactor(A, k) for k in range(4)]
    for want, have in zip(reference.values(outputs, arrays, {b: 2}), run([A], outputs, arrays)[1], strict=True):
        np.testing.assert_allclose(have, want, atol=1e-12)
    S = sg.data("S", (2, 2)).node
    with pytest.raises(sg.DataError, match="Singular"):
        sg.function([wrap(S)], wrap(linear.inverse(S)))(np.zeros((2, 2)))


def test_deep_graphs_do_not_recurse():
    x, y = sg.data("x", 3), sg.data("y", 3)
    t = x
    for i in range(3000):
        t = sg.tanh(t + y) if i % 2 else t * y
    one = np.ones(3)
    np.testing.assert_array_equal(sg.function([x, y], t)(one, one), t.eval(x=one, y=one))
    wide = sum((x[i % 3] * float(i) for i in range(1, 800)), start=x[0])
    assert np.isfinite(sg.function([x], wide)(np.ones(3)))


def test_a_hundred_layers_compile_fast():
    T, d = sg.dims("T d")
    x, params = sg.data("x", d, over=T), []
    t = x
    for i in range(100):
        params += [sg.parameter(f"W{i}", (d, d)), sg.parameter(f"b{i}", d)]
        t = sg.tanh(params[-2] @ t + params[-1])
    loss = sg.empirical_risk(sg.sum(t**2))
    gradients = sg.gradient(loss, params)
    f = sg.function([x, *params], [loss, *gradients])
    assert f.source.count(" @ ") == 100 + 99 + 100  # forward, cotangents, gradients: nothing twice


# text ---------------------------------------------------------------------------------------------------


def logistic():
    n, d = sg.dims("n d")
    X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
    p = sg.sigmoid(X @ w).named("p")
    loss = -sg.mean(y * sg.log(p) + (1 - y) * sg.log(1 - p))
    return [X, y, w], {"loss": loss, "gradient": sg.gradient(loss, w)}


def layers():
    T, d, h, k = sg.dims("T d h k")
    x, y = sg.data("x", d, over=T), sg.data("y", k, over=T)
    W1, b1, W2, b2 = (sg.parameter(*row) for row in (("W^1", (h, d)), ("b^1", h), ("W^2", (k, h)), ("b^2", k)))
    x1 = sg.tanh((W1 @ x + b1).named("a^1")).named("x^1")
    loss = sg.empirical_risk(sg.losses.squared_error((W2 @ x1 + b2).named("a^2"), y))
    params = [W1, b1, W2, b2]
    gradients = sg.gradient(loss, params)
    return [x, y, *params], {"loss": loss, **{f"G_{{{p.name}}}": g for p, g in zip(params, gradients)}}


def attention():
    n, e = sg.dims("n e")
    B = sg.dim("B")
    q, k, v = (sg.data(s, (n, e), over=B) for s in "QKV")
    out = sg.softmax(q @ k.T / e**0.5) @ v
    return [q, k, v], [out, *sg.gradient(sg.sum(sg.sum(out**2), over=B), [q, k, v])]


def factorisation():
    n, m, k = sg.dims("n m k")
    U, V, M, R = sg.parameter("U", (n, k)), sg.data("V", (m, k)), sg.data("M", (n, m)), sg.data("R", (n, m))
    loss = sg.sum(M * (R - U @ V.T) ** 2)
    return [U, V, M, R], {"loss": loss, "G": sg.gradient(loss, U), "H": sg.hessian(loss, U)}


def stencil():
    n = sg.dim("n")
    s, t = sg.data("s", n), sg.data("t", n, dtype="integer")
    table = sg.parameter("table", (100, 2))
    return [s, t, table], [sg.gradient(sg.sum((s[1:] - s[:-1]) ** 2), s), s[::-1], sg.gelu(s) / 3, table[t],
                           sg.gradient(sg.sum(table[t] ** 2), table)]


def means():
    n, k, d = sg.dims("n k d")
    points, centroids = sg.data("points", (n, d)), sg.parameter("centroids", (k, d))
    cost = sg.sum(sg.min(sg.sum((points[:, None, :] - centroids) ** 2, axis=2), axis=1))
    return [points, centroids], {"cost": cost, "gradient": sg.gradient(cost, centroids)}


EXAMPLES = {f.__name__: f for f in (logistic, layers, attention, factorisation, stencil, means)}


@pytest.mark.parametrize("name", EXAMPLES)
def test_golden_text(golden, name):
    golden(f"function_{name}.txt", source(*EXAMPLES[name](), dtype="float32"))


def test_text_does_not_depend_on_the_hash_seed_or_the_session():
    code = ("import sys, symgrad as sg, test_emit as t; "
            "[sg.data(f'q{i}', 3) * 2 for i in range(int(sys.argv[1]))]; "
            "print(*(t.source(*f()) for f in t.EXAMPLES.values()))")
    texts = set()
    for seed in ("0", "1", "77"):
        done = subprocess.run([sys.executable, "-c", code, seed], capture_output=True, text=True,
                              check=True, env=environment(__file__, PYTHONHASHSEED=seed))
        texts.add(done.stdout)
    assert len(texts) == 1


def test_text_passes_ruff(tmp_path):
    for name, example in EXAMPLES.items():
        (tmp_path / f"{name}.py").write_text(source(*example()), encoding="utf-8")
    x = sg.data("x", (70, 2))
    (tmp_path / "large.py").write_text(source([x], x * np.arange(140.0).reshape(70, 2)), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--isolated", "--line-length=100",
                           "--select=E,F,W,I,B,C4", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_idioms():
    n, d = sg.dims("n d")
    X, y, w, s = sg.data("X", (n, d)), sg.data("y", n), sg.data("w", d), sg.data("s", n)
    r = X @ w - y
    assert body(source([X, y, w], sg.sum(r**2))) == ["v1 = X @ w - y", "result = v1 @ v1", "return result"]
    assert body(source([X, s], sg.einsum("ki,k,kj->ij", X, s, X)))[0] == "result = X.T @ (X * s[:, None])"
    assert body(source([X, y], y / (1 + X[:, 0] ** 2)))[0] == "result = y / (1 + X[:, 0] * X[:, 0])"
    assert body(source([X], 1 - sg.tanh(X) ** 2)) == ["cosh_X = np.cosh(X)", "result = 1 / (cosh_X * cosh_X)",
                                                      "return result"]
    assert body(source([X], X**5)) == ["v1 = X * X", "result = v1 * v1 * X", "return result"]
    assert body(source([X], sg.mean(X, axis=0)))[1] == "result = X.sum(axis=0) / n"
    assert body(source([X], X.T)) == ["return X.T.copy()"]
    assert body(source([X], X.T, copy=False)) == ["return X.T"]
    assert body(source([s], sg.diag(2 * s)))[0] == "result = np.diag(2 * s)"
    assert body(source([X], X.T @ X + 0.1 * sg.eye(d)))[1] == "result = X.T @ X + 0.1 * np.eye(d)"
    assert body(source([X, y], sg.einsum("ij,i->j", X, y)))[0] == "result = y @ X"
    assert body(source([X], sg.sum(X * X, axis=1)))[0] == "result = np.vecdot(X, X)"
    assert body(source([X, w], sg.where(X > 0, X, w)))[0] == "result = np.where(X > 0, X, w)"


def test_names():
    wanted = {"a^1": "a1", "G_{a^1}": "G_a1", "lambda": "lambda_", "sum": "sum_", "x'": "x_prime", "W²": "W2",
              "1st": "v1st", "": "v", "σ": "σ", "a.b": "a_b", "\\sigma": "sigma", "np": "np_"}
    for name, want in wanted.items():
        assert identifier(name) == want
    scope = Identifiers({"x"})
    assert [scope.fresh("x"), scope.fresh("x"), scope.fresh("x_2"), scope.fresh("y1"), scope.fresh("y1")] == [
        "x2", "x3", "x_2", "y1", "y1_2"]
    n = sg.dim("n")  # a size, an input and an intermediate of one name
    x, other = sg.data("n", n), sg.data("np", n)
    f = sg.function([x, other], {"sum": (x * other).named("n"), "f": sg.zeros(n), "v1": sg.tanh(x) * sg.tanh(x)})
    out = f(np.arange(3.0), np.ones(3))
    np.testing.assert_array_equal(out["sum"], np.arange(3.0))
    assert list(out) == ["sum", "f", "v1"]


def test_comments_stand_beside_their_lines():
    x, W = sg.data("x", 3), sg.data("W", (3, 3))
    a = W @ x
    y = sg.tanh(a)
    module = new_module(NUMPY)
    emitted = emit_function(Job(module, "f", [("x", x.node), ("W", W.node)], [("y", y.node)], names={a.node: "a^1"},
                                comment=lambda node: "a^1 = W x" if node is a.node else None, doc="A layer."))
    text = module_text(module, [emitted], "One layer.")
    assert text.startswith('"""One layer."""\n\nimport numpy as np\n') and '"""A layer.' in text
    assert body(text) == ["a1 = W @ x  # a^1 = W x", "y = np.tanh(a1)", "return y"]
    assert [step.comment for step in emitted.plan.steps] == ["a^1 = W x", None]


def test_several_functions_share_helpers_and_constants():
    x = sg.data("x", 100)
    c = sg.constant(np.linspace(0, 1, 100), name="grid")
    module = new_module(NUMPY, "float32")
    parts = [emit_function(Job(module, name, [("x", x.node)], [("out", node)])) for name, node in (
        ("first", sg.erf(x * c).node), ("second", sg.gelu(x).node), ("third", (x + c).node))]
    text = module_text(module, parts)
    assert text.count("def _erf(") == 1 and list(module.data) == ["grid"]
    assert module.data["grid"].dtype == np.float32
    space = load(text, module.data)
    np.testing.assert_allclose(space.third(np.zeros(100, "f4")), np.linspace(0, 1, 100), atol=1e-7)


def test_constants_small_and_large():
    x = sg.data("x", 2)
    f = sg.function([x], x * np.array([1, 2]) + np.array([0.5, np.inf]), dtype="float32")
    assert "np.array([1, 2], np.int64)" in f.source and "np.inf" in f.source
    np.testing.assert_array_equal(f(np.ones(2)), np.array([1.5, np.inf], "f4"))
    big = np.arange(200.0).reshape(100, 2)
    g = sg.function([x], x * big)
    assert "attached when this text is loaded" in g.source and len(g.source) < 1000
    np.testing.assert_array_equal(g(np.ones(2)), big)


def test_sizes_and_numbers_as_text():
    n, m = dim("n"), dim("m")
    names = {n: "n", m: "m"}
    sizes = [(3, "3"), (n, "n"), (n + 1, "n + 1"), (n - m, "n - m"), (2 * n * m, "2 * m * n"), (n**2, "n ** 2"),
             (n * (n + 1) / 2, "n * (n + 1) // 2"), (sp.ceiling(n / 2), "-(-n // 2)"),
             (sp.floor((n - 1) / 3), "(n - 1) // 3"), (sp.Max(n, m), "max(m, n)"), (sp.Mod(n, 2), "n % 2")]
    for size, want in sizes:
        text = size_text(size, names).text
        assert text == want
        for a, b in ((5, 3), (8, 2)):
            assert eval(text, {"n": a, "m": b}) == sp.sympify(size).subs({n: a, m: b})
    weights = [(0.5, "0.5"), (1 / n, "1 / n"), (sp.Rational(2, 3), "2 / 3"), (2 / n, "2 / n"), (sp.sqrt(2), repr(2**0.5)),
               (1 / (2 * n), "1 / (2 * n)"), (sp.sqrt(n), "n ** 0.5"), (1 / sp.sqrt(n), "1 / n ** 0.5"),
               (sp.Rational(3, 2) / n, "1.5 / n"), ((n + 1) / m, "(n + 1) / m"), (sp.pi / n, f"{math.pi!r} / n"),
               (((n - 1) / m) ** 2, "(n - 1) ** 2 / m ** 2"), (-n, "-n"), ((1 + sp.sqrt(n)) * m, "m * (n ** 0.5 + 1)")]
    for by, want in weights:
        text = weight_text(weight(by), names).text
        value = float(sp.sympify(by).subs({n: 5, m: 3}))
        assert eval(text, {"n": 5, "m": 3}) == pytest.approx(value, rel=1e-14), text
        assert text == want or by == -n
    assert quotient(weight(sp.Rational(1, 3)), {}) == (None, number_text(3))
    assert number_text(10**30).text == "1e+30" and number_text(float("nan")).text == "np.nan"
    with pytest.raises(SymgradError, match="sin"):
        size_text(sp.sin(n), names)


def test_long_statements_are_wrapped():
    text = "total = (" + " + ".join(f"name{i}" for i in range(30)) + ") * f(a, b)"
    lines = wrap_line(text, "    ")
    assert max(map(len, lines)) <= 100 and lines[0] == "    total = ("
    values = {**{f"name{i}": i for i in range(30)}, "f": lambda a, b: 2, "a": 0, "b": 0}
    assert eval("".join(lines).split(" = ", 1)[1], values) == 870
    assert wrap_line("x = 1", "") == ["x = 1"]
    long = [f"argument_{i}" for i in range(20)]
    assert wrap_line(f"def f({', '.join(long)}):", "")[-1] == "):"
    assert wrap_line(f"return {', '.join(long)}", "    ")[0] == "    return ("
    assert wrap_line(f"v = np.concatenate([{', '.join(long)}], axis=1)", "")[0] == "v = np.concatenate("


def test_tracebacks_show_the_emitted_line():
    import traceback

    x = sg.data("x", 2, dtype="integer")
    f = sg.function([x], sg.constant(np.arange(4.0))[x])
    try:
        f.run(np.array([9, 9]))
    except IndexError:
        assert "result = C1[x]" in traceback.format_exc()


def test_backends_that_are_not_there():
    x = sg.data("x", 2)
    with pytest.raises(BackendError, match="not known; there are 'numpy', 'c', 'cupy'"):
        sg.function([x], x, backend="fortran")
    with pytest.raises(BackendError, match="float32"):
        sg.function([x], x, dtype="float16")


def test_wishes_of_one_value_under_two_names():
    x = sg.data("x", 2).node
    first = named(elementwise("exp", [x]), "one")
    second = named(elementwise("exp", [x]), "two")
    text, (a, b) = run([x], [first, second, add([first, second])][:2], {"x": np.zeros(2)})
    assert text.count("np.exp(") == 1 and a is not b
