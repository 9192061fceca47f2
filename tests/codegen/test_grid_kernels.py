"""Whole training steps in one cooperative kernel, three blocks of it on the CPU: as `test_block_kernels.py` does for one."""

import re

import emulate
import numpy as np
import nvrtc
import pytest
from kernels import Trial
from networks import DATA, t, x
from trained import attention, images, normalised, tokens

import symgrad as sg

ORDERS = (emulate.FORWARD, emulate.BACKWARD, emulate.RANDOM)


@pytest.fixture(scope="module")
def adam():
    """A hidden layer wider than a tile, more samples than tiles of one column of blocks."""
    net = sg.nn.Sequential(sg.nn.Linear(5, 20), sg.nn.GELU(), sg.nn.Linear(20, 3))
    return Trial(sg.losses.cross_entropy(net(x), t), sg.optim.Adam(0.01), {n: np.tile(a.T, 3).T for n, a in DATA.items()},
                 40, 2, vessel="grid")


def test_steps_are_those_of_numpy_in_every_order_of_the_threads(adam):
    adam.agrees(2e-6)


@pytest.mark.parametrize("made", [attention, images, tokens, normalised])
def test_networks(made):
    loss, data = made()
    trial = Trial(loss, sg.optim.SGD(0.1, momentum=0.9), data, 7, 2, "float64", "grid")
    trial.agrees(1e-11)
    if made is not attention:
        return
    size, registers, spills, warnings = nvrtc.compiled(trial.text)
    assert size and registers <= 255 and not spills and not warnings


def test_matrices_are_stored_in_bfloat16_and_all_else_in_float32():
    """Half the bytes for what products and functions of their entries find; what differs is what rounding explains."""
    net = sg.nn.Sequential(sg.nn.Linear(5, 32), sg.nn.Tanh(), sg.nn.Linear(32, 32), sg.nn.GELU(), sg.nn.Linear(32, 3))
    loss = sg.losses.cross_entropy(net(x), t)
    trials = [Trial(loss, sg.optim.Adam(0.01), DATA, 16, 2, vessel="grid", precision=p) for p in ("tf32", "bfloat16")]
    rounded, half = (trial.agrees(tolerance) for trial, tolerance in zip(trials, (1e-2, 4e-2), strict=True))
    exact = trials[0].numpy_run()
    far = [np.abs(run.losses - exact.losses).max() for run in (rounded, half)]
    assert far[0] < far[1] < 1e-2
    assert trials[1].shared < 0.65 * trials[0].shared
    text = trials[1].kernel.text
    declared = text[text.index("struct Memory {") + 15:].split("};")[0].replace("  // of the optimiser", "").split(";")
    kinds = {name.strip(" *"): kind for line in declared if line.strip() for kind, _, names in [" ".join(line.split()).partition(" *")]
             for name in names.split(",")}
    assert kinds["x1"] == kinds["a2"] == "bfloat16" and kinds["W1"] == kinds["G_W1"] == kinds["L"] == "real"
    assert trials[1].kernel.plan.note.endswith(
        "; products round their operands to bfloat16, and matrices in between are stored so")
    size, _, spills, warnings = nvrtc.compiled(trials[1].text, "sm_80")
    assert size and not spills and not warnings


@pytest.mark.parametrize("arch", ["sm_80", "sm_90"])
def test_a_compiler_for_cards_takes_the_text(adam, arch):
    """With a limit of spins, too: a kernel whose blocks never meet ends with an error."""
    size, registers, spills, warnings = nvrtc.compiled("#define SPINS 100000000\n" + adam.text, arch)
    assert size and registers <= 255 and not spills and not warnings


def test_every_barrier_is_needed(adam):
    """Left out, each one gives another result in some order of the threads, or threads that wait for ever; but that between
    two tasks of a block, where no block has two."""
    text, counts = emulate.numbered(adam.text)
    good = adam.kernel_run()
    assert counts[2] == adam.kernel.plan.phases + 2 and counts[1] and counts[3] and not counts[0]
    idle = [number for number in range(sum(counts)) if not missed(adam, text, number, good)]
    between = [int(number) for number in re.findall(r"__syncthreads_at\((\d+)\);  // the parts are read", text)]
    assert set(idle) < set(between) and len(between) == 5, idle


def missed(trial, text, number, good):
    """Does a run show that a barrier is not there?"""
    try:
        return not all(trial.kernel_run(order, text, number).same(good) for order in ORDERS)
    except RuntimeError:
        return True
