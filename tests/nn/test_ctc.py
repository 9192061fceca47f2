"""The loss of alignments: against values of torch.nn.functional.ctc_loss, against a sum over all paths, and by differences.

The values are those of PyTorch 2.13.0 in float64, of logits 2 sin(1.7 i) behind a log_softmax: its gradient is one only there.
"""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

CASES = json.loads((Path(__file__).parent.parent / "support" / "ctc_values.json").read_text())
T, N, S, n = sg.dims("T N S n")


def logits(*shape):
    return 2 * np.sin(1.7 * np.arange(math.prod(shape))).reshape(shape)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['T']} {c['N']} {c['reduction']} {c['zero_infinity']}")
def test_values_and_gradients_are_those_of_pytorch(case):
    shape = (case["T"], *([case["N"]] if case["N"] else []), case["C"])
    z = sg.data("z", shape)
    loss = sg.losses.ctc(sg.log_softmax(z), case["targets"], case["input_lengths"], case["target_lengths"], case["blank"],
                         case["reduction"], case["zero_infinity"])
    expected = [float(v) for v in case["value"]]
    np.testing.assert_allclose(np.ravel(loss.eval(z=logits(*shape))), expected, rtol=1e-7)
    if case["gradient"] is not None:
        total = sg.sum(loss * (np.arange(len(expected)) + 1.0)) if loss.ndim else loss
        slope = sg.gradient(total, z).eval(z=logits(*shape))
        np.testing.assert_allclose(slope.ravel(), case["gradient"], atol=1e-8)


def brute(p, text, blank):
    """The sum over all paths that read as the text."""
    total = 0.0
    for path in itertools.product(range(p.shape[1]), repeat=p.shape[0]):
        read = [k for k, _ in itertools.groupby(path)]
        if [k for k in read if k != blank] == list(text):
            total += math.exp(sum(p[t, k] for t, k in enumerate(path)))
    return -math.log(total) if total > 0 else math.inf


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_it_is_the_sum_over_all_alignments_of_texts_of_any_lengths(data):
    steps, classes = data.draw(st.integers(1, 5)), data.draw(st.integers(2, 3))
    blank = data.draw(st.integers(0, classes - 1))
    widest, many = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    letters = st.sampled_from([k for k in range(classes) if k != blank])
    told = [data.draw(st.integers(0, widest)) for _ in range(many)]
    heard = [data.draw(st.integers(0, steps)) for _ in range(many)]
    texts = [[data.draw(letters) for _ in range(k)] for k in told]
    rows = [text + [-100] * (widest - len(text)) for text in texts]     # what stands behind the end is no label
    z = logits(steps, many, classes)
    p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    loss = sg.losses.ctc(sg.data("p", z.shape), rows, heard, told, blank, "none")
    expected = [brute(p[:h, i], text, blank) for i, (h, text) in enumerate(zip(heard, texts, strict=True))]
    np.testing.assert_allclose(loss.eval(p=p), expected, atol=1e-12)


def test_the_gradient_is_exact_without_a_softmax_before_and_holds_no_nan_where_nothing_fits():
    p = sg.data("p", (4, 2, 3))
    loss = sg.losses.ctc(p, [[1, 2], [1, 1]], [4, 2], [2, 2], reduction="none")     # (1, 1) needs a blank between
    values = -1.0 - np.abs(logits(4, 2, 3))
    assert loss.eval(p=values)[1] == math.inf
    slope = sg.gradient(sg.sum(loss * np.array([1.0, 0.0])), p).eval(p=values)
    h = 1e-6
    for place in np.ndindex(4, 1, 3):
        moved = [values.copy(), values.copy()]
        moved[0][place] += h
        moved[1][place] -= h
        near = (loss.eval(p=moved[0])[0] - loss.eval(p=moved[1])[0]) / (2 * h)
        assert slope[place] == pytest.approx(near, abs=1e-7)
    assert np.all(slope[:, 1] == 0)
    np.testing.assert_allclose(slope[:, 0].sum(-1), -1)     # one label for each step of a path


def test_probabilities_that_are_zero_take_part_in_nothing():
    p = sg.data("p", (3, 2))
    loss = sg.losses.ctc(p, [1], 3, 1)
    with np.errstate(divide="ignore"):
        values = np.log([[1.0, 0.0], [0.5, 0.5], [1.0, 0.0]])
    assert loss.eval(p=values) == pytest.approx(math.log(2))
    np.testing.assert_allclose(sg.gradient(loss, p).eval(p=values), [[-1, 0], [0, -1], [-1, 0]])


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_samples_have_their_own_texts_and_lengths_and_steps_may_be_symbols(backend):
    z = sg.data("z", (T, 3), over=N)
    texts = sg.data("texts", (S,), over=N, dtype="integer")
    heard, told = (sg.data(name, (), over=N, dtype="integer") for name in ("heard", "told"))
    loss = sg.empirical_risk(sg.losses.ctc(sg.log_softmax(z), texts, heard, told))
    f = sg.function([z, texts, heard, told], [loss, sg.gradient(loss, z)], backend=backend)
    values, rows, h, k = logits(4, 5, 3), np.array([[1, 2], [2, 2], [1, 0], [2, 1]]), [5, 4, 3, 5], [2, 2, 1, 0]
    value, slope = f(values, rows, np.array(h), np.array(k))
    p = values - np.log(np.exp(values).sum(-1, keepdims=True))
    each = [brute(p[i, :h[i]], rows[i, :k[i]], 0) / max(k[i], 1) for i in range(4)]
    assert value == pytest.approx(np.mean(each))
    batch = sg.data("b", (5, 4, 3))
    whole = sg.losses.ctc(sg.log_softmax(batch), rows, h, k)
    turned = values.transpose(1, 0, 2)
    np.testing.assert_allclose(sg.gradient(whole, batch).eval(b=turned).transpose(1, 0, 2), slope, atol=1e-12)


def test_the_curvature_is_that_of_differences_of_the_gradient():
    z = sg.data("z", (3, 3))
    slope = sg.gradient(sg.losses.ctc(sg.log_softmax(z), [1, 2], 3, 2), z)
    v, values, h = logits(3, 3)[::-1], logits(3, 3), 1e-5
    along = sg.gradient(sg.sum(slope * v), z).eval(z=values)
    near = (slope.eval(z=values + h * v) - slope.eval(z=values - h * v)) / (2 * h)
    np.testing.assert_allclose(along, near, atol=1e-7)


def test_the_graph_does_not_grow_with_the_steps_or_the_text():
    sizes = [sg.graph(sg.losses.ctc(sg.data("p", (k, 5)), sg.data("t", k // 2, dtype="integer"), k, k // 2)).number_of_nodes()
             for k in (8, 800)]
    assert sizes[0] == sizes[1]


BAD = {
    "axes": ((sg.data("p", 3), [1], 3, 1), "ctc: log_probs must be \\(steps, classes\\), or \\(steps, N, classes\\)"),
    "targets": ((sg.data("p", (4, 2, 3)), [[1, 2]], [4, 4], [2, 2]), "ctc: of log_probs p .* must have shape \\(2, S\\)"),
    "lengths": ((sg.data("p", (4, 2, 3)), [[1, 2], [1, 1]], [4], [2, 2]), "ctc: input_lengths must have shape \\(2,\\)"),
    "long": ((sg.data("p", (4, 2, 3)), [[1, 2], [1, 1]], [4, 5], [2, 2]), "ctc: input_lengths holds 5, but there are 4 steps"),
    "longer": ((sg.data("p", (4, 3)), [1, 2], 4, 3), "ctc: target_lengths holds 3, but there are 2 labels"),
    "real": ((sg.data("p", (4, 3)), [1.0, 2.0], 4, 2), "ctc: targets must be integers"),
    "sum": ((sg.data("p", (4, 2, 3)), [1, 2, 1], [4, 4], [2, 2]), "ctc: target_lengths add up to 4, but the targets"),
    "blank": ((sg.data("p", (4, 3)), [1, 2], 4, 2, 3), "ctc: blank=3 is none of the 3 classes"),
    "reduction": ((sg.data("p", (4, 3)), [1, 2], 4, 2, 0, "max"), "ctc: reduction must be 'mean', 'sum' or 'none'"),
}


@pytest.mark.parametrize("why", BAD)
def test_what_does_not_fit_is_said(why):
    args, message = BAD[why]
    with pytest.raises(sg.SymgradError, match=message):
        sg.losses.ctc(*args)
