"""Recurrences as their papers write them: parameters, gates, their order; checkpoints change no formula."""

import pickle

import numpy as np
import pytest

import symgrad as sg
from symgrad.formulas.spelling.glyphs import parse_name, unicode_name

x = sg.data("x", (8, 4))


@pytest.mark.parametrize("name, text, latex", [
    ("weight_ih_l0", "W_ih", r"W_{\mathrm{ih}}"), ("bias_hh_l0", "b_hh", r"b_{\mathrm{hh}}"),
    ("weight_hr_l1", "W_hr^(2)", r"W^{\mathrm{(2)}}_{\mathrm{hr}}"), ("weight_ih_l0_reverse", "W_ih^←", r"W^{\leftarrow}_{\mathrm{ih}}"),
    ("weight_ih_l_2", "W_ih_2", r"W_{\mathrm{ih},2}"), ("weight_ih", "weight_ih", r"\mathrm{weight}_{\mathrm{ih}}"),
])
def test_parameters(name, text, latex):
    assert unicode_name(parse_name(name)) == text and sg.data(name, (2, 2)).latex() == latex


def test_long_short_term_memory():
    assert str(sg.sum(sg.nn.LSTM(4, 3)(x)[0])) == (
        "sum(h), where a_t = W_ih x_t + b_ih + W_hh h_{t - 1} + b_hh; i_t = σ(a_t[:3]); f_t = σ(a_t[3:6]); "
        "g_t = tanh(a_t[6:9]); o_t = σ(a_t[9:]); c_t = f_t ⊙ c_{t - 1} + i_t ⊙ g_t; h_t = o_t ⊙ tanh(c_t); h_0 = 0; c_0 = 0; "
        "t = (1, …, 8)")


def test_the_way_back_of_a_gated_unit_is_one_stack():
    net = sg.nn.GRU(4, 3)
    text = str(sg.gradient(sg.sum(net(x)[0]), net.parameters()[0]))
    assert text.startswith("∑_t G_{a_t} x_tᵀ, where") and "pad" not in text
    assert "h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t - 1}" in text


def test_layers_have_numbers():
    text = str(sg.sum(sg.nn.LSTM(4, 3, num_layers=2)(x)[0]))
    assert "c¹_t = f¹_t ⊙ c¹_{t - 1} + i¹_t ⊙ g¹_t" in text and "c_t = f_t ⊙ c_{t - 1} + i_t ⊙ g_t" in text
    assert text.startswith("sum(h¹), where a¹_t = W_ih^(2) h_t + ")


@pytest.mark.parametrize("length, reverse", [(16, False), (16, True), (13, False), (13, True)])
def test_checkpoints_change_no_formula(length, reverse):
    xs, W, U, y = sg.data("x", (length, 3)), sg.parameter("W", (4, 4)), sg.parameter("U", (4, 3)), sg.data("y", 4)

    def step(h, x_t):
        h = sg.tanh(W @ h + U @ x_t)
        return h, h

    def loss(**how):
        last, all_ = sg.scan(step, sg.zeros(4), xs, reverse=reverse, **how)
        return sg.sum((last - y) ** 2) + sg.sum(all_)

    plain, kept = loss(), loss(checkpoint=True)
    assert kept.node is not plain.node and str(kept) == str(plain)
    g, h = sg.gradient(plain, W), sg.gradient(kept, W)
    assert str(g) == str(h) == str(pickle.loads(pickle.dumps(h)))
    chance = np.random.default_rng(0)
    at = [chance.standard_normal(t.shape) / 3 for t in (xs, W, U, y)]
    assert np.allclose(*(sg.function([xs, W, U, y], each)(*at) for each in (g, h)))
    told, same = sg.derive(kept), sg.derive(plain)
    assert [str(step) for step in told.steps] == [str(step) for step in same.steps] and told.check()
    assert "Programs keep the state of every 4 steps, and compute those between again on the way back" in str(told)
    assert "Programs keep" not in str(same)


def test_noise_stands_last():
    mu, sigma, noise = sg.data("μ", 3), sg.data("σ", 3), sg.data("ε", 3)
    assert str(mu + noise * sigma) == "μ + σ ⊙ ε"


def test_a_definition_has_its_line():
    text = sg.derive(sg.sum(sg.nn.LSTM(4, 3)(x)[0][-1])).unicode(width=80)
    assert "\n            f_t = σ(a_t[3:6]);" in text
