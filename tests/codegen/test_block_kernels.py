"""Whole training steps in one kernel of one block, on the CPU: each CUDA thread a fiber, in three orders of the threads.

Numbers are those of NumPy's program; every order of the threads gives the same bits, and without any one of its barriers a
kernel does not. What a compiler for the card makes of a text is asked of NVRTC, which needs no card. Speed needs one.
"""

import emulate
import numpy as np
import nvrtc
import pytest
from kernels import ROOM, Trial
from networks import DATA, RULES, network
from trained import attention, images, normalised, regression, tokens

import symgrad as sg

ORDERS = (emulate.FORWARD, emulate.BACKWARD, emulate.RANDOM)


def small(*activations):
    return network(*(activations or (sg.nn.ReLU(),)))[0]


@pytest.fixture(scope="module")
def adam():
    return Trial(small(), sg.optim.Adam(0.01), DATA, 8)


def test_steps_are_those_of_numpy_in_every_order_of_the_threads(adam):
    adam.agrees(2e-6)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_every_rule(rule):
    loss, data = regression()
    Trial(loss, rule, data, 8, 3, "float64").agrees(1e-11)


NETWORKS = [images, regression, tokens, attention, normalised]


@pytest.mark.parametrize("made", NETWORKS)
def test_networks(made):
    loss, data = made()
    trial = Trial(loss, sg.optim.SGD(0.1, momentum=0.9), data, 8, 3)
    trial.agrees(1e-5)
    if made not in (images, attention):
        return
    size, registers, spills, warnings = nvrtc.compiled(trial.text)
    assert size and registers <= 255 and not spills and not warnings


@pytest.mark.parametrize("dtype, arch", [("float32", "sm_80"), ("float64", "sm_90")])
def test_a_compiler_for_cards_takes_the_text(dtype, arch):
    trial = Trial(small(sg.nn.GELU(), sg.nn.Tanh()), sg.optim.Adam(0.01, amsgrad=True), DATA, 16, 1, dtype)
    size, registers, spills, warnings = nvrtc.compiled(trial.text, arch)
    assert size and registers <= 255 and not spills and not warnings


def test_every_barrier_is_needed(adam):
    """Left out, each one gives another result in some order of the threads, or threads that wait for ever."""
    text, (blocks, warps, *_) = emulate.numbered(adam.text)
    good = adam.kernel_run()
    assert blocks == adam.kernel.plan.phases + 3 and warps
    for number in range(blocks + warps):
        runs = [adam.kernel_run(order, text, number) for order in ORDERS]
        assert not all(run.same(good) for run in runs), f"barrier {number} of {blocks} and {warps} is not missed"


def test_a_label_out_of_range_is_found_there_and_nothing_is_learnt_from_it(adam):
    data = dict(adam.data, t=adam.data["t"].copy())
    data["t"][adam.order[2 * adam.size]] = 3  # in the third step
    runs = [adam.kernel_run(order, data=data) for order in ORDERS]
    assert runs[0].same(runs[1]) and runs[0].same(runs[2])
    assert np.isfinite(runs[0].losses[:2]).all() and np.isnan(runs[0].losses[2:]).all()
    marks = [text for text, mark in zip(adam.kernel.checked, runs[0].failed, strict=False) if mark]
    assert marks[0] == "t: labels must lie in 0..2"
    two = Trial(adam.loss, adam.rule, adam.data, adam.size, 2)
    np.testing.assert_array_equal(runs[0].vectors["theta"], two.kernel_run().vectors["theta"])


def test_the_text_is_for_readers(adam):
    text = adam.kernel.text
    for line in ("// A¹ = X W₁ᵀ + 1 b₁ᵀ", "// X¹ = relu(A¹)", "// G_W₁ = G_A¹ᵀ X", "// phase 1: a1, x1",
                 "// v ← β₂ v + (1 - β₂) g², v / 0.001 is kept"):
        assert f"\n{line}" in text or f"  {line}\n" in text, line
    assert "atomic" not in text and max(map(len, text.split("\n"))) <= 110
    assert adam.shared <= ROOM
