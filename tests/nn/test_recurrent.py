"""Recurrent layers: PyTorch's numbers to second order, its order of parameters, states and batches; what is refused."""

import numpy as np
import pytest

import symgrad as sg

T, n = sg.dims("T n")


def waves(*shape, first=1.0):
    """Numbers that any language makes alike."""
    return np.sin(np.arange(first, first + np.prod(shape))).reshape(shape)


def numbered(layer):
    return [waves(*p.shape, first=3.0 * i) for i, p in enumerate(layer.parameters(), start=1)]


def run(outputs, at):
    return sg.function(list(at), outputs)(*at.values())


# PyTorch 2.13 in float64, of a network of 3 inputs and 4 hidden features on x = waves(5, 2, 3, first=2): a loss of all h and
# of the last states, the last entries of these; then sums of absolute values, of the gradients by x and the parameters, and
# of the gradients of the sum of the squares of those.
KNOWN = [
    ('RNN', {"num_layers": 2, "nonlinearity": "relu", "bidirectional": True}, [3.27005708, 2.08256344],
     [32.2038259, 15.5572482, 15.7644403, 4.42766576, 4.42766576, 21.626085, 14.8894305, 9.12683866, 9.12683866,
      18.6888715, 11.3420268, 2.51584115, 2.51584115, 20.7939314, 9.4282546, 2.51175291, 2.51175291],
     [2429.62654, 1946.26973, 1973.55236, 477.891046, 477.891046, 768.488137, 2418.90364, 421.417589,
      421.417589, 1772.90867, 896.517339, 289.306811, 289.306811, 1280.28316, 955.804202, 182.069249,
      182.069249]),
    ('RNN', {}, [0.691099346, -0.534434465],
     [9.27686249, 7.09495456, 10.4476513, 1.30638338, 1.30638338],
     [166.530015, 115.742958, 165.584614, 37.9346214, 37.9346214]),
    ('LSTM', {"num_layers": 2, "bidirectional": True}, [1.89651887, 0.211190152, 0.547112779],
     [8.31352191, 7.7629129, 7.38196751, 4.9504452, 4.9504452, 10.0626151, 6.54866, 5.81379087, 5.81379087,
      15.3194293, 1.84879145, 4.55157389, 4.55157389, 16.6115087, 2.03487687, 3.36295569, 3.36295569],
     [36.2385884, 46.0395526, 37.1819206, 35.0221176, 35.0221176, 27.5252048, 21.492129, 21.022825, 21.022825,
      148.246241, 48.4046311, 52.5834004, 52.5834004, 63.2942001, 30.0838474, 35.7988045, 35.7988045]),
    ('LSTM', {"proj_size": 2, "batch_first": True}, [0.441650155, -0.0532853062, 0.0614298251],
     [4.76003761, 2.99977836, 0.368401929, 1.2320824, 1.2320824, 1.38064763],
     [13.3909909, 14.7917934, 2.30051688, 5.81863993, 5.81863993, 3.65602256]),
    ('GRU', {"num_layers": 2, "bidirectional": True}, [0.631783945, 0.0816426549],
     [4.5315208, 4.44474839, 2.9157011, 2.44374408, 1.63782931, 2.94635834, 2.14178973, 1.45469424, 1.24990816,
      17.0147625, 1.88071826, 2.64731052, 1.58165964, 22.7589565, 3.13358073, 3.10868553, 2.69513078],
     [41.7379119, 49.5286711, 32.9737845, 33.5398934, 29.1077573, 60.9946037, 42.997691, 29.3511237, 25.1914569,
      168.209018, 41.1510156, 45.3310154, 30.1409554, 339.111166, 87.510336, 33.3925547, 22.6809769]),
    ('GRU', {"bias": False}, [-1.79259578, 0.713347848],
     [2.78458236, 4.73690759, 3.7670035],
     [14.808945, 21.1680218, 17.2951225]),
]


@pytest.mark.parametrize(("kind", "options", "values", "first", "second"), KNOWN, ids=[f"{k[0]}{i}" for i, k in enumerate(KNOWN)])
def test_values_and_derivatives_are_those_of_pytorch(kind, options, values, first, second):
    layer = getattr(sg.nn, kind)(3, 4, **options)
    x = sg.data("x", (5, 2, 3))
    out, state = layer(x)
    states = state if isinstance(state, tuple) else (state,)
    loss = sg.sum(sg.sin(out) * waves(*out.shape, first=4.0)) + sum(sg.sum(s * waves(*s.shape, first=5.0)) for s in states)
    wrt = [x, *layer.parameters()]
    g = sg.gradient(loss, wrt)
    again = sg.gradient(sum(sg.sum(each * each) for each in g), wrt)
    at = dict(zip(wrt, [waves(5, 2, 3, first=2.0), *numbered(layer)], strict=True))
    got, got_states, got_first, got_second = run([loss, list(states), g, again], at)
    np.testing.assert_allclose([got, *(s.ravel()[-1] for s in got_states)], values, rtol=1e-7)
    np.testing.assert_allclose([np.abs(t).sum() for t in got_first], first, rtol=1e-7)
    np.testing.assert_allclose([np.abs(t).sum() for t in got_second], second, rtol=1e-7)


def test_parameters_have_pytorchs_names_order_and_layout():
    layer = sg.nn.LSTM(3, 4, num_layers=2, bidirectional=True)
    assert [(p.name, p.shape) for p in layer.parameters()] == [
        (f"{kind}_l{k}{end}", shape) for k, below in enumerate((3, 8)) for end in ("", "_reverse")
        for kind, shape in (("weight_ih", (16, below)), ("weight_hh", (16, 4)), ("bias_ih", (16,)), ("bias_hh", (16,)))]
    assert [p.name for p in sg.nn.LSTM(3, 4, proj_size=2, bias=False).parameters()] == [
        "weight_ih_l0", "weight_hh_l0", "weight_hr_l0"]
    assert [p.shape for p in sg.nn.GRU(3, 4).parameters()] == [(12, 3), (12, 4), (12,), (12,)]


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_samples_batches_and_single_sequences_are_alike(kind):
    """(length, features) under `over=` and without; (length, batch, features); (batch, length, features); a first state."""
    values = waves(4, 6, 3)  # four samples of length six
    layers = [getattr(sg.nn, kind)(3, 2, num_layers=2, bidirectional=True, batch_first=first) for first in (False, True)]
    begin = waves(4, 4, 2, first=7.0)  # samples, layers and directions, features

    def states(s, c):
        return (s, c) if kind == "LSTM" else s

    found = []
    for layer, shape, over, x_at, s_at in [
            (layers[0], (n, 3), T, values, begin), (layers[1], (n, 3), T, values, begin),
            (layers[0], (n, T, 3), None, values.swapaxes(0, 1), begin.swapaxes(0, 1)),
            (layers[1], (T, n, 3), None, values, begin.swapaxes(0, 1))]:
        x = sg.data("x", shape, over=over)
        s = sg.data("s", (4, 2) if over else (4, T, 2), over=over)
        out, last = layer(x, states(s, 0.5 * s))
        got = run([out, last[0] if kind == "LSTM" else last], {x: x_at, s: s_at, **dict(
            zip(layer.parameters(), numbered(layer), strict=True))})
        first = bool(over) or layer.batch_first
        found.append((got[0] if first else got[0].swapaxes(0, 1), got[1] if over else got[1].swapaxes(0, 1)))
    alone, s = sg.data("x", (6, 3)), sg.data("s", (4, 2))
    out, last = layers[0](alone, states(s, 0.5 * s))
    f = sg.function([alone, s, *layers[0].parameters()], [out, last[0] if kind == "LSTM" else last])
    each = [f(x_at, s_at, *numbered(layers[0])) for x_at, s_at in zip(values, begin, strict=True)]
    for out, last in found:
        np.testing.assert_allclose(out, [a for a, _ in each], rtol=1e-12)
        np.testing.assert_allclose(last, [b for _, b in each], rtol=1e-12)


def test_gates_read_as_in_the_papers():
    out, _ = sg.nn.LSTM(3, 4)(sg.data("x", (n, 3)))
    assert str(out) == (
        "h, where a_t = W_ih x_t + b_ih + W_hh h_{t - 1} + b_hh; i_t = σ(a_t[:4]); f_t = σ(a_t[4:8]); "
        "g_t = tanh(a_t[8:12]); o_t = σ(a_t[12:]); c_t = f_t ⊙ c_{t - 1} + i_t ⊙ g_t; h_t = o_t ⊙ tanh(c_t); "
        "h_0 = 0; c_0 = 0; t = (1, …, n)")
    T = sg.dim("T")
    x = sg.data("x", (n, 3), over=T)
    outputs, _ = sg.nn.LSTM(3, 4)(x)
    d = sg.derive(sg.mean(sg.sum(outputs[-1] ** 2), over=T))
    texts = [step.formula for step in d.steps]
    assert texts[2] == "G_v₁ = 2 v₁" and texts[4:7] == ["G_b_ih = ∑_t G_{a_t}", "G_W_hh = ∑_t G_{a_t} h_{t - 1}ᵀ",
                                                       "G_W_ih = ∑_t G_{a_t} x_tᵀ"], "those of the gates once, for all"
    assert texts[3].startswith("G_b_hh = ∑_t G_{a_t}, where G_{c_t} = o_t ⊙ G_{h_t} ⊙ ")
    assert "f_t ⊙ (1 - f_t) ⊙ G_{c_t} ⊙ c_{t - 1}" in texts[3]
    assert [step.formula for step in reversed(d.steps)][::-1] == texts and d.check()


def test_the_reset_gate_acts_behind_the_product():
    layer = sg.nn.GRU(1, 1)
    x, h = sg.data("x", (1, 1)), sg.data("h", (1, 1))
    W, U, b, d = (np.array([[0.3], [0.5], [0.7]]), np.array([[0.2], [0.9], [0.4]]), np.array([0.1, 0.2, 0.3]),
                  np.array([0.6, 0.5, 0.8]))
    (a,), (r,) = 0.9 * W.T + b, -0.7 * U.T + d
    reset, update = 1 / (1 + np.exp(-a[0] - r[0])), 1 / (1 + np.exp(-a[1] - r[1]))
    wanted = (1 - update) * np.tanh(a[2] + reset * r[2]) - update * 0.7
    got = run(layer(x, h)[1], {x: [[0.9]], h: [[-0.7]], **dict(zip(layer.parameters(), (W, U, b, d), strict=True))})
    assert got[0, 0] == pytest.approx(wanted, rel=1e-13)


def test_a_sequence_classifier_learns():
    """Does a sequence have more ones than zeros, from its last state."""
    x, y = sg.data("x", (n, 1), over=T), sg.labels("y", classes=2, over=T)
    layer, head = sg.nn.GRU(1, 8), sg.nn.Linear(8, 2)
    logits = head(layer(x)[1][0])
    rng = np.random.default_rng(0)
    bits = rng.random((128, 9, 1)) < 0.5
    data = {"x": bits.astype(float), "y": (bits.sum((1, 2)) > 4).astype(int)}
    model = sg.Model(sg.empirical_risk(sg.losses.cross_entropy(logits, y)), predict=logits)
    history = model.fit(data, sg.optim.Adam(0.02), epochs=60, batch_size=32, progress=False)
    assert history["loss"][-1] < 0.1
    assert np.mean(model.predict({"x": data["x"]}).argmax(1) == data["y"]) > 0.97


def test_layers_between_layers_drop_entries_in_training():
    out, _ = sg.nn.LSTM(3, 4, num_layers=2, dropout=0.5)(sg.data("x", (5, 3)))
    assert "m_t ⊙" in str(out)
    same, _ = sg.nn.LSTM(3, 4, num_layers=1, dropout=0.5)(sg.data("x", (5, 3)))
    assert "m_t ⊙" not in str(same)


REFUSED = [
    (lambda: sg.nn.LSTM(3, 4)(sg.data("x", (n, 5))), "LSTM(3, 4): x of shape (n, 5) must be (length, 3), or (length, batch, 3)"),
    (lambda: sg.nn.GRU(3, 4, batch_first=True)(sg.data("x", 3)), "must be (length, 3), or (batch, length, 3)"),
    (lambda: sg.nn.GRU(3, 4)(sg.data("x", (n, 3)), sg.zeros((2, 4))), "must have the shape (1, 4)"),
    (lambda: sg.nn.LSTM(3, 4)(sg.data("x", (n, 3)), sg.data("h", (1, 4))), "the first states are the pair (h, c), not h of shape"),
    (lambda: sg.nn.LSTM(3, 4, num_layers=0), "num_layers must be at least 1, not 0"),
    (lambda: sg.nn.LSTM(3, 4, proj_size=4), "proj_size 4 must be smaller than hidden_size 4"),
    (lambda: sg.nn.RNN(3, 4, nonlinearity="gelu"), "nonlinearity is 'tanh' or 'relu', not 'gelu'"),
]


@pytest.mark.parametrize(("wrong", "words"), REFUSED, ids=[words[:24] for _, words in REFUSED])
def test_what_does_not_fit_is_told(wrong, words):
    with pytest.raises((sg.ShapeError, TypeError)) as found:
        wrong()
    assert words in str(found.value)
