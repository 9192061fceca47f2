"""The networks of examples/networks as one kernel for whole steps, run on the CPU at two samples a batch."""

import runpy

import emulate
import numpy as np
import pytest
from kernels import Trial, stepping_of
from places import ROOT

import symgrad as sg

NETWORKS = sorted(path.stem for path in (ROOT / "examples" / "networks").glob("*.py"))
SAMPLES = 4


def data_of(step, given):
    """A few samples of what a network is trained on; noise where it is trained on that."""
    chance = np.random.default_rng(0)
    found = {}
    for name, node in step.data:
        shape = tuple(size if isinstance(size, int) else SAMPLES for size in node.shape)
        array = np.asarray(given[name]) if name in given else chance.standard_normal(shape)
        found[name] = array[:SAMPLES] if node.attrs[0].over is not None and step.divisible else array
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_trains_in_one_kernel_as_in_numpy(name):
    made = runpy.run_path(str(ROOT / "examples" / "networks" / f"{name}.py"))
    rule = sg.optim.SGD(0.05)
    step = stepping_of(made["loss"], rule, "float64")
    trial = Trial(made["loss"], rule, data_of(step, made.get("data", {})), 2 if step.divisible else 1, 2 if step.divisible else 1,
                  "float64", "grid")
    run, wanted = trial.kernel_run(emulate.BACKWARD), trial.numpy_run()
    np.testing.assert_allclose(run.losses, wanted.losses, 1e-11)
    np.testing.assert_allclose(run.vectors["theta"], wanted.vectors["theta"], 1e-9, 1e-13)
    assert np.abs(wanted.vectors["theta"] - trial.theta).max() > 1e-3 and not run.failed.any()
