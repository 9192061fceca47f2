"""A recurrence as one node: what the same body gives unrolled, with derivatives of first and second order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg


def unrolled(f, init, xs, length, reverse=False):
    """The recurrence, one step after another in Python."""
    carry, ys = init, [None] * length
    for t in reversed(range(length)) if reverse else range(length):
        carry, ys[t] = f(carry, take(xs, t))
    return carry, stacked(ys)


def take(nest, t):
    if isinstance(nest, dict):
        return {key: take(part, t) for key, part in nest.items()}
    return None if nest is None else [take(part, t) for part in nest] if isinstance(nest, list) else nest[t]


def stacked(ys):
    if isinstance(ys[0], (list, tuple)):
        return [stacked(list(part)) for part in zip(*ys, strict=True)]
    return sg.stack(ys)


class Cells:
    """Random bodies: carries a (3) and b (), slices x (3) and m (truth values), W, V, p from outside."""

    W, V, p = sg.parameter("W", (3, 3)), sg.parameter("V", (3, 3)), sg.parameter("p", 3)
    x, m, a, b = sg.data("x", (4, 3)), sg.data("m", (4, 3), dtype="boolean"), sg.data("a", 3), sg.data("b")
    everything = (W, V, p, x, a, b)

    @staticmethod
    def term(pick, vectors, scalars, depth):
        """A vector made of these."""
        if depth == 0:
            return pick(vectors)

        def again():
            return Cells.term(pick, vectors, scalars, depth - 1)

        kind = pick("matrix tanh add product scaled where softmax outer slices max".split())
        if kind == "matrix":
            return pick([Cells.W, Cells.V, Cells.W.T, Cells.W @ Cells.V]) @ again()
        if kind == "tanh":
            return pick([sg.tanh, sg.sin, sg.sigmoid, lambda v: v / (2 + v * v)])(again())
        if kind == "add":
            return again() - 0.5 * again()
        if kind == "product":
            return again() * again()
        if kind == "scaled":
            return pick(scalars) * again()
        if kind == "where":
            return sg.where(Cells.mask, again(), again())
        if kind == "softmax":
            return sg.softmax(again())
        if kind == "outer":
            return sg.outer(again(), Cells.p) @ again()
        if kind == "max":
            return sg.maximum(again(), 0.3 * Cells.p)
        wide = sg.concatenate([again(), again()])
        return sg.sin(wide[1:4]) * wide[2:5] + wide[::2]


@st.composite
def cells(draw):
    """A body, as a function of carries and slices that draws the same every time."""
    choices = draw(st.integers(0, 2**32 - 1))
    depth = draw(st.integers(1, 2))

    def f(carry, now):
        rng = np.random.default_rng(choices)

        def pick(options):
            return options[rng.integers(len(options))]

        a, b = carry
        Cells.mask = now["m"]
        vectors, scalars = [a, now["x"], Cells.p], [b, sg.sum(a) / 3, 0.7]
        new = Cells.term(pick, vectors, scalars, depth)
        more = sg.tanh(b + sg.sum(Cells.term(pick, vectors, scalars, 1) * a))
        return (new, more), [Cells.term(pick, [new, a, now["x"]], [b, more], 1), more * b]

    return f


VALUES = {}


def values():
    if not VALUES:
        rng = np.random.default_rng(5)
        VALUES.update({t.name: 0.6 * rng.standard_normal(t.shape) for t in Cells.everything})
        VALUES["m"] = rng.random((4, 3)) < 0.6
    return VALUES


def losses(f, reverse):
    """The same loss by a scan and unrolled."""
    xs = {"x": Cells.x, "m": Cells.m}
    found = []
    for run in (sg.scan, unrolled):
        (a, b), (y, z) = run(f, (Cells.a, Cells.b), xs, 4, reverse=reverse)
        found.append(sg.sum(sg.sin(a)) * b + sg.sum(y * y) + sg.sum(z * sg.arange(4)) * b)
    return found


@settings(max_examples=10, deadline=None)
@given(cells(), st.booleans())
def test_a_scan_is_what_it_is_unrolled(f, reverse):
    scanned, plain = losses(f, reverse)
    given, wrt = [*Cells.everything, Cells.m], list(Cells.everything)
    v = [0.3 * t + 0.1 for t in wrt]
    found = [sg.function(given, [loss, *sg.gradient(loss, wrt), *sg.hvp(loss, wrt, v)])(*[values()[t.name] for t in given])
             for loss in (scanned, plain)]
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)


@settings(max_examples=4, deadline=None)
@given(cells(), st.booleans())
def test_a_scan_in_c_is_that_in_numpy(f, reverse):
    scanned, _ = losses(f, reverse)
    given, wrt = [*Cells.everything, Cells.m], list(Cells.everything)
    outputs = [scanned, *sg.gradient(scanned, wrt), *sg.hvp(scanned, wrt, wrt)]
    found = [sg.function(given, outputs, backend=backend)(*[values()[t.name] for t in given]) for backend in ("numpy", "c")]
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_no_graph_grows_with_the_length():
    def size(length):
        x, W = sg.data("x", (length, 3)), sg.parameter("W", (3, 3))
        h, _ = sg.scan(lambda h, v: (sg.tanh(W @ h + v), None), sg.zeros(3), x)
        loss = sg.sum(h * h)
        return [len(sg.graph(t)) for t in (loss, sg.gradient(loss, W), sg.hvp(loss, W, W))]

    assert size(5) == size(5000)


n, d, T = sg.dims("n d T")
X, w = sg.data("X", (n, 3)), sg.parameter("w", (3, 3))


def rnn(h, v):
    h = sg.tanh(w @ h + v)
    return h, h


def test_the_same_scan_written_twice_is_one():
    one, other = (sg.scan(rnn, sg.zeros(3), X) for _ in range(2))
    assert one == other and one[0] is not other[1]


def test_nests_come_back_in_their_form():
    init = {"b": sg.zeros(3), "a": [sg.constant(1.0), (sg.zeros(2), None)]}
    carry, ys = sg.scan(lambda c, v: ({"a": c["a"], "b": c["b"] + v[0]}, {"y": (v[0], c["a"][0])}), init, [X])
    assert list(carry) == ["b", "a"] and carry["a"][1][1] is None
    assert carry["b"].shape == (3,) and ys["y"][0].shape == (n, 3) and ys["y"][1].shape == (n,)


def test_a_scan_of_no_steps_gives_its_beginning():
    x, h = sg.data("x", (0, 3)), sg.data("h", 3)
    last, ys = sg.scan(rnn, h, x)
    assert last == h and ys.shape == (0, 3)
    loss = sg.sum(last * last) + sg.sum(ys)
    value, slope = sg.function([h], [loss, sg.gradient(loss, h)])(np.array([1.0, 2.0, 3.0]))
    assert value == 14 and np.array_equal(slope, [2, 4, 6]) and sg.gradient(loss, w).eval(h=np.ones(3)).sum() == 0


def test_a_length_alone_is_enough():
    last, ys = sg.scan(lambda c, _: (c * w[0, 0] + 1, c), sg.constant(1.0), length=n)
    found = sg.function([w], [last, ys], sizes={"n": 5})(np.full((3, 3), 2.0))
    assert found[0] == 63 and np.array_equal(found[1], [1, 3, 7, 15, 31])


BACKENDS = pytest.mark.parametrize("backend", ["numpy", "c"])


@BACKENDS
def test_what_stands_still_and_changes_places(backend):
    """Carries that are handed on as they are, exchanged, whole numbers, truth values; results that are no carries."""
    x = sg.data("x", (4, 2))
    init = (x[0], x[1], sg.zeros(2), sg.arange(2), sg.constant(np.array([True, False])))

    def f(carry, v):
        a, b, c, i, m = carry
        return (b, a, v, i + 1, sg.logical_not(m)), (a, v, w[0, :2], i, m, sg.constant(2.0))

    got = sg.function([x, w], sg.scan(f, init, x), backend=backend)(np.arange(8.0).reshape(4, 2), np.eye(3))
    (a, b, c, i, m), (ya, yv, yw, yi, ym, y2) = got
    assert np.array_equal(a, [0, 1]) and np.array_equal(b, [2, 3]) and np.array_equal(c, [6, 7])
    assert np.array_equal(i, [4, 5]) and i.dtype == np.int64 and np.array_equal(m, [True, False]) and m.dtype == bool
    assert np.array_equal(ya, [[0, 1], [2, 3], [0, 1], [2, 3]]) and np.array_equal(yv, np.arange(8.0).reshape(4, 2))
    assert np.array_equal(yw, np.tile([1.0, 0.0], (4, 1))) and np.array_equal(yi[:, 0], range(4))
    assert np.array_equal(ym[:, 0], [True, False, True, False]) and np.array_equal(y2, [2, 2, 2, 2])


@BACKENDS
def test_samples_ride_along(backend):
    x = sg.data("x", (n, 3), over=T)
    last, hs = sg.scan(rnn, sg.zeros(3), x)
    assert last.over == hs.over == T and last.shape == (3,) and hs.shape == (n, 3)
    loss = sg.mean(sg.sum(last * hs[0]), over=T)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((5, 4, 3)), rng.standard_normal((3, 3))
    outputs = [loss, sg.gradient(loss, w), sg.gradient(loss, x), sg.jacobian(last, x)]
    slope = sg.function([x, w], outputs, backend=backend)(a, b)
    each = sg.data("x", (4, 3))
    one, ones = sg.scan(rnn, sg.zeros(3), each)
    alone = sg.function([each, w], [sg.sum(one * ones[0]), sg.gradient(sg.sum(one * ones[0]), w),
                                    sg.gradient(sg.sum(one * ones[0]), each), sg.jacobian(one, each)])
    found = [alone(row, b) for row in a]
    np.testing.assert_allclose(slope[0], np.mean([v[0] for v in found]))
    np.testing.assert_allclose(slope[1], np.mean([v[1] for v in found], axis=0))
    np.testing.assert_allclose(slope[2], np.stack([v[2] for v in found]) / 5)
    np.testing.assert_allclose(slope[3], np.stack([v[3] for v in found]))


@BACKENDS
def test_scans_in_scans(backend):
    x, v = sg.data("x", (2, 3)), sg.parameter("v", 3)

    def nested(run):
        def row(c, each):
            return run(lambda h, u: (sg.tanh(h * u + c * v), None), c, each, 3)[0], None
        c, _ = run(row, v, sg.stack([x, 2 * x, 3 * x], 0), 3)
        return sg.sum(c * c)

    def scanned(f, init, xs, length):
        return sg.scan(f, init, xs)

    def plain(f, init, xs, length):
        for t in range(length if xs.shape[0] == 3 else 2):
            init, _ = f(init, xs[t])
        return init, None

    losses = [nested(run) for run in (scanned, plain)]
    outputs = [o for loss in losses for o in (loss, sg.gradient(loss, v), sg.hvp(loss, v, 0.5 * v), sg.hessian(loss, v))]
    rng = np.random.default_rng(1)
    found = sg.function([x, v], outputs, backend=backend)(rng.standard_normal((2, 3)), rng.standard_normal(3))
    for one, other in zip(found[:4], found[4:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


REFUSED = [
    (lambda: sg.scan(lambda h, v: (sg.concatenate([h, v]), h), sg.zeros(3), X), sg.ShapeError,
     "carry begins with shape (3,), f gives it back with shape (6,)"),
    (lambda: sg.scan(lambda c, v: ([c[0], c[1][:1]], None), [sg.zeros(3), sg.zeros(2)], X), sg.ShapeError,
     "carry[1] begins with shape (2,), f gives it back with shape (1,)"),
    (lambda: sg.scan(lambda c, v: ({"h": c["h"] > 0}, None), {"h": sg.data("h", 3)}, X), sg.ShapeError,
     "carry['h'] begins real, f gives it back boolean"),
    (lambda: sg.scan(lambda h, v: (sg.mean(h, over=T), h), sg.data("h", 3, over=T), X), sg.ShapeError,
     "carry begins as one sample of T, f gives it back without one"),
    (lambda: sg.scan(lambda h, v: (h, h), sg.zeros(3), [X, sg.zeros((4, 3))]), sg.ShapeError,
     "xs[0] has n steps, xs[1] has 4"),
    (lambda: sg.scan(rnn, sg.zeros(3), X, length=4), sg.ShapeError, "xs has n steps, but length is 4"),
    (lambda: sg.scan(rnn, sg.zeros(3)), sg.SymgradError, "neither xs nor length"),
    (lambda: sg.scan(lambda h, v: ((h, h), None), sg.zeros(3), X), sg.ShapeError,
     "the carry begins as *, f gives it back as (*, *)"),
    (lambda: sg.scan(lambda h, v: h, sg.zeros(3), X), TypeError, "f must give a pair (carry, y), not"),
    (lambda: sg.scan(lambda h, v: (h, h, h), sg.zeros(3), X), TypeError, "a pair (carry, y), not a tuple of 3"),
    (lambda: sg.scan(rnn, sg.zeros(3), sg.constant(1.0)), sg.ShapeError, "has no axis; xs have the steps as axis 0"),
    (lambda: sg.scan(None, sg.zeros(3), X), TypeError, "f is called as f(carry, x)"),
]


@pytest.mark.parametrize(("wrong", "error", "words"), REFUSED, ids=[words[:30] for *_, words in REFUSED])
def test_what_does_not_fit_is_told(wrong, error, words):
    with pytest.raises(error) as found:
        wrong()
    assert str(found.value).startswith("scan: ") and words in str(found.value)


def test_it_reads_as_a_textbook():
    last, _ = sg.scan(rnn, sg.zeros(3), X)
    assert str(last) == "h_n, where h_t = tanh(w h_{t - 1} + X_t); h_0 = 0; t = (1, …, n)"
    slope = str(sg.gradient(sg.sum(last), w))
    assert slope == ("∑_t δ_t h_{t - 1}ᵀ, where δ_t = G_{h_t} ⊙ (1 - h_t^⊙2); G_{h_{t - 1}} = wᵀ δ_t; G_{h_n} = 1; "
                     "h_t = tanh(w h_{t - 1} + X_t); h_0 = 0; t = (1, …, n)")


def test_steps_written_out_in_sympy():
    x, c = sg.data("x", 2), sg.data("c")
    last, ys = sg.scan(lambda h, v: (sg.sin(h * v), h * h), c, x, reverse=True)
    assert str(last.to_sympy()) == "sin(x_0*sin(c*x_1))" and str(ys.to_sympy()[1]) == "c**2"


@BACKENDS
def test_a_model_learns_a_recurrence(backend):
    """Parameters of a decay found again, alike in the model and in its program."""
    x, y = sg.data("x", n, over=T), sg.data("y", over=T)
    a, s_c0 = sg.parameter("a", init=0.5), sg.parameter("s_c0", init=1.0)  # names that C's loop would have taken
    last, _ = sg.scan(lambda c, v: (a * c + s_c0 * v, None), sg.zeros(()), x)
    loss = sg.mean((last - y) ** 2, over=T)
    rng = np.random.default_rng(0)
    given = rng.standard_normal((64, 6))
    data = {"x": given, "y": given @ (2.0 * 0.8 ** np.arange(5, -1, -1))}
    model = sg.Model(loss, predict=last, backend=backend)
    model.fit(data, sg.optim.Adam(0.05), epochs=150, batch_size=16, progress=False)
    assert model.parameters["a"] == pytest.approx(0.8, abs=0.01) and model.parameters["s_c0"] == pytest.approx(2, abs=0.02)
    program = sg.generate(loss, outputs=last, optimizer=sg.optim.Adam(0.05), backend=backend).load()
    state = program.begin(program.init(0))
    losses = [program.step(state, [given.astype("float32"), data["y"].astype("float32")], 0.05) for _ in range(200)]
    assert losses[-1] < 0.05 * losses[0]


LONG = sg.data("L", (7, 3))


def long_loss(reverse, **options):
    last, hs = sg.scan(rnn, sg.zeros(3), LONG, reverse=reverse, **options)
    return sg.sum(sg.sin(last)) + sg.sum(hs * hs * sg.arange(7)[:, None])


@BACKENDS
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("k", [True, 1, 2, 7, 9])
def test_checkpoints_change_no_value_and_no_derivative(k, reverse, backend):
    wrt = [w, LONG]
    outputs = [[loss, *sg.gradient(loss, wrt), *sg.hvp(loss, wrt, wrt)]
               for loss in (long_loss(reverse), long_loss(reverse, checkpoint=k))]
    rng = np.random.default_rng(2)
    at = [0.5 * rng.standard_normal((3, 3)), rng.standard_normal((7, 3))]
    plain, kept = (sg.function([w, LONG], each, backend=backend)(*at) for each in outputs)
    for one, other in zip(plain, kept, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-12)


def test_checkpoints_save_memory():
    """Of 900 steps of 3 numbers, 30 carries are kept and 30 steps computed again at a time."""
    x = sg.data("x", (900, 3))

    def most(checkpoint):
        last, _ = sg.scan(lambda h, v: (sg.tanh(w @ sg.sin(sg.tanh(w @ h)) + v), None), sg.zeros(3), x, checkpoint=checkpoint)
        f = sg.function([x, w], sg.gradient(sg.sum(last), w), sizes={})
        return f.plan.peak

    assert most(True) < most(False) / 4


def test_a_symbolic_length_has_checkpoints_of_a_given_distance():
    losses = [sg.sum(sg.scan(rnn, sg.zeros(3), X, checkpoint=k)[1] ** 3) for k in (False, 4)]
    f = sg.function([X, w], [t for loss in losses for t in (loss, sg.gradient(loss, w))])
    rng = np.random.default_rng(2)
    for steps in (3, 4, 11):
        found = f(rng.standard_normal((steps, 3)), 0.5 * rng.standard_normal((3, 3)))
        np.testing.assert_allclose(found[2], found[0])
        np.testing.assert_allclose(found[3], found[1])


@BACKENDS
@pytest.mark.parametrize("reverse", [False, True])
def test_truncated_backpropagation_stops_at_every_k_th_step(reverse, backend):
    loss = long_loss(reverse, truncate=3)
    h, plain, steps = sg.zeros(3), 0, reversed(range(7)) if reverse else range(7)
    for place, t in enumerate(steps):
        h = sg.stop_gradient(h) if place % 3 == 0 else h
        h, _ = rnn(h, LONG[t])
        plain = plain + sg.sum(h * h) * t
    plain = plain + sg.sum(sg.sin(h))
    rng = np.random.default_rng(2)
    at = [0.5 * rng.standard_normal((3, 3)), rng.standard_normal((7, 3))]
    outputs = [t for each in (loss, plain, long_loss(reverse)) for t in (each, sg.gradient(each, w))]
    a, ga, b, gb, c, gc = sg.function([w, LONG], outputs, backend=backend)(*at)
    np.testing.assert_allclose([a, c], [b, b])
    np.testing.assert_allclose(ga, gb)
    assert np.abs(ga - gc).max() > 0.01


@pytest.mark.parametrize(("options", "words"), [
    ({"checkpoint": 0}, "checkpoint must be a positive whole number of steps, not 0"),
    ({"truncate": 2.5}, "truncate must be a positive whole number of steps, not 2.5"),
    ({"checkpoint": True}, "the number of steps, n, is not known"),
])
def test_steps_that_are_none_are_told(options, words):
    with pytest.raises(sg.SymgradError) as found:
        sg.scan(rnn, sg.zeros(3), X, **options)
    assert words in str(found.value)


def test_an_entry_of_all_carries_is_that_of_its_step():
    """The first step is step 1, before it is h_0; entries are counted from 0."""
    _, hs = sg.scan(rnn, sg.zeros(3), X)
    assert [str(t).partition(",")[0] for t in (hs[0], hs[-1], hs)] == ["h_1", "h_n", "h"]
    loss = sg.sum(hs[0] * hs[-1])
    assert str(loss).startswith("h_1ᵀ h_n, where h_t = tanh(")
    counted, _ = sg.scan(lambda c, now: (c + now[0] * now[1], None), sg.constant(0.0), (sg.arange(n), X[:, 0]))
    assert "h_t = h_{t - 1} + X_{t,0} (t - 1)" in str(counted)


def test_carries_and_stacks_are_variables_of_a_derivative():
    last, hs = sg.scan(rnn, sg.zeros(3), X)
    loss = sg.sum(last * last) + sg.sum(sg.sin(hs))
    by_last, by_all = sg.gradient(loss, last), sg.gradient(loss, hs)
    assert by_last == 2 * last and by_all == sg.cos(hs)


def test_a_truncated_step_computes_no_choice():
    last, _ = sg.scan(rnn, sg.zeros(3), X, truncate=3)
    assert "where" not in sg.function([X, w], last).source
